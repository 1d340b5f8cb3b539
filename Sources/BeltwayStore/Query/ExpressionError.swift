// SPDX-License-Identifier: Apache-2.0

/// Why an expression was refused: one line that says where, what was expected and what was found.
public struct ExpressionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where, in characters from 1.
    public var column: Int
    /// What was expected and what was found.
    public var message: String

    /// One line for a person.
    public var description: String { "column \(column): \(message)" }
}
