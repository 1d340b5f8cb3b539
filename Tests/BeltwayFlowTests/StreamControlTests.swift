// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Testing

private let syn = TCPFlag.syn
private let ack = TCPFlag.ack
private let fin = TCPFlag.fin
private let rst = TCPFlag.rst

@Suite struct `The beginning of a TCP stream` {
    @Test func `is the SYN's, although its first bytes come late`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("world", at: 1007)
        bench.send("hello ", at: 1001)
        #expect(bench.there.text == "hello world")
    }

    @Test func `may carry data with the SYN`() {
        let bench = StreamBench()
        bench.send("early", at: 1000, flags: syn)
        bench.send(at: 5000, flags: syn | ack, acknowledging: 1006, back: true)
        bench.send(" late", at: 1006, acknowledging: 5001)
        #expect(bench.there.text == "early late")
        #expect(bench.there.gaps == [])
    }

    @Test func `repeats the SYN's data where the responder did not take it`() {
        let bench = StreamBench()
        bench.send("early", at: 1000, flags: syn)
        bench.send(at: 5000, flags: syn | ack, acknowledging: 1001, back: true)
        bench.send("early", at: 1001, acknowledging: 5001)
        bench.send("!", at: 1006)
        #expect(bench.there.text == "early!")
    }

    @Test func `may carry data with the SYN+ACK`() {
        let bench = StreamBench()
        bench.send(at: 1000, flags: syn)
        bench.send("banner", at: 5000, flags: syn | ack, acknowledging: 1001, back: true)
        bench.send(at: 1001, acknowledging: 5007)
        #expect(bench.back.text == "banner")
        #expect(!bench.back.isMidstream)
    }

    @Test func `is that of the SYN which was answered, if it was repeated with another number`() {
        let bench = StreamBench()
        bench.send(at: 1000, flags: syn)
        bench.send(at: 2_000_000, flags: syn)
        bench.send(at: 5000, flags: syn | ack, acknowledging: 2_000_001, back: true)
        bench.send("data", at: 2_000_001, acknowledging: 5001)
        #expect(bench.there.text == "data")
        #expect(bench.there.gaps == [])
    }

    @Test func `stays that of the answer which was acknowledged, if another one comes later`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send(at: 9_000_000, flags: syn | ack, acknowledging: 1001, back: true)
        bench.send("data", at: 5001, acknowledging: 1001, back: true)
        #expect(bench.back.text == "data")
        #expect(bench.back.gaps == [])
        #expect(bench.statistics.otherSYNs == 1)
    }

    @Test func `stays that of the answer which was acknowledged, even where data begins at another one's`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send(at: 9_000_000, flags: syn | ack, acknowledging: 1001, back: true)
        bench.send("evil", at: 9_000_001, acknowledging: 1001, back: true)
        bench.send("data", at: 5001, acknowledging: 1001, back: true)
        #expect(bench.back.text == "data")
    }

    @Test func `is not moved by an answer to a SYN that was never sent`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send(at: 5000, flags: syn | ack, acknowledging: 700_000_001, back: true)
        bench.send("data", at: 1001, acknowledging: 5001)
        #expect(bench.there.text == "data")
        #expect(bench.there.gaps == [])
    }

    @Test func `is that of a SYN which was answered later than another one, in both directions`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send(at: 3_000_000, flags: syn)
        bench.send(at: 8_000_000, flags: syn | ack, acknowledging: 3_000_001, back: true)
        bench.send("question", at: 3_000_001, acknowledging: 8_000_001)
        bench.send("answer", at: 8_000_001, acknowledging: 3_000_009, back: true)
        bench.finish()
        #expect(bench.there.text == "question" && bench.back.text == "answer")
        #expect(bench.there.gaps == [] && bench.back.gaps == [])
    }

    @Test func `is the data's, if the SYN was repeated with another number and no answer was captured`() {
        let bench = StreamBench()
        bench.send(at: 1000, flags: syn)
        bench.send(at: 900_000_000, flags: syn)
        bench.send("data", at: 900_000_001)
        bench.finish()
        #expect(bench.there.text == "data")
        #expect(bench.there.gaps == [])
    }

    @Test func `cannot be moved by a stray segment once the SYN was answered`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("evil", at: 1001 &+ 5_000_000)
        bench.send("good", at: 1001, acknowledging: 5001)
        #expect(bench.there.text == "good")
    }

    @Test func `takes data that comes before the SYN+ACK is seen`() {
        let bench = StreamBench()
        bench.send(at: 1000, flags: syn)
        bench.send("first", at: 5001, acknowledging: 1001, back: true)
        bench.send(at: 5000, flags: syn | ack, acknowledging: 1001, back: true)
        bench.send(" then", at: 5006, acknowledging: 1001, back: true)
        bench.finish()
        #expect(bench.back.text == "first then")
        #expect(bench.back.gaps == [])
    }

    @Test func `is a new stream's where the ends are used again`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("one", at: 1001, acknowledging: 5001)
        bench.send(at: 1004, flags: rst)
        bench.send(at: 777_000, flags: syn)
        bench.send("two", at: 777_001)
        bench.finish()
        #expect(bench.flows.count == 2)
        #expect(bench.story(0).0.text == "one")
        #expect(bench.story(1).0.text == "two")
        #expect(bench.stage.consumer.closed.count == 2)
        #expect(bench.faults == [])
    }
}

