// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation

/// `beltway-bench paper`: the paper's evaluation on this machine, one command.
struct PaperCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "paper",
        abstract:
            "The paper's Figures 4, 5, 6, 8 to 12 on this machine: tables, plots, claims, report."
    )

    @Option(help: "Folder for figN.tsv, figN.svg, claims.tsv and report.html; made if it is not there.")
    var out: String
    @Option(help: "A figure's number; may be repeated. All of them without it.")
    var figure: [Int] = []
    @Flag(help: "A short run that shows that everything works; its figures are noise.")
    var quick = false

    func run() throws {
        let known = PaperFigure.all
        for number in figure where !known.contains(where: { $0.number == number && $0.follows == nil }) {
            let later = known.first { $0.number == number }?.follows
            let names = known.filter { $0.follows == nil && $0.part.isEmpty }.map { "\($0.number)" }.joined(
                separator: ", "
            )
            throw ValidationError(
                later.map { "Figure \(number) follows: \($0)" }
                    ?? "no Figure \(number) here; there are \(names)"
            )
        }
        do {
            try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        } catch {
            throw ValidationError("cannot make the folder \(out): \(error.localizedDescription)")
        }
        let failed = try Evaluation(
            figures: known.filter { figure.isEmpty || figure.contains($0.number) },
            folder: out,
            effort: quick ? .quick : .full,
            command: CommandLine.arguments.joined(separator: " ")
        ).run()
        if failed > 0 { throw ExitCode.failure }
    }
}

/// One run over some figures.
struct Evaluation {
    var figures: [PaperFigure]
    var folder: String
    var effort: Effort
    var command: String

    /// Measures, and writes after each figure what there is so far; a figure that fails does not stop the others.
    ///
    /// - Returns: How many figures could not be measured.
    /// - Throws: When a file cannot be written.
    func run() throws -> Int {
        let date = ISO8601DateFormatter().string(from: Date())
        let facts = MachineFacts(load: MachineFacts.currentLoad())
        var page = ReportPage(
            entries: [],
            following: figures.filter { $0.follows != nil },
            failed: [],
            facts: facts,
            command: command,
            date: date,
            effort: effort
        )
        for warning in facts.warnings { say("beltway-bench: \(warning)") }
        for figure in figures where figure.follows == nil {
            say("Figure \(figure.label): \(figure.title)")
            let start = wallSeconds()
            do {
                let result = try figure.measure(effort)
                let svg = PlotDrawing.svg(result.panels, title: "Figure \(figure.label): \(figure.title)")
                let seconds = wallSeconds() - start
                page.entries.append(
                    ReportPage.Entry(figure: figure, result: result, svg: svg, seconds: seconds)
                )
                try write(TableText.figure(figure, result), to: "\(figure.fileName).tsv")
                try write(svg, to: "\(figure.fileName).svg")
                for claim in result.claims {
                    say("  \(claim.verdict): \(claim.text): \(claim.measured) (goal \(claim.goal))")
                }
                say("  \(String(format: "%.1f", seconds)) s")
            } catch let trouble as FigureTrouble {
                page.failed.append((figure, trouble.description))
                say("  could not be measured: \(trouble)")
            } catch {
                page.failed.append((figure, "\(error)"))
                say("  could not be measured: \(error)")
            }
            try write(TableText.claims(page.entries.map { ($0.figure, $0.result) }), to: "claims.tsv")
            try write(page.html, to: "report.html")
        }
        print("\(folder)/report.html")
        return page.failed.count
    }

    private func write(_ text: String, to name: String) throws {
        let url = URL(fileURLWithPath: folder).appendingPathComponent(name)
        try Data(text.utf8).write(to: url, options: .atomic)
    }

    private func say(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}

/// Why a figure cannot be measured here, in a sentence.
struct FigureTrouble: Error, CustomStringConvertible {
    var description: String
}
