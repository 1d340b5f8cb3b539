// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `Segments of a TCP stream` {
    @Test func `in order are handed over at once, both directions, without a copy`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("GET /", at: 1001, acknowledging: 5001)
        #expect(bench.there.text == "GET /")
        bench.send("200 OK", at: 5001, acknowledging: 1006, back: true)
        bench.send(" HTTP", at: 1006, acknowledging: 5007)
        #expect(bench.there.text == "GET / HTTP")
        #expect(bench.back.text == "200 OK")
        #expect(!bench.there.isMidstream)
        #expect(bench.statistics.payloadCopies == 0)
        #expect(bench.statistics.bytes == 16)
        #expect(bench.faults == [])
    }

    @Test func `two thousand in order cause no copy and no waiting`() {
        let bench = StreamBench()
        bench.shakeHands()
        var next: UInt32 = 1001
        let payload = [UInt8](repeating: 7, count: 64)
        for _ in 0..<2000 {
            bench.send(payload, at: next, acknowledging: 5001)
            next &+= 64
        }
        #expect(bench.statistics.bytes == 128_000)
        #expect(bench.statistics.payloadCopies == 0)
        #expect(bench.statistics.waited == 0)
    }

    @Test func `that come early wait for what is missing`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("CC", at: 1005)
        bench.send("BB", at: 1003)
        #expect(bench.there.text == "")
        bench.send("AA", at: 1001)
        #expect(bench.there.text == "AABBCC")
        #expect(bench.there.gaps == [])
        #expect(bench.statistics.waited == 2)
        #expect(bench.faults == [])
    }

    @Test func `that come again change nothing`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("abcd", at: 1001)
        bench.send("XXXX", at: 1001)
        bench.send("XXef", at: 1003)
        #expect(bench.there.text == "abcdef")
        #expect(bench.statistics.repeated == 1)
    }

    @Test(arguments: [UInt32.max - 3, UInt32.max, 0])
    func `pass the end of the sequence numbers`(initial: UInt32) {
        let bench = StreamBench()
        bench.send(at: initial &- 1, flags: TCPFlag.syn)
        bench.send(at: 9, flags: TCPFlag.syn | TCPFlag.ack, acknowledging: initial, back: true)
        bench.send("56789", at: initial &+ 5)
        bench.send("01234", at: initial)
        bench.send("ab", at: initial &+ 10)
        #expect(bench.there.text == "0123456789ab")
        #expect(bench.faults == [])
    }

    @Test func `that keep a connection alive bring no bytes`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("abc", at: 1001)
        bench.send("X", at: 1003)
        bench.send(at: 1003)
        bench.send("def", at: 1004)
        #expect(bench.there.text == "abcdef")
        #expect(bench.statistics.keepAlives == 1)
    }

    @Test func `in mid stream begin with the first byte that was seen`() {
        let bench = StreamBench()
        bench.send("lo ", at: 70_000, acknowledging: 90_000)
        bench.send("hi", at: 90_000, acknowledging: 70_003, back: true)
        bench.send("there", at: 70_003, acknowledging: 90_002)
        #expect(bench.there.text == "lo there")
        #expect(bench.back.text == "hi")
        #expect(bench.there.isMidstream)
        #expect(bench.there.gaps == [])
        #expect(bench.statistics.payloadCopies == 0)
    }

    @Test func `of one side alone are put in order as well`() {
        let bench = StreamBench()
        bench.send(at: 1000, flags: TCPFlag.syn)
        bench.send("B", at: 1002, flags: TCPFlag.ack)
        bench.send("A", at: 1001, flags: TCPFlag.ack)
        bench.finish()
        #expect(bench.there.text == "AB")
        #expect(bench.back == StreamStory())
    }

    @Test func `that were cut by the snap length leave a gap`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("abc", at: 1001, claiming: 10)
        bench.send("xyz", at: 1011)
        #expect(bench.there.text == "abcxyz")
        #expect(bench.there.gaps == [[3, 7]])
    }

    @Test func `that were cut are made whole by a copy that was not`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("de", at: 1004, claiming: 4)
        bench.send("defg", at: 1004)
        bench.send("abc", at: 1001)
        #expect(bench.there.text == "abcdefg")
        #expect(bench.there.gaps == [])
    }

    @Test func `far from what is expected are none of the connection's`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("evil", at: 1001 &+ 1 << 30 &+ 1)
        bench.send("good", at: 1001)
        bench.finish()
        #expect(bench.there.text == "good")
        #expect(bench.there.gaps == [])
        #expect(bench.statistics.outsideWindow == 1)
    }

    @Test func `with the urgent bit stay in the stream, and are counted`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("ab", at: 1001, flags: TCPFlag.ack | TCPFlag.urg)
        bench.send("c", at: 1003)
        #expect(bench.there.text == "abc")
        #expect(bench.statistics.urgent == 1)
    }

    @Test func `of fragments are passed over`() {
        let bench = StreamBench()
        bench.shakeHands()
        var packet = Packet.tcp(1, 1000, 2, 80, flags: TCPFlag.ack, sequence: 1001, payload: 4, time: 1)
        packet.headers.capturedPayloadLength = 4
        packet.headers.moreFragments = true
        bench.take(packet, Array("abcd".utf8))
        #expect(bench.there.text == "")
        #expect(bench.statistics.fragments == 1)
    }

    @Test func `whose headers claim more than the packet has never read past it`() {
        let bench = StreamBench()
        bench.shakeHands()
        var packet = Packet.tcp(1, 1000, 2, 80, flags: TCPFlag.ack, sequence: 1001, payload: 400, time: 1)
        packet.headers.capturedPayloadLength = 400
        packet.headers.payloadOffset = 2
        bench.take(packet, Array("..abcd".utf8))
        packet.headers.payloadOffset = 2000
        packet.headers.sequence = 1401
        bench.take(packet, Array("..abcd".utf8))
        bench.finish()
        #expect(bench.there.text == "abcd")
        #expect(bench.there.next == 800)
    }
}

