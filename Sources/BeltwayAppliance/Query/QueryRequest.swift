// SPDX-License-Identifier: Apache-2.0
internal import BeltwayStore
internal import BeltwayWire
internal import Foundation

/// What `beltway query` is asked.
public struct QueryRequest: Sendable {
    /// Form of the answer.
    public enum Format: String, Sendable, CaseIterable {
        /// Columns for people.
        case table
        /// The objects of eve.json, one a line.
        case json
        /// Comma-separated values with a header line (RFC 4180).
        case csv
    }

    /// `flows`, `alerts`, or a kind of transaction: `dns`, ...
    public var kind = "flows"
    /// Which of them; empty for all.
    public var expression = ""
    /// Data directory; nil to look where runs put theirs.
    public var data: String?
    /// Only what was at or after this time.
    public var since: String?
    /// Only what was at or before this time.
    public var until: String?
    /// The newest so many.
    public var limit: Int?
    /// Form of the answer.
    public var format = Format.table

    /// Asks for all flows.
    public init() {}

    /// Prints the answer on standard output.
    ///
    /// - Returns: Exit status: 1 if a partition could not be read.
    /// - Throws: ``ApplianceError`` for a bad expression, time, limit, or a missing store.
    public func run() throws(ApplianceError) -> Int32 {
        let now = Timestamp(seconds: UInt64(max(0, Date().timeIntervalSince1970)))
        if let limit, limit < 0 { throw .usage("--limit takes a number of rows, not \(limit)") }
        guard let subject = QueryExpression.Subject(rawValue: kind) else {
            let near = nearestWord(to: kind, among: QueryExpression.Subject.names)
            throw .usage(
                kind == "stats"
                    ? "`query \(kind)` is not built into this version"
                    : "nothing called `\(kind)` to query; did you mean `\(near)`?"
            )
        }
        let selected: QueryExpression?
        do {
            selected =
                expression.allSatisfy(\.isWhitespace)
                ? nil : try QueryExpression(parsing: expression, for: subject, now: now)
        } catch {
            throw .usage("expression `\(excerpt(expression))`: \(error)")
        }
        // What was asked for is looked at before what there is.
        let (since, until) = (try Self.time(since, "--since", now), try Self.time(until, "--until", now))
        let directory = try DataDirectory.existing(data)
        var query = FlowQuery(directory: directory)
        query.since = since
        query.until = until
        query.limit = limit
        let console = Console()
        var printer = RowPrinter(format, subject)
        let outcome: FlowQuery.Outcome
        do {
            switch subject {
            case .flows:
                outcome = try query.flows(matching: selected) { rows in
                    for row in rows { printer.append(row) }
                    return printer.flush()
                }
            case .alerts:
                outcome = try query.alerts(matching: selected) { rows in
                    for row in rows { printer.append(row) }
                    return printer.flush()
                }
            case .transactions(let kind):
                outcome = try query.transactions(kind, matching: selected) { rows in
                    for row in rows { printer.append(row) }
                    return printer.flush()
                }
            }
        } catch {
            throw .failure("\(error)")
        }
        printer.finish(rows: outcome.rows)
        for problem in outcome.problems { console.note("\(problem)") }
        return outcome.problems.isEmpty ? 0 : 1
    }

    /// A time of an option, nil without one.
    static func time(_ text: String?, _ option: String, _ now: Timestamp) throws(ApplianceError) -> Timestamp?
    {
        guard let text else { return nil }
        guard let time = TimeText.time(text, now: now) else {
            throw .usage("\(option) takes \(TimeText.expected), not `\(text)`")
        }
        return time
    }
}
