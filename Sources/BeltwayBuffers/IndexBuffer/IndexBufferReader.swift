// SPDX-License-Identifier: Apache-2.0
public import Synchronization

/// The handle that takes entries from an index buffer.
///
/// Invariant: `published == read + lost`, in entries. An entry that was taken but whose record turned out to be
/// lapped is moved from read to lost by ``giveBackLapped()``.
public struct IndexBufferReader: ~Copyable, @unchecked Sendable {
    /// The buffer that is read.
    public let buffer: IndexBuffer
    /// Entries taken.
    @usableFromInline var taken: UInt64 = 0
    /// Entries whose slot or record was overwritten before they could be used.
    public internal(set) var lost: UInt64 = 0
    /// Entries taken that were no packets; see ``passOverMark()``.
    @usableFromInline var marks: UInt64 = 0
    @usableFromInline var next: UInt64 = 0
    @usableFromInline var end: UInt64 = 0
    @usableFromInline let mask: UInt64

    /// Makes the one consumer of a buffer.
    public init(_ buffer: IndexBuffer) {
        self.buffer = buffer
        mask = UInt64(buffer.capacity - 1)
    }

    /// Entries used.
    public var read: UInt64 { taken }
    /// Packets offered so far.
    public var offered: UInt64 { next &- marks }
    /// Entries published and not yet taken.
    public var backlog: UInt64 { buffer.published &- next }

    /// Takes the next entry; nil if nothing more is published.
    @inlinable
    public mutating func takeNext() -> IndexEntry? {
        while true {
            if next == end {
                end = buffer.acquire(IndexBuffer.tail)  // partner: IndexBufferProducer.publish
                if next == end { return nil }
            }
            let entry = unsafe buffer.entries[Int(truncatingIfNeeded: next & mask)]
            if buffer.policy == .fastReader {
                // Partner: the release fence in IndexBufferProducer.reserve.
                atomicMemoryFence(ordering: .acquiring)
                let intent = unsafe buffer.word(IndexBuffer.intent).pointee.load(ordering: .relaxed)
                guard intent &- next <= mask &+ 1 else {
                    skipWhatWasLapped()
                    continue
                }
            }
            next &+= 1
            taken &+= 1
            return entry
        }
    }

    /// The next entry without taking it.
    @inlinable
    public mutating func peekNext() -> IndexEntry? {
        guard let entry = takeNext() else { return nil }
        next &-= 1
        taken &-= 1
        return entry
    }

    /// Resumes half a buffer behind the tail.
    @usableFromInline mutating func skipWhatWasLapped() {
        end = buffer.acquire(IndexBuffer.tail)
        let behind = UInt64(buffer.capacity) / 2
        let target = min(max(next &+ 1, end - min(end, behind)), end)
        lost &+= target &- next
        next = target
    }

    /// Counts the entry taken last as lost: its record was overwritten while it was used.
    public mutating func giveBackLapped() {
        taken &-= 1
        lost &+= 1
    }

    /// Counts the entry taken last as neither offered nor read: it was no packet but a word to the consumer.
    @inlinable
    public mutating func passOverMark() {
        taken &-= 1
        marks &+= 1
    }

    /// Lets a blocking producer overwrite everything taken so far, and wakes it if it waits.
    public func release() {
        guard buffer.policy == .blocking else { return }
        // Releasing: the entries were read before; partner: the acquiring load in IndexBufferProducer.reserve.
        unsafe buffer.word(IndexBuffer.release).pointee.store(next, ordering: .releasing)
        buffer.letGo.wake()
    }

    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { buffer.isClosed && buffer.published == next }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    public func wait(nanoseconds: Int64) {
        release()
        let (buffer, seen) = (buffer, next)
        buffer.publication.wait(nanoseconds: nanoseconds) { buffer.isClosed || buffer.published != seen }
    }
}
