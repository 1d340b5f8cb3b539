// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// An axis: its label, unit, scale, and where its ticks go.
struct PlotAxis {
    enum Scale { case linear, logarithmic, powersOfTwo }
    enum Format { case number, bytes }

    /// Without its unit.
    var name: String
    /// Empty for a bare number.
    var unit = ""
    var scale = Scale.linear
    var format = Format.number

    var title: String { unit.isEmpty ? name : "\(name) [\(unit)]" }

    /// How a value is written: at most three digits, or bytes with their binary prefix.
    func label(_ value: Double) -> String {
        format == .bytes ? byteLabel(value) : numberLabel(value)
    }
}

/// The part of an axis that a plot shows.
struct AxisRange {
    let axis: PlotAxis
    let least: Double
    let greatest: Double
    /// With labels, ascending.
    let ticks: [Double]
    /// Without labels: logarithmic scales.
    let minorTicks: [Double]

    /// Chooses a range that holds all values, with ticks at round numbers.
    init(_ axis: PlotAxis, holding values: [Double], fromZero: Bool, most: Int = 9) {
        self.axis = axis
        let finite = values.filter { $0.isFinite && (axis.scale == .linear || $0 > 0) }
        let low = finite.min() ?? (axis.scale == .linear ? 0 : 1)
        let high = finite.max() ?? 1
        switch axis.scale {
        case .linear:
            let bottom = fromZero ? min(0, low) : low
            let step = Self.roundStep((high > bottom ? high - bottom : 1) / 6)
            least = (bottom / step).rounded(.down) * step
            greatest = max((high / step).rounded(.up) * step, least + step)
            let count = Int(((greatest - least) / step).rounded())
            let start = least
            ticks = (0...count).map { start + Double($0) * step }
            minorTicks = []
        case .logarithmic:
            let from = Int(log10(low).rounded(.down))
            let to = max(Int(log10(high).rounded(.up)), from + 1)
            let fine = (from..<to).flatMap { power in (1...9).map { Double($0) * pow(10, Double(power)) } }
            // Of the decades at both ends only the part that is used, from 1, 2 or 5 on.
            let round = (from...to).flatMap { power in [1, 2, 5].map { $0 * pow(10, Double(power)) } }
            let first = round.last { $0 <= low * 1.0001 } ?? pow(10, Double(from))
            let last = round.first { $0 >= high * 0.9999 && $0 > first * 1.01 } ?? pow(10, Double(to))
            (least, greatest) = (first, last)
            let inside = { (value: Double) in value >= first * 0.9999 && value <= last * 1.0001 }
            let decades = (from...to).map { pow(10, Double($0)) }.filter(inside)
            ticks = decades.count >= 4 ? decades : round.filter(inside)
            minorTicks = fine.filter(inside)
        case .powersOfTwo:
            let from = Int(log2(low).rounded(.down))
            let to = max(Int(log2(high).rounded(.up)), from + 1)
            least = pow(2, Double(from))
            greatest = pow(2, Double(to))
            let step = max(1, Int((Double(to - from) / Double(most - 1)).rounded(.up)))
            ticks = stride(from: from, through: to, by: step).map { pow(2, Double($0)) }
            minorTicks = (from...to).map { pow(2, Double($0)) }
        }
    }

    /// Where a value lies, from 0 at the axis' start to 1 at its end; values outside are put on the edge.
    func place(_ value: Double) -> Double {
        guard value.isFinite else { return 0 }
        let fraction: Double =
            switch axis.scale {
            case .linear: (value - least) / (greatest - least)
            case .logarithmic, .powersOfTwo:
                (log2(max(value, .leastNormalMagnitude)) - log2(least)) / (log2(greatest) - log2(least))
            }
        return min(1, max(0, fraction))
    }

    /// The least of 1, 2, 2.5 and 5 times a power of ten that is not below `step`.
    private static func roundStep(_ step: Double) -> Double {
        let power = pow(10, floor(log10(step)))
        return ([1, 2, 2.5, 5].first { $0 * power >= step * 0.9999 } ?? 10) * power
    }
}

/// At most three digits that count, without locale: `0.42`, `12.5`, `1 400`, `2.5 M`.
func numberLabel(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let size = abs(value)
    if size >= 1e9 { return trimmed(value / 1e9, 2) + " G" }
    if size >= 1e6 { return trimmed(value / 1e6, 2) + " M" }
    if size >= 1e4 { return trimmed(value / 1e3, 1) + " k" }
    if size >= 100 || value == 0 { return String(format: "%.0f", value) }
    if size >= 10 { return trimmed(value, 1) }
    if size >= 1 { return trimmed(value, 2) }
    return trimmed(value, size >= 0.01 ? 3 : 5)
}

/// `64 B`, `1 KiB`, `1514 B`, `2.5 MiB`.
func byteLabel(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    for (unit, size) in [("GiB", 1_073_741_824.0), ("MiB", 1_048_576), ("KiB", 1024)] where value >= size {
        let whole = value / size
        // Packet lengths are no multiples: 1514 B says more than 1.48 KiB.
        if whole == whole.rounded() || value >= 16_384 { return "\(trimmed(whole, 1)) \(unit)" }
    }
    return "\(trimmed(value, 0)) B"
}

private func trimmed(_ value: Double, _ digits: Int) -> String {
    var text = String(format: "%.\(digits)f", value)
    guard text.contains(".") else { return text }
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
}
