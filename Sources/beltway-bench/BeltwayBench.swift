// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation

/// Reproduces the figures that the README states, on the reader's own machine.
@main struct BeltwayBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "beltway-bench",
        abstract: "Measures Beltway against its peers, in one run, in turn.",
        subcommands: [
            RunCommand.self, RingCommand.self, LiveCommand.self, PaperCommand.self, PeerCommand.self,
        ]
    )
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "A capture file through Beltway, nfpcapd, softflowd and tcpdump."
    )

    @Option(help: "Capture file; large ones give steadier figures.")
    var capture: String
    @Option(help: "Rule file or folder for the figure with rules; may be repeated.")
    var rules: [String] = []
    @Option(help: "Counted rounds, after one to warm up.")
    var rounds = 5
    @Option(help: "Program to measure; the one beside this one without it.")
    var beltway: String?
    @Option(help: "Folder for what the programs write; a new one in the temporary folder without it.")
    var scratch: String?
    @Option(help: "File to write the figures to, as JSON.")
    var json: String?

    func run() throws {
        guard FileManager.default.isReadableFile(atPath: capture) else {
            throw ValidationError("cannot read the capture \(capture)")
        }
        guard (1...100).contains(rounds) else {
            throw ValidationError("--rounds takes 1 to 100, not \(rounds)")
        }
        let beside = Bundle.main.executableURL?.deletingLastPathComponent().appendingPathComponent("beltway")
            .path
        guard let program = beltway ?? beside, FileManager.default.isExecutableFile(atPath: program) else {
            throw ValidationError("no beltway beside this program; name it with --beltway")
        }
        let folder =
            scratch ?? NSTemporaryDirectory() + "beltway-bench-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { if scratch == nil { try? FileManager.default.removeItem(atPath: folder) } }
        try Data().write(to: URL(fileURLWithPath: folder + "/none.rules"))
        try Data("files: {hashes: []}\n".utf8).write(to: URL(fileURLWithPath: folder + "/no-digests.yaml"))

        let benchmark = RunBenchmark(
            capture: capture,
            beltway: program,
            rules: rules,
            rounds: rounds,
            scratch: folder
        )
        let (contestants, missing) = benchmark.contestants()
        let results = benchmark.run(contestants) { FileHandle.standardError.write(Data("\($0)\n".utf8)) }
        let size = try count(program, folder)
        let report = RunReport(
            capture: capture,
            packets: size.packets,
            bytes: size.bytes,
            results: results,
            rings: try [16 << 20, 64 << 20].map { capacity in
                try RingBenchmark.measure(576, batch: 32, capacity: capacity, pairs: 7, laps: 4)
            },
            missing: missing,
            rounds: rounds,
            command: CommandLine.arguments.joined(separator: " ")
        )
        print(report.text)
        if let json { try report.json.write(to: URL(fileURLWithPath: json)) }
    }

    /// Packets and bytes of the capture, by Beltway's own summary.
    private func count(_ program: String, _ folder: String) throws -> (packets: UInt64, bytes: UInt64) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "run", "-r", capture, "--summary", "json", "--no-packets", "--no-flows", "--no-eve", "--rules",
            folder + "/none.rules",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        struct Summary: Decodable {
            var packets: UInt64
            var bytes: UInt64
        }
        let summary = try JSONDecoder().decode(Summary.self, from: output)
        return (summary.packets, summary.bytes)
    }
}

struct RingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract:
            "The rings alone: what a block costs its producer, against the same loops in C, and its readers."
    )

    @Option(help: "Pairs of runs per configuration.")
    var pairs = 31

    func run() throws {
        guard (1...1000).contains(pairs) else {
            throw ValidationError("--pairs takes 1 to 1000, not \(pairs)")
        }
        try RingReport(pairs: pairs).print()
    }
}
