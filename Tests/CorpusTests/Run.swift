// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// All tests over the corpus: one after the other, each with two subprocesses at a time.
///
/// They need the release build (a debug build takes ten times as long) and the corpus.
@Suite(
    .serialized,
    .enabled(
        if: isReleaseBuild,
        "These tests need the release build: swift test -c release --filter CorpusTests"
    ),
    .enabled(if: Corpus.root != nil, Comment(rawValue: Corpus.absence)),
    .enabled(if: Program.beltway != nil, "The program is not built beside the tests: swift build -c release")
)
struct `The corpus` {}

/// The summary that `--summary json` prints, as far as these tests look at it.
struct Summary: Decodable, Sendable {
    struct Capture: Decodable, Sendable {
        var received: Int
        var dropped: Int
    }

    struct Consumer: Decodable, Sendable {
        var published: Int
        var read: Int
        var lost: Int
    }

    struct Streams: Decodable, Sendable {
        var bytes: Int
        var copied_bytes: Int
        var gaps: Int
    }

    var packets: Int
    var bytes: Int
    var flows: Int
    var alerts: Int
    var streams: Streams
    var facts_dropped: Int
    var capture: Capture
    var consumers: [String: Consumer]
    var peak_rss_bytes: Int
    var rows_lost: Int
    var events_lost: Int
}

/// One event of eve.json, as far as these tests look at it.
struct Event: Decodable, Sendable {
    struct Flow: Decodable, Sendable {
        var pkts_toserver: Int
        var pkts_toclient: Int
        var bytes_toserver: Int
        var bytes_toclient: Int
        var reason: String?
    }

    struct Alert: Decodable, Sendable {
        var signature_id: Int
    }

    var event_type: String
    var timestamp: String
    var flow_id: UInt64?
    var src_ip: String?
    var src_port: Int?
    var dest_ip: String?
    var dest_port: Int?
    var proto: String?
    var vlan: [Int]?
    var flow: Flow?
    var alert: Alert?

    /// Protocol and ends, in a fixed order; nil for events without addresses.
    var tuple: Tuple? {
        guard let proto, let from = Tuple.End(src_ip ?? "", src_port ?? 0),
            let to = Tuple.End(dest_ip ?? "", dest_port ?? 0)
        else { return nil }
        return Tuple(proto: proto, lower: min(from, to), upper: max(from, to))
    }
}

/// One run of the program over one capture.
struct Run: Sendable {
    var ending: Program.Ending
    /// Nil if it printed none.
    var summary: Summary?
    /// Lines of eve.json but its statistics.
    var lines: [Data] = []
    /// The text of conn.log, if it was written.
    var connections = ""
    /// The data directory; gone unless it was to be kept.
    var data = ""

    /// The events of one type.
    func events(_ type: String) throws -> [Event] {
        let mark = Data("\"event_type\":\"\(type)\"".utf8)
        let decoder = JSONDecoder()
        return try lines.filter { $0.range(of: mark) != nil }.map { try decoder.decode(Event.self, from: $0) }
    }

    /// Runs `beltway run -r` into a folder of its own.
    ///
    /// - Parameters:
    ///   - capture: The capture file.
    ///   - folder: An empty folder for its data.
    ///   - options: More options.
    ///   - seconds: How long it may take.
    ///   - keepsData: Whether the data directory is left for who called.
    /// - Returns: How it ended, its summary and its events.
    static func of(
        _ capture: String,
        in folder: String,
        _ options: [String] = [],
        within seconds: Double = 20,
        keepsData: Bool = false
    ) -> Run {
        let data = folder + "/" + UUID().uuidString
        defer { if !keepsData { try? FileManager.default.removeItem(atPath: data) } }
        let ending = Program.run(
            Program.beltway ?? "",
            ["run", "-r", capture, "--data", data, "--summary", "json"] + options,
            within: seconds,
            in: folder
        )
        var run = Run(ending: ending, data: data)
        run.summary = try? JSONDecoder().decode(Summary.self, from: ending.output)
        let connections = FileManager.default.contents(atPath: data + "/conn.log") ?? Data()
        run.connections = String(decoding: connections, as: UTF8.self)
        let statistics = Data("\"event_type\":\"stats\"".utf8)
        run.lines = (FileManager.default.contents(atPath: data + "/eve.json") ?? Data())
            .split(separator: 0x0a).map { Data($0) }.filter { $0.range(of: statistics) == nil }
        return run
    }

    /// Options of a run that stores no packets: small, and the same rules for everybody.
    static let lean = ["--no-packets", "--ring", "8MiB"]
}

/// Every capture of the index, run once; all tests share it.
enum Sweep {
    static let runs: [(capture: Corpus.Capture, run: Run)] = {
        let captures = Corpus.captures
        let runs = try? withTemporaryFolder { folder in
            twoAtATime(captures) { Run.of($0.path, in: folder, Run.lean) }
        }
        return Array(zip(captures, runs ?? []))
    }()
}
