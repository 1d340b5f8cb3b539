// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `Flows in tunnels` {
    private func vxlan(_ network: UInt32, _ packet: Packet) -> Packet {
        var packet = packet
        packet.headers.tunnelDepth = 1
        packet.headers.tunnelKind = .vxlan
        packet.headers.tunnelID = network
        packet.headers.tunnelKey = network
        return packet
    }

    @Test func `of tenants with equal addresses stay apart, and each has both directions`() {
        let bench = Bench()
        for network: UInt32 in [1, 2] {
            bench.track(vxlan(network, .udp(1, 10, 2, 53)))
            bench.track(vxlan(network, .udp(2, 53, 1, 10)))
        }
        bench.track(.udp(1, 10, 2, 53))
        let flows = bench.finish()
        #expect(flows.count == 3)
        #expect(flows.filter { $0.packetsToResponder == 1 && $0.packetsToOriginator == 1 }.count == 2)
    }
}