@Suite struct `The memory of streams` {
    @Test func `is below 512 bytes per open flow with a waiting segment, and below 256 per idle one`() {
        let idle = FlowTable.bytesPerFlow + 2 * 8 + MemoryLayout<UInt32>.stride
        #expect(idle < 256)
        #expect(idle + TCPReassembler.bytesPerFlow + TCPReassembler.bytesPerWaitingSegment < 512)
    }

    @Test func `of idle flows is below 256 bytes each, counted over the real tables`() {
        // One more than the index held before it doubled: the moment at which a flow takes most.
        let flows = (1 << 19) * 5 / 8 + 1
        var tracker = FlowTracker()
        var sink = FactList()
        for number in 0..<flows {
            let packet = Packet.udp(UInt32(number), 1, 2, 53)
            _ = tracker.track(
                packet.headers,
                hash: UInt32(number),
                time: packet.timestamp,
                originalLength: 60,
                ordinal: 1,
                buffer: 0,
                interface: 0,
                facts: &sink
            )
        }
        let each = Double(tracker.statistics.memoryBytes) / Double(flows)
        print("\(each) bytes per idle flow")
        #expect(sink.facts.isEmpty)
        #expect(each < 256)
    }

    @Test
    func `of open connections is below 512 bytes for each of their streams, counted over the real tables`() {
        let bench = StreamBench()
        let connections: Range<UInt32> = 0..<16_384
        for host in connections {
            let client = 100 + host
            bench.take(.tcp(client, 9, 2, 80, flags: 2, sequence: 10), [])
            bench.take(.tcp(2, 80, client, 9, flags: 18, sequence: 20, acknowledgement: 11), [])
            var request = Packet.tcp(
                client,
                9,
                2,
                80,
                flags: 24,
                sequence: 11,
                acknowledgement: 21,
                payload: 1
            )
            var answer = Packet.tcp(
                2,
                80,
                client,
                9,
                flags: 24,
                sequence: 21,
                acknowledgement: 12,
                payload: 1
            )
            request.headers.capturedPayloadLength = 1
            answer.headers.capturedPayloadLength = 1
            bench.take(request, [65])
            bench.take(answer, [66])
        }
        let all = bench.tracker.statistics.memoryBytes + bench.stage.reassembler.memoryBytes
        let each = Double(all) / Double(2 * connections.count)
        #expect(bench.statistics.flows == UInt64(connections.count))
        print("\(each) bytes per open TCP stream")
        #expect(each < 512)
        #expect(bench.statistics.payloadCopies == 0)
    }

    @Test func `is none for a SYN without data`() {
        let bench = StreamBench()
        for host in 0..<1000 as Range<UInt32> {
            bench.take(.tcp(100 + host, 9, 2, 80, flags: TCPFlag.syn, sequence: host, time: 1), [])
        }
        #expect(bench.statistics.flows == 0)
        #expect(bench.stage.reassembler.memoryBytes == 0)
    }

    @Test func `of flows that are over is used again`() {
        let bench = StreamBench()
        for round in 0..<200 as Range<UInt32> {
            let start = round &* 1_000_000
            bench.send(at: start, flags: TCPFlag.syn)
            bench.send("a", at: start &+ 1)
            bench.send("c", at: start &+ 3)
            bench.send(at: start &+ 4, flags: TCPFlag.rst)
        }
        bench.finish()
        #expect(bench.flows.count == 200)
        #expect(bench.stage.consumer.closed == bench.flows)
        #expect(bench.stage.reassembler.memoryBytes < 64 * 1024)
    }
}
