// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

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
        for baseline in ZeekBaseline.all(log) {
            if written[baseline.capture] == nil {
                written[baseline.capture] = Dictionary(grouping: try baseline.ours(), by: key)
            }
            // Of several baselines of a capture each has all rows.
            var ours = written[baseline.capture] ?? [:]
            for row in try baseline.theirs() {
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
        for baseline in ZeekBaseline.all("files", isPlain: false) where !baseline.capture.contains("range") {
            if ours[baseline.capture] == nil {
                ours[baseline.capture] = Dictionary(grouping: try baseline.ours(), by: key)
            }
            for row in try baseline.theirs() {
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
