// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Synchronization

/// What readers and producer of one buffer share besides its contents: who waits, and how far readers have come.
///
///     slot 0 ... 63   one cache line each: release bytes, release ordinal             stored by one reader
///     classified      bytes and ordinal up to which every index buffer is complete    stored by the classifier
///     sleepers        flag of readers of this process that sleep until the tail moves
///     dropped         packets that never came this far: the kernel's count            stored by the producer
///     readers' version changes whenever a reader in another process comes or goes     stored by who registers it
///     bell page       0 word, 64 flag of a producer that sleeps until readers let go
///                     128 shared read pointer: position, ordinal (medium reader preference, paper, 4.3.2)
///
/// All but the last are private to the process, so that the ring's own memory can be sealed. Readers in other
/// processes have a ``ReaderCursor`` each, and those that the producer waits for the bell page too. Who writes rubbish
/// into the bell page can ring it for nothing or silence it until a time-out (10 ms), or, under medium reader
/// preference, move the shared read pointer: forth, and let go of what others still read, which that policy lets every
/// reader do; not back, since it is never behind the slowest reader (``sharedReadPointer(_:)``).
///
/// Safe because all offsets are fixed and slot numbers are handed out by ``addReader(at:)`` below 64.
@safe @usableFromInline final class Coordination: @unchecked Sendable {
    @usableFromInline let memory: UnsafeMutableRawPointer
    /// The page of those that the producer waits for.
    let bell: SharedMemory
    /// The buffer's.
    let policy: BufferPolicy
    /// This process's page, if the buffer's owner is another process.
    let cursor: ReaderCursor?
    private let slots = Mutex<UInt64>(0)
    private let attached = Mutex<AttachedReaders>(AttachedReaders())
    /// How long a reader in another process may hold up the producer without letting go of a 64th of the buffer, in
    /// nanoseconds.
    let patience = Atomic<UInt64>(5_000_000_000)

    static let slotCount = 64
    static let slotLength = 64
    static let classified = slotCount * slotLength
    static let sleepers = classified + 64
    static let readersChanges = sleepers + 64
    static let dropped = readersChanges + 64
    static let length = dropped + 64
    /// Readers in other processes that one buffer has at most.
    static let attachedCapacity = 256

    static let bellLength = 4096
    static let roomWord = 0
    static let roomWanted = 64
    static let sharedPosition = 128
    static let sharedOrdinal = 136

    /// For the owner of a buffer.
    convenience init(policy: BufferPolicy) throws(BufferError) {
        let bell = try SharedMemory(creating: "beltway-bell", length: Self.bellLength)
        try bell.sealSize()
        self.init(bell: bell, cursor: nil, policy: policy)
    }

    /// For a process that attaches: with the pages that the owner handed over, if it did.
    convenience init(
        policy: BufferPolicy,
        cursorDescriptor: Int32?,
        bellDescriptor: Int32?
    ) throws(BufferError) {
        let cursor: ReaderCursor? =
            if let cursorDescriptor { try ReaderCursor(attaching: cursorDescriptor) } else { nil }
        let bell =
            if let bellDescriptor {
                try SharedMemory(attachingWritable: bellDescriptor, length: Self.bellLength)
            } else {
                try SharedMemory(creating: "beltway-bell", length: Self.bellLength)
            }
        self.init(bell: bell, cursor: cursor, policy: policy)
    }

    private init(bell: SharedMemory, cursor: ReaderCursor?, policy: BufferPolicy) {
        self.bell = bell
        self.cursor = cursor
        self.policy = policy
        unsafe memory = .allocate(byteCount: Self.length, alignment: 64)
        _ = unsafe memory.initializeMemory(as: UInt64.self, repeating: 0, count: Self.length / 8)
        unsafe version.pointee.store(1, ordering: .relaxed)
    }

