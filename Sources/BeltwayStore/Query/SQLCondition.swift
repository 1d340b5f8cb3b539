// SPDX-License-Identifier: Apache-2.0
import GRDB

/// A condition in SQL; every value is an argument, none is part of the text.
struct SQLCondition {
    var sql: String
    var arguments: [DatabaseValue] = []

    static let all = SQLCondition(sql: "1")
    static let none = SQLCondition(sql: "0")

    /// Every condition holds; true of none at all.
    static func and(_ conditions: [SQLCondition]) -> SQLCondition { joined(conditions, by: " AND ") ?? .all }

    /// Some condition holds; false of none at all.
    static func or(_ conditions: [SQLCondition]) -> SQLCondition { joined(conditions, by: " OR ") ?? .none }

    /// The condition does not hold.
    static func not(_ condition: SQLCondition) -> SQLCondition {
        SQLCondition(sql: "NOT (\(condition.sql))", arguments: condition.arguments)
    }

    /// The expression `sql` has one of these values.
    static func oneOf(_ sql: String, _ values: [DatabaseValue]) -> SQLCondition {
        if values.count == 1 { return SQLCondition(sql: "\(sql) = ?", arguments: values) }
        let places = Array(repeating: "?", count: values.count).joined(separator: ", ")
        return SQLCondition(sql: "\(sql) IN (\(places))", arguments: values)
    }

    private static func joined(_ conditions: [SQLCondition], by operator: String) -> SQLCondition? {
        guard conditions.count > 1 else { return conditions.first }
        return SQLCondition(
            sql: "(" + conditions.map(\.sql).joined(separator: `operator`) + ")",
            arguments: conditions.flatMap(\.arguments)
        )
    }
}
