// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `A rule's protocol` {
    @Test(arguments: [
        ("ip", true, true, true), ("tcp", true, false, false), ("tcp-pkt", true, false, false),
        ("udp", false, true, false), ("icmp", false, false, true), ("icmpv4", false, false, true),
        ("icmpv6", false, false, false), ("ip4", true, true, true), ("ip6", false, false, false),
        ("sctp", false, false, false),
    ])
    func `admits its packets and no others`(name: String, tcp: Bool, udp: Bool, icmp: Bool) {
        let rule = "alert \(name) any any -> any any (content:\"a\"; sid:1;)"
        #expect(alerts(rule, .tcp("a")) == (tcp ? [1] : []))
        #expect(alerts(rule, .udp([0x61])) == (udp ? [1] : []))
        #expect(alerts(rule, .icmp([0x61])) == (icmp ? [1] : []))
    }

    @Test func `ip does not ask ICMP for ports, and has none itself if it names some`() {
        #expect(alerts("alert ip any any -> any any (content:\"a\"; sid:1;)", .icmp([0x61])) == [1])
        #expect(alerts("alert ip any any -> any 80 (content:\"a\"; sid:1;)", .icmp([0x61])) == [])
        #expect(alerts("alert ip any any -> any 80 (content:\"a\"; sid:1;)", .tcp("a")) == [1])
    }

    @Test func `matches nothing without an IP header`() {
        var packet = TestPacket.tcp("a")
        packet.headers.layers = [.link]
        #expect(alerts("alert ip any any -> any any (sid:1;)", packet) == [])
    }
}

@Suite struct `A rule's direction` {
    @Test func `is from source to destination, or both ways`() {
        let packet = TestPacket.tcp("a", from: 40_000, to: 80)
        #expect(alerts("alert tcp any any -> any 80 (content:\"a\"; sid:1;)", packet) == [1])
        #expect(alerts("alert tcp any 80 -> any any (content:\"a\"; sid:1;)", packet) == [])
        #expect(alerts("alert tcp any 80 <> any any (content:\"a\"; sid:1;)", packet) == [1])
        #expect(alerts("alert tcp any 80 <> 8.8.8.8 any (content:\"a\"; sid:1;)", packet) == [1])
        #expect(alerts("alert tcp 8.8.8.8 80 <> any any (content:\"a\"; sid:1;)", packet) == [])
    }
}

@Suite struct `flow` {
    private func matches(_ flow: String, toServer: Bool, established: Bool) -> Bool {
        let packet = TestPacket.tcp("a", toServer: toServer, established: established)
        return alerts("alert tcp any any -> any any (flow:\(flow); content:\"a\"; sid:1;)", packet) == [1]
    }

    @Test(arguments: [
        "to_server", "from_client", "to_server, stateless", "To_Server,only_stream", "to_server,no_stream",
    ])
    func `knows packets to the server`(value: String) {
        #expect(matches(value, toServer: true, established: false))
        #expect(!matches(value, toServer: false, established: false))
    }

    @Test(arguments: ["to_client", "from_server"])
    func `knows packets to the client`(value: String) {
        #expect(matches(value, toServer: false, established: true))
        #expect(!matches(value, toServer: true, established: true))
    }

    @Test func `knows whether the flow is established`() {
        #expect(matches("established", toServer: true, established: true))
        #expect(!matches("established", toServer: true, established: false))
        #expect(matches("not_established", toServer: true, established: false))
        #expect(!matches("not_established", toServer: true, established: true))
        #expect(!matches("established,to_client", toServer: true, established: true))
    }

    @Test func `matches nothing that needs a flow on a packet without one`() {
        var packet = TestPacket.tcp("a")
        packet.flow = nil
        for value in ["to_server", "to_client", "established"] {
            #expect(
                alerts("alert tcp any any -> any any (flow:\(value); content:\"a\"; sid:1;)", packet) == []
            )
        }
        #expect(alerts("alert tcp any any -> any any (flow:stateless; content:\"a\"; sid:1;)", packet) == [1])
    }
}

