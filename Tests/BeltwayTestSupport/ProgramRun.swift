// SPDX-License-Identifier: Apache-2.0
// Programs as tests drive them: processes of their own, whose output goes to files, so that no pipe can fill up, and
// that never outlive the object that started them.
import Foundation

/// Where the built `beltway` is.
public enum BeltwayProgram {
    /// The program beside the test bundle, or nil if it is not built.
    public static let path: String? = builtProgram("beltway")

    /// What a test that needs it says when it is absent.
    public static let absence = "The program beltway is not built beside the tests."

    /// Runs it to its end.
    public static func run(
        _ arguments: [String],
        in folder: String? = nil,
        input: String? = nil,
        seconds: Double = 30
    ) throws -> ProgramOutcome {
        try RunningProgram([path ?? "beltway"] + arguments, in: folder, input: input).wait(seconds: seconds)
    }
}

/// A program of this package that is built beside the test bundle; nil if it is not.
public func builtProgram(_ name: String) -> String? {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let program = URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path
    return FileManager.default.isExecutableFile(atPath: program) ? program : nil
}

#if DEBUG
/// Whether programs and tests were built as users run them.
public let isReleaseBuild = false
#else
/// Whether programs and tests were built as users run them.
public let isReleaseBuild = true
#endif

/// Whether a program is on the path.
public func isInstalled(_ program: String) -> Bool {
    let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return (folders + ":/usr/sbin:/sbin").split(separator: ":").contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
}

/// How a program ended and what it printed.
public struct ProgramOutcome: Sendable {
    /// Exit status; 128 + the signal's number if a signal ended it.
    public var status: Int32
    /// Whether it had to be killed because its time was over.
    public var ranTooLong = false
    /// Standard output.
    public var output: String
    /// Standard error.
    public var errors: String

    /// Lines of standard error.
    public var errorLines: [String] { errors.split(whereSeparator: \.isNewline).map(String.init) }
    /// Standard output as one JSON object; empty if it is none.
    public var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] ?? [:]
    }
}

/// A program that runs; it is killed when the object goes.
public final class RunningProgram: @unchecked Sendable {
    /// Its process.
    public let pid: pid_t
    private let folder = TemporaryFolder()
    private var ending: Int32?

    /// Starts a program, in the network namespace of the calling thread.
    ///
    /// - Parameters:
    ///   - command: The program (looked for on the path) and its arguments.
    ///   - directory: Where it runs; nil for here.
    ///   - input: File that is its standard input; nil for nothing.
    /// - Throws: A sentence if it cannot be started.
    public init(_ command: [String], in directory: String? = nil, input: String? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
        for (descriptor, name) in [(Int32(1), "output"), (2, "errors")] {
            posix_spawn_file_actions_addopen(
                &actions,
                descriptor,
                folder / name,
                O_WRONLY | O_CREAT | O_APPEND,
                0o600
            )
        }
        let command = (directory.map { ["env", "-C", $0] } ?? []) + command
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals as a shell would hand them on, whatever the tests' own process does with them.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGINT, SIGTERM, SIGPIPE, SIGHUP] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for case let word? in words { free(word) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, command[0], &actions, &attributes, &words, environ)
        guard code == 0 else {
            throw Failure(description: "\(command[0]): \(String(cString: strerror(code)))")
        }
        pid = child
    }

    /// Why a program could not be started, in a sentence.
    public struct Failure: Error, CustomStringConvertible {
        /// The sentence.
        public var description: String
    }

    deinit {
        guard ending == nil else { return }
        Glibc.kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    /// Sends it a signal.
    public func signal(_ number: Int32) {
        if ending == nil { Glibc.kill(pid, number) }
    }

    /// Whether it still runs.
    public var isRunning: Bool {
        guard ending == nil else { return false }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return true }
        ending = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
        return false
    }

    /// What it has printed on standard error so far.
    public var errors: String { read("errors") }
    /// What it has printed on standard output so far.
    public var output: String { read("output") }

    private func read(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder / name) ?? Data(), as: UTF8.self)
    }

    /// Waits until it has printed a text on standard error, or has ended.
    ///
    /// - Returns: Whether the text was seen.
    @discardableResult
    public func waitFor(_ text: String, seconds: Double = 15) -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if errors.contains(text) { return true }
            if !isRunning { return errors.contains(text) }
            usleep(10_000)
        }
        return false
    }

    /// Waits until it has ended; kills it when the time is over.
    public func wait(seconds: Double = 30) -> ProgramOutcome {
        let end = Date().addingTimeInterval(seconds)
        var ranTooLong = false
        while isRunning {
            if Date() > end, !ranTooLong {
                ranTooLong = true
                Glibc.kill(pid, SIGKILL)
            }
            usleep(2_000)
        }
        return ProgramOutcome(status: ending ?? -1, ranTooLong: ranTooLong, output: output, errors: errors)
    }
}

/// A folder of one test's own, removed with the object.
public final class TemporaryFolder: Sendable {
    /// The folder.
    public let path: String

    /// Makes it, below the system's folder for temporary files.
    public init() {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("beltway-test-\(UUID().uuidString)")
            .path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A file or folder in it.
    public static func / (folder: TemporaryFolder, name: String) -> String { folder.path + "/" + name }

    /// Writes a text to a file in it.
    ///
    /// - Returns: The file's path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        try write(Array(text.utf8), to: name)
    }

    /// Writes bytes to a file in it.
    ///
    /// - Returns: The file's path.
    @discardableResult
    public func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self / name))
        return self / name
    }

    /// Paths of all files below it whose names end so.
    public func files(endingWith suffix: String, below folder: String = "") -> [String] {
        let root = folder.isEmpty ? path : self / folder
        guard let walk = FileManager.default.enumerator(atPath: root) else { return [] }
        return walk.compactMap { $0 as? String }.filter { $0.hasSuffix(suffix) }.map { root + "/" + $0 }
            .sorted()
    }
}
