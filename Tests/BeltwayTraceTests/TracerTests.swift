// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTrace
import BeltwayWire
import Foundation
import Testing

/// A conversation between 10.0.0.1:40000 and 192.0.2.2:80, packet by packet, as the tracer gets it.
private struct Conversation: ~Copyable {
    var tracer: Tracer
    var flow = FlowView()
    let following: Bool
    let start = Timestamp(seconds: 1_767_607_200)

    init(
        following: Bool = true,
        _ form: TraceForm = TraceForm(),
        flowLimit: Int = 1024,
        byteLimit: Int = 1 << 20
    ) {
        tracer = Tracer(form, flowLimit: flowLimit, byteLimit: byteLimit)
        self.following = following
        flow.flowID = 42
        flow.start = start
        flow.isFirstPacket = true
    }

    mutating func send(
        _ flags: UInt8,
        seq: UInt32 = 0,
        ack: UInt32 = 0,
        length: UInt32 = 0,
        back: Bool = false,
        established: Bool = true,
        window: UInt16 = 1000,
        after microseconds: UInt64 = 0,
        payload: String = ""
    ) {
        var headers = PacketHeaders()
        headers.layers = [.link, .ip, .tcp]
        headers.ipVersion = 4
        headers.transportProtocol = 6
        let ends = (IPAddress(v4: 0x0a00_0001), IPAddress(v4: 0xc000_0202))
        (headers.source, headers.destination) = back ? (ends.1, ends.0) : ends
        (headers.sourcePort, headers.destinationPort) = back ? (80, 40_000) : (40_000, 80)
        headers.tcpFlags = flags
        headers.sequence = seq
        headers.acknowledgement = ack
        headers.payloadLength = payload.isEmpty ? length : UInt32(payload.utf8.count)
        headers.capturedPayloadLength = UInt32(payload.utf8.count)
        headers.window = window
        let bytes = Array(payload.utf8)
        flow.toResponder = !back
        flow.isEstablished = established
        tracer.packet(
            headers,
            flow: flow,
            originalLength: 54 + length,
            time: start.advanced(byNanoseconds: microseconds * 1000),
            excerpt: PayloadExcerpt(headers, of: bytes.span.bytes)
        ) { [following] in following }
        flow.isFirstPacket = false
    }

    mutating func handshake() {
        send(0x02, seq: 100, established: false)
        send(0x12, seq: 500, ack: 101, back: true, established: false, after: 38_101)
        send(0x10, seq: 101, ack: 501, after: 38_400)
    }

    /// What was printed since the last call, without time and flow id.
    mutating func events() -> [String] {
        shown().map { $0.split(separator: " ").dropFirst().joined(separator: " ") }
    }

    /// What was printed since the last call.
    mutating func shown() -> [String] {
        let text = copy(tracer.lines)
        tracer.lines.removeAll()
        return text.split(separator: "\n").map(String.init)
    }
}

extension TraceForm {
    fileprivate static var events: TraceForm {
        var form = TraceForm()
        form.showsPackets = false
        form.showsFlowIDs = false
        return form
    }
}

