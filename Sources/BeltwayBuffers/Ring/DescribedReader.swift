// SPDX-License-Identifier: Apache-2.0

/// A consumer of a ring with headers out of band.
///
/// Invariant: `published == read + lost`, in blocks, since it attached.
public struct DescribedReader: ~Copyable, Sendable {
    @usableFromInline var headers: RingReader<EntryLayout>
    @usableFromInline var bodies: RingReader<BodyLayout>
    /// How this reader is woken.
    public var coalescing: Coalescing {
        get { headers.coalescing }
        set { headers.coalescing = newValue }
    }

    /// Attaches at the tail: what is published from now on is offered.
    ///
    /// - Throws: ``BufferError/tooManyReaders``; ``BufferError/notABuffer(_:)`` if the memory cannot be had.
    public init(_ ring: DescribedRing, holding: Bool = true) throws(BufferError) {
        // The blocks first: see the invariant of ``DescribedRing``.
        let bodies = try RingReader(ring.bodies, as: BodyLayout.self, holding: holding)
        let headers = try RingReader(ring.headers, as: EntryLayout.self, holding: holding)
        self.bodies = bodies
        self.headers = headers
    }

    /// Taken and not given back.
    @inlinable public var read: UInt64 { headers.read }
    /// Overwritten before or while it was read.
    @inlinable public var lost: UInt64 { headers.lost }
    /// Offered since the reader attached.
    public var published: UInt64 { headers.published }
    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { headers.isAtEnd }
}

extension DescribedReader: BlockReader {
    /// Takes the next block; nil if nothing more is published.
    @inlinable
    public mutating func nextBlock(atMost limit: Int) -> Block? {
        // Headers whose blocks are gone: as many as a ring holds of an honest producer. A lying one does not keep us here.
        var vain = 0
        while vain < 4096, let entry = headers.nextEntry() {
            vain &+= 1
            let block = Block(
                position: entry.position,
                header: 0,
                length: Int(entry.length),
                ordinal: headers.ordinal &- 1
            )
            if bodies.seek(to: block) { return block }
            headers.giveBackEntry()
        }
        return nil
    }

    /// Hands out a block's bytes, in place.
    @inlinable @inline(__always)
    public func withBytes<Result>(of block: Block, _ body: (RawSpan) -> Result) -> Result {
        bodies.withBytes(of: block, body)
    }

    /// Whether no byte of the block taken last has been overwritten so far.
    @inlinable @inline(__always)
    public func isWhole(_ block: Block) -> Bool { bodies.isWhole(block) }

    /// Counts the block taken last as lost.
    @inlinable
    public mutating func giveBackLapped(_ block: Block) {
        headers.giveBackEntry()
    }

    /// Lets a producer that waits, or drops, for this reader overwrite everything taken so far.
    public func release() {
        bodies.release()
        headers.release()
    }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    public func wait(nanoseconds: Int64) {
        bodies.release()
        headers.wait(nanoseconds: nanoseconds)
    }
}
