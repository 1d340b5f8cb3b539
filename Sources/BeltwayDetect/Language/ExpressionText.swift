// SPDX-License-Identifier: Apache-2.0
// The value of `pcre`: "/expression/flags", or "m" and another delimiter before the expression.

/// A regular expression as a rule writes it.
struct ExpressionText: Equatable {
    var pattern: [UInt8]
    var flags: Flags = []
    /// `R`: starts where the last match ended.
    var isRelative = false
    var isNegated = false
    /// Where the expression begins in the rule's text.
    var place = 0

    /// Flags that change how the expression is compiled.
    struct Flags: OptionSet {
        let rawValue: UInt8
        static let ignoresCase = Flags(rawValue: 1)
        static let multipleLines = Flags(rawValue: 2)
        static let dotMatchesAll = Flags(rawValue: 4)
        static let extended = Flags(rawValue: 8)
        static let anchored = Flags(rawValue: 16)
        static let dollarEndOnly = Flags(rawValue: 32)
        static let ungreedy = Flags(rawValue: 64)
    }
}

extension ExpressionText {
    /// Parses the text between the quotes, whose first byte has the offset `base`.
    init(_ text: ArraySlice<UInt8>, base: Int, isNegated: Bool) throws(RuleSyntaxError) {
        var start = text.startIndex
        if text.first == UInt8(ascii: "m") { start += 1 }
        func error(_ at: Int, _ reason: String) -> RuleSyntaxError {
            RuleSyntaxError(offset: base + (at - text.startIndex), reason: reason)
        }
        guard start < text.endIndex, start > text.startIndex || text[start] == UInt8(ascii: "/") else {
            throw error(start, "expected '/' before the regular expression")
        }
        let delimiter = text[start]
        guard let end = text.lastIndex(of: delimiter), end > start else {
            throw error(text.endIndex, "expected '\(printable(delimiter))' after the regular expression")
        }
        pattern = Array(text[(start + 1)..<end])
        place = base + (start + 1 - text.startIndex)
        self.isNegated = isNegated
        guard !pattern.isEmpty else { throw error(start, "the regular expression is empty") }
        for at in (end + 1)..<text.endIndex {
            switch text[at] {
            case UInt8(ascii: "i"): flags.insert(.ignoresCase)
            case UInt8(ascii: "m"): flags.insert(.multipleLines)
            case UInt8(ascii: "s"): flags.insert(.dotMatchesAll)
            case UInt8(ascii: "x"): flags.insert(.extended)
            case UInt8(ascii: "A"): flags.insert(.anchored)
            case UInt8(ascii: "E"): flags.insert(.dollarEndOnly)
            case UInt8(ascii: "G"): flags.insert(.ungreedy)
            case UInt8(ascii: "R"): isRelative = true
            // Raw bytes are all there is, and the match limit always holds.
            case UInt8(ascii: "B"), UInt8(ascii: "O"): break
            case let letter where "UIPQHDMCSYVWZ".utf8.contains(letter):
                throw error(at, "pcre flag '\(printable(letter))' (a buffer of HTTP) is not supported")
            case UInt8(ascii: ","):
                throw error(at, "captures into variables are not supported")
            case let letter:
                throw error(at, "unknown pcre flag '\(printable(letter))'")
            }
        }
    }
}
