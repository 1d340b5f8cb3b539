// SPDX-License-Identifier: Apache-2.0
// What addresses and ports have in common in a rule's header:
//
//      expression = "any" | item | $NAME | "!" expression | "[" expression { "," expression } "]"
//
// A list means the union of its plain elements (everything, if all are negated) less its negated ones.

/// A parsed expression; items keep the offset of their text for error messages.
indirect enum ListExpression: Equatable {
    case any
    case item(String, offset: Int)
    case variable(String, offset: Int)
    case not(ListExpression, offset: Int)
    case list([ListExpression])

    /// Brackets and exclamation marks nest at most so deep.
    static let deepest = 32

    /// Parses the whole of `text`, whose first byte has the offset `base`.
    init(_ text: ArraySlice<UInt8>, base: Int) throws(RuleSyntaxError) {
        var parser = Parser(text: text, shift: base - text.startIndex)
        self = try parser.expression(depth: 0)
        parser.skipSpaces()
        guard parser.at == text.endIndex else {
            throw parser.error("expected the end of the list, found '\(parser.rest)'")
        }
    }

    private struct Parser {
        let text: ArraySlice<UInt8>
        let shift: Int
        var at: Int

        init(text: ArraySlice<UInt8>, shift: Int) {
            self.text = text
            self.shift = shift
            at = text.startIndex
        }

        var current: UInt8? { at < text.endIndex ? text[at] : nil }
        var rest: String { String(decoding: text[at...].prefix(20), as: UTF8.self) }

        func error(_ reason: String) -> RuleSyntaxError {
            RuleSyntaxError(offset: at + shift, reason: reason)
        }

        mutating func skipSpaces() {
            while let byte = current, byte.isSpace { at += 1 }
        }

        mutating func expression(depth: Int) throws(RuleSyntaxError) -> ListExpression {
            guard depth < ListExpression.deepest else { throw error("lists nest deeper than 32 levels") }
            skipSpaces()
            let start = at + shift
            switch current {
            case UInt8(ascii: "!"):
                at += 1
                return .not(try expression(depth: depth + 1), offset: start)
            case UInt8(ascii: "["):
                at += 1
                return .list(try elements(depth: depth))
            default:
                return try word(start: start)
            }
        }

        mutating func elements(depth: Int) throws(RuleSyntaxError) -> [ListExpression] {
            var elements: [ListExpression] = []
            while true {
                elements.append(try expression(depth: depth + 1))
                skipSpaces()
                switch current {
                case UInt8(ascii: ","): at += 1
                case UInt8(ascii: "]"):
                    at += 1
                    return elements
                case nil: throw error("expected ',' or ']', found the end of the list")
                default: throw error("expected ',' or ']', found '\(rest)'")
                }
            }
        }

        mutating func word(start: Int) throws(RuleSyntaxError) -> ListExpression {
            let begin = at
            while let byte = current, !byte.isSpace, !"[],!".utf8.contains(byte) { at += 1 }
            guard at > begin else {
                let found = current == nil ? "nothing" : "'\(rest)'"
                throw error("expected an address, port, variable or list, found \(found)")
            }
            let word = String(decoding: text[begin..<at], as: UTF8.self)
            if word.lowercased() == "any" { return .any }
            return word.hasPrefix("$")
                ? .variable(String(word.dropFirst()), offset: start) : .item(word, offset: start)
        }
    }
}

extension ListExpression {
    /// The set that the expression means, with what `item` and `variable` say of its leaves.
    func evaluate<Bound: FixedWidthInteger & UnsignedInteger & Sendable>(
        item: (String, Int) throws(RuleSyntaxError) -> ClosedRange<Bound>,
        variable: (String, Int) throws(RuleSyntaxError) -> RangeSet<Bound>
    ) throws(RuleSyntaxError) -> RangeSet<Bound> {
        switch self {
        case .any: return .all
        case .item(let text, let offset): return RangeSet([try item(text, offset)])
        case .variable(let name, let offset): return try variable(name, offset)
        case .not(let inner, _): return try inner.evaluate(item: item, variable: variable).complement
        case .list(let elements):
            var included: [ClosedRange<Bound>] = []
            var excluded: [ClosedRange<Bound>] = []
            var hasPlain = false
            for element in elements {
                if case .not(let inner, _) = element {
                    excluded += try inner.evaluate(item: item, variable: variable).ranges
                } else {
                    hasPlain = true
                    included += try element.evaluate(item: item, variable: variable).ranges
                }
            }
            let base: RangeSet<Bound> = hasPlain ? RangeSet(included) : .all
            return excluded.isEmpty ? base : base.subtracting(RangeSet(excluded))
        }
    }
}

extension UInt8 {
    /// Space, tab or carriage return: what separates words within a rule.
    var isSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0d }
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    /// The byte with ASCII capitals made small.
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
    var isLetter: Bool { lowercased >= 0x61 && lowercased <= 0x7a }
}
