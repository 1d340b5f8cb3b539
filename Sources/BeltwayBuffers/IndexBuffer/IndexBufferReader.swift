// SPDX-License-Identifier: Apache-2.0

/// The handle that takes entries from an index buffer.
///
/// Invariant 1. `offered == read + lost`, in packets. An entry that was taken but whose record turned out to be lapped is
///              moved from read to lost by ``giveBackLapped()``.
/// Invariant 2. An entry that is no packet is in none of the three, whether it was taken or overwritten: it has a number
///              among its like, so the next one that is taken tells how many were overwritten before it. Until then
///              `lost` leaves out as many as may have been, and is never more than is true; when everything was taken, or
///              nothing but packets was appended, it is exact.
public struct IndexBufferReader: ~Copyable, Sendable {
    /// The buffer that is read.
    public let buffer: IndexBuffer
    @usableFromInline var entries: RingReader<EntryLayout>
    /// Entries taken that were no packets; see ``passOverMark()``.
    @usableFromInline var marks: UInt64 = 0
    /// Such entries that were overwritten before the last one that was taken.
    private var lostMarks: UInt64 = 0
    /// Entries overwritten before that one.
    private var settled: UInt64 = 0
    /// Entries that were taken and given back: packets.
    private var givenBack: UInt64 = 0
    /// Packets that are known to be lost.
    private var proven: UInt64 = 0

    /// Makes the one consumer of a buffer; it is offered everything since the buffer was made.
    public init(_ buffer: IndexBuffer) {
        self.buffer = buffer
        entries = RingReader(adopting: buffer.slot, of: buffer.ring)
    }

    /// Packets used.
    @inlinable public var read: UInt64 { entries.read &- marks }
    /// Packets whose entry or record was overwritten before they could be used.
    public var lost: UInt64 {
        let unknown = min(overwritten, buffer.marks &- marks &- lostMarks)
        return max(proven, entries.lost &- lostMarks &- unknown)
    }
    /// Packets offered so far.
    public var offered: UInt64 { read &+ lost }
    /// Entries overwritten since the last one that was no packet.
    private var overwritten: UInt64 { entries.lost &- givenBack &- settled }
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
    public mutating func giveBackLapped() {
        entries.giveBackEntry()
        givenBack &+= 1
    }

    /// Counts the entry taken last as neither offered nor read: it was no packet but a word to the consumer.
    ///
    /// - Parameter entry: That entry, as ``IndexBufferProducer/append(mark:)`` numbered it.
    public mutating func passOverMark(_ entry: IndexEntry) {
        let before = entry.offset &- 1 &- UInt32(truncatingIfNeeded: marks &+ lostMarks)
        lostMarks &+= min(UInt64(before), overwritten)
        marks &+= 1
        settled = entries.lost &- givenBack
    }

    /// Keeps ``lost`` from becoming less when more is appended: call it before the count is shown.
    public mutating func settleLost() { proven = lost }

    /// Lets a blocking producer overwrite everything taken so far, and wakes it if it waits.
    public func release() {
        if buffer.policy.protectsReaders { entries.release() }
    }

    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { entries.isAtEnd }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    public func wait(nanoseconds: Int64) { entries.wait(nanoseconds: nanoseconds) }
}
