// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The table of a live measurement: medians over the rounds, losses added up.
struct LiveReport {
    let runs: [LiveRun]
    let command: [String]

    var text: String {
        var lines = ["# " + command.joined(separator: " "), "# " + Machine.description]
        lines.append(row("frame", "contestant", "ns/packet", "least", "greatest", "kpps", "dropped", "lost"))
        for length in unique(runs.map(\.frameLength)) {
            for contestant in LiveContestant.allCases {
                let mine = runs.filter { $0.frameLength == length && $0.contestant == contestant }
                guard !mine.isEmpty else { continue }
                let costs = mine.map(\.nanoseconds).sorted()
                lines.append(
                    row(
                        "\(length) B",
                        contestant.rawValue,
                        number(median(costs)),
                        number(costs[0]),
                        number(costs[costs.count - 1]),
                        String(format: "%.0f", median(mine.map { Double($0.sent) / $0.wall / 1000 })),
                        "\(mine.reduce(0) { $0 + $1.dropped })",
                        "\(mine.reduce(0) { $0 + $1.lost })"
                    )
                )
            }
        }
        let exact = runs.allSatisfy(\.isExact)
        lines.append("# sent = received + dropped in \(exact ? "every run" : "NOT EVERY run")")
        return lines.joined(separator: "\n")
    }

    private func number(_ value: Double) -> String { String(format: "%.1f", value) }

    private func unique(_ values: [Int]) -> [Int] {
        var seen: Set<Int> = []
        return values.filter { seen.insert($0).inserted }
    }

    private func row(_ cells: String...) -> String {
        let widths = [7, 19, 10, 8, 9, 7, 9, 7]
        return zip(cells, widths).enumerated().map { index, cell in
            let gap = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return index < 2 ? cell.0 + gap : gap + cell.0
        }.joined(separator: " ")
    }
}
