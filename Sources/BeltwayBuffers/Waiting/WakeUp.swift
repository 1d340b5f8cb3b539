// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Synchronization

/// Sleeping until somebody has stored something, and waking who sleeps (Dekker's pattern).
///
///     waker: store, fence, load flag            sleeper: load word, store flag, fence, look, FUTEX_WAIT on word
///            flag seen: clear it, add 1 to word, FUTEX_WAKE
///
/// Of their two fences (``AsymmetricFence``) one is first: either the waker's load sees the flag, or the sleeper's look
/// sees the store.
/// In the first case the word changes *after* the flag was cleared, so a sleeper whose flag that was has loaded the
/// old word, and FUTEX_WAIT returns at once if it comes too late to be woken. (Sleeping on the tail itself would not
/// do: `closed` leaves the tail as it is, and a flag set between the waker's load and its clearing would be gone.)
/// Every sleep is bounded by a time-out all the same, since a waker in another process may die.
///
/// Safe because both addresses belong to the buffer that hands this out and keeps its memory.
@safe struct WakeUp {
    /// The word slept on; written by the waker alone.
    let word: UnsafeMutablePointer<Atomic<UInt64>>
    /// Not 0 if somebody may sleep; in memory that the sleeper may write.
    let flag: UnsafeMutablePointer<Atomic<UInt64>>

    /// FUTEX_WAIT compares 32 bits: the word's low half, which comes first on both little-endian targets.
    private var futex: UnsafePointer<UInt32> {
        unsafe UnsafePointer(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self))
    }

    /// Wakes whoever sleeps; call it after the store that they wait for.
    func wake() {
        AsymmetricFence.ofWaker(isRegistered: AsymmetricFence.isRegistered)
        guard unsafe flag.pointee.load(ordering: .relaxed) != 0 else { return }
        wakeNow()
    }

    /// Wakes whoever sleeps, without asking whether anybody does.
    ///
    /// - Parameter most: Threads that are woken, at most: where strangers can sleep on the word, what it costs is bounded.
    func wakeNow(most: Int32 = .max) {
        unsafe flag.pointee.store(0, ordering: .relaxed)
        unsafe word.pointee.wrappingAdd(1, ordering: .releasing)  // partner: the acquiring load in `wait`
        unsafe beltway_futex_wake(futex, most)
    }

    /// Sleeps until it is woken or the time is over, unless what it waits for has happened; may return early.
    ///
    /// - Parameters:
    ///   - nanoseconds: At most so long.
    ///   - flagged: What the flag is set to: 1 for any publication, or 1 more than the tail that is worth waking for.
    ///   - happened: Asked after the flag is set.
    func wait(nanoseconds: Int64, flagged: UInt64 = 1, unless happened: () -> Bool) {
        let seen = unsafe UInt32(truncatingIfNeeded: word.pointee.load(ordering: .acquiring))
        unsafe flag.pointee.store(flagged, ordering: .relaxed)
        let reachedAll = AsymmetricFence.ofSleeper()
        if happened() { return }
        let limit = AsymmetricFence.sleep(max(0, nanoseconds), afterFence: reachedAll)
        _ = unsafe beltway_futex_wait(futex, seen, limit)
    }

    /// Sleeps as a consumer that coalesces: first its delay without asking anybody, then until woken.
    func wait(
        nanoseconds: Int64,
        coalescing: Coalescing,
        tail: UInt64,
        unless happened: () -> Bool
    ) {
        var remaining = nanoseconds
        if coalescing.delayNanoseconds > 0 {
            if happened() { return }
            let delay = min(coalescing.delayNanoseconds, max(0, nanoseconds))
            beltway_sleep(delay)
            remaining -= delay
            if remaining <= 0 || happened() { return }
        }
        wait(nanoseconds: remaining, flagged: tail &+ coalescing.bytes &+ 1, unless: happened)
    }
}
