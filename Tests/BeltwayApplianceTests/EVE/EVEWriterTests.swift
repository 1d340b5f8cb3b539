// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// The lines that `body` appends, each checked to end in a line feed.
func lines(_ body: (inout EVEWriter) -> Void) -> [String] {
    var writer = EVEWriter(capacity: 64)
    body(&writer)
    var bytes: [UInt8] = []
    let span = writer.lines.bytes
    for index in span.indices { bytes.append(span[index]) }
    #expect(bytes.isEmpty || bytes.last == 0x0a)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
}

/// The object that one line holds.
func object(_ line: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
}

/// The keys of the line's outermost object in their order.
func keys(_ line: String) -> [String] {
    var keys: [String] = []
    var depth = 0
    var inside = false
    var word = ""
    for character in line {
        if character == "\"" {
            inside.toggle()
            if inside { word = "" }
        } else if inside {
            word.append(character)
        } else if character == "{" || character == "[" {
            depth += 1
        } else if character == "}" || character == "]" {
            depth -= 1
        } else if character == ":", depth == 1 {
            keys.append(word)
        }
    }
    return keys
}

func sampleFlow() -> FlowRecord {
    var flow = FlowRecord()
    flow.flowID = 1_234_567_890_123_456
    flow.start = Timestamp(nanoseconds: 1_795_347_601_123_456_789)
    flow.end = Timestamp(nanoseconds: 1_795_347_604_023_456_789)
    flow.originator = IPAddress(v4: 0x0a00_0001)
    flow.responder = IPAddress(v4: 0xc000_0202)
    flow.originatorPort = 40_000
    flow.responderPort = 443
    flow.transportProtocol = 6
    flow.ipVersion = 4
    flow.state = .closed
    flow.endReason = .timeout
    flow.tcpState = .closed
    flow.originatorFlags = 0x1b
    flow.responderFlags = 0x12
    flow.packetsToResponder = 7
    flow.packetsToOriginator = 6
    flow.bytesToResponder = 1000
    flow.bytesToOriginator = 20_000
    return flow
}

func sampleAlert() -> AlertRecord {
    var alert = AlertRecord()
    alert.time = Timestamp(nanoseconds: 1_795_347_602_000_000_000)
    alert.flowID = 42
    alert.source = IPAddress(v4: 0xc000_0202)
    alert.destination = IPAddress(v4: 0x0a00_0001)
    alert.sourcePort = 80
    alert.destinationPort = 40_001
    alert.transportProtocol = 6
    alert.ipVersion = 4
    alert.toResponder = false
    alert.flowStart = Timestamp(nanoseconds: 1_795_347_601_000_000_000)
    alert.packetsToResponder = 3
    alert.packetsToOriginator = 2
    alert.bytesToResponder = 300
    alert.bytesToOriginator = 200
    return alert
}

@Suite struct `A flow event` {
    let interface = JSONText("eth0")

