// SPDX-License-Identifier: Apache-2.0
internal import Foundation

// `beltway-bench run --capture FILE`: the cost per packet of a capture file through Beltway and through its peers, all
// in one run, in turn (A B C, A B C, ...), so that a machine whose speed drifts is fair to all. Medians are quoted.

/// One program, or one way to call it, and what it is compared for.
struct Contestant {
    /// Shown in the table.
    var name: String
    /// What it does.
    var job: String
    /// The command; `{out}` stands for a scratch folder, made anew for each run.
    var command: [String]
    /// Whether it tells in JSON what its threads have cost.
    var tellsThreads = false
}

/// Figures of one contestant over all rounds.
struct ContestResult {
    var contestant: Contestant
    var costs: [ProcessCost]

    /// CPU microseconds per packet in each round.
    func microsecondsPerPacket(_ packets: UInt64) -> [Double] {
        costs.map { $0.cpu * 1e6 / Double(max(1, packets)) }
    }
    /// CPU microseconds per packet of the threads whose names begin so, in each round.
    func microsecondsPerPacket(_ packets: UInt64, ofThreads prefixes: [String]) -> [Double] {
        costs.map { cost in
            let threads = cost.threads.filter { thread in prefixes.contains { thread.key.hasPrefix($0) } }
            return threads.values.reduce(0, +) * 1e6 / Double(max(1, packets))
        }
    }
    var peakRSSInMegabytes: Double { Double(costs.map(\.peakRSSInBytes).max() ?? 0) / 1e6 }
}

/// Runs contestants in turn.
struct RunBenchmark {
    var capture: String
    var beltway: String
    var rules: [String]
    var rounds: Int
    var scratch: String

    /// Everybody who can take part on this machine, and who cannot.
    func contestants() -> (present: [Contestant], missing: [String]) {
        let run = [beltway, "run", "-r", capture, "--data", "{out}"]
        let everything = run + ["--workers", "1"]
        // What flow exporters do; protocols are measured by themselves.
        let flows = everything + ["--no-protocols"]
        // Two workers have threads of their own, beside the one that reads the file.
        let workers = run + ["--workers", "2", "--no-packets", "--no-flows", "--summary", "json"]
        let noRules = scratch + "/none.rules"
        var all = [
            Contestant(
                name: "beltway flows",
                job: "flows into SQLite and EVE",
                command: flows + ["--no-packets", "--rules", noRules]
            ),
            Contestant(
                name: "beltway flows + packets",
                job: "the same, every packet stored",
                command: flows + ["--rules", noRules]
            ),
        ]
        all += [
            Contestant(
                name: "beltway everything",
                job: "flows and all protocols into SQLite and EVE",
                command: everything + ["--no-packets", "--rules", noRules]
            ),
            Contestant(
                name: "beltway workers, flows",
                job: "flows into EVE, on worker threads",
                command: workers + ["--rules", noRules, "--no-protocols"],
                tellsThreads: true
            ),
            Contestant(
                name: "beltway workers, protocols",
                job: "flows and all protocols into EVE, on worker threads; no digests of files",
                command: workers + ["--rules", noRules, "-c", scratch + "/no-digests.yaml"],
                tellsThreads: true
            ),
            Contestant(
                name: "beltway workers, digests",
                job: "the same with the SHA-256 of every file, as is the default",
                command: workers + ["--rules", noRules],
                tellsThreads: true
            ),
        ]
        if !rules.isEmpty {
            all.append(
                Contestant(
                    name: "beltway flows + rules",
                    job: "flows, and the rules of --rules",
                    command: flows + ["--no-packets"] + rules.flatMap { ["--rules", $0] }
                )
            )
        }
        all += [
            Contestant(
                name: "nfpcapd",
                job: "flow files",
                command: ["nfpcapd", "-r", capture, "-l", "{out}"]
            ),
            Contestant(
                name: "softflowd",
                job: "NetFlow v9 to a closed port",
                command: ["softflowd", "-d", "-r", capture, "-v", "9", "-n", "127.0.0.1:39995"]
            ),
            Contestant(
                name: "tcpdump -w",
                job: "every packet to a file",
                command: ["tcpdump", "-r", capture, "-w", "{out}/copy.pcap"]
            ),
        ]
        let present = all.filter { $0.command[0] == beltway || MeasuredProcess.exists($0.command[0]) }
        return (present, all.filter { one in !present.contains { $0.name == one.name } }.map(\.name))
    }

    /// Runs every contestant once to warm up, then `rounds` times in turn.
    func run(_ contestants: [Contestant], progress: (String) -> Void) -> [ContestResult] {
        var results = contestants.map { ContestResult(contestant: $0, costs: []) }
        for round in 0...rounds {
            for index in results.indices {
                let contestant = results[index].contestant
                progress("round \(round) of \(rounds): \(contestant.name)")
                let out = scratch + "/out"
                try? FileManager.default.removeItem(atPath: out)
                try? FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
                let command = contestant.command.map { $0.replacing("{out}", with: out) }
                let summary = scratch + "/summary.json"
                let told = contestant.tellsThreads ? summary : nil
                guard var cost = MeasuredProcess.run(command, output: told) else { continue }
                if let told { cost.threads = RunBenchmark.threads(toldIn: told) }
                if cost.status != 0 { progress("\(contestant.name) ended with status \(cost.status)") }
                if round > 0 { results[index].costs.append(cost) }
            }
        }
        try? FileManager.default.removeItem(atPath: scratch + "/out")
        return results
    }
}

extension RunBenchmark {
    /// Processor seconds by thread, from a summary in JSON.
    private static func threads(toldIn path: String) -> [String: Double] {
        struct Summary: Decodable {
            struct Thread: Decodable { var cpu_seconds: Double }
            var threads: [String: Thread]
        }
        guard let data = FileManager.default.contents(atPath: path),
            let summary = try? JSONDecoder().decode(Summary.self, from: data)
        else { return [:] }
        return summary.threads.mapValues(\.cpu_seconds)
    }
}

/// The middle value; of an even number, the mean of the middle two.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
