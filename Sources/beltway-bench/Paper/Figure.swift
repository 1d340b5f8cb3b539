// SPDX-License-Identifier: Apache-2.0

/// A figure of the paper that this program reproduces, or will.
struct PaperFigure: Sendable {
    /// The paper's number.
    var number: Int
    /// A letter, where a part of a figure stands for itself.
    var part = ""
    /// What the figure is about.
    var title: String
    /// The paper's section.
    var section: String
    /// Why it is not here yet; nil if it is.
    var follows: String?
    /// Measures it.
    var measure: @Sendable (Effort) throws -> FigureResult
}

/// What a figure gave.
struct FigureResult {
    /// What the paper did, and what it says that came of it; one paragraph each.
    var paper: [String]
    /// What is measured here, and how it differs from the paper; one paragraph each.
    var method: [String]
    /// Plots, from which the table is made too.
    var panels: [PlotPanel]
    /// What is claimed, and whether it holds here.
    var claims: [Claim]
    /// What else the numbers say, worked out from them; one paragraph each.
    var findings: [String] = []
}

/// A claim of the paper, or a goal of this project, against what was measured.
struct Claim {
    /// In words.
    var text: String
    /// What the paper's figure shows; a dash where the goal is this project's own.
    var paper: String
    /// What has to be reached.
    var goal: String
    /// What was.
    var measured: String
    /// Whether it holds; nil if it could not be measured here.
    var holds: Bool?
    /// Why not, or under which condition.
    var remark = ""

    /// `yes`, `no` or `not measured`.
    var verdict: String { holds.map { $0 ? "yes" : "no" } ?? "not measured" }
}

extension PaperFigure {
    /// The base name of its files: `fig9`, `fig12b`.
    var fileName: String { "fig\(number)\(part)" }
    /// As the paper writes it: `9`, `12(b)`.
    var label: String { part.isEmpty ? "\(number)" : "\(number)(\(part))" }
    /// Its place in the report.
    var anchor: String { "figure\(number)\(part)" }
}
