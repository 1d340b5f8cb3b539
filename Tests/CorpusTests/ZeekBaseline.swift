// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation

/// A log of Zeek's own, of the capture that it was made from.
struct ZeekBaseline {
    let log: String
    let capture: String
    let path: String
    /// Whether it ran with `-C`: wrong checksums do not matter.
    let ignoresChecksums: Bool

    /// Captures that hold what Beltway does not decode.
    static let undecoded = ["ayiya"]

    /// Those of plain Zeek, without a script of the test's own (`script_lines` of the map is 0), or all.
    static func all(_ log: String, isPlain: Bool = true) -> [ZeekBaseline] {
        let folder = (Corpus.root ?? "") + "/expected/zeek"
        return tableRows(folder + "/MAP.tsv").compactMap { line in
            guard line.count > 4, line[2] == log, !isPlain || line[3] == "0",
                !undecoded.contains(where: line[0].contains)
            else { return nil }
            return ZeekBaseline(
                log: log,
                capture: line[0],
                path: "\(folder)/\(line[1])/\(log).log",
                ignoresChecksums: line[4].contains(" -C ")
            )
        }
    }

    /// Zeek's rows, by field.
    func theirs() throws -> [[String: String]] {
        Self.rows(try String(contentsOfFile: path, encoding: .utf8))
    }

    /// The rows of a run over the same capture with the settings that Zeek ran with, by field.
    func ours() throws -> [[String: String]] {
        try withTemporaryFolder { folder in
            let settings = folder + "/zeek.yaml"
            try configuration.write(toFile: settings, atomically: true, encoding: .utf8)
            let options = ["-c", settings, "--zeek", "tsv", "--no-eve", "--no-flows"] + Run.lean
            let run = Run.of((Corpus.root ?? "") + "/" + capture, in: folder, options, keepsData: true)
            return Self.rows(
                (try? String(contentsOfFile: "\(run.data)/\(log).log", encoding: .utf8)) ?? ""
            )
        }
    }

    /// Zeek's defaults where ours are others: its time-outs, VLANs, and checksums unless it was told not to ask.
    private var configuration: String {
        """
        vlans-separate-flows: no
        events: {anomaly: {checksums: \(ignoresChecksums ? "no" : "yes")}}
        flow:
          tcp: {new: 300, established: 300, closed: 300}
          tcp-attempt: 5
          udp: {new: 60, established: 60, closed: 60}
          icmp: {new: 60, established: 60, closed: 60}
          other: {new: 60, established: 60, closed: 60}
        """
    }

    /// The rows of a log in Zeek's TSV form, by field.
    static func rows(_ log: String) -> [[String: String]] {
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
}
