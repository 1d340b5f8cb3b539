// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What the process has used so far, by the kernel's accounting.
struct ResourceUse {
    /// User and system time of all threads.
    var cpuSeconds: Double
    /// Greatest resident set.
    var peakRSSInBytes: UInt64

    /// Asks the kernel (getrusage).
    ///
    /// Safe: the structure is ours and lives for the call.
    static var now: ResourceUse {
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else {
            return ResourceUse(cpuSeconds: 0, peakRSSInBytes: 0)
        }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return ResourceUse(
            cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peakRSSInBytes: UInt64(usage.ru_maxrss) * 1024
        )
    }
}
