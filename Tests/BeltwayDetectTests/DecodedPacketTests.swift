// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import BeltwayTestSupport
import BeltwayWire
import Testing

/// The ids that alert on a frame, decoded as the appliance decodes it.
private func alerts(_ rules: String, frame: PacketBuilder) -> [UInt32] {
    let bytes = frame.bytes
    var detector = Detector(RuleLoader.load(text: rules).ruleSet)
    var found: [UInt32] = []
    let span = bytes.span.bytes
    let headers = PacketDecoder.decode(span, linkType: .ethernet)
    detector.inspect(headers, packet: span, flow: nil) { found.append($0) }
    return found.map { detector.ruleSet.signatures[Int($0)].id }
}

@Suite struct `A decoded packet` {
    private let rules = """
        alert tcp 10.0.0.0/8 any -> any 8080 (content:"needle"; startswith; dsize:6; sid:1;)
        alert udp any any -> any 53 (content:"needle"; startswith; endswith; sid:2;)
        alert icmp any any -> any any (content:"needle"; startswith; dsize:6; sid:3;)
        alert ip any any -> any any (content:"needle"; depth:6; sid:4;)
        alert tcp any any -> any any (content:"|1f 90|"; sid:5;)
        """

    @Test func `is matched on its payload, after its own headers`() {
        let ip = PacketBuilder().ethernet().vlan(7).ipv4(from: "10.0.0.1", to: "10.0.0.2")
        #expect(alerts(rules, frame: ip.tcp(to: 8_080).payload("needle")) == [1, 4])
        #expect(alerts(rules, frame: ip.udp(to: 53).payload("needle")) == [2, 4])
        #expect(alerts(rules, frame: ip.icmp().payload("needle")) == [3, 4])
        #expect(alerts(rules, frame: ip.tcp(to: 8_080).payload("n")) == [])
    }

    @Test func `that is a later fragment is matched by ip rules alone`() {
        let ip = PacketBuilder().ethernet().ipv4(fragmentOffset: 100)
        #expect(alerts(rules, frame: ip.payload("needle")) == [4])
    }
}
