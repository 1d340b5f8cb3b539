// SPDX-License-Identifier: Apache-2.0

/// A plot: one pair of axes with its series.
struct PlotPanel {
    enum Style { case lines, bars }

    /// Short name in the table's first column: `a`, `b`; empty if there is one only.
    var name = ""
    var title: String
    var x: PlotAxis
    var y: PlotAxis
    var style = Style.lines
    /// For bars: what stands below each group; the x of a point is an index into it.
    var categories: [String] = []
    var series: [PlotSeries]

    /// The series of a name.
    subscript(name: String) -> PlotSeries? { series.first { $0.name == name } }
    /// The sample of a series at an x.
    func sample(_ series: String, at x: Double) -> Sample? {
        self[series]?.points.first { $0.x == x }?.y
    }
    /// All x of the panel, in ascending order.
    var abscissae: [Double] { Set(series.flatMap { $0.points.map(\.x) }).sorted() }
    /// How the table and the report write an x.
    func label(x value: Double) -> String {
        let index = Int(value)
        return style == .bars && categories.indices.contains(index) ? categories[index] : x.label(value)
    }
}

/// A line, or one bar of each group.
struct PlotSeries {
    var name: String
    /// In ascending order of x.
    var points: [PlotPoint]
    /// Drawn without emphasis: a bound or a reference rather than a contestant.
    var isReference = false
}

/// A point with its spread.
struct PlotPoint {
    var x: Double
    var y: Sample
}
