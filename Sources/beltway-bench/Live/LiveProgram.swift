// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The program `beltway run`, as its users run it, without stores.
struct LiveProgram {
    /// The program.
    let path: String
    /// Queues that it captures by.
    let queues: Int

    /// What its summary says of a run.
    private struct Summary: Decodable {
        struct Capture: Decodable {
            var received: UInt64
            var dropped: UInt64
        }
        struct Consumer: Decodable { var lost: UInt64 }
        var capture: Capture
        var consumers: [String: Consumer]
    }

    /// Captures while `send` sends; adds what the summary says, and the time of the threads that capture.
    ///
    /// With a disturbance four taps read beside it.
    func run(
        on interface: String,
        beside disturbance: LiveDisturbance? = nil,
        _ run: inout LiveRun,
        while send: (inout LiveRun) throws -> Void
    ) throws {
        let folder = NSTemporaryDirectory() + "beltway-live-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data().write(to: URL(fileURLWithPath: folder + "/none.rules"))
        let process = Process()
        // It ends with this program, whatever ends that.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "setpriv", "--pdeathsig=KILL", path, "run", "-i", interface, "--queues", "\(queues)",
            "--no-packets", "--no-flows", "--no-eve",
            "--rules", folder + "/none.rules", "--data", folder + "/data", "--summary", "json",
        ]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        defer { if process.isRunning { process.terminate() } }
        var said = ""
        while !said.contains("capturing on") {
            let more = errors.fileHandleForReading.availableData
            guard !more.isEmpty else { throw LiveTrouble(description: "beltway did not start: \(said)") }
            said += String(decoding: more, as: UTF8.self)
        }
        let (data, ring) = (folder + "/data", interface + ".0")
        let crowd = try disturbance.map { disturbance in
            try LiveCrowd(program: path, folder: data, ring: ring, slow: disturbance == .slow)
        }
        defer { run.visits = crowd?.end() ?? 0 }
        let before = captureSeconds(process.processIdentifier, interface)
        if let disturbance { crowd?.disturb(disturbance, folder: data, ring: ring) }
        try send(&run)
        // Longer than the kernel keeps a block open.
        usleep(200_000)
        run.seconds = captureSeconds(process.processIdentifier, interface) - before
        kill(process.processIdentifier, SIGINT)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let summary = try JSONDecoder().decode(Summary.self, from: text)
        (run.received, run.dropped) = (summary.capture.received, summary.capture.dropped)
        run.lost = summary.consumers.values.reduce(0) { $0 + $1.lost }
    }

    /// Processor time of the threads named for the interface's queues, by the scheduler's own count (proc(5)).
    private func captureSeconds(_ process: Int32, _ interface: String) -> Double {
        let tasks = "/proc/\(process)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.reduce(0) { sum, thread in
            let folder = "\(tasks)/\(thread)"
            guard let name = try? String(contentsOfFile: folder + "/comm", encoding: .utf8),
                name.hasPrefix(interface + "."),
                let text = try? String(contentsOfFile: folder + "/schedstat", encoding: .utf8),
                let nanoseconds = text.split(separator: " ").first.flatMap({ Double($0) })
            else { return sum }
            return sum + nanoseconds / 1e9
        }
    }
}
