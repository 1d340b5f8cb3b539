// SPDX-License-Identifier: Apache-2.0
// The program on a network of its own: what the tests of this folder share.
import BeltwayTestSupport
import Foundation
import Testing

/// Tests of the built program on live interfaces and on disks that misbehave; one after the other, since each wants
/// the machine's timing.
@Suite(
    .serialized,
    .enabled(if: LiveProgram.absence == nil, "\(LiveProgram.absence ?? "")"),
    .timeLimit(.minutes(3))
)
struct `The program, live` {}

/// How these tests drive the program.
enum LiveProgram {
    /// Why they cannot run here, nil if they can.
    static let absence: String? = {
        if let absence = NetworkNamespace.absence { return absence }
        if BeltwayProgram.path == nil { return BeltwayProgram.absence }
        for tool in ["tcpreplay", "tcpdump", "sqlite3", "setpriv", "unshare"] where !isInstalled(tool) {
            return "These tests call \(tool), which is not installed."
        }
        return nil
    }()

    static var path: String { BeltwayProgram.path ?? "beltway" }

    /// A namespace with the pair of interfaces, wide enough for frames with VLAN tags.
    static func network() throws -> NetworkNamespace {
        let network = try NetworkNamespace()
        try network.addPair(mtu: 1_600)
        return network
    }

    /// Starts the program on `capture0` and waits until it captures.
    static func start(
        _ arguments: [String],
        in network: NetworkNamespace,
        wrapper: [String] = []
    ) throws -> RunningProgram {
        let program = try network.run {
            try RunningProgram(wrapper + [path, "run", "-i", "capture0", "--summary", "json"] + arguments)
        }
        try #require(program.waitFor("capturing on"), "it did not start: \(program.errors)")
        return program
    }

    /// Replays a capture on `sender0`.
    ///
    /// - Returns: How many packets tcpreplay says it has sent.
    static func replay(
        _ capture: String,
        in network: NetworkNamespace,
        perSecond rate: Int,
        limit: Int = 0,
        seconds: Double = 30
    ) throws -> Int {
        let replay = try startReplay(capture, in: network, perSecond: rate, limit: limit)
        let outcome = replay.wait(seconds: seconds)
        #expect(outcome.status == 0, "tcpreplay: \(outcome.errors)")
        let words = (outcome.output + outcome.errors).split(whereSeparator: \.isWhitespace)
        let label = words.firstIndex(of: "Actual:")
        return label.flatMap { Int(words[$0 + 1]) } ?? 0
    }

    /// Starts a replay and does not wait for it.
    static func startReplay(
        _ capture: String,
        in network: NetworkNamespace,
        perSecond rate: Int,
        limit: Int = 0,
        loops: Int = 1
    ) throws -> RunningProgram {
        let limit = limit > 0 ? ["--limit=\(limit)"] : []
        return try network.run {
            try RunningProgram(
                ["tcpreplay", "-K", "-q", "--pps=\(rate)", "--loop=\(loops)", "-i", "sender0"] + limit + [
                    capture
                ]
            )
        }
    }

    /// Stops the program once it has taken what was sent.
    static func stop(_ program: RunningProgram, with signal: Int32 = SIGINT) -> ProgramOutcome {
        usleep(200_000)
        program.signal(signal)
        return program.wait(seconds: 30)
    }

    /// Runs another tool and returns what it prints.
    static func tool(_ command: [String], seconds: Double = 60) throws -> ProgramOutcome {
        try RunningProgram(command).wait(seconds: seconds)
    }

    /// Packets in a capture as tcpdump counts them; nil if it complains about the file.
    static func count(_ capture: String, filter: String = "") throws -> Int? {
        let outcome = try tool(
            ["tcpdump", "-Z", "root", "-n", "--count", "-r", capture] + (filter.isEmpty ? [] : [filter])
        )
        let complaints = outcome.errorLines.filter { !$0.hasPrefix("reading from file") }
        guard outcome.status == 0, complaints.isEmpty else { return nil }
        return outcome.output.split(separator: " ").first.flatMap { Int($0) }
    }

    /// Ledgers of the summary: what was offered to each consumer, what it took, what it lost.
    static func ledgers(_ summary: [String: Any]) -> [String: (published: Int, read: Int, lost: Int)] {
        let consumers = summary["consumers"] as? [String: [String: Int]] ?? [:]
        return consumers.mapValues { ($0["published"] ?? -1, $0["read"] ?? -1, $0["lost"] ?? -1) }
    }

    /// Packets and bytes by direction of each tuple, summed over the flows that `query` answers with.
    static func tuples(in data: String) throws -> [String: Tuple] {
        let outcome = try BeltwayProgram.run(["query", "--data", data, "--format", "csv", "flows"])
        try #require(outcome.status == 0, "query: \(outcome.errors)")
        let lines = outcome.output.split(separator: "\n")
        guard let names = lines.first?.split(separator: ",", omittingEmptySubsequences: false) else {
            return [:]
        }
        func column(_ name: String) throws -> Int { try #require(names.firstIndex { $0 == name }) }
        let kind = try ["proto", "vlan"].map(column)
        let ends = try ["src_ip", "src_port", "dest_ip", "dest_port"].map(column)
        let counts = try ["pkts_toserver", "bytes_toserver", "pkts_toclient", "bytes_toclient"].map(column)
        var result: [String: Tuple] = [:]
        for line in lines.dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            let head = kind.map { fields[$0] }.joined(separator: " ")
            let (from, to) = (
                "\(fields[ends[0]]):\(fields[ends[1]])", "\(fields[ends[2]]):\(fields[ends[3]])"
            )
            let numbers = counts.map { Int(fields[$0]) ?? 0 }
            result["\(head) \(from) > \(to)", default: Tuple()].add(numbers[0], numbers[1])
            result["\(head) \(to) > \(from)", default: Tuple()].add(numbers[2], numbers[3])
        }
        return result
    }

    /// Packets and bytes of one direction.
    struct Tuple: Equatable {
        var packets = 0
        var bytes = 0
        mutating func add(_ packets: Int, _ bytes: Int) {
            self.packets += packets
            self.bytes += bytes
        }
    }
}
