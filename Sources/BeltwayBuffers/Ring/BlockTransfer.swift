// SPDX-License-Identifier: Apache-2.0

/// One block of a buffer, as a reader was given it: numbers, no address.
@frozen public struct Block: Equatable, Sendable, BitwiseCopyable {
    /// Where it begins, marker and all; what a reader checks for having been lapped.
    public var position: Position
    /// Bytes between `position` and its first byte.
    public var header: Int
    /// Bytes.
    public var length: Int
    /// Its running number; in a stream that of its first byte.
    public var ordinal: UInt64

    /// Makes a block.
    @inlinable public init(position: Position, header: Int, length: Int, ordinal: UInt64) {
        self.position = position
        self.header = header
        self.length = length
        self.ordinal = ordinal
    }
}

/// The calls that every kind of buffer has for its producer (paper, 3.6: all buffers look alike).
public protocol BlockProducer: ~Copyable {
    /// Bytes of the longest block that can be appended.
    var maximumBlock: Int { get }
    /// Appends a block; invisible until ``publishBlocks()``.
    ///
    /// - Returns: False if readers still need the room, or what was not published yet fills the ring.
    mutating func appendBlock(_ block: RawSpan) -> Bool
    /// Makes everything appended so far readable, and wakes who sleeps for it.
    mutating func publishBlocks()
    /// Sleeps until readers let go of something, at most ten milliseconds; at once where the policy never waits.
    mutating func waitForRoom()
    /// Blocks (bytes in a stream) that found no room and were given up by ``write(_:)``.
    var dropped: UInt64 { get set }
    /// Whether the policy waits for readers instead of dropping.
    var waitsForReaders: Bool { get }
    /// Ends the buffer.
    mutating func close()
}

extension BlockProducer where Self: ~Copyable {
    /// Appends a block as the policy has it: waits for room where it waits, else drops and counts.
    ///
    /// - Parameter block: At most ``maximumBlock`` bytes (a programmer error otherwise).
    /// - Returns: Whether it was appended.
    @inlinable
    public mutating func write(_ block: RawSpan) -> Bool {
        if appendBlock(block) { return true }
        publishBlocks()
        while !appendBlock(block) {
            guard waitsForReaders else {
                dropped &+= 1
                return false
            }
            waitForRoom()
        }
        return true
    }
}

/// The calls that every kind of buffer has for its readers (paper, 3.6: all buffers look alike).
///
/// Invariant: `published == read + lost`, in blocks (bytes in a stream), since the reader attached.
public protocol BlockReader: ~Copyable {
    /// Takes the next block; nil if nothing more is published.
    ///
    /// - Parameter limit: Bytes wanted at most; honoured by streams.
    /// - Returns: The block, valid until the next one is taken.
    mutating func nextBlock(atMost limit: Int) -> Block?
    /// Hands out a block's bytes, in place: the one taken last. They may change under `body`; check ``isWhole(_:)``.
    func withBytes<Result>(of block: Block, _ body: (RawSpan) -> Result) -> Result
    /// Whether no byte of the block taken last has been overwritten so far.
    func isWhole(_ block: Block) -> Bool
    /// Counts the block taken last as lost: it was overwritten while it was used.
    mutating func giveBackLapped(_ block: Block)
    /// Lets a producer that waits, or drops, for this reader overwrite everything taken so far.
    mutating func release()
    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    mutating func wait(nanoseconds: Int64)
    /// Taken and not given back.
    var read: UInt64 { get }
    /// Overwritten before or while it was read.
    var lost: UInt64 { get }
    /// Offered since the reader attached.
    var published: UInt64 { get }
    /// Whether the producer has ended and everything was taken.
    var isAtEnd: Bool { get }
}
