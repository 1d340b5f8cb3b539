// SPDX-License-Identifier: Apache-2.0
internal import BeltwayDetect

/// What `beltway rules check` does: loads rules and says what came of each file.
public struct RuleCheck: Sendable {
    private let paths: [String]

    /// Checks files and folders.
    public init(paths: [String]) { self.paths = paths }

    /// Prints every refused rule with file, line and reason, then the counts.
    ///
    /// - Returns: Exit status: 1 if any rule was refused.
    /// - Throws: ``ApplianceError`` if a path cannot be read.
    public func run() throws(ApplianceError) -> Int32 {
        for path in paths {
            if let problem = unreadable(path) {
                throw .failure("cannot read the rules at \(path): \(problem)")
            }
        }
        let report = RuleLoader.load(paths: paths)
        let console = Console()
        for problem in report.unreadable + report.refused { console.print(problem.description) }
        console.print(
            "\(report.files.count) files: \(report.loaded) rules loaded, \(report.refused.count) refused, "
                + "\(report.disabled) disabled, \(report.duplicates) duplicates"
        )
        let statistics = report.ruleSet.statistics
        if report.loaded > 0 {
            console.print(
                "one automaton: \(statistics.patterns) patterns, \(statistics.states) states, "
                    + "\(humanBytes(UInt64(statistics.automatonBytes))); \(statistics.rulesWithoutPattern) rules without a pattern"
            )
        }
        let reasons = report.keywordRefusals.merging(report.protocolRefusals) { $0 + $1 }
        if !reasons.isEmpty {
            let most = reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(10)
            console.print("refused most for: " + most.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        }
        return report.refused.isEmpty && report.unreadable.isEmpty ? 0 : 1
    }
}
