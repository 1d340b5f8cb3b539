// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

/// A stream in three arrays: each byte, the segment that it is of, and how much was handed over.
private struct ArrayModel {
    var bytes: [UInt8?] = Array(repeating: nil, count: 512)
    var owners: [Range<Int>] = Array(repeating: 0..<0, count: 512)
    var delivered = 0
    let policy: OverlapPolicy

    mutating func segment(_ range: Range<Int>, _ payload: [UInt8]) {
        let rest = max(range.lowerBound, delivered)..<max(range.upperBound, delivered)
        if policy == .drop, range.lowerBound < delivered || rest.contains(where: { bytes[$0] != nil }) {
            return
        }
        for index in rest where bytes[index] == nil || prefersNew(range, owners[index]) {
            bytes[index] = payload[index - range.lowerBound]
            owners[index] = range
        }
        if policy != .last { while delivered < 512, bytes[delivered] != nil { delivered += 1 } }
    }

    mutating func acknowledge(_ end: Int) {
        if policy == .last { while delivered < end, bytes[delivered] != nil { delivered += 1 } }
    }

    /// The table of Novak and Sturges, by who begins and who ends where.
    func prefersNew(_ new: Range<Int>, _ old: Range<Int>) -> Bool {
        let begin = (new.lowerBound - old.lowerBound).signum()
        let end = (new.upperBound - old.upperBound).signum()
        switch policy {
        case .first, .vista, .drop: return false
        case .last: return true
        case .linux: return begin < 0 || (begin == 0 && end > 0)
        case .oldLinux: return begin < 0 || (begin == 0 && end >= 0)
        case .solaris, .hpux11: return begin > 0 ? end > 0 : end >= 0
        default: return begin < 0
        }
    }
}

@Suite struct `Random segments` {
    @Test(arguments: OverlapPolicy.allCases)
    func `give what a model of arrays gives`(policy: OverlapPolicy) {
        for seed in 1...150 as ClosedRange<UInt64> {
            var dice = Dice(state: seed &* 1009 &+ UInt64(policy.rawValue))
            var model = ArrayModel(policy: policy)
            let bench = StreamBench(policy)
            let start = UInt32.random(in: 0 ... .max, using: &dice)
            bench.send(at: start &- 1, flags: TCPFlag.syn)
            bench.send(at: 0, flags: TCPFlag.syn | TCPFlag.ack, acknowledging: start, back: true)
            for _ in 0..<Int.random(in: 1..<60, using: &dice) {
                // Mostly near what is expected, so that holes are filled; some before it.
                let low = max(0, model.delivered + Int.random(in: -12..<40, using: &dice))
                let range = min(low, 500)..<min(512, low + Int.random(in: 1..<24, using: &dice) + 1)
                if range.isEmpty { continue }
                let payload = range.map { _ in UInt8.random(in: 0 ... .max, using: &dice) }
                model.segment(range, payload)
                bench.send(payload, at: start &+ UInt32(range.lowerBound))
                if policy == .last, dice.next() % 3 == 0 {
                    // Never beyond a hole: that would make it a gap.
                    let whole = model.bytes.firstIndex { $0 == nil } ?? 512
                    let end = Int.random(in: 0...whole, using: &dice)
                    model.acknowledge(end)
                    bench.send(at: 1, acknowledging: start &+ UInt32(end), back: true)
                }
                let expected = model.bytes[..<model.delivered].compactMap { $0 }
                #expect(bench.there.bytes == expected, "policy \(policy), seed \(seed)")
            }
            bench.finish()
            #expect(
                bench.there.bytes == model.bytes.compactMap { $0 },
                "policy \(policy), seed \(seed), at the end"
            )
            #expect(bench.faults == [], "policy \(policy), seed \(seed)")
        }
    }

    @Test(arguments: 1...6) func `cut, repeated and shuffled give the stream that was sent`(seed: UInt64) {
        var dice = Dice(state: seed)
        let sent = (0..<20_000).map { _ in UInt8.random(in: 0 ... .max, using: &dice) }
        var segments: [(Int, Int)] = []
        var at = 0
        while at < sent.count {
            let length = min(sent.count - at, Int.random(in: 1..<400, using: &dice))
            segments.append((at, at + length))
            if dice.next() % 5 == 0 { segments.append((max(0, at - 50), at + length)) }
            at += length
        }
        for index in segments.indices where dice.next() % 3 == 0 {
            segments.swapAt(index, min(segments.count - 1, index + Int.random(in: 1..<30, using: &dice)))
        }
        let bench = StreamBench()
        bench.shakeHands()
        for (from, to) in segments { bench.send(Array(sent[from..<to]), at: 1001 &+ UInt32(from)) }
        #expect(bench.there.bytes == sent)
        #expect(bench.there.gaps == [])
        #expect(bench.faults == [])
    }

    @Test(arguments: 1...8) func `with any flags and numbers break no rule`(seed: UInt64) {
        var dice = Dice(state: seed &* 31)
        var configuration = StreamConfiguration()
        configuration.overlap = OverlapPolicy.allCases[Int(seed) % OverlapPolicy.allCases.count]
        configuration.waitingBytesPerStream = 300
        configuration.waitingSegmentsPerStream = 12
        configuration.waitingSegments = 40
        configuration.copiedBytes = 900
        configuration.flows = 6
        configuration.depth = seed % 2 == 0 ? 2000 : .max
        let bench = StreamBench(configuration)
        for _ in 0..<20_000 {
            let near = dice.next() % 20 != 0
            let sequence =
                near ? UInt32.random(in: 0..<3000, using: &dice) : UInt32.random(in: 0 ... .max, using: &dice)
            let length = dice.next() % 4 == 0 ? 0 : Int.random(in: 1..<100, using: &dice)
            let isBack = dice.next() % 2 == 0
            let host = UInt32.random(in: 10..<18, using: &dice)
            let common = dice.next() % 3 != 0
            var packet = Packet.tcp(
                isBack ? 2 : host,
                isBack ? 80 : 9,
                isBack ? host : 2,
                isBack ? 9 : 80,
                flags: common ? TCPFlag.ack : UInt8.random(in: 0..<64, using: &dice),
                sequence: sequence,
                acknowledgement: UInt32.random(in: 0..<3000, using: &dice),
                payload: UInt32(length + (dice.next() % 10 == 0 ? 30 : 0)),
                time: bench.time
            )
            bench.time += 0.01
            bench.ordinal += 1
            packet.headers.capturedPayloadLength = UInt32(length)
            bench.take(packet, [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: length))
        }
        bench.finish()
        #expect(bench.faults == [], "seed \(seed)")
        #expect(bench.statistics.bytes > 0)
        #expect(bench.stage.reassembler.memoryBytes < 100_000)
    }
}
