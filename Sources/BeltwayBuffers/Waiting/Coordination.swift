// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Synchronization

/// What threads of one process share about a ring besides its contents: who waits, and how far readers have come.
///
///     slot 0 ... 63   one cache line each: release bytes, release ordinal             stored by one reader
///     classified      bytes and ordinal up to which every index buffer is complete    stored by the classifier
///     sleepers        flag of readers that sleep until the tail moves
///     room            word and flag of a producer that sleeps until readers let go
///
/// Private to the process, so that the ring's own memory can be sealed. Safe because all offsets are fixed and slot
/// numbers are handed out by ``addReader(at:)`` below 64.
@safe @usableFromInline final class Coordination: @unchecked Sendable {
    @usableFromInline let memory: UnsafeMutableRawPointer
    private let slots = Mutex<UInt64>(0)

    static let slotCount = 64
    static let slotLength = 64
    static let classified = slotCount * slotLength
    static let sleepers = classified + 64
    static let roomWord = sleepers + 64
    static let roomWanted = roomWord + 8
    static let length = roomWord + 64

    init() {
        unsafe memory = .allocate(byteCount: Self.length, alignment: 64)
        _ = unsafe memory.initializeMemory(as: UInt64.self, repeating: 0, count: Self.length / 8)
    }

    deinit { unsafe memory.deallocate() }

    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (memory + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    // MARK: Release positions (blocking policy)

    /// Takes a slot whose reader holds everything from a place on.
    ///
    /// `place` is asked under the lock that ``oldestRelease(_:_:)`` takes. So either the producer sees the slot, or
    /// what it had published when it looked is published for `place` too; and as it reserves at most one capacity
    /// beyond that, nothing from `place` on is overwritten before the slot counts.
    ///
    /// - Throws: ``BufferError/tooManyReaders`` if all 64 are taken: a reader that holds nothing would lose packets.
    func addReader(
        at place: () -> (position: UInt64, ordinal: UInt64)
    ) throws(BufferError) -> (slot: Int, position: UInt64, ordinal: UInt64) {
        let reader: (slot: Int, position: UInt64, ordinal: UInt64)? = slots.withLock { used in
            let slot = (~used).trailingZeroBitCount
            guard slot < Self.slotCount else { return nil }
            let (position, ordinal) = place()
            unsafe word(slot * Self.slotLength).pointee.store(position, ordering: .relaxed)
            unsafe word(slot * Self.slotLength + 8).pointee.store(ordinal, ordering: .relaxed)
            used |= 1 << UInt64(slot)
            return (slot, position, ordinal)
        }
        guard let reader else { throw .tooManyReaders }
        return reader
    }

    func removeReader(_ slot: Int) {
        slots.withLock { used in used &= ~(1 << UInt64(slot)) }
        room.wake()
    }

    /// Stores how far a reader no longer needs the ring, and wakes the producer if it waits for room.
    ///
    /// Never takes back what was let go: a consumer may have used an entry before the classifier says that it is
    /// through with the batch.
    ///
    /// Releasing: the reader's loads from the ring come before the store, so the producer, which acquires it in
    /// ``oldestRelease(_:_:)``, does not overwrite bytes that are still being read.
    func release(_ slot: Int, position: UInt64, ordinal: UInt64) {
        let (position, ordinal) = unsafe (
            max(position, word(slot * Self.slotLength).pointee.load(ordering: .relaxed)),
            max(ordinal, word(slot * Self.slotLength + 8).pointee.load(ordering: .relaxed))
        )
        unsafe word(slot * Self.slotLength + 8).pointee.store(ordinal, ordering: .releasing)
        unsafe word(slot * Self.slotLength).pointee.store(position, ordering: .releasing)
        room.wake()
    }

    /// The least release position and ordinal of all readers, or the given ones without readers.
    func oldestRelease(_ position: UInt64, _ ordinal: UInt64) -> (position: UInt64, ordinal: UInt64) {
        var least = (position: position, ordinal: ordinal)
        var remaining = slots.withLock { $0 }
        while remaining != 0 {
            let base = remaining.trailingZeroBitCount * Self.slotLength
            remaining &= remaining - 1
            least.position = min(least.position, unsafe word(base).pointee.load(ordering: .acquiring))
            least.ordinal = min(least.ordinal, unsafe word(base + 8).pointee.load(ordering: .acquiring))
        }
        return least
    }

    // MARK: How far the classifier has come

    /// Stored after the tails of all index buffers; partner: ``classifiedThrough``.
    func storeClassified(position: UInt64, ordinal: UInt64) {
        unsafe word(Self.classified + 8).pointee.store(ordinal, ordering: .releasing)
        unsafe word(Self.classified).pointee.store(position, ordering: .releasing)
    }

    /// Each half is a bound by itself: ordinal and position were both complete when they were stored.
    var classifiedThrough: (position: UInt64, ordinal: UInt64) {
        let position = unsafe word(Self.classified).pointee.load(ordering: .acquiring)
        return (position, unsafe word(Self.classified + 8).pointee.load(ordering: .acquiring))
    }

    // MARK: Waiting for room

    /// What a producer sleeps on that waits for its readers; they wake it with every release.
    var room: WakeUp { unsafe WakeUp(word: word(Self.roomWord), flag: word(Self.roomWanted)) }
}
