// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The report: the paper's evaluation again, with this machine's numbers, as one page without outside references.
struct ReportPage {
    /// A figure with what it gave.
    struct Entry {
        var figure: PaperFigure
        var result: FigureResult
        var svg: String
        var seconds: Double
    }

    var entries: [Entry]
    /// The paper's figures that are not here yet.
    var following: [PaperFigure]
    /// Asked for and not measured: the reason.
    var failed: [(figure: PaperFigure, reason: String)]
    var facts: MachineFacts
    var command: String
    var date: String
    var effort: Effort

    /// The page.
    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>Beltway buffers, evaluated</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <h1>Beltway buffers, evaluated</h1>
        \(opening)
        \(summary)
        \(sections)
        </body>
        </html>

        """
    }

    private var opening: String {
        let facts = self.facts.lines + [("date", date), ("command", command)]
        let rows = facts.map { "<tr><th>\(escaped($0.0))</th><td>\(escaped($0.1))</td></tr>" }
        let spread =
            effort.isQuick
            ? "This was a quick run, to see that everything works: its numbers are noise."
            : "Every number is the median of \(effort.rounds) rounds; thin vertical lines and the small print of the "
                + "tables give the least and the greatest. Ratios are medians of the rounds' ratios."
        return paragraph(
            "De Bruijn and Bos, Using Beltway Buffers for efficient and structured I/O (2006), support their "
                + "design by measurements on machines of their time. This page repeats them on the machine "
                + "below, with the buffers of this project, figure by figure: what the paper did and says, what is measured "
                + "here, the plot, the numbers, and whether the claim holds."
        )
            + paragraph(
                spread
                    + " All contestants of a plot run in turn, so that a machine whose speed drifts is fair to all. "
                    + "What is read is added up and the sum is used, so that no work can be optimised away."
            )
            + self.facts.warnings.map { "<p class=\"warning\">\(escaped($0))</p>\n" }.joined()
            + "<table class=\"facts\">\n\(rows.joined(separator: "\n"))\n</table>\n"
    }

    private var summary: String {
        let rows = entries.flatMap { entry in
            entry.result.claims.map { claim in
                """
                <tr><td><a href="#\(entry.figure.anchor)">\(entry.figure.label)</a></td>\
                <td>\(escaped(claim.text))</td><td>\(escaped(claim.paper))</td><td>\(escaped(claim.goal))</td>\
                <td>\(escaped(claim.measured))</td><td class="\(mark(claim))">\(claim.verdict)</td></tr>
                """
            }
        }
        guard !rows.isEmpty else { return "" }
        return """
            <h2>Claims</h2>
            <table class="claims">
            <tr><th>Figure</th><th>Claim</th><th>Paper</th><th>Goal</th><th>Measured here</th><th>Holds</th></tr>
            \(rows.joined(separator: "\n"))
            </table>

            """
    }

    private func section(_ entry: Entry) -> String {
        let (figure, result) = (entry.figure, entry.result)
        let claims = result.claims.map { claim in
            """
            <li class="\(mark(claim))"><strong>\(escaped(claim.text)):</strong> goal \(escaped(claim.goal)), \
            measured \(escaped(claim.measured)); \(claim.holds == true ? "holds" : claim.holds == false ? "does not hold" : "not measured").\
            \(claim.remark.isEmpty ? "" : " " + escaped(claim.remark))</li>
            """
        }
        return """
            <section id="\(figure.anchor)">
            <h2>Figure \(figure.label): \(escaped(figure.title))</h2>
            <h3>The paper (\(escaped(figure.section)))</h3>
            \(result.paper.map(paragraph).joined())\
            <h3>Here</h3>
            \(result.method.map(paragraph).joined())\
            <figure>
            \(entry.svg)</figure>
            \(result.claims.isEmpty ? "" : "<ul class=\"claims\">\n\(claims.joined(separator: "\n"))\n</ul>\n")\
            \(result.findings.map(paragraph).joined())\
            \(result.panels.map { table($0) }.joined())\
            <p class="small">Again: <code>beltway-bench paper --out DIR --figure \(figure.number)</code>; took \
            \(String(format: "%.0f", entry.seconds)) s. Files: <code>\(figure.fileName).tsv</code>, \
            <code>\(figure.fileName).svg</code>.</p>
            </section>
            """
    }

    /// A panel's numbers: a row per x, a column per series.
    private func table(_ panel: PlotPanel) -> String {
        let heads = panel.series.map { "<th>\(escaped($0.name))</th>" }.joined()
        let rows = panel.abscissae.map { x in
            let cells = panel.series.map { series -> String in
                guard let sample = panel.sample(series.name, at: x) else { return "<td></td>" }
                return "<td>\(numberLabel(sample.median)) <small>\(numberLabel(sample.least)) to "
                    + "\(numberLabel(sample.greatest))</small></td>"
            }
            return "<tr><th>\(escaped(panel.label(x: x)))</th>\(cells.joined())</tr>"
        }
        return """
            <details><summary>\(escaped(panel.title)): the numbers, \(escaped(panel.y.title))</summary>
            <div class="wide"><table class="numbers">
            <tr><th>\(escaped(panel.x.title))</th>\(heads)</tr>
            \(rows.joined(separator: "\n"))
            </table></div></details>

