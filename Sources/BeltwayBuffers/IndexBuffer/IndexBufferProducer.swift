// SPDX-License-Identifier: Apache-2.0

/// The handle that fills an index buffer.
public struct IndexBufferProducer: ~Copyable, Sendable {
    /// The buffer that this handle fills.
    public let buffer: IndexBuffer
    @usableFromInline var entries: RingProducer<EntryLayout>

    /// Makes the one producer of a buffer; a producer that is dropped ends it.
    public init(_ buffer: IndexBuffer) {
        self.buffer = buffer
        entries = buffer.ring.makeProducer(EntryLayout.self)
    }

    /// Appends an entry; invisible until ``publish()``.
    ///
    /// - Returns: False when the consumer still needs the room (blocking), or what is not published yet fills the
    ///   buffer: publish, ``waitForRoom()``, and append again.
    @inlinable @inline(__always)
    public mutating func append(_ entry: IndexEntry) -> Bool { entries.append(entry) }

    /// Appends an entry that is no packet but a word to the consumer; its `offset` becomes its number among these.
    ///
    /// So a consumer that lost entries knows how many of them were no packets: ``IndexBufferReader/passOverMark(_:)``.
    ///
    /// - Returns: As ``append(_:)``.
    public mutating func append(mark entry: IndexEntry) -> Bool {
        var entry = entry
        let known = buffer.marks
        entry.offset = UInt32(truncatingIfNeeded: known &+ 1)
        buffer.marks = known &+ 1
        if entries.append(entry) { return true }
        buffer.marks = known
        return false
    }

    /// Makes everything appended so far readable, and wakes the consumer if it sleeps.
    @inlinable public mutating func publish() { entries.publish() }

    /// Ends the consumer's sleep although there may be nothing for it.
    ///
    /// A consumer that gets no entry sleeps, and holds the ring where it fell asleep. In blocking mode call this after
    /// ``DataBuffer/storeClassifiedThrough(_:ordinal:)``, say once per quarter of the ring: it then looks again and lets
    /// go. Otherwise the producer stands still until the consumer's time-out.
    public mutating func wakeConsumer() { entries.wakeReaders() }

    /// Sleeps until the consumer lets go of something, at most ten milliseconds; publish before.
    public mutating func waitForRoom() { entries.waitForRoom() }

    /// Ends the buffer: publishes, then stores `closed`.
    public mutating func close() { entries.close() }
}
