// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A second process for the length of a measurement: this program again, with a hidden command.
///
///     descriptors 3, 4, ...   what the caller hands over, in its order
///     then                    the end of a pipe by which it says that it is ready, and what came of it
///
/// Safe: argument strings are duplicated for the call and freed after it; numbers are read into memory of our own.
@safe final class PeerProcess {
    private var process: pid_t = 0
    private var isRunning = false
    private let report: Int32

    /// Words of a report.
    static let reportLength = 7

    /// Starts it.
    ///
    /// - Parameters:
    ///   - arguments: After the program's name.
    ///   - descriptors: Inherited as 3, 4, ...; still the caller's to close here.
    /// - Throws: ``FigureTrouble`` if it cannot be started.
    init(_ arguments: [String], descriptors: [Int32]) throws {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw FigureTrouble(description: "no pipe: errno \(errno)") }
        report = ends[0]
        defer { close(ends[1]) }
        _ = beltway_fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // Twice, by way of numbers that nobody has: a number wanted may be one of those handed over.
        for (index, file) in (descriptors + [ends[1]]).enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, file, 500 + Int32(index))
        }
        for index in 0...descriptors.count {
            unsafe posix_spawn_file_actions_adddup2(&actions, 500 + Int32(index), 3 + Int32(index))
            unsafe posix_spawn_file_actions_addclose(&actions, 500 + Int32(index))
        }
        var words: [UnsafeMutablePointer<CChar>?] = unsafe (["beltway-bench"] + arguments).map {
            unsafe strdup($0)
        }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        guard unsafe posix_spawn(&process, "/proc/self/exe", &actions, nil, words, environ) == 0 else {
            close(report)
            throw FigureTrouble(description: "this program cannot start itself a second time")
        }
        isRunning = true
    }

    deinit {
        if isRunning {
            kill(process, SIGKILL)
            var status: Int32 = 0
            unsafe waitpid(process, &status, 0)
        }
        close(report)
    }

    /// Sends it a signal.
    func signal(_ number: Int32) { kill(process, number) }

    /// Waits until it says that it is ready.
    func waitUntilReady() throws { _ = try words(1) }

    /// Waits for its end and returns what it reports.
    func finish() throws -> PeerReport {
        let words = try words(Self.reportLength)
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        isRunning = false
        return PeerReport(words)
    }

    private func words(_ count: Int) throws -> [UInt64] {
        var words = [UInt64](repeating: 0, count: count)
        var have = 0
        while have < count * 8 {
            var waiting = pollfd(fd: report, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&waiting, 1, 20_000) > 0 else {
                throw FigureTrouble(description: "the second process does not answer")
            }
            let got = unsafe words.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(report, bytes.baseAddress.map { unsafe $0 + have }, bytes.count - have)
            }
            guard got > 0 else { throw FigureTrouble(description: "the second process has died") }
            have += got
        }
        return words
    }

    /// In the second process: writes words to the report's descriptor.
    static func say(_ words: [UInt64], on descriptor: Int32) {
        unsafe words.withUnsafeBytes { bytes in
            _ = unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
    }
}

/// What the second process says at its end, and what the first one keeps of itself.
struct PeerReport {
    var bytes: UInt64
    /// Of some bytes of each block.
    var checksum: UInt64
    /// Nanoseconds of the clock that all processes share.
    var end: UInt64
    var switches: UInt64
    var faults: UInt64
    var lost: UInt64
    /// Processor time that was taken.
    var nanoseconds: UInt64

    /// A report of nothing so far.
    init(end: UInt64) {
        self.init([0, 0, end, 0, 0, 0, 0])
    }

    init(_ words: [UInt64]) {
        (bytes, checksum, end) = (words[0], words[1], words[2])
        (switches, faults, lost) = (words[3], words[4], words[5])
        nanoseconds = words[6]
    }

    /// The words to send.
    var words: [UInt64] { [bytes, checksum, end, switches, faults, lost, nanoseconds] }

    /// Voluntary and forced switches, and page faults, of this process (or thread) so far.
    static func use() -> (switches: UInt64, faults: UInt64) {
        var usage = rusage()
        unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
        return (
            UInt64(usage.ru_nvcsw + usage.ru_nivcsw), UInt64(usage.ru_minflt + usage.ru_majflt)
        )
    }
}
