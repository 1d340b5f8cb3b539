// SPDX-License-Identifier: Apache-2.0

/// The handle that takes entries from an index buffer.
///
/// Invariant: `published == read + lost`, in entries. An entry that was taken but whose record turned out to be
/// lapped is moved from read to lost by ``giveBackLapped()``.
public struct IndexBufferReader: ~Copyable, Sendable {
    /// The buffer that is read.
    public let buffer: IndexBuffer
    @usableFromInline var entries: RingReader<EntryLayout>
    /// Entries taken that were no packets; see ``passOverMark()``.
    @usableFromInline var marks: UInt64 = 0

    /// Makes the one consumer of a buffer; it is offered everything since the buffer was made.
    public init(_ buffer: IndexBuffer) {
        self.buffer = buffer
        entries = RingReader(adopting: buffer.slot, of: buffer.ring)
    }

    /// Entries used.
    @inlinable public var read: UInt64 { entries.read &- marks }
    /// Entries whose slot or record was overwritten before they could be used.
    @inlinable public var lost: UInt64 { entries.lost }
    /// Packets offered so far.
    @inlinable public var offered: UInt64 { entries.ordinal &- marks }
    /// Entries published and not yet taken.
    public var backlog: UInt64 { buffer.published &- min(buffer.published, entries.ordinal) }

    /// Takes the next entry; nil if nothing more is published.
    @inlinable @inline(__always)
    public mutating func takeNext() -> IndexEntry? { entries.nextEntry() }

    /// Asks the processor for the records of eight of the next entries, eight ahead; call it at every eighth.
    ///
    /// - Parameters:
    ///   - number: The data buffer whose records are asked for.
    ///   - memory: Its memory.
    public func fetchRecordsAhead(of number: UInt16, in memory: RingMemory) {
        entries.forEachEntry(from: 8, to: 16) { entry in
            if entry.buffer == number { memory.fetchRecord(at: entry.position) }
        }
    }

    /// The next entry without taking it.
    @inlinable
    public mutating func peekNext() -> IndexEntry? {
        guard let entry = entries.nextEntry() else { return nil }
        entries.putBackEntry()
        return entry
    }

    /// Counts the entry taken last as lost: its record was overwritten while it was used.
    @inlinable public mutating func giveBackLapped() { entries.giveBackEntry() }

    /// Counts the entry taken last as neither offered nor read: it was no packet but a word to the consumer.
    @inlinable public mutating func passOverMark() { marks &+= 1 }

    /// Lets a blocking producer overwrite everything taken so far, and wakes it if it waits.
    public func release() {
        if buffer.policy.protectsReaders { entries.release() }
    }

    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { entries.isAtEnd }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    public func wait(nanoseconds: Int64) { entries.wait(nanoseconds: nanoseconds) }
}
