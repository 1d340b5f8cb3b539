// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

// The grammar; every function leaves `token` at the first piece that is not its own.
//
//   any   := all ( ("or" | "||") all )*
//   all   := one ( ("and" | "&&") one )*
//   one   := ("not" | "!") one  |  "(" any ")"  |  test
//   test  := field  |  field operator value  |  field "in" "(" value ("," value)* ")"
struct ExpressionParser {
    /// Nested brackets and `not`s; SQLite's own parser has a stack of 100.
    static let mostDepth = 16
    /// Questions and address blocks; SQLite refuses chains of more than 1,000.
    static let mostTests = 256

    private let subject: QueryExpression.Subject
    private let now: Timestamp
    private let isTrace: Bool
    private var lexer: ExpressionLexer
    private var token: ExpressionToken = .end
    private var column = 1
    private var depth = 0
    private var tests = 0

    init(_ text: String, subject: QueryExpression.Subject, now: Timestamp, isTrace: Bool = false) {
        self.subject = subject
        self.now = now
        self.isTrace = isTrace
        lexer = ExpressionLexer(text)
    }

    /// Parses the whole text.
    mutating func parse() throws(ExpressionError) -> ExpressionNode {
        advance()
        if token == .end { throw fail("expected an expression such as 'port == 443', found nothing") }
        let node = try any()
        if token != .end { throw fail("expected 'and', 'or' or the end, found \(token.found)") }
        return node
    }

    private mutating func any() throws(ExpressionError) -> ExpressionNode {
        var nodes = [try all()]
        while isKeyword("or") || token == .symbol("||") {
            advance()
            nodes.append(try all())
        }
        return nodes.count == 1 ? nodes[0] : .any(nodes)
    }

    private mutating func all() throws(ExpressionError) -> ExpressionNode {
        var nodes = [try one()]
        while isKeyword("and") || token == .symbol("&&") {
            advance()
            nodes.append(try one())
        }
        return nodes.count == 1 ? nodes[0] : .all(nodes)
    }

    private mutating func one() throws(ExpressionError) -> ExpressionNode {
        guard isKeyword("not") || token == .symbol("!") || token == .symbol("(") else { return try test() }
        depth += 1
        defer { depth -= 1 }
        if depth > ExpressionParser.mostDepth {
            throw fail(
                "expected at most \(ExpressionParser.mostDepth) nested brackets and nots, found one more"
            )
        }
        let isBracket = token == .symbol("(")
        advance()
        guard isBracket else { return .not(try one()) }
        let node = try any()
        guard token == .symbol(")") else { throw fail("expected 'and', 'or' or ')', found \(token.found)") }
        advance()
        return node
    }

    private mutating func test() throws(ExpressionError) -> ExpressionNode {
        guard case .word(let name) = token else {
            throw fail("expected a field such as \(example), found \(token.found)")
        }
        guard let field = QueryField.named(name, in: subject) else {
            let advice =
                ExpressionField.named(name) == nil
                ? "the nearest is '\(QueryField.nearest(to: name, in: subject))'"
                : "only \(QueryField.owner(of: name)) have it"
            throw fail("expected a field of \(subject.rawValue), found \(token.found); \(advice)")
        }
        if isTrace, let common = field.common, QueryExpression.unknownToTraces.contains(common) {
            throw fail("a trace neither parses nor matches rules: it does not know '\(name)'")
        }
        try count(1)
        advance()
        if isKeyword("in") { return .test(ExpressionTest(field: field, predicate: try list(field))) }
        guard case .symbol(let symbol) = token, ["==", "!=", "<", "<=", ">", ">=", "~"].contains(symbol)
        else {
            if field.kind == .boolean {
                return .test(ExpressionTest(field: field, predicate: .number(.oneOf([1]))))
            }
            throw fail(
                "expected an operator after '\(field.name)' (\(operators(of: field))), found \(token.found)"
            )
        }
        guard operators(of: field).split(separator: " ").contains(Substring(symbol)) else {
            throw fail("expected one of \(operators(of: field)) after '\(field.name)', found '\(symbol)'")
        }
        advance(asValue: true)
        let text = try value(for: field)
        let predicate = try predicate(field, symbol, text)
        advance()
        let node = ExpressionNode.test(ExpressionTest(field: field, predicate: predicate))
        return symbol == "!=" ? .not(node) : node
    }

    private mutating func list(_ field: QueryField) throws(ExpressionError) -> ExpressionTest.Predicate {
        advance(asValue: true)
        guard token == .symbol("(") else { throw fail("expected '(' after 'in', found \(token.found)") }
        var reader = ExpressionValues(field: field, now: now)
        repeat {
            advance(asValue: true)
            let text = try value(for: field)
            if !reader.add(text) { throw unreadable(field) }
            if field.kind == .address { try count(1) }
            advance()
        } while token == .symbol(",")
        guard token == .symbol(")") else { throw fail("expected ',' or ')', found \(token.found)") }
        advance()
        return reader.equality
    }

    private func predicate(
        _ field: QueryField,
        _ symbol: String,
        _ text: String
    ) throws(ExpressionError) -> ExpressionTest.Predicate {
        if symbol == "~" {
            guard field.kind == .choice else { return .text(.glob(text)) }
            let glob = Glob(text)
            return .number(.oneOf(field.choices.filter { glob.matches($0.name) }.map(\.value)))
        }
        var reader = ExpressionValues(field: field, now: now)
        guard reader.add(text) else { throw unreadable(field) }
        guard let number = reader.numbers.first else { return reader.equality }
        switch symbol {
        case "<": return .number(.less(number))
        case "<=": return .number(.lessOrEqual(number))
        case ">": return .number(.greater(number))
        case ">=": return .number(.greaterOrEqual(number))
        default: return reader.equality
        }
    }

    private func value(for field: QueryField) throws(ExpressionError) -> String {
        switch token {
        case .word(let text), .quoted(let text): return text
        default: throw unreadable(field)
        }
    }

    private func unreadable(_ field: QueryField) -> ExpressionError {
        fail("expected \(ExpressionValues.expected(field)) for '\(field.name)', found \(token.found)")
    }

    private func operators(of field: QueryField) -> String {
        switch field.kind {
        case .address, .boolean: "== != in"
        case .choice, .text: "== != ~ in"
        case .number, .duration, .time: "== != < <= > >= in"
        }
    }

    private var example: String {
        switch subject {
        case .flows: "'ip', 'port' or 'bytes'"
        case .alerts: "'sid', 'ip' or 'signature'"
        case .transactions(let kind): "'ip', 'port' or '\(kind.name).\(kind.columns.first?.name ?? "")'"
        }
    }

    private func isKeyword(_ keyword: String) -> Bool {
        if case .word(let text) = token { return text.lowercased() == keyword }
        return false
    }

    private mutating func count(_ more: Int) throws(ExpressionError) {
        tests += more
        if tests > ExpressionParser.mostTests {
            throw fail("expected at most \(ExpressionParser.mostTests) comparisons, found one more")
        }
    }

    private mutating func advance(asValue: Bool = false) {
        token = lexer.next(asValue: asValue)
        column = lexer.column
    }

    private func fail(_ message: String) -> ExpressionError {
        ExpressionError(column: column, message: message)
    }
}
