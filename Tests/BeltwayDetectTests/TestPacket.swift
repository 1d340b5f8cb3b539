// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import BeltwayFlow
import BeltwayWire

/// A packet as the decoder would describe it: 54 bytes of headers that rules never look at, then the payload.
struct TestPacket {
    var headers = PacketHeaders()
    var payload: [UInt8]
    var flow: FlowView?

    static let outside = IPAddress(v4: 0x0808_0808)
    static let inside = IPAddress(v4: 0xc0a8_0105)

    init(_ payload: [UInt8]) {
        self.payload = payload
        headers.layers = [.link, .ip]
        headers.ipVersion = 4
        headers.payloadOffset = 54
        headers.payloadLength = UInt32(payload.count)
        headers.capturedPayloadLength = UInt32(payload.count)
    }

    /// TCP from outside to port 80 inside (or the answer), in an established flow.
    static func tcp(
        _ payload: String,
        from sourcePort: UInt16 = 40_000,
        to destinationPort: UInt16 = 80,
        toServer: Bool = true,
        established: Bool = true
    ) -> TestPacket {
        tcp(
            Array(payload.utf8),
            from: sourcePort,
            to: destinationPort,
            toServer: toServer,
            established: established
        )
    }

    static func tcp(
        _ payload: [UInt8],
        from sourcePort: UInt16 = 40_000,
        to destinationPort: UInt16 = 80,
        toServer: Bool = true,
        established: Bool = true
    ) -> TestPacket {
        var packet = TestPacket(payload)
        packet.headers.layers.insert(.tcp)
        packet.headers.transportProtocol = 6
        packet.headers.source = outside
        packet.headers.destination = inside
        packet.headers.sourcePort = sourcePort
        packet.headers.destinationPort = destinationPort
        var view = FlowView()
        view.toResponder = toServer
        view.isEstablished = established
        packet.flow = view
        return packet
    }

    static func udp(_ payload: [UInt8], from sourcePort: UInt16 = 40_000, to destinationPort: UInt16 = 53)
        -> TestPacket
    {
        var packet = tcp(payload, from: sourcePort, to: destinationPort, established: false)
        packet.headers.layers = [.link, .ip, .udp]
        packet.headers.transportProtocol = 17
        return packet
    }

    static func icmp(_ payload: [UInt8], type: UInt16 = 8) -> TestPacket {
        var packet = tcp(payload, from: type, to: 0, established: false)
        packet.headers.layers = [.link, .ip, .icmp]
        packet.headers.transportProtocol = 1
        return packet
    }

    var bytes: [UInt8] { [UInt8](repeating: 0, count: 54) + payload }
}

extension Detector {
    /// The signature ids that alert on `packet`, in order of report.
    mutating func sids(_ packet: TestPacket) -> [UInt32] {
        var found: [UInt32] = []
        let bytes = packet.bytes
        inspect(packet.headers, packet: bytes.span.bytes, flow: packet.flow) { found.append($0) }
        return found.map { ruleSet.signatures[Int($0)].id }
    }
}

/// The ids of the rules in `rules` that alert on `packet`; no rule may be refused.
func alerts(_ rules: String, _ packet: TestPacket, variables: [String: String] = [:]) -> [UInt32] {
    let report = RuleLoader.load(text: rules, variables: variables)
    guard report.refused.isEmpty else { return [UInt32.max] }
    var detector = Detector(report.ruleSet)
    return detector.sids(packet)
}

/// Whether a rule on any packet with the options `options` alerts on a payload.
func matches(_ options: String, _ payload: String) -> Bool {
    matches(options, Array(payload.utf8))
}

/// Whether a rule on any packet with the options `options` alerts on a payload.
func matches(_ options: String, _ payload: [UInt8]) -> Bool {
    alerts("alert tcp any any -> any any (\(options); sid:1;)", .tcp(payload)) == [1]
}
