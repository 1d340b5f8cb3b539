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
        for seed in 1...6 as ClosedRange<UInt64> {
            try walk(SlotLayout.self, .slots, policy, resizing, aligned: seed % 2 == 0, seed: seed)
        }
    }

    @Test(arguments: policies, Resizing.allCases)
    func `of marked blocks`(policy: BufferPolicy, resizing: Resizing) throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            try walk(MarkedLayout.self, .marked, policy, resizing, aligned: seed % 2 == 0, seed: seed)
        }
    }

    @Test(arguments: policies, Resizing.allCases)
    func `of bytes`(policy: BufferPolicy, resizing: Resizing) throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            try walk(StreamLayout.self, .stream, policy, resizing, aligned: false, seed: seed)
        }
    }

    /// A reader that may be absent: arrays cannot hold values that cannot be copied.
    final class Seat<Layout: BlockLayout> {
        var reader: RingReader<Layout>
        var start: UInt64
        init(_ reader: consuming RingReader<Layout>, start: UInt64) {
            self.reader = reader
            self.start = start
        }
    }

    private func walk<Layout: BlockLayout>(
        _ layout: Layout.Type,
        _ kind: BufferKind,
        _ policy: BufferPolicy,
        _ resizing: Resizing,
        aligned: Bool,
        seed: UInt64
    ) throws {
        var random = RandomSource(seed: seed &+ policy.rawValue &* 100 &+ resizing.rawValue &* 1000)
        let ring = try Ring(
            name: "model",
            options: RingOptions(
                kind: kind,
                policy: policy,
                capacity: 32768,
                slotLength: 256,
                isAligned: aligned,
                resizing: resizing,
                initialLength: resizing == .fixed ? 32768 : 8192
            )
        )
        var producer = ring.makeProducer(Layout.self)
        var seats: [Seat<Layout>] = []
        var written: UInt64 = 0  // blocks, or bytes of a stream
        var published: UInt64 = 0
        var refused = 0
        let isStream = kind == .stream
        for _ in 0..<4000 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                let length = Int.random(in: 0...(kind == .slots ? 248 : 700), using: &random)
                let bytes = Array(PacketText.stream(from: written, isStream: isStream, length: length))
                let appended = bytes.span.bytes.withBlock { producer.append($0) }
                if appended {
                    written += isStream ? UInt64(length) : 1
                } else {
                    refused += 1
                    producer.publish()
                    published = written
                }
            case 8..<11:
                producer.publish()
                published = written
            case 11 where seats.count < 5 && random.oneIn(4):
                seats.append(Seat(try RingReader(ring, as: Layout.self), start: published))
            case 12 where !seats.isEmpty && random.oneIn(12):
                seats.remove(at: Int.random(in: 0..<seats.count, using: &random))
            case 13 where resizing != .fixed && random.oneIn(3):
                producer.resize(to: 4096 << Int.random(in: 0...3, using: &random))
            default:
                guard let seat = seats.randomElement(using: &random) else { continue }
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    let limit = isStream ? Int.random(in: 1...900, using: &random) : .max
                    guard let block = seat.reader.next(atMost: limit) else { break }
                    let matches = seat.reader.withBytes(of: block) { bytes in
                        PacketText.matches(bytes, at: block.ordinal, isStream: isStream)
                    }
                    let isWhole = seat.reader.isWhole(block)
                    #expect(isWhole, "nothing is written while it reads")
                    #expect(matches, "seed \(seed): block \(block.ordinal) of \(block.length) bytes")
                    #expect(block.ordinal + (isStream ? UInt64(block.length) : 1) <= published)
                }
                if random.oneIn(2) { seat.reader.release() }
                #expect(seat.reader.read + seat.reader.lost == seat.reader.published)
                if policy == .blocking || policy == .slowReader { #expect(seat.reader.lost == 0) }
            }
        }
        producer.close()
        for seat in seats {
            while let block = seat.reader.next() {
                let matches = seat.reader.withBytes(of: block) {
                    PacketText.matches($0, at: block.ordinal, isStream: isStream)
                }
                #expect(matches, "seed \(seed): block \(block.ordinal) at the end")
            }
            let isAtEnd = seat.reader.isAtEnd
            #expect(isAtEnd)
            #expect(seat.reader.published == written - seat.start)
            #expect(seat.reader.read + seat.reader.lost == seat.reader.published)
        }
        #expect(written > 100, "refused \(refused)")
    }
}

extension RawSpan {
    func withBlock<Result>(_ body: (RawSpan) -> Result) -> Result { body(self) }
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
