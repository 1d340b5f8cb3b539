// SPDX-License-Identifier: Apache-2.0

/// A piece of an expression.
enum ExpressionToken: Equatable {
    case word(String)
    case quoted(String)
    /// An operator or a bracket: one of `( ) , ! ~ == != < <= > >= && ||`; a single `=` is `==`.
    case symbol(String)
    case end
    /// A character that begins nothing.
    case unexpected(Character)
    /// A quotation mark without its partner.
    case unterminated

    /// How the piece is named in an error.
    var found: String {
        switch self {
        case .word(let text), .symbol(let text): "'\(ExpressionToken.shortened(text))'"
        case .quoted(let text): "\"\(ExpressionToken.shortened(text))\""
        case .end: "the end"
        case .unexpected(let character): "'\(character)'"
        case .unterminated: "a quotation mark without its partner"
        }
    }

    /// At most 40 characters, without control characters: errors are one line.
    private static func shortened(_ text: String) -> String {
        let printable = String(
            text.prefix(40).map { $0.isNewline || $0.asciiValue.map { $0 < 32 } == true ? " " : $0 }
        )
        return text.count > 40 ? printable + "..." : printable
    }
}

/// Cuts an expression into pieces, one at a time, since a bare value may hold characters that a name may not:
/// `community_id == 1:abc+/=` and `start > 2026-11-22T11:40:00+01:00` need no quotation marks.
struct ExpressionLexer {
    private let text: [Character]
    private var position = 0

    init(_ text: String) { self.text = Array(text) }

    /// Where the next piece starts, in characters from 1.
    private(set) var column = 1

    /// The next piece; `asValue` where the grammar wants a value.
    mutating func next(asValue: Bool) -> ExpressionToken {
        while position < text.count, text[position].isWhitespace { position += 1 }
        column = position + 1
        guard position < text.count else { return .end }
        let first = text[position]
        if first == "\"" || first == "'" { return quoted(first) }
        let start = position
        while position < text.count,
            ExpressionLexer.isWord(text[position], asValue: asValue, isFirst: position == start)
        {
            position += 1
        }
        if position > start { return .word(String(text[start..<position])) }
        position += 1
        switch first {
        case "(", ")", ",", "~": return .symbol(String(first))
        case "=":
            if peek("=") { position += 1 }
            return .symbol("==")
        case "!", "<", ">":
            guard peek("=") else { return .symbol(String(first)) }
            position += 1
            return .symbol(String(first) + "=")
        case "&", "|":
            guard peek(first) else { return .unexpected(first) }
            position += 1
            return .symbol(String([first, first]))
        default: return .unexpected(first)
        }
    }

    private func peek(_ character: Character) -> Bool { position < text.count && text[position] == character }

    /// A backslash makes the next character part of the text.
    private mutating func quoted(_ mark: Character) -> ExpressionToken {
        var value = ""
        position += 1
        while position < text.count {
            let character = text[position]
            position += 1
            if character == mark { return .quoted(value) }
            if character == "\\", position < text.count {
                value.append(text[position])
                position += 1
            } else {
                value.append(character)
            }
        }
        return .unterminated
    }

    private static func isWord(_ character: Character, asValue: Bool, isFirst: Bool) -> Bool {
        if character.isLetter || character.isNumber || character == "_" || character == "." { return true }
        if asValue { return "-+:/*?%@#[]".contains(character) || (character == "=" && !isFirst) }
        return character == "-" && !isFirst
    }
}
