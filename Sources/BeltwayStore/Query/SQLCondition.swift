// SPDX-License-Identifier: Apache-2.0
import GRDB

/// A condition in SQL; every value is an argument, none is part of the text.
struct SQLCondition {
    var sql: String
    var arguments: [DatabaseValue] = []

    static let all = SQLCondition(sql: "1")
    static let none = SQLCondition(sql: "0")

    /// Joins conditions as a balanced tree: SQLite refuses expressions nested deeper than 1,000.
    static func joined(_ conditions: ArraySlice<SQLCondition>, by operator: String) -> SQLCondition? {
        guard conditions.count > 1 else { return conditions.first }
        let middle = conditions.startIndex + conditions.count / 2
        guard let left = joined(conditions[..<middle], by: `operator`),
            let right = joined(conditions[middle...], by: `operator`)
        else { return nil }
        return SQLCondition(
            sql: "(\(left.sql) \(`operator`) \(right.sql))",
            arguments: left.arguments + right.arguments
        )
    }

    /// Every condition holds; true of none at all.
    static func and(_ conditions: [SQLCondition]) -> SQLCondition {
        joined(conditions[...], by: "AND") ?? .all
    }

    /// Some condition holds; false of none at all.
    static func or(_ conditions: [SQLCondition]) -> SQLCondition {
        joined(conditions[...], by: "OR") ?? .none
    }

    /// The condition does not hold.
    static func not(_ condition: SQLCondition) -> SQLCondition {
        SQLCondition(sql: "NOT (\(condition.sql))", arguments: condition.arguments)
    }
}
