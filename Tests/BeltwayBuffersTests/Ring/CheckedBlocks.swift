// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation

/// Blocks of any kind of ring that carry their own checksum, and what it takes to write and to judge them.
struct CheckedBlocks<Layout: BlockLayout>: Sendable {
    let kind: BufferKind

    /// Block `number`, as words; a stream's is the next eight words of it.
    func fill(_ words: inout [UInt64], _ number: UInt64) {
        switch kind {
        case .index:
            words = [
                number, number &* 0x2545_F491_4F6C_DD1D, ~number, number &* 0x9E37_79B9 ^ 0x5DEE_CE66_D5A7,
            ]
        case .stream: words = (0..<8).map { Self.word(number * 8 + $0) }
        default: CheckedPacket.fill(&words, ordinal: number)
        }
    }

    /// What one block adds to ordinals.
    var count: UInt64 { kind == .stream ? 64 : 1 }

    /// Whether these are the bytes of block `ordinal` (in a stream, from that byte on).
    func isRight(_ span: RawSpan, _ ordinal: UInt64) -> Bool {
        switch kind {
        case .index:
            return span.byteCount == 32 && span.littleEndian64(at: 0) == ordinal
                && span.littleEndian64(at: 8) == ordinal &* 0x2545_F491_4F6C_DD1D
                && span.littleEndian64(at: 16) == ~ordinal
                && span.littleEndian64(at: 24) == ordinal &* 0x9E37_79B9 ^ 0x5DEE_CE66_D5A7
        case .stream:
            var offset = Int((8 - ordinal % 8) % 8)
            while offset + 8 <= span.byteCount {
                guard span.littleEndian64(at: offset) == Self.word((ordinal + UInt64(offset)) / 8) else {
                    return false
                }
                offset += 8
            }
            return true
        default: return CheckedPacket.isWhole(span, ordinal: ordinal)
        }
    }

    private static func word(_ index: UInt64) -> UInt64 { (index &+ 1) &* 0x9E37_79B9_7F4A_7C15 }
}

/// What a reader of checked blocks has seen.
struct BlockLedger: Equatable, Sendable {
    var torn: UInt64 = 0
    var read: UInt64 = 0
    var lost: UInt64 = 0
    var published: UInt64 = 0
    var isRight: Bool { torn == 0 && read + lost == published }
}

/// Reads a ring to its end.
///
/// - Parameters:
///   - reader: Used up.
///   - blocks: How to judge them.
///   - pause: Sleeps a little after so many blocks; 0 never.
///   - step: Called after each block with the number read so far.
/// - Returns: What it saw.
func readToEnd<Reader: BlockReader & ~Copyable, Layout: BlockLayout>(
    _ reader: inout Reader,
    _ blocks: CheckedBlocks<Layout>,
    pause: UInt64 = 0,
    step: (UInt64) -> Void = { _ in }
) -> BlockLedger {
    var ledger = BlockLedger()
    var turns: UInt64 = 0
    while true {
        guard let block = reader.nextBlock(atMost: .max) else {
            if reader.isAtEnd { break }
            reader.wait(nanoseconds: 5_000_000)
            continue
        }
        let isRight = reader.withBytes(of: block) { blocks.isRight($0, block.ordinal) }
        if !reader.isWhole(block) { reader.giveBackLapped(block) } else if !isRight { ledger.torn += 1 }
        turns += 1
        if turns % 16 == 0 { reader.release() }
        if pause > 0, turns % pause == 0 { usleep(50) }
        step(turns)
    }
    (ledger.read, ledger.lost, ledger.published) = (reader.read, reader.lost, reader.published)
    return ledger
}

/// Writes blocks 0 ..< count, all of them: one that is refused is tried again.
func produceAll<Layout: BlockLayout>(
    _ count: UInt64,
    into ring: Ring,
    _ blocks: CheckedBlocks<Layout>,
    batch: UInt64,
    each: (inout RingProducer<Layout>, UInt64) -> Void = { _, _ in }
) {
    var producer = ring.makeProducer(Layout.self)
    produceAll(count, by: &producer, ring.policy, blocks, batch: batch, each: each)
}

/// The same by any producer, which ends its ring.
func produceAll<Producer: BlockProducer & ~Copyable, Layout: BlockLayout>(
    _ count: UInt64,
    by producer: inout Producer,
    _ policy: BufferPolicy,
    _ blocks: CheckedBlocks<Layout>,
    batch: UInt64,
    each: (inout Producer, UInt64) -> Void = { _, _ in }
) {
    var words: [UInt64] = []
    for number in 0..<count {
        blocks.fill(&words, number)
        while !producer.appendBlock(words.span.bytes) {
            producer.publishBlocks()
            producer.waitForRoom()
            if policy == .slowReader || policy == .mediumReader { usleep(20) }
        }
        if number % batch == 0 { producer.publishBlocks() }
        each(&producer, number)
    }
    producer.close()
}
