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
            for name in unique(runs.map(\.name)) {
                let mine = runs.filter { $0.frameLength == length && $0.name == name }
                guard !mine.isEmpty else { continue }
                let costs = mine.map(\.nanoseconds).sorted()
                lines.append(
                    row(
                        "\(length) B",
                        name,
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
        lines += crowdLines
        let exact = runs.allSatisfy(\.isExact)
        lines.append("# sent = received + dropped in \(exact ? "every run" : "NOT EVERY run")")
        return lines.joined(separator: "\n")
    }

    /// What a nuisance changes of the capture's time: its median over the rounds, by that without one.
    private var crowdLines: [String] {
        let disturbed = runs.filter { $0.disturbance != nil }
        return unique(disturbed.map(\.frameLength)).flatMap { length in
            let ofLength = disturbed.filter { $0.frameLength == length }
            let calm = ofLength.filter { $0.disturbance == LiveDisturbance.none }.map(\.nanoseconds)
            return LiveDisturbance.allCases.dropFirst().compactMap { disturbance -> String? in
                let mine = ofLength.filter { $0.disturbance == disturbance }
                guard !mine.isEmpty, !calm.isEmpty else { return nil }
                let ratio = median(mine.map(\.nanoseconds)) / median(calm)
                let visits = mine.map(\.visits).min() ?? 0
                return
                    "# \(length) B, \(disturbance.rawValue): \(String(format: "%.2f", ratio)) of the time without, goal 1.05"
                    + (disturbance == .visits ? "; \(visits) visits at least" : "")
            }
        }
    }

    private func number(_ value: Double) -> String { String(format: "%.1f", value) }

    private func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen: Set<Value> = []
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