            """
    }

    /// Everything that was asked for, by the paper's numbers.
    private var sections: String {
        var all = entries.map { (number: $0.figure.number, text: section($0)) }
        all += following.map { figure in
            let text = """
                <section id="\(figure.anchor)"><h2>Figure \(figure.label): \(escaped(figure.title))</h2>
                <p>Follows: \(escaped(figure.follows ?? "")).</p></section>
                """
            return (figure.number, text)
        }
        all += failed.map { figure, reason in
            let text = """
                <section id="\(figure.anchor)"><h2>Figure \(figure.label): \(escaped(figure.title))</h2>
                <p class="warning">Could not be measured: \(escaped(reason))</p></section>
                """
            return (figure.number, text)
        }
        return all.sorted { $0.number < $1.number }.map(\.text).joined(separator: "\n")
    }

    private func paragraph(_ text: String) -> String { "<p>\(escaped(text))</p>\n" }
    private func mark(_ claim: Claim) -> String {
        claim.holds.map { $0 ? "holds" : "fails" } ?? "unknown"
    }

    private static let style = """
        body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: #1c1c1c; background: #fff;
          max-width: 900px; margin: 2em auto 6em; padding: 0 1em }
        h1, h2, h3, th, summary { font-family: Helvetica, Arial, sans-serif }
        h1 { font-size: 30px } h2 { font-size: 22px; margin: 2.2em 0 .4em; border-top: 1px solid #ddd; padding-top: .8em }
        h3 { font-size: 15px; color: #555; margin: 1.2em 0 .2em } p { margin: .5em 0 }
        table { border-collapse: collapse; font-size: 13.5px; line-height: 1.4; font-family: Helvetica, Arial, sans-serif }
        td, th { padding: 4px 10px 4px 0; text-align: left; vertical-align: top }
        .facts th { color: #555; font-weight: normal; white-space: nowrap } .facts td { word-break: break-word }
        .claims th { border-bottom: 1px solid #999 } .claims td { border-bottom: 1px solid #eee }
        .numbers td, .numbers th { border-bottom: 1px solid #eee; font-weight: normal; white-space: nowrap }
        .numbers tr:first-child th { font-weight: bold; white-space: normal } small { color: #888; font-size: 11px }
        .wide { overflow-x: auto } figure { margin: 1em 0 } figure svg { width: 100%; height: auto }
        td.holds { color: #00694b; font-weight: bold } td.fails { color: #b03000; font-weight: bold } td.unknown { color: #777 }
        ul.claims { padding-left: 1.2em; list-style: none } ul.claims li { padding-left: .8em; margin: .4em 0 }
        li.holds { border-left: 4px solid #009e73 } li.fails { border-left: 4px solid #d55e00 } li.unknown { border-left: 4px solid #bbb }
        .warning { background: #fff3e0; border-left: 4px solid #e69f00; padding: .5em .8em }
        .small { font-size: 13px; color: #666 } details { margin: .6em 0 } summary { font-size: 14px; cursor: pointer }
        """
}
