// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Synchronization

/// Sleeping until a ring's tail moves, and waking who sleeps (BASELINES.md, 5; Dekker's pattern).
///
///     producer: store tail, seq_cst fence, load flag      sleeper: store flag, seq_cst fence, load tail, FUTEX_WAIT
///
/// One of the two sees the other; a time-out bounds every sleep all the same. Safe because both addresses belong to
/// the buffer that hands the waiter out and keeps its memory.
@safe struct TailWaiter {
    /// Address of the tail's low word.
    let word: UnsafePointer<UInt32>
    /// Address of the flag, in memory that the sleeper may write.
    let flag: UnsafeMutablePointer<Atomic<UInt64>>

    func wake() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard unsafe flag.pointee.load(ordering: .relaxed) != 0 else { return }
        unsafe flag.pointee.store(0, ordering: .relaxed)
        unsafe beltway_futex_wake_all(word)
    }

    func wait(nanoseconds: Int64, expected: UInt32, unless moved: () -> Bool) {
        unsafe flag.pointee.store(1, ordering: .relaxed)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if moved() { return }
        _ = unsafe beltway_futex_wait(word, expected, nanoseconds)
    }
}
