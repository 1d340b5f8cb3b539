// SPDX-License-Identifier: Apache-2.0
import GRDB

/// The SQL functions that conditions use: the same code that evaluates an expression in memory.
enum QueryFunctions {
    /// Registers the functions with a connection.
    static func add(to db: Database) {
        db.add(
            function: DatabaseFunction("beltway_glob", argumentCount: 2, pure: true) { values in
                guard let pattern = String.fromDatabaseValue(values[0]),
                    let text = String.fromDatabaseValue(values[1])
                else { return false }
                return Glob(pattern).matches(text)
            }
        )
    }
}
