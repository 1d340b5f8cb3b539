// SPDX-License-Identifier: Apache-2.0
// What `beltway-bench paper` writes. Whether a claim holds depends on the machine and is no matter of a test.
import BeltwayTestSupport
import Foundation
import FoundationXML
import Testing

@testable import beltway_bench

/// One quick run over the figures that need nobody else, for all tests of the suite.
private let quickRun: (folder: TemporaryFolder, outcome: ProgramOutcome)? = {
    guard let program = BenchProgram.path else { return nil }
    let folder = TemporaryFolder()
    let figures = QuickFigures.numbers.flatMap { ["--figure", "\($0)"] }
    let command = [program, "paper", "--quick", "--out", folder.path] + figures
    guard let outcome = try? RunningProgram(command).wait(seconds: 120) else { return nil }
    return (folder, outcome)
}()

private enum QuickFigures {
    static let numbers = [4, 5, 6, 8, 9, 10, 11, 12]
}

private enum BenchProgram {
    /// The program beside the test bundle, or nil if it is not built.
    static let path: String? = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
        let program = folder.appendingPathComponent("beltway-bench").path
        return FileManager.default.isExecutableFile(atPath: program) ? program : nil
    }()
}

@Suite(.enabled(if: BenchProgram.path != nil, "The program beltway-bench is not built beside the tests."))
struct `The paper's figures, measured quickly` {
    private func file(_ name: String) throws -> String {
        let run = try #require(quickRun)
        return try String(contentsOfFile: run.folder / name, encoding: .utf8)
    }

    @Test func `are all written`() throws {
        let run = try #require(quickRun)
        #expect(run.outcome.status == 0, "\(run.outcome.errors)")
        #expect(run.outcome.output.hasSuffix("report.html\n"))
    }

    @Test(arguments: QuickFigures.numbers)
    func `have a table whose x ascends in every series`(number: Int) throws {
        let lines = try file("fig\(number).tsv").split(separator: "\n").filter { !$0.hasPrefix("#") }
        let head = try #require(lines.first).split(separator: "\t")
        #expect(head == ["panel", "series", "x", "x_unit", "median", "least", "greatest", "unit", "rounds"])
        var last: [String: Double] = [:]
        for line in lines.dropFirst() {
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            try #require(cells.count == head.count, "\(line)")
            let (median, least, greatest) = (Double(cells[4]), Double(cells[5]), Double(cells[6]))
            #expect(
                try #require(least) <= #require(median) && #require(median) <= #require(greatest),
                "\(line)"
            )
            guard let x = Double(cells[2]) else { continue }  // a bar
            let key = cells[0] + cells[1]
            if let previous = last[key] { #expect(previous < x, "\(line)") }
            last[key] = x
        }
        #expect(lines.count > 5)
    }

    @Test(arguments: QuickFigures.numbers)
    func `have a plot that is well-formed and shows every series`(number: Int) throws {
        let svg = try file("fig\(number).svg")
        #expect(isWellFormed(svg))
        for line in try file("fig\(number).tsv").split(separator: "\n").dropFirst(2) {
            let name = line.split(separator: "\t")[1]
            #expect(svg.contains(">\(escaped(String(name)))<"), "\(name)")
        }
    }