    deinit { unsafe memory.deallocate() }

    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (memory + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    private func bellWord(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (bell.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    // MARK: Readers of this process

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
            if let cursor, used == 0 {
                cursor.store(ReaderCursor.releaseOrdinal, ordinal)
                cursor.store(ReaderCursor.releasePosition, position)
            }
            used |= 1 << UInt64(slot)
            return (slot, position, ordinal)
        }
        guard let reader else { throw .tooManyReaders }
        return reader
    }

    func removeReader(_ slot: Int) {
        let remaining = slots.withLock { used in
            used &= ~(1 << UInt64(slot))
            return used
        }
        if let cursor, remaining == 0 {
            // Nobody here reads any more: the owner, which takes no more than its tail, waits for nothing.
            cursor.store(ReaderCursor.releaseOrdinal, .max)
            cursor.store(ReaderCursor.releasePosition, .max)
        }
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
        let previous = unsafe (
            position: word(slot * Self.slotLength).pointee.load(ordering: .relaxed),
            ordinal: word(slot * Self.slotLength + 8).pointee.load(ordering: .relaxed)
        )
        let ordinal = max(ordinal, previous.ordinal)
        let position = max(position, previous.position)
        unsafe word(slot * Self.slotLength + 8).pointee.store(ordinal, ordering: .releasing)
        unsafe word(slot * Self.slotLength).pointee.store(position, ordering: .releasing)
        if let cursor {
            // The producer is elsewhere: it is shown the slowest reader of this process.
            let oldest = oldestRelease(.max, .max)
            cursor.store(ReaderCursor.releaseOrdinal, oldest.ordinal)
            cursor.store(ReaderCursor.releasePosition, oldest.position)
        }
        if policy == .mediumReader { shareReadPointer(previous) }
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
        guard cursor == nil, hasAttached else { return least }
        let other = attached.withLock { $0.oldestRelease((position, ordinal)) }
        return (min(least.position, other.position), min(least.ordinal, other.ordinal))
    }

    // MARK: The shared read pointer (medium reader preference)

    /// R = the reader's place before what it has just consumed: the last one to consume decides (paper, 4.3.2).
    ///
    /// A reader that finds nothing consumes 0 bytes: releasing once more, it lets go of its last batch too.
    private func shareReadPointer(_ previous: (position: UInt64, ordinal: UInt64)) {
        unsafe bellWord(Self.sharedOrdinal).pointee.store(previous.ordinal, ordering: .releasing)
        unsafe bellWord(Self.sharedPosition).pointee.store(previous.position, ordering: .releasing)
    }

    /// The shared read pointer, acquiring, so what was read before it may be overwritten; the tail without readers.
    ///
    /// Never behind the slowest reader: what everybody has let go of is needed by nobody, whoever stored R last, and
    /// whatever a liar stores there.
    private func sharedReadPointer(
        _ tail: (position: UInt64, ordinal: UInt64)
    ) -> (position: UInt64, ordinal: UInt64) {
        let slowest = oldestRelease(tail.position, tail.ordinal)
        let position = unsafe bellWord(Self.sharedPosition).pointee.load(ordering: .acquiring)
        let ordinal = unsafe bellWord(Self.sharedOrdinal).pointee.load(ordering: .acquiring)
        return (
            max(slowest.position, min(position, tail.position)),
            max(slowest.ordinal, min(ordinal, tail.ordinal))
        )
    }

    // MARK: What the producer must not overwrite

    /// The oldest place that the buffer's policy protects, `tail` being where it protects nothing.
    func oldestProtected(_ tail: (position: UInt64, ordinal: UInt64)) -> (
        position: UInt64, ordinal: UInt64
    ) {
        switch policy {
        case .fastReader: tail
        case .blocking, .slowReader: oldestRelease(tail.position, tail.ordinal)
        case .mediumReader: sharedReadPointer(tail)
        }
    }

    // MARK: Readers in other processes

    /// The word that producers look at per publication.
    var version: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(Self.readersChanges) }

    /// Whether a reader in another process ever came.
    var hasAttached: Bool { readersVersion != 1 }

    /// Changes whenever a reader in another process comes or goes; partner: the releasing adds below.
    var readersVersion: UInt64 { unsafe version.pointee.load(ordering: .acquiring) }

