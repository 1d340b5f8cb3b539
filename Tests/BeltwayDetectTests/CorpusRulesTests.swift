// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import FoundationEssentials
import Testing

private func corpus() -> String? {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
    let path =
        ProcessInfo.processInfo.environment["BELTWAY_CORPUS"] ?? parts.joined(separator: "/")
        + "/shared/corpus"
    return FileManager.default.fileExists(atPath: path + "/rules") ? path : nil
}

@Suite(
    .enabled(if: corpus() != nil, "the corpus of captures and rules is not here (BELTWAY_CORPUS names it)")
)
struct `The public rule sets of the corpus` {
    private var path: String { corpus() ?? "" }

    @Test func `load as far as their keywords are known, within the automaton's budget`() {
        let folders = ["et-open-2025-07-28", "et-open-2025-08-04", "et-open-2017-03-10"]
        let report = RuleLoader.load(paths: folders.map { path + "/rules/" + $0 })
        #expect(report.loaded >= 3_100)
        #expect(report.unreadable.isEmpty)
        // Whatever is refused is refused for a keyword or protocol, a handful of old buffer flags aside.
        let other = report.refused.filter {
            !$0.reason.hasPrefix("unknown keyword") && !$0.reason.hasPrefix("protocol ")
        }
        #expect(other.count <= 5)
        #expect(report.refused.allSatisfy { $0.sid != nil && $0.line > 0 && $0.column > 0 })
        #expect(report.ruleSet.statistics.automatonBytes <= 64 << 20)
        #expect(report.ruleSet.statistics.rulesWithoutPattern <= 20)
        #expect(report.ruleSet.signatures.count == report.loaded)
    }

    @Test func `of other syntax are refused rule by rule`() {
        let report = RuleLoader.load(paths: [
            path + "/rules/snort3-community", path + "/rules/suricata-events",
        ])
        #expect(report.refused.count > 1_000)
        #expect(report.unreadable.isEmpty)
    }
}
