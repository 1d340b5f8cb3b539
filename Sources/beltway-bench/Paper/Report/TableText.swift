// SPDX-License-Identifier: Apache-2.0
internal import Foundation

// The tables: text in columns separated by tabs, one header line, comment lines (#) before it.

/// Writes the tables of a run.
enum TableText {
    /// A figure's numbers, one line per point, x ascending within each series.
    static func figure(_ figure: PaperFigure, _ result: FigureResult) -> String {
        var lines = ["# Figure \(figure.label): \(figure.title)"]
        lines.append(
            row(["panel", "series", "x", "x_unit", "median", "least", "greatest", "unit", "rounds"])
        )
        for panel in result.panels {
            for series in panel.series {
                for point in series.points {
                    lines.append(
                        row([
                            panel.name.isEmpty ? "-" : panel.name, series.name,
                            panel.style == .bars ? panel.label(x: point.x) : number(point.x),
                            panel.style == .bars ? "-" : unit(panel.x), number(point.y.median),
                            number(point.y.least), number(point.y.greatest), unit(panel.y),
                            "\(point.y.values.count)",
                        ])
                    )
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Every claim of every figure.
    static func claims(_ all: [(figure: PaperFigure, result: FigureResult)]) -> String {
        var lines = [row(["claim", "figure", "paper", "goal", "measured", "holds"])]
        for (figure, result) in all {
            for claim in result.claims {
                lines.append(
                    row([
                        claim.text, figure.label, claim.paper, claim.goal, claim.measured,
                        claim.verdict,
                    ])
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func unit(_ axis: PlotAxis) -> String {
        axis.format == .bytes ? "B" : axis.unit.isEmpty ? "1" : axis.unit
    }

    /// Six digits that count, without locale.
    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return "nan" }
        return value == value.rounded() && abs(value) < 1e15
            ? String(format: "%.0f", value) : String(format: "%.6g", value)
    }

    private static func row(_ cells: [String]) -> String {
        cells.map { cell in
            String(cell.map { $0 == "\t" || $0.isNewline ? " " : $0 })
        }.joined(separator: "\t")
    }
}
