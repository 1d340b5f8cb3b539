// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@testable import BeltwayFlow

/// Flows that carry tunnels, and what those inside call them.
@Suite struct `Flows that carry tunnels` {
    private static let vxlan: [UInt8] = [8, 0, 0, 0, 0, 0, 9, 0]

    /// Two tunnels round a datagram: IP > GRE > IP > VXLAN > Ethernet > IP.
    private static func nested(
        _ vlan: UInt16? = nil,
        from port: UInt16 = 50_000,
        inside: String = "192.168.0.1"
    )
        -> [UInt8]
    {
        let link = PacketBuilder().ethernet()
        let outside = (vlan.map { link.vlan($0) } ?? link).ipv4(
            from: "10.0.0.1",
            to: "10.0.0.2",
            ipProtocol: 47
        )
        return outside.payload([0, 0, 8, 0]).ipv4(from: "172.16.0.1", to: "172.16.0.2")
            .udp(from: port, to: 4789).payload(vxlan)
            .ethernet().ipv4(from: inside, to: "192.168.0.2").udp(from: 40_000, to: 53).payload("question")
            .bytes
    }

    /// Tracks all layers of packets, outermost first, as workers do together.
    private func flows(
        of packets: [[UInt8]],
        apart seconds: Double = 1,
        isReversed: Bool = false,
        _ configuration: FlowConfiguration = FlowConfiguration()
    ) -> [FlowRecord] {
        let bench = Bench(configuration)
        for (number, packet) in packets.enumerated() {
            var headers = PacketHeaders()
            PacketDecoder.decode(packet.span.bytes, linkType: .ethernet, into: &headers)
            let depth = headers.tunnelDepth
            for layer in isReversed ? Array((0...depth).reversed()) : Array(0...depth) {
                PacketDecoder.decode(packet.span.bytes, linkType: .ethernet, layer: layer, into: &headers)
                var tracked = Packet.udp(1, 1, 2, 2)
                tracked.headers = headers
                tracked.time = Double(number) * seconds
                bench.track(tracked, ordinal: UInt64(number))
            }
        }
        return bench.finish()
    }

    @Test func `are flows, each named by the one next inside as its parent`() {
        let flows = flows(of: [Self.nested(), Self.nested()]).sorted { $0.tunnelDepth < $1.tunnelDepth }
        #expect(flows.map(\.tunnelDepth) == [0, 1, 2])
        #expect(flows.map(\.transportProtocol) == [47, 17, 17])
        #expect(flows.map(\.packetsToResponder) == [2, 2, 2])
        guard flows.count == 3 else { return }
        #expect(flows[0].parentID == 0)
        #expect(flows[1].parentID == flows[0].flowID)
        #expect(flows[2].parentID == flows[1].flowID)
        #expect(Set(flows.map(\.flowID)).count == 3)
    }

    @Test func `have the identifiers that the flows inside know, whoever comes first`() {
        let packets = [Self.nested(inside: "192.168.0.9"), Self.nested()]
        let known = Set(flows(of: packets).filter { $0.tunnelDepth < 2 }.map(\.flowID))
        let again = flows(of: packets.reversed(), isReversed: true)
        #expect(Set(again.filter { $0.tunnelDepth < 2 }.map(\.flowID)) == known)
        #expect(again.count { known.contains($0.parentID) } == 3)
        #expect(known.count == 2)
    }

    @Test func `stay apart by VLAN and by port, and so do their names`() {
        let flows = flows(of: [
            Self.nested(5), Self.nested(6), Self.nested(6, from: 50_001, inside: "192.168.0.7"),
        ])
        let outermost = flows.filter { $0.tunnelDepth == 0 }
        #expect(outermost.count == 2)
        #expect(flows.filter { $0.tunnelDepth == 1 }.count == 3)
        #expect(
            Set(flows.map(\.parentID)).subtracting([0])
                == Set(flows.filter { $0.tunnelDepth < 2 }.map(\.flowID))
        )
        var together = FlowConfiguration()
        together.vlansSeparateFlows = false
        let joined = self.flows(of: [Self.nested(5), Self.nested(6)], together)
        #expect(joined.count == 3)
        #expect(Set(joined.map(\.parentID)).subtracting([0]).isSubset(of: Set(joined.map(\.flowID))))
    }

    @Test func `keep their name when they come back after a silence, unlike others`() {
        let flows = flows(of: [Self.nested(), Self.nested()], apart: 10_000)
        #expect(flows.count == 6)
        #expect(Set(flows.filter { $0.tunnelDepth < 2 }.map(\.flowID)).count == 2)
        #expect(Set(flows.filter { $0.tunnelDepth == 2 }.map(\.flowID)).count == 2)
    }

    @Test func `count what is no tunnel too, as one flow`() {
        // GTP-U: an echo request (type 1) of the path, and a packet of a user (type 255).
        let path = PacketBuilder().ethernet().ipv4().udp(from: 2152, to: 2152)
        let echo = path.payload([0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]).bytes
        let inner = PacketBuilder().ipv4(from: "192.168.0.1", to: "192.168.0.2").udp(to: 53).payload("x")
            .bytes
        let user = path.payload(
            [0x30, 255, UInt8(inner.count >> 8), UInt8(inner.count & 255), 0, 0, 0, 7] + inner
        ).bytes
        for packets in [[echo, user], [user, echo]] {
            let flows = flows(of: packets)
            let outer = flows.filter { $0.tunnelDepth == 0 }
            #expect(flows.count == 2 && outer.count == 1)
            #expect(outer.map(\.packetsToResponder) == [2])
            #expect(flows.filter { $0.tunnelDepth == 1 }.map(\.parentID) == outer.map(\.flowID))
        }
    }
}
