// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Processor time of the calling thread in seconds: what the thread did, whatever else the machine does.
func threadSeconds() -> Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

/// Time that passes in seconds, equal in all processes of the machine: for what several threads do together.
func wallSeconds() -> Double { seconds(CLOCK_MONOTONIC) }

private func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Takes a result, so that the optimiser cannot leave out what computed it.
///
/// Not inlined, and the branch is one that the caller's compiler cannot foresee.
@inline(never) func consume(_ value: UInt64) {
    if value == 0x9e37_79b9_7f4a_7c15 { print(value) }
}
