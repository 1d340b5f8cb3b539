// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

// Why there are two protocols. A `BlockReader` shows a block where it lies: an access costs nothing, so it cannot fail
// or change the reader. A `RecordReader` may have to fetch the part that is asked for from another host: an access waits,
// changes what is cached, and can come too late; which part is touched decides what is moved, so it is named. Every
// reader of packets is a `RecordReader`. Code that takes any `BlockReader` gets a remote ring as `RecordBlocks`, which
// fetches the part that it was told the code looks at (paper, 4.4: "implementations behind the same interface").

/// Any reader of packets as a reader of blocks: each packet's first bytes, fetched and copied aside when it is taken.
///
/// What is lent is the reader's own and cannot be overwritten. One that was overwritten before it could be had is
/// counted as lost and passed over. Invariant as everywhere: `published == read + lost`.
public struct RecordBlocks<Reader: RecordReader & ~Copyable>: ~Copyable {
    /// The reader of packets: for what blocks do not have, such as times.
    public var records: Reader
    /// The descriptor of the block taken last.
    @usableFromInline var descriptor: Descriptor?
    @usableFromInline let copy: ByteStore
    @usableFromInline var copied = 0
    /// Bytes of each packet that are had.
    @usableFromInline let bytes: Int

    /// Takes over a reader.
    ///
    /// - Parameters:
    ///   - records: A reader of packets, wherever they are.
    ///   - bytes: Bytes of each packet that will be looked at; the rest is not moved, and not in the block.
    /// - Throws: ``RemoteError`` for want of memory.
    public init(_ records: consuming Reader, bytes: Int = .max) throws(RemoteError) {
        let most = min(max(0, bytes), RecordLayout.maximumCapturedLength)
        copy = try ByteStore(capacity: max(most, 4096))
        self.bytes = most
        self.records = records
    }

    /// What is known of the block taken last besides its bytes; nil before the first.
    public var current: Descriptor? { descriptor }
}

extension RecordBlocks: BlockReader where Reader: ~Copyable {
    /// Takes the next packet and fetches its bytes; nil if nothing more is here.
    @inlinable
    public mutating func nextBlock(atMost limit: Int) -> Block? {
        while let found = records.next() {
            let length = min(bytes, Int(found.capturedLength))
            let store = copy
            do throws(Lapped) {
                copied = try records.withBytes(of: found, offset: 0, length: length) { span in
                    store.copy(span, to: 0)
                    return span.byteCount
                }
            } catch {
                continue  // counted as lost
            }
            descriptor = found
            return Block(position: found.position, header: 0, length: copied, ordinal: records.ordinal &- 1)
        }
        return nil
    }

    /// Hands out a block's bytes, where they were copied to: the one taken last.
    @inlinable
    public func withBytes<Result>(of block: Block, _ body: (RawSpan) -> Result) -> Result {
        copy.withBytes(0, min(max(0, block.length), copied), body)
    }

    /// Always: what is lent is a copy.
    @inlinable public func isWhole(_ block: Block) -> Bool { true }
    /// Counts the packet taken last as lost.
    @inlinable public mutating func giveBackLapped(_ block: Block) { records.giveBackLapped() }
    /// Nothing: no reader of a remote ring holds up its producer.
    @inlinable public mutating func release() {}
    /// Waits until more is here, the ring ends, the connection fails, or the time is over.
    @inlinable public mutating func wait(nanoseconds: Int64) { records.wait(nanoseconds: nanoseconds) }
    /// Packets taken and not given back.
    @inlinable public var read: UInt64 { records.read }
    /// Packets that were overwritten before they could be had.
    @inlinable public var lost: UInt64 { records.lost }
    /// Packets offered since the reader attached.
    @inlinable public var published: UInt64 { records.published }
    /// Whether everything was taken and nothing will come.
    @inlinable public var isAtEnd: Bool { records.isAtEnd }
}
