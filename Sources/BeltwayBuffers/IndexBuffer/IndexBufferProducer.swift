// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// The handle that fills an index buffer.
///
/// Safe: slots are reduced modulo the capacity, and the buffer that owns the memory is kept here.
public struct IndexBufferProducer: ~Copyable, @unchecked Sendable {
    /// The buffer that this handle fills.
    public let buffer: IndexBuffer
    @usableFromInline var tail: UInt64 = 0
    @usableFromInline var reserved: UInt64 = 0
    private var publishedTail: UInt64 = 0
    @usableFromInline let mask: UInt64

    /// Makes the one producer of a buffer.
    public init(_ buffer: IndexBuffer) {
        self.buffer = buffer
        mask = UInt64(buffer.capacity - 1)
    }

    deinit {
        unsafe buffer.word(IndexBuffer.closed).pointee.store(1, ordering: .releasing)
        buffer.publication.wake()
    }

    /// Appends an entry; invisible until ``publish()``.
    ///
    /// - Returns: False in blocking mode when the consumer still needs the room: publish, ``waitForRoom()``, and
    ///   append again.
    @inlinable @inline(__always)
    public mutating func append(_ entry: IndexEntry) -> Bool {
        if tail == reserved {
            guard reserve() else { return false }
        }
        unsafe buffer.entries[Int(truncatingIfNeeded: tail & mask)] = entry
        tail &+= 1
        return true
    }

    /// Announces that the next entries may change; one fence for 64 of them.
    @usableFromInline mutating func reserve() -> Bool {
        var end = tail &+ min(64, UInt64(buffer.capacity) / 4)
        if buffer.policy == .blocking {
            // Acquiring: partner is the releasing store in IndexBufferReader.release.
            end = min(end, buffer.acquire(IndexBuffer.release) &+ UInt64(buffer.capacity))
            guard end > tail else { return false }
        }
        reserved = end
        unsafe buffer.word(IndexBuffer.intent).pointee.store(end, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)  // partner: acquire fence in IndexBufferReader.next
        return true
    }

    /// Makes everything appended so far readable, and wakes the consumer if it sleeps.
    public mutating func publish() {
        guard tail != publishedTail else { return }
        publishedTail = tail
        unsafe buffer.word(IndexBuffer.tail).pointee.store(tail, ordering: .releasing)
        buffer.publication.wake()
    }

    /// Ends the consumer's sleep although there may be nothing for it.
    ///
    /// A consumer that gets no entry sleeps, and holds the ring where it fell asleep. In blocking mode call this after
    /// ``DataBuffer/storeClassifiedThrough(_:ordinal:)``, say once per quarter of the ring: it then looks again and lets
    /// go. Otherwise the producer stands still until the consumer's time-out.
    public func wakeConsumer() { buffer.publication.wake() }

    /// Sleeps until the consumer lets go of something, at most ten milliseconds; publish before.
    public mutating func waitForRoom() {
        let (buffer, tail) = (buffer, tail)
        func hasRoom() -> Bool {
            tail &- buffer.acquire(IndexBuffer.release) < UInt64(buffer.capacity) / 2
        }
        guard buffer.policy == .blocking, !hasRoom() else { return }
        buffer.letGo.wait(nanoseconds: 10_000_000, unless: hasRoom)
    }

    /// Ends the buffer: publishes, then stores `closed`; a producer that is dropped ends it too.
    public mutating func close() {
        publish()
        unsafe buffer.word(IndexBuffer.closed).pointee.store(1, ordering: .releasing)
        buffer.publication.wake()
    }
}
