// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A log of Zeek's own, of the capture that it was made from.
private struct ZeekBaseline {
    let capture: String
    let path: String

    /// Those of plain Zeek, without a script of the test's own (`script_lines` of the map is 0), or all.
    static func of(_ log: String, isPlain: Bool = true) -> [ZeekBaseline] {
        let folder = (Corpus.root ?? "") + "/expected/zeek"
        return tableRows(folder + "/MAP.tsv").compactMap { line in
            guard line.count > 3, line[2] == log, !isPlain || line[3] == "0", !line[0].contains("ayiya")
            else {
                return nil
            }
            return ZeekBaseline(capture: line[0], path: "\(folder)/\(line[1])/\(log).log")
        }
    }
}

/// The rows of a log, by field.
private func rows(_ log: String) -> [[String: String]] {
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

/// What joins a row of theirs to one of ours.
private func key(_ row: [String: String]) -> String {
    ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "trans_id", "trans_depth"].map { row[$0] ?? "" }
        .joined(separator: " ")
}

/// Times may differ by a millisecond and a half.
private func agree(_ a: String, _ b: String) -> Bool {
    if a == b { return true }
    guard a.contains("."), let first = Double(a), let second = Double(b) else { return false }
    return abs(first - second) <= 0.0015
}

extension `The corpus` {
    /// Rates per field and disagreements go to standard output; what they come from is in this folder's README.
    @Test(arguments: [("dns", 0.95), ("http", 0.90), ("ssh", 0.99), ("ssl", 0.95), ("tunnel", 0.95)])
    func `gives the logs of transactions that Zeek gives`(log: String, least: Double) throws {
        // Times are blank in the baselines, identifiers (of connections and of files) are random.
        let ignored: Set = ["ts", "uid"]
        var written: [String: [String: [[String: String]]]] = [:]
        var (matched, missing) = (0, 0)
        var rates: [String: (equal: Int, all: Int)] = [:]
        for baseline in ZeekBaseline.of(log) {
            if written[baseline.capture] == nil {
                let text = try withTemporaryFolder { data -> String in
                    let path = (Corpus.root ?? "") + "/" + baseline.capture
                    let options = Run.lean + ["--zeek", "tsv", "--no-eve", "--no-flows"]
                    let run = Run.of(path, in: data, options, keepsData: true)
                    return (try? String(contentsOfFile: "\(run.data)/\(log).log", encoding: .utf8)) ?? ""
                }
                written[baseline.capture] = Dictionary(grouping: rows(text), by: key)
            }
            // Of several baselines of a capture each has all rows.
            var ours = written[baseline.capture] ?? [:]
            let theirs = try String(contentsOfFile: baseline.path, encoding: .utf8)
            for row in rows(theirs) {
                guard var same = ours[key(row)], !same.isEmpty else {
                    missing += 1
                    print("\(log).log: \(baseline.capture): no row \(key(row))")
                    continue
                }
                let mine = same.removeFirst()
                ours[key(row)] = same
                matched += 1
                for (field, value) in row where !ignored.contains(field) && !field.hasSuffix("fuids") {
                    guard let found = mine[field] else { continue }
                    rates[field, default: (0, 0)].all += 1
                    if agree(value, found) {
                        rates[field, default: (0, 0)].equal += 1
                    } else {
                        print("\(log).log: \(baseline.capture) \(key(row)): \(field) \(value), ours \(found)")
                    }
                }
            }
        }
        let equal = rates.values.reduce(0) { $0 + $1.equal }
        let all = rates.values.reduce(0) { $0 + $1.all }
        let fields = rates.keys.sorted().map { "\($0) \(rates[$0]?.equal ?? 0)/\(rates[$0]?.all ?? 0)" }
        print("\(log).log: \(matched) rows, \(missing) missing, \(equal) of \(all) values equal")
        print("\(log).log: \(fields.joined(separator: ", "))")
        #expect(matched > 3 && missing * 5 <= matched)
        #expect(Double(equal) >= least * Double(all))
    }

    // The scripts of these baselines ask for digests and the like; what is compared does not depend on them. Ranges of a
    // file, of which Zeek has no rows, and certificates are told otherwise here (this folder's README).
    @Test func `gives the files that Zeek gives`() throws {
        let compared = [
            "source", "depth", "mime_type", "filename", "is_orig", "local_orig", "seen_bytes", "total_bytes",
            "missing_bytes", "sha256",
        ]
        var ours: [String: [String: [[String: String]]]] = [:]
        var (matched, equal, all) = (0, 0, 0)
        for baseline in ZeekBaseline.of("files", isPlain: false) where !baseline.capture.contains("range") {
            if ours[baseline.capture] == nil {
                let text = try withTemporaryFolder { data -> String in
                    let path = (Corpus.root ?? "") + "/" + baseline.capture
                    let options = Run.lean + ["--zeek", "tsv", "--no-eve", "--no-flows"]
                    let run = Run.of(path, in: data, options, keepsData: true)
                    return (try? String(contentsOfFile: "\(run.data)/files.log", encoding: .utf8)) ?? ""
                }
                ours[baseline.capture] = Dictionary(grouping: rows(text), by: key)
            }
            for row in rows(try String(contentsOfFile: baseline.path, encoding: .utf8)) {
                let mine = ours[baseline.capture]?[key(row)] ?? []
                let place =
                    mine.firstIndex { $0["filename"] == row["filename"] && $0["depth"] == row["depth"] }
                    ?? mine.firstIndex { $0["seen_bytes"] == row["seen_bytes"] }
                guard let place else {
                    print("files.log: \(baseline.capture): no row \(key(row)) \(row["filename"] ?? "")")
                    continue
                }
                let best = mine[place]
                matched += 1
                for field in compared where row[field] != nil && !(field == "sha256" && row[field] == "-") {
                    all += 1
                    if row[field] == best[field] {
                        equal += 1
                    } else {
                        let values = "\(row[field] ?? ""), ours \(best[field] ?? "")"
                        print("files.log: \(baseline.capture) \(key(row)): \(field) \(values)")
                    }
                }
            }
        }
        print("files.log: \(matched) rows, \(equal) of \(all) values equal")
        #expect(matched >= 5)
        #expect(10 * equal >= 9 * all)
    }
}