@Suite struct `The end of a TCP stream` {
    @Test func `is told when everything before the FIN is there`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("last", at: 1006, flags: fin | ack)
        #expect(bench.there.ends == [])
        bench.send("first", at: 1001)
        #expect(bench.there.text == "firstlast")
        #expect(bench.there.ends == [.fin])
        #expect(bench.back.ends == [])
        bench.send(at: 1010, flags: fin | ack)
        #expect(bench.there.ends == [.fin])
    }

    @Test func `by a reset is told to both directions, and its data is none of the stream's`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("data", at: 1001)
        bench.send("go away", at: 1005, flags: rst)
        bench.finish()
        #expect(bench.there.text == "data")
        #expect(bench.there.ends == [.reset])
        #expect(bench.back.ends == [.reset])
    }

    @Test(arguments: [1001 &+ 3_000_000, 1001 &- 70_000] as [UInt32])
    func `is not told for a reset outside the window`(sequence: UInt32) {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("data", at: 1001)
        bench.send(at: sequence, flags: rst)
        bench.send("more", at: 1005)
        #expect(bench.there.text == "datamore")
        #expect(bench.there.ends == [])
        #expect(bench.statistics.resetsIgnored == 1)
    }

    @Test func `does not hide what comes after a forged reset`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send(at: 1001, flags: rst)
        bench.send("still here", at: 1001)
        #expect(bench.there.text == "still here")
        #expect(bench.there.ends == [.reset])
    }

    @Test func `hands over what waits, with gaps for what never came`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("a", at: 1001)
        bench.send("b", at: 1005)
        bench.send("c", at: 1010)
        bench.finish()
        #expect(bench.there.text == "abc")
        #expect(bench.there.gaps == [[1, 3], [5, 4]])
        #expect(bench.statistics.gapBytes == 7)
        #expect(bench.faults == [])
    }

    @Test func `shows what was acknowledged but never seen`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("a", at: 1001)
        bench.send(at: 5001, acknowledging: 1101, back: true)
        bench.finish()
        #expect(bench.there.gaps == [[1, 99]])
    }

    @Test func `with a FIN that was not captured is no gap`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("a", at: 1001)
        bench.send(at: 5001, acknowledging: 1003, back: true)
        bench.finish()
        #expect(bench.there.gaps == [])
    }

    @Test func `comes with the depth, and nothing beyond it`() {
        var configuration = StreamConfiguration()
        configuration.depth = 6
        let bench = StreamBench(configuration)
        bench.shakeHands()
        bench.send("abcd", at: 1001)
        bench.send("efgh", at: 1005)
        bench.send("ijkl", at: 1009)
        bench.send("answer", at: 5001, back: true)
        bench.finish()
        #expect(bench.there.text == "abcdef")
        #expect(bench.there.ends == [.depth])
        #expect(bench.back.text == "answer")
        #expect(bench.faults == [])
    }
}

@Suite struct `A hole in a TCP stream` {
    @Test func `becomes a gap when the receiver goes on acknowledging it`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("lost", at: 1010)
        for round in 0..<4 as Range<UInt32> {
            #expect(bench.there.text == "", "after \(round) acknowledgements")
            bench.send(at: 5001, acknowledging: 1014, back: true)
        }
        #expect(bench.there.text == "lost")
        #expect(bench.there.gaps == [[0, 9]])
    }

    @Test func `is filled by bytes that were captured after their acknowledgement`() {
        let bench = StreamBench()
        bench.shakeHands()
        bench.send("B", at: 1002)
        bench.send(at: 5001, acknowledging: 1003, back: true)
        bench.send("A", at: 1001)
        #expect(bench.there.text == "AB")
        #expect(bench.there.gaps == [])
    }

    @Test func `becomes a gap when too much waits behind it`() {
        var configuration = StreamConfiguration()
        configuration.waitingBytesPerStream = 10
        let bench = StreamBench(configuration)
        bench.shakeHands()
        bench.send("aaaa", at: 1011)
        bench.send("bbbb", at: 1021)
        bench.send("cccc", at: 1031)
        #expect(bench.there.text == "aaaa")
        #expect(bench.there.gaps == [[0, 10]])
        #expect(bench.statistics.streamBudgetGaps == 1)
        bench.finish()
        #expect(bench.there.text == "aaaabbbbcccc")
        #expect(bench.faults == [])
    }

    @Test func `becomes a gap when too many segments wait behind it`() {
        var configuration = StreamConfiguration()
        configuration.waitingSegmentsPerStream = 3
        let bench = StreamBench(configuration)
        bench.shakeHands()
        for step in 0..<20 as Range<UInt32> { bench.send("x", at: 1010 &+ step &* 2) }
        bench.finish()
        #expect(bench.there.bytes.count == 20)
        #expect(bench.statistics.streamBudgetGaps > 0)
        #expect(bench.faults == [])
    }

    @Test func `loses what no room is left for, and counts it`() {
        var configuration = StreamConfiguration()
        configuration.copiedBytes = 5
        let bench = StreamBench(configuration)
        bench.shakeHands()
        bench.send("bbbb", at: 1005)
        bench.send("cccc", at: 1009)
        bench.send("aaaa", at: 1001)
        #expect(bench.there.text == "aaaabbbb")
        #expect(bench.there.gaps == [[8, 4]])
        #expect(bench.statistics.totalBudgetLosses == 1)
    }

    @Test func `of more flows than are allowed passes them over, counted`() {
        var configuration = StreamConfiguration()
        configuration.flows = 2
        let bench = StreamBench(configuration)
        for host in 0..<4 as Range<UInt32> {
            var packet = Packet.tcp(10 + host, 9, 2, 80, flags: ack, sequence: 1, payload: 1, time: 1)
            packet.headers.capturedPayloadLength = 1
            bench.take(packet, [65])
        }
        #expect(bench.statistics.flows == 2)
        #expect(bench.statistics.flowsPassedOver == 2)
    }
}
