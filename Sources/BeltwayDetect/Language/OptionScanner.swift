// SPDX-License-Identifier: Apache-2.0
// The parentheses of a rule, cut into options: `name;` or `name:value;`.

/// One option as it stands in the text; slices keep their offsets in the logical line.
struct RuleOption {
    var name: String
    var nameOffset: Int
    /// The text between colon and semicolon without spaces at its ends; nil without a colon.
    var value: ArraySlice<UInt8>?

    /// Offset of the value, or of the name if there is none.
    var valueOffset: Int { value?.startIndex ?? nameOffset }
    var text: String { value.map { String(decoding: $0, as: UTF8.self) } ?? "" }
}

/// Cuts the text from the opening parenthesis on.
func scanOptions(_ text: [UInt8], from open: Int) throws(RuleSyntaxError) -> [RuleOption] {
    var options: [RuleOption] = []
    var at = open + 1
    func skipSpaces() { while at < text.count, text[at].isSpace { at += 1 } }
    while true {
        skipSpaces()
        guard at < text.count else {
            throw RuleSyntaxError(offset: at, reason: "expected ')', found the end of the rule")
        }
        if text[at] == UInt8(ascii: ")") {
            at += 1
            skipSpaces()
            guard at == text.count else {
                throw RuleSyntaxError(offset: at, reason: "expected the end of the rule after ')'")
            }
            return options
        }
        // A stray semicolon is an empty option; Suricata passes over it too.
        if text[at] == UInt8(ascii: ";") {
            at += 1
            continue
        }
        let start = at
        while at < text.count, text[at] != UInt8(ascii: ":"), text[at] != UInt8(ascii: ";") {
            guard text[at] != UInt8(ascii: ")"), text[at] != UInt8(ascii: "\"") else {
                throw RuleSyntaxError(offset: at, reason: "expected ';', found '\(printable(text[at]))'")
            }
            at += 1
        }
        guard at < text.count else {
            throw RuleSyntaxError(offset: at, reason: "expected ';', found the end of the rule")
        }
        let name = String(decoding: trimmed(text[start..<at]), as: UTF8.self)
        guard !name.isEmpty else { throw RuleSyntaxError(offset: start, reason: "expected a keyword") }
        guard text[at] == UInt8(ascii: ":") else {
            options.append(RuleOption(name: name, nameOffset: start, value: nil))
            at += 1
            continue
        }
        let end = try endOfValue(text, from: at + 1)
        options.append(RuleOption(name: name, nameOffset: start, value: trimmed(text[(at + 1)..<end])))
        at = end + 1
    }
}

/// The semicolon that ends a value: not escaped, and not inside quotes.
///
/// A quote closes only before a semicolon,
/// because expressions hold bare quotes.
private func endOfValue(_ text: [UInt8], from start: Int) throws(RuleSyntaxError) -> Int {
    var at = start
    while at < text.count, text[at].isSpace || text[at] == UInt8(ascii: "!") { at += 1 }
    let isQuoted = at < text.count && text[at] == UInt8(ascii: "\"")
    let quote = at
    if isQuoted { at += 1 }
    while at < text.count {
        switch text[at] {
        case UInt8(ascii: "\\"): at += 1
        case UInt8(ascii: ";") where !isQuoted: return at
        case UInt8(ascii: "\"") where isQuoted:
            var next = at + 1
            while next < text.count, text[next].isSpace { next += 1 }
            if next < text.count, text[next] == UInt8(ascii: ";") { return next }
        default: break
        }
        at += 1
    }
    let reason = isQuoted ? "the quote is not closed before a ';'" : "expected ';', found the end of the rule"
    throw RuleSyntaxError(offset: isQuoted ? quote : text.count, reason: reason)
}

/// `text` without spaces at its ends.
func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text
    while let first = text.first, first.isSpace { text.removeFirst() }
    while let last = text.last, last.isSpace { text.removeLast() }
    return text
}

extension RuleOption {
    /// The text between the quotes of the value, and whether an exclamation mark stands before them.
    func quoted() throws(RuleSyntaxError) -> (text: ArraySlice<UInt8>, isNegated: Bool) {
        guard var rest = value, !rest.isEmpty else {
            throw RuleSyntaxError(offset: nameOffset, reason: "'\(name)' needs a value in quotes")
        }
        var isNegated = false
        if rest.first == UInt8(ascii: "!") {
            isNegated = true
            rest = trimmed(rest.dropFirst())
        }
        guard rest.count >= 2, rest.first == UInt8(ascii: "\""), rest.last == UInt8(ascii: "\"") else {
            throw RuleSyntaxError(offset: rest.startIndex, reason: "'\(name)' needs a value in quotes")
        }
        return (rest.dropFirst().dropLast(), isNegated)
    }

    /// The value as a whole number within `range`.
    func number(_ range: ClosedRange<Int>) throws(RuleSyntaxError) -> Int {
        try wholeNumber(value ?? [], offset: valueOffset, in: range, of: name)
    }

    /// Refuses a value where none belongs.
    func refuseValue() throws(RuleSyntaxError) {
        guard value == nil || value?.isEmpty == true else {
            throw RuleSyntaxError(offset: valueOffset, reason: "'\(name)' takes no value")
        }
    }
}

/// `text` as a whole number with an optional sign.
func wholeNumber(
    _ text: ArraySlice<UInt8>,
    offset: Int,
    in range: ClosedRange<Int>,
    of name: String
) throws(RuleSyntaxError) -> Int {
    let text = trimmed(text)
    guard text.count <= 12, let value = Int(String(decoding: text, as: UTF8.self)), range.contains(value)
    else {
        throw RuleSyntaxError(
            offset: offset,
            reason: "'\(name)' needs a number from \(range.lowerBound) to \(range.upperBound),"
                + " found '\(String(decoding: text.prefix(20), as: UTF8.self))'"
        )
    }
    return value
}
