// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What a finished program cost, by the kernel's accounting (wait4).
struct ProcessCost {
    /// User time in seconds.
    var user: Double
    /// System time in seconds.
    var system: Double
    /// Wall-clock time in seconds.
    var wall: Double
    /// Greatest resident set in bytes.
    var peakRSSInBytes: UInt64
    /// Exit status, 128 + signal if it was killed.
    var status: Int32
    /// Processor time by thread in seconds, if the program's summary tells.
    var threads: [String: Double] = [:]

    /// User and system time.
    var cpu: Double { user + system }
}

/// Runs a program to its end and measures it as a whole process.
///
/// Safe: argument strings are duplicated for the call and freed after it; all structures are ours.
enum MeasuredProcess {
    /// Runs a program found on PATH.
    ///
    /// - Parameters:
    ///   - arguments: The program's name or path, and its arguments.
    ///   - output: File that its standard output goes to; thrown away if nil.
    ///   - limit: Seconds after which it is killed.
    /// - Returns: Its cost, nil if it could not be started.
    static func run(_ arguments: [String], output: String? = nil, limit: Double = 300) -> ProcessCost? {
        var actions = unsafe posix_spawn_file_actions_t()
        guard unsafe posix_spawn_file_actions_init(&actions) == 0 else { return nil }
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [Int32(0), 1, 2] {
            _ = unsafe posix_spawn_file_actions_addopen(
                &actions,
                descriptor,
                descriptor == 1 ? output ?? "/dev/null" : "/dev/null",
                descriptor == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC,
                0o600
            )
        }
        var words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let started = now()
        guard unsafe posix_spawnp(&process, arguments[0], &actions, nil, words, environ) == 0 else {
            return nil
        }
        var status: Int32 = 0
        var usage = rusage()
        while true {
            let done = unsafe wait4(process, &status, WNOHANG, &usage)
            if done == process { break }
            if done < 0 && errno != EINTR { return nil }
            if now() - started > limit { kill(process, SIGKILL) }
            usleep(2000)
        }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return ProcessCost(
            user: seconds(usage.ru_utime),
            system: seconds(usage.ru_stime),
            wall: now() - started,
            peakRSSInBytes: UInt64(usage.ru_maxrss) * 1024,
            status: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
        )
    }

    /// Whether a program is on PATH.
    static func exists(_ name: String) -> Bool {
        guard let path = unsafe getenv("PATH") else { return false }
        return unsafe String(cString: path).split(separator: ":").contains {
            unsafe access("\($0)/\(name)", X_OK) == 0
        }
    }

    private static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
