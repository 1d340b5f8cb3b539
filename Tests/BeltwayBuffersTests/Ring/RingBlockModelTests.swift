// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Testing

/// Random steps of one producer and up to five readers, against a list of what was written.
///
/// The model is the list: block n is `BlockText.bytes(n)`, and a reader that says it is at ordinal n must be given
/// exactly block n, or say how many it lost. Readers attach, release, sleep on their blocks, and leave at random; the
/// ring is resized at random.
@Suite struct `A ring against its model` {
    static let policies: [BufferPolicy] = [.fastReader, .blocking, .slowReader, .mediumReader]

    @Test(arguments: policies, Resizing.allCases)
    func `of slots`(policy: BufferPolicy, resizing: Resizing) throws {
        try forEachSeed(.slots, policy, resizing) { ring, seed in
            let producer = ring.makeProducer(SlotLayout.self)
            try walk(Model(.slots, policy, resizing, seed), producer, { $0.resize(to: $1) }) {
                try RingReader(ring, as: SlotLayout.self)
            }
        }
    }

    @Test(arguments: policies, Resizing.allCases)
    func `of marked blocks`(policy: BufferPolicy, resizing: Resizing) throws {
        try forEachSeed(.marked, policy, resizing) { ring, seed in
            let producer = ring.makeProducer(MarkedLayout.self)
            try walk(Model(.marked, policy, resizing, seed), producer, { $0.resize(to: $1) }) {
                try RingReader(ring, as: MarkedLayout.self)
            }
        }
    }

    @Test(arguments: policies, Resizing.allCases)
    func `of bytes`(policy: BufferPolicy, resizing: Resizing) throws {
        try forEachSeed(.stream, policy, resizing) { ring, seed in
            let producer = ring.makeProducer(StreamLayout.self)
            try walk(Model(.stream, policy, resizing, seed), producer, { $0.resize(to: $1) }) {
                try RingReader(ring, as: StreamLayout.self)
            }
        }
    }

    @Test(arguments: policies, Resizing.allCases)
    func `of entries`(policy: BufferPolicy, resizing: Resizing) throws {
        try forEachSeed(.index, policy, resizing) { ring, seed in
            let producer = ring.makeProducer(EntryLayout.self)
            try walk(Model(.index, policy, resizing, seed), producer, { $0.resize(to: $1) }) {
                try RingReader(ring, as: EntryLayout.self)
            }
        }
    }

