// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow

/// A field that an expression asks about: one that all rows have, or a column of one kind of transaction.
enum QueryField: Sendable {
    case common(ExpressionField)
    case column(TransactionColumn)

    /// The field that all rows have, if it is one.
    var common: ExpressionField? {
        if case .common(let field) = self { field } else { nil }
    }

    /// Its name as people write it.
    var name: String {
        switch self {
        case .common(let field): field.rawValue
        case .column(let column): column.name
        }
    }

    /// What values it takes.
    var kind: ExpressionField.Kind {
        switch self {
        case .common(let field): field.kind
        case .column(let column): column.form == .text ? .text : .number
        }
    }

    /// The names of a field of kind `choice`.
    var choices: [(name: String, value: Int64)] { common?.choices ?? [] }

    /// Where the field's values are.
    func columns(in subject: QueryExpression.Subject) -> [FieldColumn] {
        switch self {
        case .common(let field): field.columns(in: subject)
        case .column(let column): [FieldColumn(sql: TransactionTable.column(column))]
        }
    }

    /// The field of this name, whatever its case: a column, with or without the kind and a dot before it, first.
    static func named(_ name: String, in subject: QueryExpression.Subject) -> QueryField? {
        if case .transactions(let kind) = subject {
            let prefix = "\(kind.name)."
            let lower = name.lowercased()
            let own = lower.hasPrefix(prefix) ? String(lower.dropFirst(prefix.count)) : lower
            if let column = kind.columns.first(where: { $0.name == own }) { return .column(column) }
        }
        guard let field = ExpressionField.named(name), field.exists(in: subject) else { return nil }
        return .common(field)
    }

    /// The known name with the fewest edits from `name`.
    static func nearest(to name: String, in subject: QueryExpression.Subject) -> String {
        guard case .transactions(let kind) = subject else {
            return ExpressionField.nearest(to: name, in: subject)
        }
        let columns = kind.columns.map { "\(kind.name).\($0.name)" }
        return ExpressionField.nearest(to: name, in: subject, among: columns)
    }

    /// Which rows have a field that these do not.
    static func owner(of name: String) -> String {
        ExpressionField.named(name)?.exists(in: .alerts) == true ? "alerts" : "flows"
    }
}
