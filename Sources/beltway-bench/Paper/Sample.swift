// SPDX-License-Identifier: Apache-2.0

/// What one cell of a figure gave in each round, in the order of the rounds.
///
/// Invariant: the rounds of all cells of a panel are the same rounds, run in turn. So two samples may be divided
/// round by round, and what the machine did to one round cancels.
struct Sample: Sendable {
    /// One value per counted round, in the unit of its panel.
    var values: [Double]

    /// The value quoted.
    var median: Double { values.isEmpty ? .nan : beltway_bench.median(values) }
    /// The least of all rounds.
    var least: Double { values.min() ?? .nan }
    /// The greatest of all rounds.
    var greatest: Double { values.max() ?? .nan }

    /// Median over the rounds of this sample's value by the other's.
    func ratio(to other: Sample) -> Double {
        guard !values.isEmpty, values.count == other.values.count else { return median / other.median }
        return beltway_bench.median(zip(values, other.values).map { $0 / $1 })
    }
}

/// How much a run may take: everything that differs between a run for figures and one for tests.
struct Effort: Sendable {
    /// Counted rounds per cell, after one to warm up.
    var rounds: Int
    /// Seconds that one cell takes in one round, about.
    var secondsPerCell: Double
    /// Whether sweeps leave out every other step, and no ring exceeds 16 MiB.
    var isQuick: Bool

    /// For figures: all of them in less than eight minutes, and 12(b) in about ten more.
    static var full: Effort { Effort(rounds: 7, secondsPerCell: 0.02, isQuick: false) }
    /// For tests: all of them in less than a minute; figures are noise.
    static var quick: Effort { Effort(rounds: 2, secondsPerCell: 0.001, isQuick: true) }

    /// The steps of a sweep: all of them, or every other one and the last.
    func steps<Step>(_ all: [Step]) -> [Step] {
        guard isQuick, all.count > 2 else { return all }
        return all.enumerated().filter { $0.offset % 2 == 0 || $0.offset == all.count - 1 }.map(\.element)
    }
}

/// One cell of a figure: where it goes, and what measures it once.
struct Cell {
    var series: String
    var x: Double
    /// Runs the cell for about the given number of seconds and returns its figure.
    var measure: (_ seconds: Double) throws -> Double
}

/// Runs cells in turn (A B C, A B C, ...), so that a machine whose speed drifts is fair to all.
///
/// - Parameters:
///   - cells: What to measure; the order of series and of their points is kept.
///   - effort: Rounds and time. A round before the counted ones warms caches, branch predictors and page tables.
/// - Returns: The series in the order in which they first appear.
/// - Throws: What a cell throws.
func measureInTurn(_ cells: [Cell], _ effort: Effort) throws -> [PlotSeries] {
    var values = [[Double]](repeating: [], count: cells.count)
    for cell in cells { _ = try cell.measure(effort.secondsPerCell / 4) }
    for _ in 0..<effort.rounds {
        for (index, cell) in cells.enumerated() {
            values[index].append(try cell.measure(effort.secondsPerCell))
        }
    }
    var series: [PlotSeries] = []
    for (cell, values) in zip(cells, values) {
        let point = PlotPoint(x: cell.x, y: Sample(values: values))
        if let known = series.firstIndex(where: { $0.name == cell.series }) {
            series[known].points.append(point)
        } else {
            series.append(PlotSeries(name: cell.series, points: [point]))
        }
    }
    return series
}

/// Measures a step by repeating it for about the given time: a few steps tell how many it takes.
///
/// - Parameters:
///   - seconds: Time to take, by the thread's own processor time.
///   - first: Steps to begin with; fewer where a step is long.
///   - body: Runs the step that often.
/// - Returns: Nanoseconds per step.
func nanosecondsPerStep(
    seconds: Double,
    from first: Int = 64,
    _ body: (_ count: Int) throws -> Void
) rethrows -> Double {
    var count = first
    while true {
        let start = threadSeconds()
        try body(count)
        let taken = threadSeconds() - start
        if taken >= seconds / 2 || count >= 1 << 32 { return taken * 1e9 / Double(count) }
        // Once the clock sees it, straight to what is wanted; until then by powers of eight.
        count = taken > seconds / 64 ? max(count + 1, Int(Double(count) * seconds * 0.8 / taken)) : count * 8
    }
}
