// SPDX-License-Identifier: Apache-2.0
internal import Glibc
public import Synchronization

// The index buffer (IBuf): one consumer's selection, as entries of 32 bytes. One producer, one consumer.
//
//   control, one cache line each:  0 tail   64 intent   128 release   192 sleepers' flag, 200 their wake word
//                                  256 closed   320 room's wake word, 328 its flag
//
// Same policy as the rings its entries point into, same double check on its entries: under fast reader preference
// the producer overwrites, the consumer notices and counts; in blocking mode the producer waits for `release`.

/// A private ring of index entries between a classifier and one consumer.
///
/// Safe because entry addresses are reduced modulo the capacity and control offsets are fixed.
@safe public final class IndexBuffer: @unchecked Sendable {
    /// Shown to people: the consumer's name.
    public let name: String
    /// Entries that it holds, a power of two.
    public let capacity: Int
    /// Who gives way.
    public let policy: BufferPolicy
    @usableFromInline let entries: UnsafeMutablePointer<IndexEntry>
    @usableFromInline let control: UnsafeMutableRawPointer

    @usableFromInline static let tail = 0
    @usableFromInline static let intent = 64
    @usableFromInline static let release = 128
    static let sleepers = 192
    static let wakeWord = 200
    @usableFromInline static let closed = 256
    static let room = 320
    static let roomWanted = 328

    /// Makes an index buffer.
    ///
    /// - Parameters:
    ///   - name: The consumer's name.
    ///   - capacity: Entries; a power of two of 64 or more (a programmer error otherwise).
    ///   - policy: That of the rings its entries point into.
    public init(name: String, capacity: Int, policy: BufferPolicy) {
        precondition(
            capacity >= 64 && capacity & (capacity - 1) == 0,
            "an index buffer's capacity is a power of two"
        )
        self.name = name
        self.capacity = capacity
        self.policy = policy
        unsafe entries = .allocate(capacity: capacity)
        unsafe control = .allocate(byteCount: 384, alignment: 64)
        _ = unsafe control.initializeMemory(as: UInt64.self, repeating: 0, count: 48)
        let zero = IndexEntry(
            position: .zero,
            flowHash: 0,
            ordinal: 0,
            length: 0,
            buffer: 0,
            interface: 0,
            classification: .other
        )
        unsafe entries.initialize(repeating: zero, count: capacity)
    }

    deinit {
        unsafe entries.deallocate()
        unsafe control.deallocate()
    }

    @inlinable @inline(__always)
    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable @inline(__always)
    func acquire(_ offset: Int) -> UInt64 { unsafe word(offset).pointee.load(ordering: .acquiring) }

    /// Whether the producer has ended; load it before the tail.
    public var isClosed: Bool { acquire(Self.closed) != 0 }
    /// Entries published since the buffer was made.
    public var published: UInt64 { acquire(Self.tail) }

    /// What the consumer sleeps on until something is published.
    var publication: WakeUp { unsafe WakeUp(word: word(Self.wakeWord), flag: word(Self.sleepers)) }
    /// What a blocking producer sleeps on until the consumer lets go of something.
    var letGo: WakeUp { unsafe WakeUp(word: word(Self.room), flag: word(Self.roomWanted)) }
}
