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
    let start = Timestamp(seconds: 1_767_607_200)

    init(following: Bool = true, flowLimit: Int = 1024, byteLimit: Int = 1 << 20) {
        tracer = Tracer(flowLimit: flowLimit, byteLimit: byteLimit) { _ in following }
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
        after microseconds: UInt64 = 0
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
        headers.payloadLength = length
        headers.window = window
        flow.toResponder = !back
        flow.isEstablished = established
        tracer.packet(
            headers,
            flow: flow,
            originalLength: 54 + length,
            time: start.advanced(byNanoseconds: microseconds * 1000)
        )
        flow.isFirstPacket = false
    }

    mutating func handshake() {
        send(0x02, seq: 100, established: false)
        send(0x12, seq: 500, ack: 101, back: true, established: false, after: 38_101)
        send(0x10, seq: 101, ack: 501, after: 38_400)
    }

    /// What was printed since the last call.
    mutating func shown() -> [String] {
        let text = copy(tracer.lines)
        tracer.lines.removeAll()
        return text.split(separator: "\n").map(String.init)
    }
}

@Suite struct `A tracer` {
    @Test func `prints each packet and each change of state of a flow it follows`() {
        var conversation = Conversation()
        conversation.handshake()
        let tuple = "flow 42 10.0.0.1:40000"
        #expect(
            conversation.shown() == [
                "2026-01-05T10:00:00.000000000Z +0 \(tuple) -> 192.0.2.2:80 TCP [S] seq 100 win 1000 len 0 frame 54",
                "2026-01-05T10:00:00.000000000Z +0 \(tuple) -- 192.0.2.2:80 new",
                "2026-01-05T10:00:00.038101000Z +38101000 \(tuple) <- 192.0.2.2:80 TCP [S.] seq 500 ack 101 win 1000 "
                    + "len 0 frame 54",
                "2026-01-05T10:00:00.038400000Z +38400000 \(tuple) -> 192.0.2.2:80 TCP [.] seq 101 ack 501 win 1000 "
                    + "len 0 frame 54",
                "2026-01-05T10:00:00.038400000Z +38400000 \(tuple) -- 192.0.2.2:80 established, round trip to "
                    + "responder 38.101 ms, to originator 0.299 ms",
            ]
        )
        #expect(conversation.tracer.packets == 3)
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
        let marks = conversation.shown().map { line in
            ["RETRANSMISSION", "GAP of 20", "ZERO WINDOW"].filter { line.contains($0) }
        }
        #expect(marks == [[], ["RETRANSMISSION"], ["GAP of 20"], ["RETRANSMISSION"], [], ["ZERO WINDOW"]])
    }

    @Test func `compares sequence numbers across the end of their range`() {
        var conversation = Conversation()
        conversation.send(0x18, seq: .max - 4, length: 10)
        conversation.send(0x18, seq: 5, length: 10)
        conversation.send(0x18, seq: .max - 4, length: 10)
        let lines = conversation.shown().filter { $0.contains("TCP") }
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
        let changes = conversation.shown().filter { $0.contains(" -- ") }.dropFirst(2)
            .compactMap { $0.components(separatedBy: ":80 ").last }
        #expect(
            changes == [
                "originator finished", "responder finished", "reset by originator",
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
        #expect(conversation.shown().filter { $0.contains("TCP") }.count == 4)
    }

    @Test func `leaves lines out instead of growing, and says how many`() {
        var conversation = Conversation(byteLimit: 4096)
        conversation.flow.isFirstPacket = false
        for number in UInt32(0)..<1000 { conversation.send(0x10, seq: number) }
        #expect(conversation.tracer.lines.count <= 4096)
        let shown = conversation.shown().count
        conversation.send(0x10, seq: 1)
        let next = conversation.shown()
        #expect(shown + Int(conversation.tracer.linesOmitted) == 1001)
        #expect(next.count == 2)
        #expect(
            next[0]
                == "(\(conversation.tracer.linesOmitted) lines left out: they came faster than they were shown)"
        )
    }

    @Test func `writes no line longer than it reserves, whatever the headers hold`() {
        var tracer = Tracer { _ in true }
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
            )
            let text = copy(tracer.lines)
            #expect(text.hasSuffix("\n"))
            for line in text.split(separator: "\n") where line.utf8.count >= 512 {
                Issue.record("round \(round), seed 9: \(line)")
            }
            tracer.lines.removeAll()
        }
    }
}
