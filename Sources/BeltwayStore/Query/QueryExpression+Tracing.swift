// SPDX-License-Identifier: Apache-2.0
// Conditions on flows that are followed packet by packet, by nobody who parses protocols or matches rules.
public import BeltwayWire

extension QueryExpression {
    /// Parses a condition on flows that are traced.
    ///
    /// - Parameters:
    ///   - text: As for ``init(parsing:for:now:)``.
    ///   - now: What relative times count back from.
    /// - Throws: ``ExpressionError``, also for a field that a tracer cannot know.
    public init(parsingTrace text: String, now: Timestamp) throws(ExpressionError) {
        self = try QueryExpression(parsing: text, for: .flows, now: now)
        for field in [ExpressionField.application, .originalApplication, .alerted] where root.asks(field) {
            throw ExpressionError(
                column: 1,
                message: "a trace neither parses nor matches rules: it does not know `\(field.rawValue)`"
            )
        }
    }
}

extension ExpressionNode {
    /// Whether a field is asked about anywhere; as deep as the parser lets a condition be.
    fileprivate func asks(_ field: ExpressionField) -> Bool {
        switch self {
        case .all(let nodes), .any(let nodes): nodes.contains { $0.asks(field) }
        case .not(let node): node.asks(field)
        case .test(let test): test.field.common == field
        }
    }
}
