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
        packet.headers.outer.sourcePort = 4789
        packet.headers.outer.destinationPort = 4789
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

    @Test func `meet their answers under another identifier if a handshake proves it`() {
        let bench = Bench()
        bench.track(tunnelled(.geneve, 10, .tcp(1, 10, 2, 80, flags: 0x02, sequence: 500)))
        let answer = Packet.tcp(2, 80, 1, 10, flags: 0x12, sequence: 900, acknowledgement: 501)
        bench.track(tunnelled(.geneve, 11, answer))
        bench.track(
            tunnelled(.geneve, 10, .tcp(1, 10, 2, 80, flags: 0x10, sequence: 501, acknowledgement: 901))
        )
        bench.track(
            tunnelled(.geneve, 11, .tcp(2, 80, 1, 10, flags: 0x18, sequence: 901, acknowledgement: 501))
        )
        let flows = bench.finish()
        #expect(flows.count == 1)
        #expect(flows.map(\.packetsToResponder) == [2])
        #expect(flows.map(\.packetsToOriginator) == [2])
        #expect(flows.map(\.tunnelID) == [10])
    }

    @Test(arguments: [true, false])
    func `meet their answers that come past the tunnel`(isRequestInside: Bool) {
        let bench = Bench()
        let there: [Packet] = [
            .tcp(1, 10, 2, 80, flags: 0x02, sequence: 500),
            .tcp(1, 10, 2, 80, flags: 0x18, sequence: 501, acknowledgement: 901),
        ]
        let back: [Packet] = [
            .tcp(2, 80, 1, 10, flags: 0x12, sequence: 900, acknowledgement: 501),
            .tcp(2, 80, 1, 10, flags: 0x18, sequence: 901, acknowledgement: 501),
        ]
        for index in 0..<2 {
            bench.track(isRequestInside ? tunnelled(.geneve, 10, there[index]) : there[index])
            bench.track(isRequestInside ? back[index] : tunnelled(.geneve, 10, back[index]))
        }
        let flows = bench.finish()
        #expect(flows.map(\.packetsToResponder) == [2])
        #expect(flows.map(\.packetsToOriginator) == [2])
        #expect(flows.map(\.tunnelDepth) == [isRequestInside ? 1 : 0])
    }

    @Test func `stay apart under two identifiers if the numbers do not fit`() {
        let bench = Bench()
        bench.track(tunnelled(.vxlan, 10, .tcp(1, 10, 2, 80, flags: 0x02, sequence: 500)))
        let stranger = Packet.tcp(2, 80, 1, 10, flags: 0x12, sequence: 900, acknowledgement: 777)
        bench.track(tunnelled(.vxlan, 11, stranger))
        bench.track(
            tunnelled(.vxlan, 11, .tcp(2, 80, 1, 10, flags: 0x10, sequence: 901, acknowledgement: 777))
        )
        #expect(bench.finish().count == 2)
    }

    @Test func `forget who answered whom when they end`() {
        let bench = Bench()
        for round: UInt32 in 0..<3 {
            let start = 500 + round * 1000
            bench.track(tunnelled(.vxlan, 10, .tcp(1, 10, 2, 80, flags: 0x02, sequence: start)))
            let answer = Packet.tcp(2, 80, 1, 10, flags: 0x12, sequence: 9, acknowledgement: start + 1)
            bench.track(tunnelled(.vxlan, 11 + round, answer))
            bench.track(
                tunnelled(
                    .vxlan,
                    10,
                    .tcp(1, 10, 2, 80, flags: 0x14, sequence: start + 1, acknowledgement: 10)
                )
            )
        }
        let flows = bench.finish()
        #expect(flows.count == 3)
        #expect(flows.map(\.packetsToOriginator) == [1, 1, 1])
    }
}
