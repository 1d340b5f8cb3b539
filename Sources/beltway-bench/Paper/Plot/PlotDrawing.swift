// SPDX-License-Identifier: Apache-2.0
internal import Foundation

// Draws panels, one below the other:
//
//     title
//     y |        .--x        legend
//       |   x---'            name
//       '----------- x       name

/// Turns panels into a picture.
struct PlotDrawing {
    /// Distinct for readers who do not tell red from green (after Okabe and Ito).
    static let colours = [
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#6b6b6b", "#a5aa99",
        "#000000",
    ]
    static let panelHeight = 400.0
    static let width = 860.0
    private static let (left, top, bottom) = (78.0, 44.0, 58.0)

    private var svg: SVGDocument

    /// The picture of some panels as a text of SVG.
    static func svg(_ panels: [PlotPanel], title: String) -> String {
        var drawing = PlotDrawing(
            svg: SVGDocument(
                width: width,
                height: panelHeight * Double(max(1, panels.count)),
                title: title
            )
        )
        for (index, panel) in panels.enumerated() { drawing.draw(panel, from: Double(index) * panelHeight) }
        return drawing.svg.text
    }

    private init(svg: SVGDocument) { self.svg = svg }

    /// Where a panel's axes are.
    private struct Frame {
        var x: AxisRange
        var y: AxisRange
        var left: Double
        var right: Double
        var top: Double
        var bottom: Double

        func across(_ value: Double) -> Double { left + x.place(value) * (right - left) }
        func up(_ value: Double) -> Double { bottom - y.place(value) * (bottom - top) }
    }

    private mutating func draw(_ panel: PlotPanel, from top: Double) {
        // The legend stands to the right, as wide as its longest name.
        let longest = panel.series.map(\.name.count).max() ?? 0
        let legend = min(300, 54 + Double(longest) * 6.8)
        let points = panel.series.flatMap(\.points)
        let groups = Double(max(1, panel.categories.count))
        let isBars = panel.style == .bars
        let frame = Frame(
            x: isBars
                ? AxisRange(PlotAxis(name: ""), holding: [0, groups], fromZero: true)
                : AxisRange(panel.x, holding: points.map(\.x), fromZero: false),
            y: AxisRange(
                panel.y,
                holding: points.flatMap { [$0.y.least, $0.y.median, $0.y.greatest] },
                fromZero: true
            ),
            left: Self.left,
            right: Self.width - legend,
            top: top + Self.top,
            bottom: top + Self.panelHeight - Self.bottom
        )
        svg.text(Self.left, top + 24, panel.title, size: 15, fill: "#111", weight: "bold")
        drawGrid(panel, frame)
        if isBars { drawBars(panel, frame, groups) } else { drawLines(panel, frame) }
        drawLegend(panel, frame)
    }

    private mutating func drawGrid(_ panel: PlotPanel, _ frame: Frame) {
        for tick in frame.y.minorTicks {
            svg.line(frame.left, frame.up(tick), frame.right, frame.up(tick), stroke: "#f1f1f1")
        }
        for tick in frame.y.ticks {
            let y = frame.up(tick)
            svg.line(frame.left, y, frame.right, y, stroke: "#dcdcdc")
            svg.text(frame.left - 8, y + 4, panel.y.label(tick), fill: "#444", anchor: .end)
        }
        if panel.style == .lines {
            for tick in frame.x.minorTicks {
                let x = frame.across(tick)
                svg.line(x, frame.top, x, frame.bottom, stroke: "#f1f1f1")
            }
            for tick in frame.x.ticks {
                let x = frame.across(tick)
                svg.line(x, frame.top, x, frame.bottom, stroke: "#e6e6e6")
                svg.line(x, frame.bottom, x, frame.bottom + 5, stroke: "#444")
                svg.text(x, frame.bottom + 19, panel.x.label(tick), fill: "#444", anchor: .middle)
            }
        }
        svg.line(frame.left, frame.bottom, frame.right, frame.bottom, stroke: "#444")
        svg.line(frame.left, frame.top, frame.left, frame.bottom, stroke: "#444")
        svg.text((frame.left + frame.right) / 2, frame.bottom + 42, panel.x.title, size: 13, anchor: .middle)
        svg.text(22, (frame.top + frame.bottom) / 2, panel.y.title, size: 13, anchor: .middle, turned: true)
    }

    private mutating func drawLines(_ panel: PlotPanel, _ frame: Frame) {
        for (index, series) in panel.series.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            svg.polyline(
                series.points.map { (frame.across($0.x), frame.up($0.y.median)) },
                stroke: colour,
                width: series.isReference ? 1.6 : 2.2,
                dashes: series.isReference ? "6 4" : nil
            )
            for point in series.points {
                let x = frame.across(point.x)
                svg.line(
                    x,
                    frame.up(point.y.least),
                    x,
                    frame.up(point.y.greatest),
                    stroke: colour,
                    width: 1.2,
                    opacity: 0.55
                )
                let y = frame.up(point.y.median)
                svg.marker(index, x, y, fill: colour, hint: hint(panel, series, point))
            }
        }
    }

    private mutating func drawBars(_ panel: PlotPanel, _ frame: Frame, _ groups: Double) {
        let room = (frame.right - frame.left) / groups
        let bar = room * 0.8 / Double(max(1, panel.series.count))
        for (index, series) in panel.series.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            for point in series.points {
                let x = frame.left + (point.x + 0.1) * room + Double(index) * bar
                let y = frame.up(point.y.median)
                svg.rectangle(
                    x,
                    y,
                    bar - 1,
                    frame.bottom - y,
                    fill: colour,
                    opacity: series.isReference ? 0.55 : 1,
                    hint: hint(panel, series, point)
                )
                let middle = x + bar / 2
                let (low, high) = (frame.up(point.y.least), frame.up(point.y.greatest))
                svg.line(middle, low, middle, high, stroke: "#222", width: 1.2, opacity: 0.7)
            }
        }
        for (index, category) in panel.categories.enumerated() {
            let x = frame.left + (Double(index) + 0.5) * room
            svg.text(x, frame.bottom + 19, category, fill: "#444", anchor: .middle)
        }
    }

    private mutating func drawLegend(_ panel: PlotPanel, _ frame: Frame) {
        guard panel.series.count > 1 else { return }
        for (index, series) in panel.series.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let y = frame.top + 8 + Double(index) * 21
            let x = frame.right + 16
            if panel.style == .lines {
                svg.line(
                    x - 2,
                    y,
                    x + 18,
                    y,
                    stroke: colour,
                    width: 2,
                    dashes: series.isReference ? "6 4" : nil
                )
                svg.marker(index, x + 8, y, fill: colour)
            } else {
                svg.rectangle(x, y - 6, 13, 13, fill: colour, opacity: series.isReference ? 0.55 : 1)
            }
            svg.text(x + 25, y + 4, series.name)
        }
    }

    private func hint(_ panel: PlotPanel, _ series: PlotSeries, _ point: PlotPoint) -> String {
        "\(series.name), \(panel.label(x: point.x)): \(panel.y.label(point.y.median)) \(panel.y.unit) "
            + "(\(panel.y.label(point.y.least)) to \(panel.y.label(point.y.greatest)))"
    }
}
