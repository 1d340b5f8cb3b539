// SPDX-License-Identifier: Apache-2.0
internal import CLinux
public import Synchronization

/// The two fences between who wakes and who sleeps (Dekker's pattern), the frequent one nearly free.
///
///     waker: store what is waited for        sleeper: store its flag
///            fence of the waker                       fence of the sleeper
///            load the flag                            look once more, then sleep
///
/// One of the two must see the other's store. With two full fences each publication pays one: 7 ns on x86-64, a third
/// of what a splice costs. But a sleeper that is about to give up its processor has time, so it pays for both: its
/// membarrier(2) makes every running thread of all processes that registered execute a full fence before it returns.
/// A waker's own fence then has to hold only the compiler:
/// - The waker's thread was interrupted after its load of the flag: its store, which comes before in program order, is
///   visible when membarrier returns, and the sleeper's second look sees it.
/// - Or before its load: the load comes after the fence that it was made to execute, and sees the flag.
/// - Or it did not run at all: switching to it is a full fence too.
///
/// That holds for x86-64 and arm64 alike, since what it rests on is the full fence in the interrupt. The compiler's part,
/// an acquiring and releasing fence, is no instruction on x86-64 and dmb ish on arm64.
///
/// A waker whose process could not register (an older kernel, a filter of system calls) executes full fences, which pair
/// with the sleeper's own. A sleeper that may not call membarrier cannot know that a waker has not registered: it sleeps,
/// but no longer than ``longestBlindSleep``.
@usableFromInline enum AsymmetricFence {
    /// Whether this process has registered, so that its wakers may leave their fence to the sleepers.
    static let isRegistered = beltway_register_barrier() == 0

    /// Nanoseconds that a sleeper may sleep that could not make the wakers execute a fence.
    static let longestBlindSleep: Int64 = 2_000_000

    /// Stands between a waker's store and its load of a flag.
    ///
    /// - Parameter isRegistered: ``isRegistered``, as the waker keeps it.
    @inlinable @inline(__always)
    static func ofWaker(isRegistered: Bool) {
        if isRegistered {
            atomicMemoryFence(ordering: .acquiringAndReleasing)
        } else {
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        }
    }

    /// Stands between a sleeper's store of its flag and its second look.
    ///
    /// - Returns: False if a waker may miss the flag: sleep for ``longestBlindSleep`` at most.
    static func ofSleeper() -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return beltway_barrier_everywhere() == 0
    }

    /// What a sleep may last: `nanoseconds` if the sleeper's fence reached all wakers.
    static func sleep(_ nanoseconds: Int64, afterFence reachedAll: Bool) -> Int64 {
        reachedAll ? nanoseconds : min(nanoseconds, longestBlindSleep)
    }
}
