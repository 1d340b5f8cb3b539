// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Waits awake for a little while before it sleeps, if that has paid lately.
///
/// A sleep and a wake-up cost both sides a system call and some microseconds. If the other side runs, what is waited
/// for comes sooner than that; if it does not, every turn is wasted. So the budget doubles when waiting awake was
/// enough, and halves when it was not; with one processor there is none.
struct AdaptiveSpin {
    private var budget: Int

    /// About ten microseconds at 20 ns a turn.
    private static let greatest = 512
    private static let least = 16
    private static let hasOtherProcessors = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1

    init() { budget = Self.hasOtherProcessors ? Self.greatest : 0 }

    /// Looks again and again.
    ///
    /// - Returns: Whether it happened; if not, sleep.
    @inline(__always)
    mutating func wait(until happened: () -> Bool) -> Bool {
        var turns = budget
        while turns > 0 {
            if happened() {
                budget = min(Self.greatest, budget * 2)
                return true
            }
            beltway_pause()
            turns -= 1
        }
        if budget > 0 { budget = max(Self.least, budget / 2) }
        return false
    }
}
