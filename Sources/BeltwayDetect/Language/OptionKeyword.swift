// SPDX-License-Identifier: Apache-2.0
// Every keyword that a rule may use, and what it does to the rule being read. As in Suricata, a modifier applies
// to the content before it.

/// The keywords of rules.
enum OptionKeyword {
    /// All names; a rule with any other is refused.
    static let names: Set<String> = Set(meta).union(payload).union(["flow", "dsize"])

    private static let meta = [
        "msg", "sid", "rev", "gid", "classtype", "priority", "reference", "metadata", "target",
    ]
    private static let payload = [
        "content", "nocase", "depth", "offset", "distance", "within", "startswith", "endswith", "rawbytes",
        "fast_pattern", "isdataat", "pcre",
    ]

    /// Applies one option whose name is among ``names``.
    static func apply(_ option: RuleOption, to rule: inout Rule) throws(RuleSyntaxError) {
        switch option.name {
        case "content", "pcre", "isdataat": try applyStep(option, to: &rule)
        case "flow": rule.flow.formUnion(try flow(option))
        case "dsize": rule.size = try size(option)
        case let name where meta.contains(name): try applyMeta(option, to: &rule.info)
        default: try applyModifier(option, to: &rule)
        }
    }

    private static func applyStep(_ option: RuleOption, to rule: inout Rule) throws(RuleSyntaxError) {
        guard rule.steps.count < Rule.mostSteps else {
            throw RuleSyntaxError(
                offset: option.nameOffset,
                reason: "more than \(Rule.mostSteps) payload keywords in one rule"
            )
        }
        switch option.name {
        case "content":
            let (text, isNegated) = try option.quoted()
            var content = Content(bytes: try Content.decode(text, base: text.startIndex))
            content.isNegated = isNegated
            content.place = option.nameOffset
            rule.steps.append(.content(content))
        case "pcre":
            let (text, isNegated) = try option.quoted()
            rule.steps.append(
                .expression(try ExpressionText(text, base: text.startIndex, isNegated: isNegated))
            )
        default:
            rule.steps.append(.dataAt(try dataAt(option)))
        }
    }

    /// `isdataat:[!]N[,relative][,rawbytes]`.
    private static func dataAt(_ option: RuleOption) throws(RuleSyntaxError) -> DataAt {
        let parts = (option.value ?? []).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        var number = trimmed(parts.first ?? [])
        var isNegated = false
        if number.first == UInt8(ascii: "!") {
            isNegated = true
            number = trimmed(number.dropFirst())
        }
        let distance = try wholeNumber(number, offset: option.valueOffset, in: 0...65_535, of: "isdataat")
        var result = DataAt(distance: Int32(distance), isNegated: isNegated)
        for part in parts.dropFirst() {
            switch String(decoding: trimmed(part), as: UTF8.self) {
            case "relative": result.isRelative = true
            case "rawbytes": break
            case let other:
                throw RuleSyntaxError(
                    offset: part.startIndex,
                    reason: "expected 'relative' or 'rawbytes', found '\(other)'"
                )
            }
        }
        return result
    }

    /// `flow:word,word`: reassembly is not done yet, so both `only_stream` and `no_stream` look at packets.
    private static func flow(_ option: RuleOption) throws(RuleSyntaxError) -> FlowCondition {
        var result: FlowCondition = []
        let words = (option.value ?? []).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard !words.isEmpty else {
            throw RuleSyntaxError(offset: option.nameOffset, reason: "'flow' needs a value")
        }
        for word in words {
            switch String(decoding: trimmed(word), as: UTF8.self).lowercased() {
            case "to_server", "from_client": result.insert(.toServer)
            case "to_client", "from_server": result.insert(.toClient)
            case "established": result.insert(.established)
            case "not_established": result.insert(.notEstablished)
            case "stateless", "only_stream", "no_stream": break
            case let other:
                throw RuleSyntaxError(offset: word.startIndex, reason: "unknown flow condition '\(other)'")
            }
        }
        return result
    }

    /// `dsize:N`, `!N`, `<N`, `<=N`, `>N`, `>=N`, `N<>M` (both ends excluded, as in Suricata).
    private static func size(_ option: RuleOption) throws(RuleSyntaxError) -> SizeCondition {
        let text = option.value ?? []
        func number(_ part: ArraySlice<UInt8>) throws(RuleSyntaxError) -> UInt32 {
            UInt32(try wholeNumber(part, offset: option.valueOffset, in: 0...65_535, of: "dsize"))
        }
        let impossible = RuleSyntaxError(offset: option.valueOffset, reason: "no length satisfies this dsize")
        if let middle = text.indices.dropFirst().first(where: {
            text[$0 - 1] == UInt8(ascii: "<") && text[$0] == UInt8(ascii: ">")
        }) {
            let low = try number(text[..<(middle - 1)])
            let high = try number(text[(middle + 1)...])
            guard high > low, high - low > 1 else { throw impossible }
            return SizeCondition(range: (low + 1)...(high - 1))
        }
        let rest = text.dropFirst()
        let hasEquals = rest.first == UInt8(ascii: "=")
        switch text.first {
        case UInt8(ascii: "!"):
            let value = try number(rest)
            return SizeCondition(range: value...value, isNegated: true)
        case UInt8(ascii: "<"):
            let value = try number(hasEquals ? rest.dropFirst() : rest)
            guard hasEquals || value > 0 else { throw impossible }
            return SizeCondition(range: 0...(hasEquals ? value : value - 1))
        case UInt8(ascii: ">"):
            let value = try number(hasEquals ? rest.dropFirst() : rest)
            return SizeCondition(range: (hasEquals ? value : value + 1)...UInt32.max)
        default:
            let value = try number(text)
            return SizeCondition(range: value...value)
        }
    }
}