    @Test func `is the line that Suricata's schema describes`() {
        let line = lines { $0.append(flow: sampleFlow(), interface: interface) }
        #expect(
            line == [
                #"{"timestamp":"2026-11-22T11:40:04.023456+0000","flow_id":1234567890123456,"in_iface":"eth0","#
                    + #""event_type":"flow","src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.2","#
                    + #""dest_port":443,"proto":"TCP","ip_v":4,"pkt_src":"wire/pcap","#
                    + #""community_id":"1:HSVV4ha6hM0b1LIPIwDAFW7BYn4=","#
                    + #""flow":{"pkts_toserver":7,"pkts_toclient":6,"bytes_toserver":1000,"#
                    + #""bytes_toclient":20000,"start":"2026-11-22T11:40:01.123456+0000","#
                    + #""end":"2026-11-22T11:40:04.023456+0000","age":3,"state":"closed","reason":"timeout","#
                    + #""alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"12","#
                    + #""syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"},"#
                    + #""metered":{"conn_state":"OTH","payload_toserver":0,"payload_toclient":0}}"#
            ]
        )
    }

    @Test func `says what was measured, and nothing of what was not`() throws {
        var flow = sampleFlow()
        flow.connectionState = .sf
        flow.history = FlowHistory("ShADadtfF")
        flow.payloadBytesToResponder = 186
        flow.payloadBytesToOriginator = 798
        flow.metered.originator.handshakeTime = 10
        flow.metered.originator.retransmissions = 3
        flow.metered.responder.handshakeTime = 0
        flow.metered.responder.dataTime = 77
        flow.metered.responder.outOfOrder = 2
        flow.metered.responder.zeroWindows = 1
        flow.metered.responder.missedBytes = 1448
        let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
        let metered = try #require(event["metered"] as? [String: Any])
        #expect(
            metered.mapValues { "\($0)" } == [
                "conn_state": "SF", "history": "ShADadtfF", "payload_toserver": "186",
                "payload_toclient": "798",
                "rtt_toserver_us": "10", "rtt_toclient_us": "0", "data_rtt_toclient_us": "77",
                "retransmits_toserver": "3", "out_of_order_toclient": "2", "zero_windows_toclient": "1",
                "missed_bytes_toclient": "1448",
            ]
        )
        let tcp = try #require(event["tcp"] as? [String: Any])
        #expect(tcp["tc_gap"] as? Bool == true)
        #expect(tcp["ts_gap"] == nil)
        flow.packetsToOriginator = 0
        let oneSided = try object(lines { $0.append(flow: flow, interface: interface) }[0])
        #expect((oneSided["metered"] as? [String: Any])?["one_sided"] as? Bool == true)
    }

    @Test func `says what the flow spoke before, next to what it speaks`() throws {
        var flow = sampleFlow()
        flow.application = .tls
        #expect(try object(lines { $0.append(flow: flow, interface: interface) }[0])["app_proto_orig"] == nil)
        flow.originalApplication = .smtp
        let line = lines { $0.append(flow: flow, interface: interface) }[0]
        #expect(line.contains(#","app_proto":"tls","app_proto_orig":"smtp","flow":{"#))
    }

    @Test func `says what tunnel the flow is in`() throws {
        var flow = sampleFlow()
        #expect(try object(lines { $0.append(flow: flow, interface: interface) }[0])["tunnel"] == nil)
        flow.tunnelDepth = 2
        flow.tunnelKind = .vxlan
        flow.tunnelID = 4242
        flow.parentID = 17
        let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
        #expect(event["parent_id"] as? Int == 17)
        let tunnel = try #require(event["tunnel"] as? [String: Any])
        #expect(tunnel.mapValues { "\($0)" } == ["proto": "VXLAN", "id": "4242", "depth": "2"])
    }

    @Test func `has time stamps of the form that readers check`() throws {
        let pattern = #/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+[+\-]\d+$/#
        for nanoseconds in [0, 1, 999_999_999, 1_795_347_601_123_456_789, UInt64.max] {
            var flow = sampleFlow()
            flow.start = Timestamp(nanoseconds: nanoseconds)
            flow.end = flow.start
            let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
            let inner = try #require(event["flow"] as? [String: Any])
            for value in [event["timestamp"], inner["start"], inner["end"]] {
                #expect(try #require(value as? String).wholeMatch(of: pattern) != nil)
            }
        }
    }

    @Test func `keeps the common order of keys, with VLANs and ICMP`() throws {
        var flow = sampleFlow()
        flow.vlan = (0xf00a, 20)
        flow.vlanCount = 2
        flow.transportProtocol = 1
        flow.originatorPort = 8
        flow.responderPort = 0
        let line = lines { $0.append(flow: flow, interface: interface) }[0]
        #expect(
            keys(line) == [
                "timestamp", "flow_id", "in_iface", "event_type", "vlan", "src_ip", "dest_ip", "proto",
                "ip_v",
                "icmp_type", "icmp_code", "pkt_src", "community_id", "flow", "metered",
            ]
        )
        let event = try object(line)
        #expect(event["vlan"] as? [Int] == [10, 20])
        #expect(event["proto"] as? String == "ICMP")
        #expect(event["icmp_type"] as? Int == 8)
        #expect(event["icmp_code"] as? Int == 0)
    }

    @Test func `names every state and reason, and parses`() throws {
        for state in FlowState.allCases {
            for reason in FlowEndReason.allCases {
                for tcp in TCPState.allCases {
                    var flow = sampleFlow()
                    flow.state = state
                    flow.endReason = reason
                    flow.tcpState = tcp
                    let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
                    let inner = try #require(event["flow"] as? [String: Any])
                    #expect(["new", "established", "closed"].contains(inner["state"] as? String))
                    #expect(
                        ["timeout", "forced", "shutdown", "tcp_reuse"].contains(inner["reason"] as? String)
                    )
                    #expect((event["tcp"] as? [String: Any])?["state"] is String)
                }
            }
        }
    }

    @Test func `names the TCP flags that were set and no others`() throws {
        let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"]
        for flags in 0..<256 {
            var flow = sampleFlow()
            flow.originatorFlags = UInt8(flags)
            flow.responderFlags = 0
            let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
            let tcp = try #require(event["tcp"] as? [String: Any])
            #expect(tcp["tcp_flags"] as? String == String(format: "%02x", flags))
            for (bit, name) in names.enumerated() {
                #expect((tcp[name] as? Bool ?? false) == (flags >> bit & 1 == 1), "\(name) of \(flags)")
            }
        }
    }

    @Test func `parses for every protocol number and both versions`() throws {
        for number in 0...UInt8.max {
            for version in [UInt8(4), 6] {
                var flow = sampleFlow()
                flow.transportProtocol = number
                flow.ipVersion = version
                flow.responder = IPAddress(high: 0x2001_0db8_0000_0000, low: 1)
                let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
                #expect(event["ip_v"] as? Int == Int(version))
                #expect((event["proto"] as? String)?.isEmpty == false)
                #expect((event["src_port"] != nil) == [6, 17, 132].contains(number))
                if version == 6 {
                    #expect(event["dest_ip"] as? String == "2001:0db8:0000:0000:0000:0000:0000:0001")
                }
            }
        }
    }

    @Test func `parses with every field at its greatest`() throws {
        var flow = sampleFlow()
        flow.flowID = 1 << 53 - 1
        flow.start = .zero
        flow.end = .distantFuture
        flow.packetsToResponder = .max
        flow.packetsToOriginator = .max
        flow.bytesToResponder = .max
        flow.bytesToOriginator = .max
        flow.originatorPort = .max
        flow.responderPort = .max
        flow.vlan = (.max, .max)
        flow.vlanCount = .max
        flow.alerted = true
        let line = lines { $0.append(flow: flow, interface: interface) }[0]
        #expect(line.contains("\"bytes_toclient\":18446744073709551615"))
        let inner = try #require(try object(line)["flow"] as? [String: Any])
        #expect(inner["alerted"] as? Bool == true)
        #expect(inner["age"] as? Int == 18_446_744_073)
    }

    @Test func `whose end lies before its start is no second old`() throws {
        var flow = sampleFlow()
        (flow.start, flow.end) = (flow.end, flow.start)
        let event = try object(lines { $0.append(flow: flow, interface: interface) }[0])
        #expect((event["flow"] as? [String: Any])?["age"] as? Int == 0)
    }
}

