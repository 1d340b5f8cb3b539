// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A stream of the oracle: what was sent from `a` to `b`, and back.
private struct ExpectedStream {
    var file: String
    var stream: Int
    var a: Tuple.End
    var b: Tuple.End
    var verdict: String
    /// By what is asserted: tshark's, first copy wins, last copy wins.
    var forward: [String: (bytes: Int, sha256: String)]
    var back: [String: (bytes: Int, sha256: String)]

    var pair: Set<Tuple.End> { [a, b] }

    init?(_ row: [String]) {
        guard row.count >= 25, let stream = Int(row[1]), let a = Tuple.End(row[2], Int(row[3]) ?? -1),
            let b = Tuple.End(row[4], Int(row[5]) ?? -1)
        else { return nil }
        (file, self.stream, self.a, self.b, verdict) = (row[0], stream, a, b, row[24])
        let lengths = row.map { Int($0) ?? -1 }
        forward = [
            "tshark": (lengths[6], row[7]), "first": (lengths[17], row[18]), "last": (lengths[17], row[21]),
        ]
        back = [
            "tshark": (lengths[8], row[9]), "first": (lengths[19], row[20]), "last": (lengths[19], row[22]),
        ]
    }
}

/// SHA-256 of TCP streams against tshark 4.0.17 and an assembly of its segments (`oracle/tcp_streams.tsv`).
@Suite(.enabled(if: Corpus.root != nil && Program.beltway != nil, "Needs the corpus and a built beltway."))
struct StreamTests {
    private static let expected: [ExpectedStream] =
        tableRows((Corpus.root ?? "") + "/oracle/tcp_streams.tsv").compactMap(ExpectedStream.init)

    private func disagreements(
        _ rows: [ExpectedStream],
        overlap: String,
        with column: String
    ) throws -> [String] {
        var wrong: [String] = []
        for (file, rows) in Dictionary(grouping: rows, by: \.file) {
            let path = (Corpus.root ?? "") + "/" + file
            let lines = try withTemporaryFolder {
                try StreamDigest.of(path, options: ["--overlap", overlap], in: $0)
            }
            let found = Dictionary(grouping: lines) { Set($0.ends) }
            // All streams of the oracle, so that the second one of a pair of ends is compared with our second.
            var places: [Set<Tuple.End>: Int] = [:]
            for row in Self.expected.filter({ $0.file == file }).sorted(by: { $0.stream < $1.stream }) {
                let place = places[row.pair, default: 0]
                places[row.pair] = place + 1
                guard rows.contains(where: { $0.stream == row.stream }) else { continue }
                let lines = found[row.pair] ?? []
                guard place < lines.count else {
                    wrong.append("\(file) \(row.stream): no such stream")
                    continue
                }
                if let difference = difference(lines[place], row, column) {
                    wrong.append("\(file) \(row.stream): \(difference)")
                }
            }
        }
        return wrong.sorted()
    }

    private func difference(_ line: StreamDigest, _ row: ExpectedStream, _ column: String) -> String? {
        let isForward = Tuple.End(line.src_ip, line.src_port) == row.a
        let sides = [
            (row.forward[column], isForward ? line.originator : line.responder),
            (row.back[column], isForward ? line.responder : line.originator),
        ]
        for (wanted, have) in sides {
            guard let wanted else { continue }
            if have.bytes != wanted.bytes || have.bytes > 0 && have.sha256 != wanted.sha256 {
                return
                    "\(have.bytes) bytes \(have.sha256.prefix(8)), expected \(wanted.bytes) \(wanted.sha256.prefix(8))"
            }
        }
        return nil
    }

    /// Streams where tshark or the oracle's own assembly is wrong, or what is not decoded: this folder's README has each
    /// with its reason.
    private static let disputed: Set<String> = [
        "evasion/suricata-verify/detect-ipopts/input.pcap 1",
        "evasion/suricata-verify/detect-ipopts/input.pcap 2",
        "evasion/suricata-verify/tcp-fastopen-10-syn-data-ignore/input.pcap 0",
        "malformed/ndpi/fuzz-2006-09-29-28586.pcap 8",
        "protocols/ndpi/vnc.pcap 0", "protocols/ndpi/vnc.pcap 2", "protocols/zeek/finger/verbose.pcap 0",
    ]

    /// Disagreements that nothing explains.
    private static func unexplained(_ wrong: [String]) -> [String] {
        wrong.filter { line in !disputed.contains(String(line.prefix { $0 != ":" })) }
    }

    @Test(arguments: ["firm", "firm,no-syn"])
    func `firm streams have tshark's bytes`(verdict: String) throws {
        let rows = Self.expected.filter { $0.verdict == verdict }
        let wrong = try disagreements(rows, overlap: "first", with: "tshark")
        print("\(rows.count - wrong.count) of \(rows.count) streams marked \(verdict) agree")
        #expect(Self.unexplained(wrong) == [])
    }

    @Test(arguments: ["first", "last"])
    func `streams without gaps have the bytes that the policy says`(policy: String) throws {
        let rows = Self.expected.filter { !$0.verdict.contains("gap") && !$0.verdict.contains("snaplen") }
        let wrong = try disagreements(rows, overlap: policy, with: policy)
        print("\(rows.count - wrong.count) of \(rows.count) streams agree with \(policy)-wins")
        #expect(Self.unexplained(wrong) == [])
    }

    @Test func `streams that come in order are parsed without copying a byte of payload`() throws {
        // Captures whose segments the oracle saw in order, each once, and none missing.
        let rows = tableRows((Corpus.root ?? "") + "/oracle/tcp_streams.tsv")
        var files: [String: Bool] = [:]
        for row in rows where row.count >= 25 && row[1] != "stream" {
            let isInOrder = row[12] == "0" && row[13] == "0" && row[14] == "0" && row[24] == "firm"
            files[row[0]] = isInOrder && files[row[0], default: true]
        }
        let inOrder = files.filter(\.value).keys.sorted().prefix(12)
        var bytes = 0
        for file in inOrder {
            try withTemporaryFolder { folder in
                let run = Run.of((Corpus.root ?? "") + "/" + file, in: folder)
                let streams = try #require(run.summary?.streams, "\(file): \(run.ending.description)")
                #expect(streams.copied_bytes == 0, "\(file)")
                bytes += streams.bytes
            }
        }
        #expect(bytes > 10_000)
    }
}
