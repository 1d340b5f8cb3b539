// SPDX-License-Identifier: Apache-2.0
// Two hundred captures, cut short in every way, in this process and without the program round them.
//
//     capture --> its packets, all cut to n bytes --> CutPackets: decoder, classifier, fragments, tracker,
//        |           n = 0 ... the longest                         streams, parsers; a pass for each n
//        `------> the file, cut to n bytes ---------> CutFile: the reader of capture files
//                    n = 0 ... its length
//
// A cut packet ends where a page begins that may not be touched: a read beyond it ends the process.
import BeltwayTestSupport
import Foundation
import Testing

extension `The corpus` {
    @Suite struct `Captures that are cut short` {
        /// Two hundred small captures: one of each link type, and the others evenly from all of the corpus.
        private static let sample: [Corpus.Capture] = {
            let small = Corpus.captures.filter { capture in
                let attributes = try? FileManager.default.attributesOfItem(atPath: capture.path)
                return (1...60).contains(capture.packets ?? 1)
                    && (attributes?[.size] as? Int ?? .max) <= 65_536
            }
            var seen: Set<String> = []
            let oneOfEach = small.filter { seen.insert($0.linkType).inserted }
            let names = Set(oneOfEach.map(\.name))
            let rest = small.filter { !names.contains($0.name) }
            let count = 200 - oneOfEach.count
            return oneOfEach + (0..<min(count, rest.count)).map { rest[$0 * rest.count / count] }
        }()

        @Test(.timeLimit(.minutes(6)))
        func `give sound facts, however short their packets are`() {
            #expect(Self.sample.count == 200)
            for folder in ["malformed/", "evasion/", "protocols/", "tunnels/", "formats/"] {
                #expect(Self.sample.contains { $0.name.hasPrefix(folder) }, "\(folder)")
            }
            let results = twoAtATime(Self.sample) { CutPackets($0.path) }
            for (capture, result) in zip(Self.sample, results) {
                for problem in result.problems { Issue.record("\(capture.name): \(problem)") }
                #expect(result.seconds < 20, "\(capture.name)")
            }
            let (passes, packets) = (results.sum(\.passes), results.sum(\.packets))
            let (transactions, texts) = (results.sum(\.transactions), results.sum(\.texts))
            #expect(passes > 50_000 && transactions > 10_000 && texts > 1000)
            print(
                "truncation: \(results.count) captures of \(Set(Self.sample.map(\.linkType)).count) link types, "
                    + "\(passes) passes, \(packets) cut packets, \(results.sum(\.flows)) flows, "
                    + "\(transactions) transactions, \(texts) events of them read again as JSON"
            )
        }

        @Test(.timeLimit(.minutes(6)))
        func `are read up to the cut, and no further`() throws {
            let results = try withTemporaryFolder { folder in
                twoAtATime(Self.sample) { CutFile($0.path, in: folder) }
            }
            for (capture, result) in zip(Self.sample, results) {
                for problem in result.problems { Issue.record("\(capture.name): \(problem)") }
            }
            #expect(results.sum(\.lengths) > 50_000)
            print(
                "truncation: \(results.count) files cut at \(results.sum(\.lengths)) lengths: "
                    + "\(results.sum(\.packets)) packets read, \(results.sum(\.whole)) cuts between records, "
                    + "\(results.sum(\.cut)) inside one, \(results.sum(\.errors)) files of no sense"
            )
        }
    }
}

extension Array {
    fileprivate func sum(_ count: (Element) -> Int) -> Int { reduce(0) { $0 + count($1) } }
}