@Suite struct `A tracer` {
    @Test func `prints each packet and each change of state of a flow it follows`() {
        var conversation = Conversation()
        conversation.handshake()
        let tuple = "flow 42 10.0.0.1:40000"
        #expect(
            conversation.shown() == [
                "2026-01-05T10:00:00.000000000Z +0.000 ms \(tuple) -> 192.0.2.2:80 TCP [S] seq 100 win 1000 len 0 frame 54",
                "2026-01-05T10:00:00.000000000Z +0.000 ms \(tuple) -- 192.0.2.2:80 TCP connection begins",
                "2026-01-05T10:00:00.038101000Z +38.101 ms \(tuple) <- 192.0.2.2:80 TCP [S.] seq 500 ack 101 win 1000 "
                    + "len 0 frame 54",
                "2026-01-05T10:00:00.038400000Z +38.400 ms \(tuple) -> 192.0.2.2:80 TCP [.] seq 101 ack 501 win 1000 "
                    + "len 0 frame 54",
                "2026-01-05T10:00:00.038400000Z +38.400 ms \(tuple) -- 192.0.2.2:80 handshake complete, round trip to "
                    + "responder 38.101 ms, to originator 0.299 ms",
            ]
        )
        #expect(conversation.tracer.packets == 3)
    }

    @Test func `tells what happened without the packets, where asked to`() {
        var conversation = Conversation(.events)
        conversation.handshake()
        conversation.send(
            0x18,
            seq: 101,
            ack: 501,
            after: 39_000,
            payload: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        conversation.send(0x10, seq: 501, ack: 128, back: true, after: 77_000)
        conversation.send(0x18, seq: 501, ack: 128, back: true, after: 90_500, payload: "\u{16}\u{3}\u{1}")
        conversation.send(0x18, seq: 504, ack: 128, length: 7, back: true, after: 91_000)
        conversation.send(0x18, seq: 128, ack: 511, length: 10, after: 95_000)
        #expect(
            conversation.events() == [
                "+0.000 ms 10.0.0.1:40000 -- 192.0.2.2:80 TCP connection begins",
                "+38.400 ms 10.0.0.1:40000 -- 192.0.2.2:80 handshake complete, round trip to responder 38.101 ms, "
                    + "to originator 0.299 ms",
                "+39.000 ms 10.0.0.1:40000 -> 192.0.2.2:80 request 1: first 27 bytes \"GET / HTTP/1.1\"",
                "+90.500 ms 10.0.0.1:40000 <- 192.0.2.2:80 first byte of answer 1 after 51.500 ms: 3 bytes 16 03 01",
                "+95.000 ms 10.0.0.1:40000 -> 192.0.2.2:80 request 2: first 10 bytes",
            ]
        )
    }

    @Test func `tells what was lost, late or sent again, by its place in the stream`() {
        var conversation = Conversation(.events)
        conversation.handshake()
        _ = conversation.shown()
        conversation.send(0x18, seq: 101, ack: 501, length: 10, after: 39_000)
        conversation.send(0x18, seq: 101, ack: 501, length: 10, after: 240_000)
        conversation.send(0x18, seq: 131, ack: 501, length: 10, after: 241_000)
        conversation.send(0x18, seq: 111, ack: 501, length: 20, after: 242_000)
        conversation.send(0x10, seq: 501, ack: 141, back: true, window: 0, after: 243_000)
        conversation.send(0x10, seq: 501, ack: 141, back: true, window: 0, after: 244_000)
        // A keep-alive (RFC 9293, 3.8.4) asks whether the window is open by a byte that was acknowledged.
        conversation.send(0x10, seq: 140, ack: 501, length: 1, after: 245_000)
        conversation.send(0x10, seq: 501, ack: 141, back: true, after: 253_000)
        conversation.send(0x11, seq: 141, ack: 501, after: 254_000)
        conversation.send(0x14, seq: 501, ack: 142, back: true, after: 255_000)
        #expect(
            conversation.events().map { $0.components(separatedBy: " 10.0.0.1:40000 ").last ?? "" } == [
                "-> 192.0.2.2:80 request 1: first 10 bytes",
                "-> 192.0.2.2:80 retransmission: 10 bytes at 0, 201.000 ms after its last new byte",
                "-> 192.0.2.2:80 gap: 20 bytes at 10",
                "-> 192.0.2.2:80 out of order: 20 bytes at 10",
                "<- 192.0.2.2:80 window closed",
                "<- 192.0.2.2:80 window open again after 10.000 ms",
                "-> 192.0.2.2:80 originator finished after 40 bytes",
                "<- 192.0.2.2:80 reset by responder",
            ]
        )
    }

    @Test func `prints JSON with the keys of EVE, one object a line`() throws {
        var form = TraceForm()
        form.isJSON = true
        var conversation = Conversation(form)
        conversation.handshake()
        conversation.send(0x18, seq: 101, ack: 501, after: 39_000, payload: "A\"\\\u{7}é")
        var record = FlowRecord()
        record.flowID = 42
        record.end = conversation.start
        record.transportProtocol = 6
        conversation.tracer.ended(record)
        let objects = try conversation.shown().map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let traces = objects.compactMap { $0["trace"] as? [String: Any] }
        #expect(traces.map { $0["event"] as? String } == ["begin", "established", "request", "end"])
        #expect(traces[1]["rtt_toserver_us"] as? Int == 38_101)
        #expect(traces[1]["rtt_toclient_us"] as? Int == 299)
        #expect(traces[2]["since_start_us"] as? Int == 39_000)
        #expect(traces[2]["payload_printable"] as? String == "A\"\\...")
        #expect(traces[3]["conn_state"] as? String == "OTH")
        for object in objects {
            #expect(object["event_type"] as? String == "trace")
            #expect(object["flow_id"] as? Int == 42)
            #expect(object["src_ip"] as? String == "10.0.0.1")
            #expect(object["dest_port"] as? Int == 80)
            #expect(object["proto"] as? String == "TCP")
            #expect((object["community_id"] as? String)?.hasPrefix("1:") == true)
        }
    }

    @Test func `says nothing of flows it does not follow`() {
        var conversation = Conversation(following: false)
        conversation.handshake()
        conversation.tracer.ended(FlowRecord())
        #expect(conversation.shown() == [])
        #expect(conversation.tracer.packets == 0)
    }

    @Test func `marks what was sent again, what is missing and a closed window`() {
        var conversation = Conversation()
        conversation.handshake()
        _ = conversation.shown()
        conversation.send(0x18, seq: 101, ack: 501, length: 10)
        conversation.send(0x18, seq: 101, ack: 501, length: 10)
        conversation.send(0x18, seq: 131, ack: 501, length: 10)
        conversation.send(0x18, seq: 111, ack: 501, length: 20)
        conversation.send(0x18, seq: 141, ack: 501, length: 5)
        conversation.send(0x10, seq: 501, ack: 111, back: true, window: 0)
        let marks = conversation.shown().filter { $0.contains(" TCP [") }.map { line in
            ["RETRANSMISSION", "OUT OF ORDER", "GAP of 20", "ZERO WINDOW"].filter { line.contains($0) }
        }
        #expect(marks == [[], ["RETRANSMISSION"], ["GAP of 20"], ["OUT OF ORDER"], [], ["ZERO WINDOW"]])
    }

    @Test func `compares sequence numbers across the end of their range`() {
        var conversation = Conversation()
        conversation.send(0x18, seq: .max - 4, length: 10)
        conversation.send(0x18, seq: 5, length: 10)
        conversation.send(0x18, seq: .max - 4, length: 10)
        let lines = conversation.shown().filter { $0.contains("TCP [") }
        #expect(lines.map { $0.contains("RETRANSMISSION") } == [false, false, true])
        #expect(lines.allSatisfy { !$0.contains("GAP") })
    }

    @Test func `tells who finished, who reset, and how the flow ended`() {
        var conversation = Conversation()
        conversation.handshake()
        conversation.send(0x11, seq: 101, ack: 501)
        conversation.send(0x11, seq: 501, ack: 102, back: true)
        conversation.send(0x11, seq: 501, ack: 102, back: true)
        conversation.send(0x04, seq: 102)
        var record = FlowRecord()
        record.flowID = 42
        record.end = conversation.start
        record.state = .closed
        record.endReason = .timeout
        record.packetsToResponder = 4
        record.bytesToResponder = 216
        conversation.tracer.ended(record)
        conversation.tracer.ended(record)
        let changes = conversation.shown().filter { !$0.contains(" TCP [") }.dropFirst(2)
            .compactMap { $0.components(separatedBy: ":80 ").last }
        #expect(
            changes == [
                "originator finished after 0 bytes", "responder finished after 0 bytes",
                "retransmission: 0 bytes at 0, 0.000 ms after its last new byte", "reset by originator",
                "ended by time-out, state closed, to responder 4 packets 216 bytes, to originator 0 packets 0 bytes",
            ]
        )
    }

    @Test func `keeps the originator on the left when it joins in the middle`() {
        var conversation = Conversation()
        conversation.flow.isFirstPacket = false
        conversation.send(0x10, seq: 1, ack: 1, back: true)
        #expect(conversation.shown()[0].contains("10.0.0.1:40000 <- 192.0.2.2:80"))
    }

    @Test func `follows no more flows than it was allowed, and counts the others`() {
        var conversation = Conversation(flowLimit: 2)
        for identifier in UInt64(1)...5 {
            conversation.flow.flowID = identifier
            conversation.flow.isFirstPacket = true
            conversation.send(0x02)
            conversation.send(0x02)
        }
        #expect(conversation.tracer.flowsRefused == 3)
        #expect(conversation.shown().filter { $0.contains("TCP [") }.count == 4)
    }

    @Test func `leaves lines out instead of growing, and says how many`() {
        var conversation = Conversation(byteLimit: 4096)
        conversation.flow.isFirstPacket = false
        for number in UInt32(0)..<1000 { conversation.send(0x10, seq: number) }
        #expect(conversation.tracer.lines.count <= 4096)
        let shown = conversation.shown().count
        conversation.send(0x10, seq: 1)
        let next = conversation.shown()
        // One more than the packets: that the flow was joined.
        #expect(shown + Int(conversation.tracer.linesOmitted) == 1001)
        #expect(next.count == 2)
        #expect(
            next[0]
                == "(\(conversation.tracer.linesOmitted) lines left out: they came faster than they were shown)"
        )
    }

    @Test func `writes no line longer than it reserves, whatever the headers hold`() {
        var tracer = Tracer()
        var random = Seeded(state: 9)
        for round in 0..<2000 {
            var headers = PacketHeaders()
            headers.layers = PacketHeaders.Layers(rawValue: UInt16.random(in: 0...511, using: &random)).union(
                .ip
            )
            headers.ipVersion = round % 2 == 0 ? 6 : 4
            headers.source = IPAddress(high: .max, low: .max)
            headers.destination = IPAddress(high: .max - 1, low: .max)
            headers.sourcePort = .max
            headers.destinationPort = .max
            headers.tcpFlags = UInt8.random(in: 0...255, using: &random)
            headers.sequence = random.next() % 2 == 0 ? .max : UInt32.random(in: 0...(.max), using: &random)
            headers.acknowledgement = .max
            headers.payloadLength = UInt32.random(in: 0...(.max), using: &random)
            headers.fragmentOffset = .max
            var flow = FlowView()
            flow.flowID = random.next() % 700
            flow.start = Timestamp(nanoseconds: random.next())
            flow.toResponder = random.next() % 2 == 0
            flow.isEstablished = random.next() % 2 == 0
            tracer.packet(
                headers,
                flow: flow,
                originalLength: .max,
                time: Timestamp(nanoseconds: random.next())
            ) { true }
            let text = copy(tracer.lines)
            #expect(text.hasSuffix("\n"))
            for line in text.split(separator: "\n") where line.utf8.count >= 1024 {
                Issue.record("round \(round), seed 9: \(line)")
            }
            tracer.lines.removeAll()
        }
    }
}
