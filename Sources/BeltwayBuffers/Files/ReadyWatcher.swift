// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Synchronization

// The ready-IBuf (paper, 5.2: "to circumvent polling on all IBufs, we supply a separate IBuf into which all data destined
// for a process is written").
//
//     buffers' wake words --- watcher thread, asleep on all of them (FUTEX_WAITV) ---> entry in the ready-IBuf
//                                                                                         |
//     select, poll: take entries, look at those buffers alone, arm them again, sleep <----'
//
// Who waits arms a buffer: it sets the flag by which the producer, here or in another process, knows that somebody
// sleeps (WakeUp), and looks once more. The producer's next publication changes the wake word, which ends the watcher's
// sleep; it writes one entry and disarms the buffer. So there is at most one entry for each buffer, and an idle buffer
// costs nothing. Nothing is asked of a producer that it does not do for any sleeper.
//
// A wake-up cannot be missed: the word's expected value was taken before the flag was set, or after the word changed.

/// A buffer that is watched.
///
/// Safe because the word belongs to a ring that `buffer` keeps.
@safe final class Watch: Sendable {
    let descriptor: Int32
    /// Tells this watch from an earlier one of the same descriptor.
    let token: UInt32
    let buffer: NamedBuffer
    let isForRoom: Bool
    let isArmed = Atomic<Bool>(false)
    /// The word as it was seen last, by the watcher thread.
    let expected: Atomic<UInt32>

    init(_ descriptor: Int32, token: UInt32, _ buffer: NamedBuffer, isForRoom: Bool) {
        self.descriptor = descriptor
        self.token = token
        self.buffer = buffer
        self.isForRoom = isForRoom
        let wakeUp = isForRoom ? buffer.ring.coordination.room : buffer.ring.publication
        expected = Atomic(unsafe UInt32(truncatingIfNeeded: wakeUp.word.pointee.load(ordering: .acquiring)))
    }

    private var wakeUp: WakeUp { isForRoom ? buffer.ring.coordination.room : buffer.ring.publication }

    /// FUTEX_WAITV compares 32 bits: the word's low half, which comes first on both little-endian targets.
    var address: UnsafePointer<UInt32> {
        unsafe UnsafePointer(UnsafeRawPointer(wakeUp.word).assumingMemoryBound(to: UInt32.self))
    }
    /// The word as it is.
    var word: UInt32 {
        unsafe UInt32(truncatingIfNeeded: wakeUp.word.pointee.load(ordering: .acquiring))
    }

    /// Asks for an entry as soon as something happens; look after it whether it has already.
    ///
    /// - Parameter place: Where the next read begins.
    func arm(at place: UInt64) {
        isArmed.store(true, ordering: .releasing)
        unsafe wakeUp.flag.pointee.store(isForRoom ? 1 : place &+ 2, ordering: .relaxed)
        // Partners: the wakers' fences in ReaderWatch.wake and WakeUp.wake. One that is missed costs a tenth of a second
        // (`sleep`), where membarrier is forbidden.
        _ = AsymmetricFence.ofSleeper()
    }
}

/// The ready-IBuf of one table, with the thread that writes it.
final class ReadyBuffer: Sendable {
    private struct State {
        var watches: [Watch] = []
        var version: UInt64 = 0
        var isStopping = false
    }

    let ring: Ring
    private let state = Mutex(State())
    /// A ring whose wake word tells the watcher that its list has changed.
    private let kick: Ring

    /// Watches of one thread: FUTEX_WAITV takes 128 words, one of which is the thread's own.
    static let limit = 127

    init() throws(BufferFileError) {
        do throws(BufferError) {
            // More entries than there are watches, each of which has one entry at most.
            ring = try Ring(
                name: "ready",
                options: RingOptions(kind: .index, policy: .slowReader, capacity: 16_384)
            )
            kick = try Ring(name: "kick", options: RingOptions(kind: .index, capacity: 4096))
        } catch { throw .buffer(error) }
    }

    /// Starts the thread, which keeps this object until ``stop()``.
    func start() throws(BufferFileError) {
        let code = startThread(named: "ready") { [self] in run() }
        guard code == 0 else { throw .system(call: "pthread_create", errno: code) }
    }

    /// Adds a watch; false if there are too many.
    func add(_ watch: Watch) -> Bool {
        let isAdded = state.withLock { state in
            guard state.watches.count < Self.limit else { return false }
            state.watches.append(watch)
            state.version += 1
            return true
        }
        if isAdded { kick.publication.wakeNow() }
        return isAdded
    }

    func remove(_ watch: Watch) {
        state.withLock { state in
            state.watches.removeAll { $0 === watch }
            state.version += 1
        }
        kick.publication.wakeNow()
    }

    /// Ends the thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        kick.publication.wakeNow()
    }

    // MARK: The watcher thread

    private func run() {
        var producer = ring.makeProducer(EntryLayout.self)
        var watches: [Watch] = []
        var version: UInt64 = .max
        let kickWatch = Watch(
            -1,
            token: 0,
            NamedBuffer(name: "kick", ring: kick, number: 0),
            isForRoom: false
        )
        while true {
            let kicked = kickWatch.word
            let change = state.withLock { state in (state.watches, state.version, state.isStopping) }
            if change.2 { return }
            if change.1 != version { (watches, version) = (change.0, change.1) }
            let expected = [kicked] + watches.map { $0.expected.load(ordering: .relaxed) }
            let outcome = sleep([kickWatch] + watches, expected)
            if outcome > 0, outcome <= watches.count {
                tell(watches[outcome - 1], &producer)
            } else if outcome < 0 {
                // One of them had changed before, or time is over: look at all. An owner that died wakes nobody.
                for watch in watches where watch.word != watch.expected.load(ordering: .relaxed) {
                    tell(watch, &producer)
                }
                if outcome != -Int(EAGAIN) {
                    for watch in watches where watch.isArmed.load(ordering: .relaxed) {
                        if watch.isForRoom || watch.buffer.isOrphan { tell(watch, &producer) }
                    }
                }
                if outcome == -Int(ENOSYS) { beltway_sleep(1_000_000) }
            }
            producer.publish()
        }
    }

    /// Writes the entry of a watch that is armed.
    private func tell(_ watch: Watch, _ producer: inout RingProducer<EntryLayout>) {
        watch.expected.store(watch.word, ordering: .relaxed)
        guard watch.isArmed.exchange(false, ordering: .acquiringAndReleasing) else { return }
        var entry = IndexEntry.nothing
        entry.buffer = UInt16(truncatingIfNeeded: watch.descriptor)
        entry.flowHash = watch.token
        entry.interface = watch.isForRoom ? 1 : 0
        if !producer.append(entry) { watch.isArmed.store(true, ordering: .releasing) }
    }

    /// Sleeps on the words of all watches, a tenth of a second at most.
    private func sleep(_ watches: [Watch], _ expected: [UInt32]) -> Int {
        let words = unsafe watches.map { unsafe Optional($0.address) }
        return Int(unsafe beltway_futex_wait_any(words, expected, Int32(words.count), 100_000_000))
    }
}
