// SPDX-License-Identifier: Apache-2.0

/// Why a rule, a line or a file was not loaded, and where.
public struct RuleProblem: Sendable, Equatable, CustomStringConvertible {
    /// Path of the rule file as it was given or found.
    public var file: String
    /// Line of the trouble, from 1; 0 if the file as a whole could not be read.
    public var line: Int
    /// Column of the trouble in bytes, from 1; 0 if the file as a whole could not be read.
    public var column: Int
    /// What was expected and what was found.
    public var reason: String
    /// Signature id of the rule, if it could be made out.
    public var sid: UInt32?

    /// Makes a problem.
    public init(file: String, line: Int, column: Int, reason: String, sid: UInt32? = nil) {
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason
        self.sid = sid
    }

    /// One line for people: `et.rules:12:34: unknown keyword 'http.uri'; rule 2001234 not loaded`.
    public var description: String {
        guard line > 0 else { return "\(file): \(reason)" }
        let consequence = sid.map { "rule \($0) not loaded" } ?? "rule not loaded"
        return "\(file):\(line):\(column): \(reason); \(consequence)"
    }
}

/// Trouble inside one rule, by its place in the rule's text.
struct RuleSyntaxError: Error, Equatable {
    /// Offset into the rule's logical line.
    var offset: Int
    var reason: String
}
