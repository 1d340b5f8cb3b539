// SPDX-License-Identifier: Apache-2.0

internal import CLinux
public import Synchronization

/// The producer's view of who sleeps: one flag for its own process, one word for each reader elsewhere.
///
/// `wake` is called once per publication. Readers in other processes cost one load each;
/// their list is the producer's own copy, taken again only when somebody has come or gone, so nothing is locked.
///
/// Readers of this process sleep on the word in the control page; each reader elsewhere on the word of its own page, and
/// is woken by itself. So a reader that waits for a batch is not woken by what wakes another one, nor by what wakes this
/// process's workers with every publication.
///
/// Ordering as for `WakeUp`, for each pair of flag and word by itself: one fence of ``AsymmetricFence`` stands between the
/// store that the sleepers wait for and the loads of all their flags; the sleeper stores its flag, fences, and looks
/// again. So either the producer sees the flag, or the sleeper the tail. A flag that was seen is cleared before the
/// word is added to (release), so a sleeper whose flag that was has loaded the old word, and FUTEX_WAIT finds it changed.
///
/// Safe because each address belongs to a page that `cursors` keeps mapped.
@safe @usableFromInline struct ReaderWatch: ~Copyable {
    private let publication: WakeUp
    private let coordination: Coordination
    private var cursors: [ReaderCursor] = []
    /// What each of them sleeps on, and where it says from which tail on it wants to be woken.
    private var sleepers: [WakeUp] = []
    /// The latter alone: they are all looked at per publication.
    private var wakeAts = unsafe OwnedArray<UnsafeMutablePointer<Atomic<UInt64>>>(capacity: 0)
    /// Wakes of each reader since `windowStart`, at least.
    private var wakes: [Int] = []
    private var windowStart: UInt64 = 0
    /// A reader elsewhere that asks to be woken more often in a second falls back on its time-outs.
    static let wakesPerSecond = 20_000
    /// Threads that one reader elsewhere may have asleep on its word.
    static let threadsPerReader: Int32 = 64
    /// Not 0 if somebody of this process may sleep.
    @usableFromInline let flag: UnsafeMutablePointer<Atomic<UInt64>>
    /// Changes with the list of readers in other processes.
    @usableFromInline let versionWord: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline var version: UInt64 = 0
    @usableFromInline var hasCursors = false
    @usableFromInline let leavesFenceToSleepers = AsymmetricFence.isRegistered

    init(publication: WakeUp, coordination: Coordination) {
        unsafe flag = publication.flag
        unsafe versionWord = coordination.version
        self.publication = publication
        self.coordination = coordination
    }

    /// Wakes who sleeps for what was stored before, `tail` being the published end in bytes.
    ///
    /// Inlined as far as the common case goes: nobody sleeps, and nobody elsewhere reads.
    @inlinable @inline(__always)
    mutating func wake(tail: UInt64) {
        AsymmetricFence.ofWaker(isRegistered: leavesFenceToSleepers)
        let isQuiet =
            unsafe flag.pointee.load(ordering: .relaxed) == 0
            && versionWord.pointee.load(ordering: .acquiring) == version
        if isQuiet, !hasCursors { return }
        look(tail: tail)
    }

    @usableFromInline mutating func look(tail: UInt64) {
        if unsafe flag.pointee.load(ordering: .relaxed) != 0 { publication.wakeNow() }
        if coordination.readersVersion != version { refresh() }
        // The first one's turn, without a branch per reader; 0, of one that is awake, is the last number then.
        var first = UInt64.max
        var index = 0
        while unsafe index < wakeAts.count {
            let wakeAt = unsafe wakeAts[index].pointee.load(ordering: .relaxed)
            first = min(first, wakeAt &- 1)
            index &+= 1
        }
        if first <= tail { wakeSleepers(tail: tail) }
    }

    @inline(never)
    private mutating func wakeSleepers(tail: UInt64) {
        for index in 0..<sleepers.count {
            let wakeAt = unsafe sleepers[index].flag.pointee.load(ordering: .relaxed)
            guard wakeAt != 0, tail >= wakeAt &- 1 else { continue }
            if mayWake(index) {
                sleepers[index].wakeNow(most: Self.threadsPerReader)
            } else {
                unsafe sleepers[index].flag.pointee.store(0, ordering: .relaxed)
            }
        }
    }

    /// Wakes everybody who sleeps, whatever they wait for: the producer has ended, or moved to another area.
    func wakeAll() {
        for cursor in coordination.attachedCursors().cursors {
            cursor.publication.wakeNow(most: Self.threadsPerReader)
        }
        publication.wakeNow()
    }

    /// Whether a reader has not been woken too often.
    ///
    /// One that writes its word again and again would cost a system call per publication. The clock is looked at only
    /// beyond the limit.
    private mutating func mayWake(_ index: Int) -> Bool {
        wakes[index] &+= 1
        if wakes[index] <= Self.wakesPerSecond { return true }
        let now = beltway_monotonic()
        guard now &- windowStart >= 1_000_000_000 else { return false }
        windowStart = now
        for other in wakes.indices { wakes[other] = 0 }
        return true
    }

    @inline(never)
    private mutating func refresh() {
        (version, cursors) = coordination.attachedCursors()
        hasCursors = !cursors.isEmpty
        wakes = Array(repeating: 0, count: cursors.count)
        sleepers = cursors.map(\.publication)
        unsafe wakeAts = OwnedArray(capacity: sleepers.count)
        for sleeper in sleepers { unsafe wakeAts.append(sleeper.flag) }
    }
}
