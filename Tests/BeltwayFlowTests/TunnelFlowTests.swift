// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `Flows in tunnels, by direction` {
    private func tunnelled(
        _ kind: TunnelKind,
        _ identifier: UInt32,
        _ packet: Packet,
        outer: (UInt32, UInt32) = (100, 200)
    ) -> Packet {
        var packet = packet
        packet.headers.tunnelDepth = 1
        packet.headers.tunnelKind = kind
        packet.headers.tunnelID = identifier
        packet.headers.tunnelKey = kind.isSymmetric ? identifier : 0
        packet.headers.outer.source = IPAddress(v4: outer.0)
        packet.headers.outer.destination = IPAddress(v4: outer.1)
        packet.headers.outer.ipVersion = 4
        packet.headers.outer.transportProtocol = 17
        return packet
    }

    @Test func `of tenants with equal addresses stay apart, and each has both directions`() {
        let bench = Bench()
        for network: UInt32 in [1, 2] {
            bench.track(tunnelled(.vxlan, network, .udp(1, 10, 2, 53)))
            bench.track(tunnelled(.vxlan, network, .udp(2, 53, 1, 10), outer: (200, 100)))
        }
        bench.track(.udp(1, 10, 2, 53))
        let flows = bench.finish()
        #expect(flows.count == 3)
        #expect(flows.filter { !$0.isOneSided }.map(\.tunnelID).sorted() == [1, 2])
        #expect(flows.filter { $0.tunnelDepth == 0 }.map(\.parentID) == [0])
    }

    @Test func `meet their answers where each direction has its own identifier`() {
        let bench = Bench()
        for tenant: UInt32 in [0, 1] {
            bench.track(tunnelled(.gtp, 1000 + tenant, .udp(1, 10, 2, 53)))
        }
        for tenant: UInt32 in [0, 1, 0] {
            bench.track(tunnelled(.gtp, 2000 + tenant, .udp(2, 53, 1, 10), outer: (200, 100)))
            bench.track(tunnelled(.gtp, 1000 + tenant, .udp(1, 10, 2, 53)))
        }
        let flows = bench.finish()
        #expect(flows.count == 2)
        #expect(flows.map(\.packetsToResponder).sorted() == [2, 3])
        #expect(flows.map(\.packetsToOriginator).sorted() == [1, 2])
    }

    @Test func `name the same parent in both directions, and others in other tunnels`() {
        let bench = Bench()
        bench.track(tunnelled(.vxlan, 1, .udp(1, 10, 2, 53)))
        bench.track(tunnelled(.vxlan, 1, .udp(4, 53, 3, 10), outer: (200, 100)))
        bench.track(tunnelled(.vxlan, 1, .udp(5, 53, 6, 10), outer: (200, 101)))
        let parents = bench.finish().map(\.parentID)
        #expect(Set(parents).count == 2)
        #expect(parents.allSatisfy { $0 != 0 && $0 < 1 << 53 })
    }
}
