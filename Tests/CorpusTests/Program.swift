// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc

/// The built `beltway`, and any other program, run as a subprocess with bounded time.
enum Program {
    /// `beltway`, built beside the program that runs these tests.
    static let beltway: String? = {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let path = tests.deletingLastPathComponent().appendingPathComponent("beltway").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    /// A program of the machine by its name, nil if it is not installed.
    static func installed(_ name: String) -> String? {
        ["/usr/bin/", "/usr/sbin/", "/bin/", "/usr/local/bin/"].map { $0 + name }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// How a subprocess ended.
    struct Ending: Sendable {
        /// Exit status, nil if a signal ended it.
        var status: Int32?
        /// The signal that ended it.
        var signal: Int32?
        /// Whether its time was up; it was killed then.
        var isOutOfTime = false
        /// Standard output.
        var output = Data()
        /// Standard error.
        var errors = ""

        /// What went wrong in one line, for messages.
        var description: String {
            if isOutOfTime { return "hung" }
            if let signal { return "died of signal \(signal): \(errors.suffix(300))" }
            return "exit status \(status ?? -1): \(errors.suffix(300))"
        }
    }

    /// Runs a program to its end, or until its time is up.
    ///
    /// - Parameters:
    ///   - path: The program.
    ///   - arguments: Its arguments, without its name.
    ///   - seconds: How long it may take.
    ///   - folder: Where its output is kept meanwhile.
    /// - Returns: How it ended, and what it wrote.
    static func run(_ path: String, _ arguments: [String], within seconds: Double = 20, in folder: String)
        -> Ending
    {
        let name = folder + "/" + UUID().uuidString
        let (outputPath, errorPath) = (name + ".out", name + ".err")
        defer {
            unlink(outputPath)
            unlink(errorPath)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // A test that is interrupted leaves SIGPIPE and others as they are; the program sets its own.
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let failure = posix_spawn(&child, path, &actions, nil, &words, environ)
        guard failure == 0 else { return Ending(status: 127, errors: String(cString: strerror(failure))) }
        var ending = wait(for: child, within: seconds)
        ending.output = FileManager.default.contents(atPath: outputPath) ?? Data()
        ending.errors = String(
            decoding: FileManager.default.contents(atPath: errorPath) ?? Data(),
            as: UTF8.self
        )
        return ending
    }

    private static func wait(for child: pid_t, within seconds: Double) -> Ending {
        var ending = Ending()
        let end = Date().addingTimeInterval(seconds)
        var status: Int32 = 0
        while true {
            let waited = waitpid(child, &status, WNOHANG)
            if waited == child { break }
            if waited < 0 && errno != EINTR { return Ending(status: 127, errors: "its exit status was lost") }
            if Date() > end {
                ending.isOutOfTime = true
                kill(child, SIGKILL)
                waitpid(child, &status, 0)
                break
            }
            usleep(1000)
        }
        let signal = status & 0x7f
        if signal == 0 { ending.status = status >> 8 & 0xff } else { ending.signal = signal }
        return ending
    }
}

/// A folder of its own that is gone at the end of `body`.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "beltway-corpus-\(UUID().uuidString)"
    )
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

/// Does `work` for every item, two at a time, and returns the results in the items' order.
func twoAtATime<Item: Sendable, Result: Sendable>(
    _ items: [Item],
    _ work: @escaping @Sendable (Item) -> Result
) -> [Result] {
    let shared = Shared<Result>(count: items.count)
    let threads = (0..<2).map { _ in
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            while let index = shared.next() { shared.set(work(items[index]), at: index) }
            done.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
        return done
    }
    for done in threads { done.wait() }
    return shared.all
}

private final class Shared<Result: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var results: [Result?]
    private var index = 0

    init(count: Int) { results = Array(repeating: nil, count: count) }

    func next() -> Int? {
        lock.withLock {
            guard index < results.count else { return nil }
            index += 1
            return index - 1
        }
    }

    func set(_ result: Result, at index: Int) { lock.withLock { results[index] = result } }

    var all: [Result] { lock.withLock { results.compactMap { $0 } } }
}