@Suite struct `A detector` {
    @Test func `reports rules by action, then priority, then as loaded`() {
        let rules = """
            alert tcp any any -> any any (content:"a"; priority:3; sid:1;)
            alert tcp any any -> any any (content:"a"; priority:1; sid:2;)
            drop tcp any any -> any any (content:"a"; priority:4; sid:3;)
            alert tcp any any -> any any (priority:1; sid:4;)
            alert tcp any any -> any any (pcre:"/A/i"; priority:2; sid:5;)
            """
        #expect(alerts(rules, .tcp("a")) == [3, 2, 4, 5, 1])
    }

    @Test func `is silenced by a pass rule, for that packet`() {
        let report = RuleLoader.load(
            text: """
                alert tcp any any -> any any (content:"a"; sid:1;)
                pass tcp any any -> any 81 (content:"a"; sid:2;)
                """
        )
        var detector = Detector(report.ruleSet)
        #expect(detector.sids(.tcp("a", to: 80)) == [1])
        #expect(detector.sids(.tcp("a", to: 81)) == [])
        #expect(detector.sids(.tcp("a", to: 80)) == [1])
        #expect(detector.counters.passed == 1)
        #expect(detector.counters.alerts == 2)
    }

    @Test func `reports a rule once per packet, however often and through whichever pattern it matches`() {
        let report = RuleLoader.load(text: "alert tcp any any <> any any (content:\"ab\"; nocase; sid:1;)")
        var detector = Detector(report.ruleSet)
        #expect(detector.sids(.tcp("ababABab")) == [1])
        #expect(detector.counters.prefilterHits == 1)
        #expect(detector.counters.verifications == 1)
        #expect(detector.counters.packets == 1)
    }

    @Test func `looks at the payload only, and only at what was captured`() {
        var packet = TestPacket.tcp("needle")
        let rule = "alert tcp any any -> any any (content:\"needle\"; sid:1;)"
        #expect(alerts(rule, packet) == [1])
        packet.headers.capturedPayloadLength = 5
        #expect(alerts(rule, packet) == [])
        packet.headers.capturedPayloadLength = 6_000
        packet.headers.payloadOffset = 60_000
        #expect(alerts(rule, packet) == [])
    }

    @Test func `checks rules without a content on packets without payload too`() {
        #expect(alerts("alert tcp any any -> any 80 (flow:to_server; dsize:0; sid:1;)", .tcp("")) == [1])
        #expect(alerts("alert tcp any any -> any 80 (content:!\"a\"; sid:1;)", .tcp("")) == [1])
    }

    @Test func `gives up a rule that backtracks without end, and counts it`() {
        let chain = (0..<12).map { _ in "content:\"a\"; distance:0;" }.joined(separator: " ")
        let report = RuleLoader.load(
            text: "alert tcp any any -> any any (\(chain) content:\"b\"; distance:0; sid:1;)"
        )
        var detector = Detector(report.ruleSet)
        #expect(detector.sids(.tcp(String(repeating: "a", count: 1_400))) == [])
        #expect(detector.counters.backtrackLimits == 1)
        #expect(detector.sids(.tcp(String(repeating: "a", count: 100) + "b")) == [1])
    }

    @Test func `gives up an expression at its match limit, and takes that for no answer`() {
        let report = RuleLoader.load(
            text: """
                alert tcp any any -> any any (content:"a"; pcre:"/(a+)+$/"; sid:1;)
                alert tcp any any -> any any (content:"a"; pcre:!"/(a+)+$/"; sid:2;)
                """
        )
        var detector = Detector(report.ruleSet)
        #expect(detector.sids(.tcp(String(repeating: "a", count: 60) + "!")) == [])
        #expect(detector.counters.expressionLimits == 2)
        #expect(detector.counters.expressionErrors == 0)
    }
}
