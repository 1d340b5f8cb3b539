// SPDX-License-Identifier: Apache-2.0

/// What every configuration cost in every round.
struct TapResults {
    private var costs: [TapCell: [TapCost]] = [:]
    /// Configurations that could not be run, and why.
    private(set) var troubles: [(cell: TapCell, reason: String)] = []

    mutating func add(_ cost: TapCost, of cell: TapCell) { costs[cell, default: []].append(cost) }
    mutating func add(trouble reason: String, of cell: TapCell) {
        if !troubles.contains(where: { $0.cell == cell }) { troubles.append((cell, reason)) }
    }
    func hasTrouble(_ cell: TapCell) -> Bool { troubles.contains { $0.cell == cell } }

    /// One number of a configuration, round by round; nil if it was not measured in every round.
    func sample(_ cell: TapCell, _ value: (TapCost) -> Double) -> Sample? {
        guard let all = costs[cell], !hasTrouble(cell) else { return nil }
        return Sample(values: all.map(value))
    }

    /// Microseconds of processor time per packet above what sending alone takes.
    func aboveSending(_ cell: TapCell) -> Sample? {
        let alone = TapCell(side: .stock, job: .write, length: cell.length, readers: 0)
        guard let all = sample(cell, { $0.microseconds }), let base = sample(alone, { $0.microseconds }),
            all.values.count == base.values.count
        else { return nil }
        return Sample(values: zip(all.values, base.values).map { $0 - $1 })
    }

    /// A plot of one number by the number of readers, a line for each side.
    func panel(
        _ name: String,
        _ title: String,
        _ unit: String,
        _ job: TapJob,
        _ length: Int,
        _ value: (TapCell) -> Sample?
    ) -> PlotPanel {
        let series = TapSide.allCases.map { side in
            let cells = costs.keys.filter { $0.side == side && $0.job == job && $0.length == length }
            let points = cells.sorted { $0.readers < $1.readers }.compactMap { cell in
                value(cell).map { PlotPoint(x: Double(cell.readers), y: $0) }
            }
            return PlotSeries(name: side.rawValue, points: points)
        }
        return PlotPanel(
            name: name,
            title: title,
            x: PlotAxis(name: "Readers"),
            y: PlotAxis(name: title, unit: unit),
            series: series.filter { !$0.points.isEmpty }
        )
    }
}