@Suite struct `An alert event` {
    let interface = JSONText("eth0")
    let signature = SignatureInfo(
        id: 9_000_001,
        revision: 2,
        message: "BELTWAY \"test\" \\ rule",
        category: "Misc activity",
        severity: 3,
        metadata: [("created_at", ["2026_11_22"]), ("tag", ["a", "b"])],
        references: ["https://example.com/x"]
    )

    @Test func `is the line that Suricata's schema describes`() {
        let line = lines {
            $0.append(alert: sampleAlert(), signature: EVESignature(signature), interface: interface)
        }
        #expect(
            line == [
                #"{"timestamp":"2026-11-22T11:40:02.000000+0000","flow_id":42,"in_iface":"eth0","#
                    + #""event_type":"alert","src_ip":"192.0.2.2","src_port":80,"dest_ip":"10.0.0.1","#
                    + #""dest_port":40001,"proto":"TCP","ip_v":4,"pkt_src":"wire/pcap","#
                    + #""community_id":"1:kVaEiUna0jHdi9wdVrb21VU+BBo=","#
                    + #""alert":{"action":"allowed","gid":1,"signature_id":9000001,"rev":2,"#
                    + #""signature":"BELTWAY \"test\" \\ rule","category":"Misc activity","severity":3,"#
                    + #""metadata":{"created_at":["2026_11_22"],"tag":["a","b"]},"#
                    + #""references":["https://example.com/x"]},"direction":"to_client","#
                    + #""flow":{"pkts_toserver":3,"pkts_toclient":2,"bytes_toserver":300,"bytes_toclient":200,"#
                    + #""start":"2026-11-22T11:40:01.000000+0000","src_ip":"10.0.0.1","dest_ip":"192.0.2.2","#
                    + #""src_port":40001,"dest_port":80}}"#
            ]
        )
    }

    @Test func `on a packet without a flow names none`() throws {
        var alert = sampleAlert()
        alert.flowID = 0
        let event = try object(
            lines {
                $0.append(alert: alert, signature: EVESignature(SignatureInfo(id: 1)), interface: interface)
            }[0]
        )
        #expect(event["flow_id"] == nil)
        #expect(event["flow"] == nil)
        let inner = try #require(event["alert"] as? [String: Any])
        #expect(inner["metadata"] == nil)
        #expect(inner["references"] == nil)
        #expect(inner["gid"] as? Int == 1)
    }
}

