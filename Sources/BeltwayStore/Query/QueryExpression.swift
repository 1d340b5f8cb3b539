// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
public import BeltwayWire

// A condition on flows or alerts, as people write it:
//
//   ip == 10.0.0.0/8 and port == 443 and not (bytes < 10k or state in (new, closed))
//   signature ~ "ET SCAN *" and severity <= 2 and time >= "2h ago"
//
// text -- ExpressionLexer --> pieces -- ExpressionParser --> ExpressionNode --+--> SQL with arguments (FlowQuery)
//                                                                             `--> yes or no in memory (matches)
//
// Both ways give the same answer for every record. A field with two values (`ip`, `port`, `vlan`) passes a test
// if one of them does; `a != b` is `not a == b`, so that `ip != 10.0.0.1` means neither side.

/// A parsed condition on flows or on alerts.
public struct QueryExpression: Sendable {
    /// What the condition is about; each has fields of its own.
    public enum Subject: RawRepresentable, Equatable, Sendable {
        case flows, alerts
        /// Transactions of one application protocol.
        case transactions(TransactionKind)

        /// The subject of the word after `beltway query`.
        public init?(rawValue: String) {
            switch rawValue {
            case "flows": self = .flows
            case "alerts": self = .alerts
            case "files": self = .transactions(.fileinfo)
            default:
                guard let kind = TransactionKind.allCases.first(where: { "\($0.name)" == rawValue }) else {
                    return nil
                }
                self = .transactions(kind)
            }
        }

        /// The word after `beltway query`.
        public var rawValue: String {
            switch self {
            case .flows: "flows"
            case .alerts: "alerts"
            case .transactions(let kind): "\(kind.name)"
            }
        }

        /// Every word after `beltway query`.
        public static var names: [String] {
            ["flows", "alerts"] + TransactionKind.allCases.map { "\($0.name)" }
        }
    }

    /// The longest text that is accepted, in bytes.
    public static let mostBytes = 16_384

    /// What the condition is about.
    public let subject: Subject
    let root: ExpressionNode

    /// Parses a condition.
    ///
    /// - Parameters:
    ///   - text: At most ``mostBytes`` bytes; whatever they are, parsing ends in time proportional to them.
    ///   - subject: Which fields exist.
    ///   - now: What relative times such as `15m` count back from.
    /// - Throws: ``ExpressionError`` with the column, what was expected and what was found.
    public init(parsing text: String, for subject: Subject, now: Timestamp) throws(ExpressionError) {
        try self.init(text, subject, now, isTrace: false)
    }

    /// Parses a condition on flows that are followed packet by packet, by nobody who parses protocols or matches rules.
    ///
    /// - Parameters:
    ///   - text: As for ``init(parsing:for:now:)``.
    ///   - now: What relative times count back from.
    /// - Throws: ``ExpressionError``, also for a field that a tracer cannot know.
    public init(parsingTrace text: String, now: Timestamp) throws(ExpressionError) {
        try self.init(text, .flows, now, isTrace: true)
    }

    /// Fields of flows that a tracer cannot know.
    static var unknownToTraces: [ExpressionField] { [.application, .originalApplication, .alerted] }

    private init(_ text: String, _ subject: Subject, _ now: Timestamp, isTrace: Bool) throws(ExpressionError)
    {
        guard text.utf8.count <= QueryExpression.mostBytes else {
            throw ExpressionError(
                column: 1,
                message: "expected at most \(QueryExpression.mostBytes) bytes, found \(text.utf8.count)"
            )
        }
        var parser = ExpressionParser(text, subject: subject, now: now, isTrace: isTrace)
        root = try parser.parse()
        self.subject = subject
    }
}
