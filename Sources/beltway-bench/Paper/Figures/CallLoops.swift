// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

/// Data of the calls, and the loops that are timed: one per method, specialised for each number of parameters.
struct CallData {
    /// Which function a packet goes to: always the first.
    private let same: [UInt8]
    /// One of two, at random.
    private let random: [UInt8]
    private let packets: [UInt64]

    init() {
        var state: UInt64 = 0x2545_f491_4f6c_dd1d
        func next() -> UInt64 {
            state ^= state &<< 13
            state ^= state &>> 7
            state ^= state &<< 17
            return state
        }
        random = (0..<65_536).map { _ in UInt8(truncatingIfNeeded: next() &>> 33 & 1) }
        same = random.map { $0 &>> 1 }
        packets = (0..<64).map { _ in next() }
    }

    func nanoseconds<C: Callee>(_ callee: C.Type, _ method: CallBenchmark.Method, seconds: Double) -> Double {
        nanosecondsPerStep(seconds: seconds) { count in
            switch method {
            case .inlined: consume(inlined(callee, count))
            case .switched: consume(switched(callee, same, count, first: true))
            case .direct: consume(direct(callee, count))
            case .indirect: consume(indirect(callee, same, count))
            case .switchedIndirect: consume(switched(callee, same, count, first: false))
            case .unpredictable: consume(indirect(callee, random, count))
            case .signalledInBatches: consume(signalled(callee, count, batch: 32))
            case .signalled: consume(signalled(callee, count, batch: 1))
            }
        }
    }

    /// The packets' words; that there are 64 lets the compiler leave out what would check a masked index.
    @inline(__always)
    private var words: PacketWords {
        @_lifetime(borrow self) get {
            precondition(packets.count == 64, "64 words of packets")
            return packets.span
        }
    }

    @inline(never) private func inlined<C: Callee>(_ callee: C.Type, _ count: Int) -> UInt64 {
        let words = words
        var state: UInt64 = 1
        for at in 0..<count { state = C.inlined(state, words, at) }
        return state
    }

    @inline(never) private func direct<C: Callee>(_ callee: C.Type, _ count: Int) -> UInt64 {
        let words = words
        var state: UInt64 = 1
        for at in 0..<count { state = C.direct(state, words, at) }
        return state
    }

    @inline(never)
    private func indirect<C: Callee>(_ callee: C.Type, _ codes: [UInt8], _ count: Int) -> UInt64 {
        // Two addresses in an array, so that each call loads its own as a pipeline's node would.
        let functions = [C.functions.0, C.functions.1]
        let (functionSpan, codeSpan) = (functions.span, codes.span)
        let words = words
        var state: UInt64 = 1
        for at in 0..<count {
            let code = Int(codeSpan[at & 65_535])
            state = C.indirect(functionSpan[code], state, words, at)
        }
        return state
    }

    /// The paper's switch: a case per inlined function, and a last one that leads to an indirect call.
    ///
    /// With `first` packets are for the inlined function, otherwise all are for the last case.
    @inline(never)
    private func switched<C: Callee>(
        _ callee: C.Type,
        _ codes: [UInt8],
        _ count: Int,
        first: Bool
    ) -> UInt64 {
        let functions = [C.functions.0, C.functions.1]
        let (functionSpan, codeSpan) = (functions.span, codes.span)
        let base: UInt8 = first ? 0 : 3
        let words = words
        var state: UInt64 = 1
        for at in 0..<count {
            let code = codeSpan[at & 65_535] &+ base
            switch code {
            case 0: state = C.inlined(state, words, at)
            case 1: state = C.inlined(~state, words, at)
            case 2: state = C.inlined(state &+ 1, words, at)
            default: state = C.indirect(functionSpan[Int(code) & 1 ^ 1], state, words, at)
            }
        }
        return state
    }

    @inline(never)
    private func signalled<C: Callee>(_ callee: C.Type, _ count: Int, batch: Int) -> UInt64 {
        // Without memory there is no figure: the sum is then wrong, which is noticed.
        guard let buffer = try? IndexBuffer(name: "bench", capacity: 1024, policy: .fastReader)
        else { return 0 }
        var producer = IndexBufferProducer(buffer)
        var reader = IndexBufferReader(buffer)
        let words = words
        var state: UInt64 = 1
        var at = 0
        while at < count {
            let end = min(at &+ batch, count)
            while at < end {
                _ = producer.append(.packet(at))
                at &+= 1
            }
            producer.publish()
            while let entry = reader.takeNext() {
                state = C.inlined(state, words, Int(truncatingIfNeeded: entry.position.bytes))
            }
        }
        return state
    }
}

extension IndexEntry {
    /// An entry for a measurement: the packet of a number.
    static func packet(_ number: Int) -> IndexEntry {
        IndexEntry(
            position: Position(UInt64(number)),
            flowHash: 0,
            ordinal: UInt32(truncatingIfNeeded: number),
            length: 64,
            buffer: 0,
            interface: 0,
            classification: .other
        )
    }
}

/// A thread that sleeps on an index buffer and answers each entry through a second one.
enum SleepingPeer {
    /// Time that passes from an entry's publication until the other thread has taken it: half of a round trip.
    static func nanosecondsPerSignal(count: Int) throws -> Double {
        let there = try IndexBuffer(name: "there", capacity: 64, policy: .fastReader)
        let back = try IndexBuffer(name: "back", capacity: 64, policy: .fastReader)
        let peer = PeerThread {
            var reader = IndexBufferReader(there)
            var producer = IndexBufferProducer(back)
            while !reader.isAtEnd {
                guard let entry = reader.takeNext() else {
                    reader.wait(nanoseconds: 100_000_000)
                    continue
                }
                _ = producer.append(entry)
                producer.publish()
            }
            return reader.lost
        }
        var producer = IndexBufferProducer(there)
        var reader = IndexBufferReader(back)
        let start = wallSeconds()
        for number in 0..<count {
            _ = producer.append(.packet(number))
            producer.publish()
            while reader.takeNext() == nil { reader.wait(nanoseconds: 100_000_000) }
        }
        let taken = wallSeconds() - start
        producer.close()
        guard peer.join() == 0 else { throw FigureTrouble(description: "the sleeping thread lost entries") }
        return taken * 1e9 / Double(2 * count)
    }
}
