// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Glibc

/// What threads took from the machine so far.
struct TaskUse {
    /// Processor time in seconds; with it whatever softirq ran in their context, where the kernel does not account for
    /// interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING).
    var seconds = 0.0
    /// Context switches, voluntary and forced.
    var switches = 0.0

    static func + (a: TaskUse, b: TaskUse) -> TaskUse {
        TaskUse(seconds: a.seconds + b.seconds, switches: a.switches + b.switches)
    }
    static func - (a: TaskUse, b: TaskUse) -> TaskUse {
        TaskUse(seconds: a.seconds - b.seconds, switches: a.switches - b.switches)
    }

    /// All threads of a process, by the kernel's own accounting in nanoseconds (schedstat).
    static func of(_ process: Int32) -> TaskUse {
        let tasks = "/proc/\(process)/task"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return names.reduce(TaskUse()) { sum, name in sum + task("\(tasks)/\(name)") }
    }

    /// The threads that run softirqs when they get too many for whom they interrupt.
    static func ofKernelThreads() -> TaskUse {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.reduce(TaskUse()) { sum, name in
            guard Int32(name) != nil, text("/proc/\(name)/comm").hasPrefix("ksoftirqd/") else { return sum }
            return sum + task("/proc/\(name)")
        }
    }

    private static func task(_ folder: String) -> TaskUse {
        var use = TaskUse()
        use.seconds =
            (text("\(folder)/schedstat").split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1e9
        for line in text("\(folder)/status").split(separator: "\n") where line.contains("ctxt_switches:") {
            use.switches += line.split(whereSeparator: \.isWhitespace).last.flatMap { Double($0) } ?? 0
        }
        return use
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// A program that runs beside the measurement, in the network of the thread that starts it.
///
/// Safe: argument strings are duplicated for the call and freed after it; all structures are ours.
final class TapProgram {
    private let name: String
    private var process: pid_t = 0
    private var hasEnded = false
    /// Where its standard error goes.
    private let errors: String

    /// Starts it; what it prints on standard output is thrown away.
    ///
    /// - Parameters:
    ///   - command: The program (looked for on PATH) and its arguments.
    ///   - folder: Where what it says is kept.
    /// - Throws: ``FigureTrouble``.
    init(_ command: [String], in folder: String) throws {
        name = command.joined(separator: " ")
        errors = "\(folder)/\(UUID().uuidString).err"
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe (["env", "TZ=UTC0"] + command).map {
            unsafe strdup($0)
        }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        guard unsafe posix_spawnp(&process, "env", &actions, nil, words, environ) == 0 else {
            throw FigureTrouble(description: "\(name) cannot be started")
        }
    }

    deinit { if isRunning { end(by: SIGKILL) } }

    /// What it took so far.
    var use: TaskUse { TaskUse.of(process) }

    private var said: String {
        FileManager.default.contents(atPath: errors).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private var isRunning: Bool {
        var status: Int32 = 0
        if !hasEnded, unsafe waitpid(process, &status, WNOHANG) != 0 { hasEnded = true }
        return !hasEnded
    }

    /// Waits until it has said something on standard error.
    func wait(for text: String) throws {
        let end = wallSeconds() + 20
        while !said.contains(text) {
            guard wallSeconds() < end, isRunning else { throw FigureTrouble(description: "\(name): \(said)") }
            usleep(5_000)
        }
    }

    /// Asks it to end.
    func interrupt() { if !hasEnded { kill(process, SIGINT) } }

    /// Waits for its end.
    ///
    /// - Returns: What it has said.
    func finish() -> String {
        let limit = wallSeconds() + 20
        while isRunning, wallSeconds() < limit { usleep(2_000) }
        if isRunning { end(by: SIGKILL) }
        return said
    }

    private func end(by signal: Int32) {
        var status: Int32 = 0
        kill(process, signal)
        unsafe waitpid(process, &status, 0)
        hasEnded = true
    }
}