    /// Registers a reader of another process.
    ///
    /// - Parameters:
    ///   - cursor: Its page.
    ///   - holds: Whether the producer waits for it.
    ///   - place: The tail; asked under the lock, as for ``addReader(at:)``.
    /// - Returns: Its number, for ``detach(_:)``, and where it begins.
    /// - Throws: ``BufferError/tooManyReaders`` if 256 are attached already.
    func attach(
        _ cursor: ReaderCursor,
        holds: Bool,
        at place: () -> (position: UInt64, ordinal: UInt64)
    ) throws(BufferError) -> (id: UInt64, position: UInt64, ordinal: UInt64) {
        let result: (id: UInt64, position: UInt64, ordinal: UInt64)? = attached.withLock { attached in
            guard attached.readers.count < Self.attachedCapacity else { return nil }
            // Before the place is taken: a producer that does not see the new version has not reserved beyond it.
            unsafe version.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
            // Partner: the fence in ReaderWatch.wake. The add alone orders no later load (arm64: ldapr). The producer is
            // of this process: if membarrier cannot be called here, it could not register.
            _ = AsymmetricFence.ofSleeper()
            let (position, ordinal) = place()
            cursor.store(ReaderCursor.releasePosition, position)
            cursor.store(ReaderCursor.releaseOrdinal, ordinal)
            cursor.store(ReaderCursor.firstOrdinal, ordinal)
            let id = attached.nextID
            attached.nextID += 1
            attached.readers.append(
                AttachedReaders.Reader(
                    id: id,
                    cursor: cursor,
                    holds: holds,
                    position: position,
                    ordinal: ordinal,
                    firstOrdinal: ordinal
                )
            )
            return (id, position, ordinal)
        }
        guard let result else { throw .tooManyReaders }
        unsafe version.pointee.wrappingAdd(1, ordering: .releasing)
        room.wake()  // a writer may wait for its first readers
        return result
    }

    /// Forgets a reader of another process, at once; its page goes when the producer has noticed.
    func detach(_ id: UInt64) {
        attached.withLock { $0.readers.removeAll { $0.id == id } }
        unsafe version.pointee.wrappingAdd(1, ordering: .releasing)
        room.wake()
    }

    /// In a process that attached and is waited for: the place from which the owner holds the buffer.
    var heldFrom: (position: UInt64, ordinal: UInt64)? {
        guard let cursor else { return nil }
        let place = (cursor.load(ReaderCursor.releasePosition), cursor.load(ReaderCursor.releaseOrdinal))
        return place.0 == .max ? nil : place
    }

    /// Shows the owner where a reader of this process begins; for people.
    func began(at ordinal: UInt64) { cursor?.store(ReaderCursor.firstOrdinal, ordinal) }

    /// Shows the owner what a reader of this process has read and lost; for people.
    func report(read: UInt64, lost: UInt64) {
        guard let cursor else { return }
        cursor.store(ReaderCursor.read, read)
        cursor.store(ReaderCursor.lost, lost)
    }

    /// How many readers in other processes there are.
    var attachedCount: Int { hasAttached ? attached.withLock { $0.readers.count } : 0 }

    /// Readers in other processes, as the owner keeps them.
    var attachedReaders: [AttachedReaders.Reader] { attached.withLock { $0.readers } }

    /// The pages of all readers in other processes, and the version of that list.
    func attachedCursors() -> (version: UInt64, cursors: [ReaderCursor]) {
        // The version first: a reader that comes meanwhile is in the list, and the next look takes the list again.
        let seen = readersVersion
        return (seen, attached.withLock { $0.readers.map(\.cursor) })
    }

    /// Takes the hold from readers in other processes that hold up the producer and let go of too little.
    ///
    /// - Parameters:
    ///   - needed: What has to be let go for the producer to go on.
    ///   - length: Bytes of the buffer; a reader that holds it up has to let go of a 64th of them within its patience.
    func dropStalled(before needed: (position: UInt64, ordinal: UInt64), length: UInt64) {
        guard hasAttached else { return }
        let (now, patience) = (beltway_monotonic(), patience.load(ordering: .relaxed))
        _ = attached.withLock {
            $0.dropStalled(before: needed, share: length / 64, now: now, patience: patience)
        }
    }

    /// Packets that the kernel dropped before the producer saw them; for people.
    var droppedBefore: UInt64 {
        get { unsafe word(Self.dropped).pointee.load(ordering: .relaxed) }
        set { unsafe word(Self.dropped).pointee.store(newValue, ordering: .relaxed) }
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
    var room: WakeUp { unsafe WakeUp(word: bellWord(Self.roomWord), flag: bellWord(Self.roomWanted)) }
    /// What readers of this process sleep on until something is published.
    ///
    /// - Parameter word: The control page's, which the owner's own readers share; so do those that attached without a page
    ///   of their own, whom only time-outs wake.
    /// - Returns: That word with this process's flag, or this process's own pair.
    func publication(_ word: UnsafeMutablePointer<Atomic<UInt64>>) -> WakeUp {
        guard let cursor else { return unsafe WakeUp(word: word, flag: self.word(Self.sleepers)) }
        return cursor.publication
    }
}