    @Test func `come with their claims, in six columns`() throws {
        let lines = try file("claims.tsv").split(separator: "\n")
        #expect(lines.first == "claim\tfigure\tpaper\tgoal\tmeasured\tholds")
        for line in lines.dropFirst() {
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false)
            try #require(cells.count == 6, "\(line)")
            #expect(cells.allSatisfy { !$0.isEmpty }, "\(line)")
            #expect(["yes", "no", "not measured"].contains(cells[5]), "\(line)")
        }
        #expect(lines.count > QuickFigures.numbers.count)
    }

    @Test func `come with a report of one page that is well-formed`() throws {
        let html = try file("report.html")
        #expect(isWellFormed(html))
        for number in QuickFigures.numbers { #expect(html.contains("<section id=\"figure\(number)\">")) }
        #expect(
            !html.contains("http://")
                || html.components(separatedBy: "http://").count
                    == html.components(separatedBy: "http://www.w3.org/2000/svg").count
        )
    }

    @Test func `of which a part stands for itself have files and a place of their own`() throws {
        #expect(try file("fig12b.tsv").hasPrefix("# Figure 12(b)"))
        #expect(try isWellFormed(file("fig12b.svg")))
        let html = try file("report.html")
        #expect(html.contains("<section id=\"figure12b\">") && html.contains("href=\"#figure12b\">12(b)<"))
    }

    @Test(arguments: ["3", "7"])
    func `are refused by their number where there is none`(number: String) throws {
        let program = try #require(BenchProgram.path)
        let folder = TemporaryFolder()
        let outcome = try RunningProgram([program, "paper", "--out", folder.path, "--figure", number]).wait()
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("Figure \(number)"))
    }

    private func isWellFormed(_ text: String) -> Bool { XMLParser(data: Data(text.utf8)).parse() }
}

@Suite(.enabled(if: BenchProgram.path != nil, "The program beltway-bench is not built beside the tests."))
struct `The rings, measured quickly` {
    @Test func `show every kind against C, sleeping readers and those that keep up`() throws {
        let program = try #require(BenchProgram.path)
        let outcome = try RunningProgram([program, "ring", "--pairs", "1"]).wait(seconds: 120)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let rows = outcome.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        for kind in ["p-DBuf", "c-DBuf", "v-DBuf", "IBuf", "d-DBuf"] {
            let figures = rows.filter { $0.first == kind }.compactMap(\.last).compactMap(Double.init)
            #expect(!figures.isEmpty && figures.allSatisfy { $0 > 0 }, "\(kind)")
        }
        for readers in ["0", "1", "4", "16"] {
            #expect(rows.contains { $0.first == readers && $0.count == 4 })
        }
    }
}

@Suite struct `An axis` {
    @Test(
        arguments: [PlotAxis.Scale.linear, .logarithmic, .powersOfTwo],
        [(1.0, 1.0), (0.3, 7e6), (64, 1514), (2, 2.1)]
    )
    func `holds its values between ascending ticks`(scale: PlotAxis.Scale, values: (Double, Double)) {
        let range = AxisRange(
            PlotAxis(name: "", scale: scale),
            holding: [values.0, values.1],
            fromZero: false
        )
        #expect(range.least <= values.0 * 1.001 && values.1 <= range.greatest * 1.001)
        #expect(zip(range.ticks, range.ticks.dropFirst()).allSatisfy { $0 < $1 })
        #expect((2...16).contains(range.ticks.count), "\(range.ticks)")
        #expect(range.place(range.least) == 0 && range.place(range.greatest) == 1)
    }

    @Test func `stands even without a finite value`() {
        for scale in [PlotAxis.Scale.linear, .logarithmic, .powersOfTwo] {
            let range = AxisRange(
                PlotAxis(name: "", scale: scale),
                holding: [.nan, .infinity],
                fromZero: true
            )
            #expect(range.least < range.greatest)
        }
    }

    @Test(arguments: [
        (64.0, "64 B"), (1024, "1 KiB"), (1514, "1514 B"), (65_536, "64 KiB"), (16_777_216, "16 MiB"),
    ])
    func `writes sizes as people do`(value: Double, expected: String) {
        #expect(byteLabel(value) == expected)
    }
}

@Suite struct `A picture` {
    @Test func `escapes what names bring along`() {
        let panel = PlotPanel(
            title: "a < b & \"c\"",
            x: PlotAxis(name: "x"),
            y: PlotAxis(name: "y"),
            series: [
                PlotSeries(name: "</svg>", points: [PlotPoint(x: 1, y: Sample(values: [1, 2]))]),
                PlotSeries(name: "\u{1}&amp;", points: []),
            ]
        )
        #expect(XMLParser(data: Data(PlotDrawing.svg([panel], title: "<t>").utf8)).parse())
    }
}
