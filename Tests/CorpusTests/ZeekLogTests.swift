// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The corpus` {
    /// What conn_state, history, packets and bytes are is compared elsewhere; here it is what the log adds to them.
    @Test func `gives the conn log that Zeek gives, where Zeek's own is at hand`() throws {
        let fields = ["proto", "ip_proto", "local_orig", "local_resp", "duration", "service", "missed_bytes"]
        let folder = (Corpus.root ?? "") + "/expected/zeek"
        var seen: Set<String> = []
        let logs = tableRows(folder + "/MAP.tsv").filter { line in
            line.count > 3 && line[2] == "conn" && line[3] == "0" && seen.insert(line[1]).inserted
                && !["radiotap", "ayiya"].contains { line[0].contains($0) }
        }
        var (rows, compared, equal) = (0, 0, 0)
        for log in logs {
            var ours: [String: [[String: String]]] = [:]
            let written = try withTemporaryFolder { data -> String in
                let run = Run.of(
                    (Corpus.root ?? "") + "/" + log[0],
                    in: data,
                    Run.lean + ["--zeek", "tsv", "--no-eve", "--no-flows"]
                )
                return run.connections
            }
            for row in Self.rows(written) { ours[Self.ends(row), default: []].append(row) }
            let theirs = try String(contentsOfFile: "\(folder)/\(log[1])/conn.log", encoding: .utf8)
            for row in Self.rows(theirs) {
                guard var same = ours[Self.ends(row)], !same.isEmpty else { continue }
                let mine = same.removeFirst()
                ours[Self.ends(row)] = same
                rows += 1
                for field in fields {
                    guard let expected = row[field], let found = mine[field] else { continue }
                    compared += 1
                    if Self.agree(expected, found) {
                        equal += 1
                    } else {
                        print("conn.log: \(log[0]) \(Self.ends(row)): \(field) \(expected), ours \(found)")
                    }
                }
            }
        }
        print("conn.log: \(rows) rows, \(equal) of \(compared) values equal")
        #expect(rows > 80)
        #expect(equal * 100 >= compared * 93)
    }

    /// The rows of a log, by field.
    private static func rows(_ log: String) -> [[String: String]] {
        var names: [String] = []
        var rows: [[String: String]] = []
        for line in log.split(separator: "\n") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if parts[0] == "#fields" { names = Array(parts.dropFirst()) }
            if line.hasPrefix("#") || parts.count != names.count { continue }
            rows.append(Dictionary(uniqueKeysWithValues: zip(names, parts)))
        }
        return rows
    }

    private static func ends(_ row: [String: String]) -> String {
        ["proto", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"].map { row[$0] ?? "" }
            .joined(separator: " ")
    }

    /// Durations may differ by a millisecond: Zeek leaves out what comes after a connection's end.
    private static func agree(_ a: String, _ b: String) -> Bool {
        if a == b { return true }
        guard a.contains("."), let first = Double(a), let second = Double(b) else { return false }
        return abs(first - second) <= 0.001
    }
}