    @Test(arguments: policies, Resizing.allCases)
    func `of blocks with headers out of band`(policy: BufferPolicy, resizing: Resizing) throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            let ring = try DescribedRing(name: "model", options: options(.described, policy, resizing, seed))
            let producer = ring.makeProducer()
            try walk(Model(.described, policy, resizing, seed), producer, { $0.resize(to: $1) }) {
                try DescribedReader(ring)
            }
        }
    }

    @Test(arguments: policies)
    func `of packets`(policy: BufferPolicy) throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            let buffer = try DataBuffer(
                name: "model",
                number: 0,
                linkType: .ethernet,
                capacity: 65536,
                policy: policy
            )
            let producer = buffer.makeProducer()
            try walk(Model(.described, policy, .fixed, seed), producer, { _, _ in }) {
                try DescriptorReader(buffer)
            }
        }
    }

    private func options(
        _ kind: BufferKind,
        _ policy: BufferPolicy,
        _ resizing: Resizing,
        _ seed: UInt64
    ) -> RingOptions {
        RingOptions(
            kind: kind,
            policy: policy,
            capacity: 32768,
            slotLength: 256,
            isAligned: seed % 2 == 0,
            resizing: resizing,
            initialLength: resizing == .fixed ? 32768 : 8192
        )
    }

    private func forEachSeed(
        _ kind: BufferKind,
        _ policy: BufferPolicy,
        _ resizing: Resizing,
        _ body: (Ring, UInt64) throws -> Void
    ) throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            try body(Ring(name: "model", options: options(kind, policy, resizing, seed)), seed)
        }
    }

    /// What is walked, and how long its blocks are.
    struct Model {
        var kind: BufferKind
        var policy: BufferPolicy
        var resizing: Resizing
        var seed: UInt64
        var isStream: Bool { kind == .stream }
        var lengths: ClosedRange<Int> {
            switch kind {
            case .slots: 0...248
            case .index: 32...32
            default: 0...700
            }
        }

        init(_ kind: BufferKind, _ policy: BufferPolicy, _ resizing: Resizing, _ seed: UInt64) {
            (self.kind, self.policy, self.resizing, self.seed) = (kind, policy, resizing, seed)
        }
    }

    /// A reader that may be absent: arrays cannot hold values that cannot be copied.
    final class Seat<Reader: BlockReader & ~Copyable> {
        var reader: Reader
        var start: UInt64
        init(_ reader: consuming Reader, start: UInt64) {
            self.reader = reader
            self.start = start
        }
    }

    private func walk<Producer: BlockProducer & ~Copyable, Reader: BlockReader & ~Copyable>(
        _ model: Model,
        _ made: consuming Producer,
        _ resize: (inout Producer, Int) -> Void,
        _ attach: () throws -> Reader
    ) throws {
        let isStream = model.isStream
        var random = RandomSource(
            seed: model.seed &+ model.policy.rawValue &* 100 &+ model.resizing.rawValue &* 1000
        )
        var producer = made
        var seats: [Seat<Reader>] = []
        var written: UInt64 = 0  // blocks, or bytes of a stream
        var published: UInt64 = 0
        var refused = 0
        for _ in 0..<4000 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                let length = Int.random(in: model.lengths, using: &random)
                let bytes = PacketText.stream(from: written, isStream: isStream, length: length)
                if producer.appendBlock(bytes.span.bytes) {
                    written += isStream ? UInt64(length) : 1
                } else {
                    refused += 1
                    producer.publishBlocks()
                    published = written
                }
            case 8..<11:
                producer.publishBlocks()
                published = written
            case 11 where seats.count < 5 && random.oneIn(4):
                seats.append(Seat(try attach(), start: published))
            case 12 where !seats.isEmpty && random.oneIn(12):
                seats.remove(at: Int.random(in: 0..<seats.count, using: &random))
            case 13 where model.resizing != .fixed && random.oneIn(3):
                resize(&producer, 4096 << Int.random(in: 0...3, using: &random))
            default:
                guard let seat = seats.randomElement(using: &random) else { continue }
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    let limit = isStream ? Int.random(in: 1...900, using: &random) : .max
                    guard let block = seat.reader.nextBlock(atMost: limit) else { break }
                    let matches = seat.reader.withBytes(of: block) { bytes in
                        PacketText.matches(bytes, at: block.ordinal, isStream: isStream)
                    }
                    let isWhole = seat.reader.isWhole(block)
                    #expect(isWhole, "nothing is written while it reads")
                    #expect(matches, "seed \(model.seed): block \(block.ordinal) of \(block.length) bytes")
                    #expect(block.ordinal + (isStream ? UInt64(block.length) : 1) <= published)
                }
                if random.oneIn(2) { seat.reader.release() }
                let (read, lost, offered) = (seat.reader.read, seat.reader.lost, seat.reader.published)
                #expect(read + lost == offered)
                if model.policy == .blocking || model.policy == .slowReader { #expect(lost == 0) }
            }
        }
        while !producer.appendBlock([UInt8](repeating: 0, count: 32).span.bytes) {
            producer.publishBlocks()
            for seat in seats { finish(seat, model) }
        }
        written += isStream ? 32 : 1
        producer.publishBlocks()
        for seat in seats { finish(seat, model, last: written - (isStream ? 32 : 1)) }
        producer.close()
        for seat in seats {
            let (isAtEnd, offered) = (seat.reader.isAtEnd, seat.reader.published)
            #expect(isAtEnd)
            #expect(offered == written - seat.start)
        }
        #expect(written > 100, "refused \(refused)")
    }

    /// Reads all there is, and lets go of it twice: the shared pointer of medium readers follows with the second.
    private func finish<Reader: BlockReader & ~Copyable>(
        _ seat: Seat<Reader>,
        _ model: Model,
        last: UInt64 = .max
    ) {
        while let block = seat.reader.nextBlock(atMost: .max) {
            let matches = seat.reader.withBytes(of: block) {
                PacketText.matches($0, at: block.ordinal, isStream: model.isStream)
            }
            #expect(
                matches || block.ordinal &+ UInt64(model.isStream ? block.length : 1) > last,
                "seed \(model.seed): block \(block.ordinal)"
            )
        }
        seat.reader.release()
        seat.reader.release()
        let (read, lost, offered) = (seat.reader.read, seat.reader.lost, seat.reader.published)
        #expect(read + lost == offered)
    }
}

extension PacketText {
    /// Block n, or a stream's bytes from offset n on.
    static func stream(from ordinal: UInt64, isStream: Bool, length: Int) -> [UInt8] {
        guard isStream else { return Array(bytes(ordinal: ordinal, length: length)) }
        return (0..<length).map { byte(at: ordinal + UInt64($0)) }
    }

    static func byte(at offset: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: (offset &* 0x9E37_79B9) >> 13) }

    static func matches(_ span: RawSpan, at ordinal: UInt64, isStream: Bool) -> Bool {
        guard isStream else { return matches(span, ordinal: ordinal) }
        return (0..<span.byteCount).allSatisfy {
            span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == byte(at: ordinal + UInt64($0))
        }
    }
}
