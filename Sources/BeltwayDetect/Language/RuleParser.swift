// SPDX-License-Identifier: Apache-2.0
// One rule's text to a `Rule`:  action protocol source port direction destination port (options)

/// Parses rules one by one and keeps the address and port sets they share.
struct RuleParser {
    private(set) var resolver: HeaderResolver

    /// Takes Suricata's default variables with `variables` on top.
    init(variables: [String: String] = [:]) {
        resolver = HeaderResolver(overrides: variables)
    }

    /// What came of one rule.
    enum Outcome: Equatable {
        case rule(Rule)
        /// Keywords and protocols that are not supported are named, so that they can be counted.
        case refused(RuleSyntaxError, sid: UInt32?, keywords: [String], protocolName: String?)
    }

    /// Parses one logical line that holds a rule.
    mutating func parse(_ text: [UInt8]) -> Outcome {
        var sid: UInt32?
        do throws(RuleSyntaxError) {
            let words = try headerWords(text)
            // Options are cut first: the sid makes every later message useful.
            let options = try scanOptions(text, from: words.open)
            if let option = options.last(where: { $0.name == "sid" }) {
                sid = UInt32(option.text)
            }
            let word = String(decoding: words.parts[1], as: UTF8.self)
            guard let protocols = ProtocolMask(word) else {
                let error = RuleSyntaxError(
                    offset: words.parts[1].startIndex,
                    reason: "protocol \(word) is not supported"
                )
                return .refused(error, sid: sid, keywords: [], protocolName: word)
            }
            let unknown = options.filter { !OptionKeyword.names.contains($0.name) }
            if let first = unknown.first {
                let error = RuleSyntaxError(
                    offset: first.nameOffset,
                    reason: "unknown keyword '\(first.name)'"
                )
                return .refused(error, sid: sid, keywords: Array(Set(unknown.map(\.name))), protocolName: nil)
            }
            var rule = Rule()
            rule.header = try header(words.parts, protocols: protocols)
            for option in options { try OptionKeyword.apply(option, to: &rule) }
            try rule.checkWhole(end: text.count)
            return .rule(rule)
        } catch {
            return .refused(error, sid: sid, keywords: [], protocolName: nil)
        }
    }

    /// The seven words before the parenthesis; spaces inside brackets do not separate.
    private func headerWords(
        _ text: [UInt8]
    ) throws(RuleSyntaxError) -> (parts: [ArraySlice<UInt8>], open: Int) {
        let names = [
            "an action", "a protocol", "a source address", "a source port", "a direction",
            "a destination address", "a destination port",
        ]
        var parts: [ArraySlice<UInt8>] = []
        var at = 0
        for name in names {
            while at < text.count, text[at].isSpace { at += 1 }
            let start = at
            var depth = 0
            var bracket = at
            while at < text.count, depth > 0 || !(text[at].isSpace || text[at] == UInt8(ascii: "(")) {
                if text[at] == UInt8(ascii: "[") {
                    if depth == 0 { bracket = at }
                    depth += 1
                }
                if text[at] == UInt8(ascii: "]") { depth -= 1 }
                at += 1
            }
            guard depth <= 0 else {
                throw RuleSyntaxError(offset: bracket, reason: "'[' is not closed by ']'")
            }
            guard at > start else {
                let found = at < text.count ? "'\(printable(text[at]))'" : "the end of the rule"
                throw RuleSyntaxError(offset: at, reason: "expected \(name), found \(found)")
            }
            parts.append(text[start..<at])
            if parts.count == 1 { _ = try action(parts[0]) }
        }
        while at < text.count, text[at].isSpace { at += 1 }
        guard at < text.count, text[at] == UInt8(ascii: "(") else {
            let found = at < text.count ? "'\(printable(text[at]))'" : "the end of the rule"
            throw RuleSyntaxError(offset: at, reason: "expected '(', found \(found)")
        }
        return (parts, at)
    }

    private func action(_ word: ArraySlice<UInt8>) throws(RuleSyntaxError) -> RuleAction {
        let name = String(decoding: word, as: UTF8.self)
        guard let action = RuleAction(name) else {
            throw RuleSyntaxError(
                offset: word.startIndex,
                reason: "expected an action (alert, pass, drop, reject), found '\(name.prefix(20))'"
            )
        }
        return action
    }

    private mutating func header(
        _ words: [ArraySlice<UInt8>],
        protocols: ProtocolMask
    ) throws(RuleSyntaxError) -> RuleHeader {
        var header = RuleHeader()
        header.action = try action(words[0])
        header.protocols = protocols
        header.sourceAddresses = try resolver.addresses(words[2], offset: words[2].startIndex)
        header.sourcePorts = try resolver.ports(words[3], offset: words[3].startIndex)
        let direction = String(decoding: words[4], as: UTF8.self)
        switch direction {
        case "->": break
        case "<>": header.isBidirectional = true
        default:
            throw RuleSyntaxError(
                offset: words[4].startIndex,
                reason: "expected '->' or '<>', found '\(direction.prefix(20))'"
            )
        }
        header.destinationAddresses = try resolver.addresses(words[5], offset: words[5].startIndex)
        header.destinationPorts = try resolver.ports(words[6], offset: words[6].startIndex)
        return header
    }
}
