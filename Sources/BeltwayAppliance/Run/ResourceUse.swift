// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Glibc

/// What the process has used so far, by the kernel's accounting.
struct ResourceUse {
    /// User and system time of all threads.
    var cpuSeconds: Double
    /// Greatest resident set since the program began.
    ///
    /// Not `ru_maxrss`: the kernel hands that on over `exec`, so that a small program started by a large one would
    /// report the large one's.
    var peakRSSInBytes: UInt64

    /// Asks the kernel (getrusage, and `VmHWM` of proc(5)).
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
            peakRSSInBytes: peakRSS ?? UInt64(usage.ru_maxrss) * 1024
        )
    }

    /// The high-water mark of the resident set, from `/proc/self/status`; nil where there is none.
    private static var peakRSS: UInt64? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
            return nil
        }
        for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) }.map {
                $0 * 1024
            }
        }
        return nil
    }
}