@Suite struct `Text in an event` {
    @Test func `of every single byte is a JSON string that parses to what it was`() throws {
        for byte in 0..<256 {
            let bytes = [UInt8(ascii: "a"), UInt8(byte), UInt8(ascii: "z")]
            let parsed = try parse(quote(bytes))
            #expect(
                parsed == (byte < 0x80 ? String(decoding: bytes, as: UTF8.self) : "a\u{fffd}z"),
                "byte \(byte)"
            )
        }
    }

    @Test(
        arguments: [
            [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80],
            [0xf4, 0x90, 0x80, 0x80],
            [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xe2, 0x28, 0xa1], [0x80, 0xbf], [0xff, 0xfe], [0xc3],
            [0xf5, 0x80],
            [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80], [0xc3, 0xa4], [0xef, 0xbf, 0xbd],
            [0xf1, 0x80, 0x22],
        ] as [[UInt8]]
    )
    func `is repaired as the standard library repairs it`(bytes: [UInt8]) throws {
        #expect(try parse(quote(bytes)) == String(decoding: bytes, as: UTF8.self))
    }

    @Test func `of random bytes always parses, to what the standard library makes of it`() throws {
        var state: UInt64 = 7
        for round in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<(round % 40) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let byte = UInt8(truncatingIfNeeded: state >> 56)
                bytes.append(
                    state >> 40 & 1 == 0
                        ? byte : [0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xed, 0xc3, 0x22][Int(byte & 7)]
                )
            }
            #expect(
                try parse(quote(bytes)) == String(decoding: bytes, as: UTF8.self),
                "round \(round), seed 7"
            )
        }
    }

    private func quote(_ bytes: [UInt8]) -> [UInt8] {
        var writer = EVEWriter(capacity: 64)
        writer.lines.append(quoted: bytes.span)
        var copy: [UInt8] = []
        let span = writer.lines.bytes
        for index in span.indices { copy.append(span[index]) }
        return copy
    }

    private func parse(_ quoted: [UInt8]) throws -> String {
        try #require(
            try JSONSerialization.jsonObject(with: Data(quoted), options: .fragmentsAllowed) as? String
        )
    }
}
