// SPDX-License-Identifier: Apache-2.0

extension OptionKeyword {
    /// Applies a modifier to the last content of the rule.
    static func applyModifier(_ option: RuleOption, to rule: inout Rule) throws(RuleSyntaxError) {
        var last: Int?
        for index in rule.steps.indices.reversed() {
            guard case .content = rule.steps[index] else { continue }
            last = index
            break
        }
        guard let last, case .content(var content) = rule.steps[last] else {
            throw RuleSyntaxError(
                offset: option.nameOffset,
                reason: "'\(option.name)' needs a content before it"
            )
        }
        switch option.name {
        case "nocase":
            try option.refuseValue()
            content.ignoresCase = true
        case "rawbytes": try option.refuseValue()
        case "depth": content.depth = Int32(try option.number(1...65_535))
        case "offset": content.offset = Int32(try option.number(0...65_535))
        case "distance": content.distance = Int32(try option.number(-1_048_576...1_048_576))
        case "within": content.within = Int32(try option.number(1...1_048_576))
        case "startswith":
            try option.refuseValue()
            content.startsPayload = true
        case "endswith":
            try option.refuseValue()
            content.endsPayload = true
        default: content.fastPattern = try fastPattern(option, of: content, in: rule)
        }
        rule.steps[last] = .content(content)
    }

    /// `fast_pattern`, `fast_pattern:only`, `fast_pattern:offset,length`.
    private static func fastPattern(
        _ option: RuleOption,
        of content: Content,
        in rule: Rule
    ) throws(RuleSyntaxError) -> Content.FastPatternChoice {
        let isTaken = rule.steps.contains {
            if case .content(let other) = $0 { other.fastPattern != nil } else { false }
        }
        guard !isTaken else {
            throw RuleSyntaxError(offset: option.nameOffset, reason: "a rule has one fast_pattern only")
        }
        guard let value = option.value, !value.isEmpty else { return .whole }
        if option.text == "only" {
            guard !content.isRelative, !content.isNegated, content.depth == nil, content.offset == 0 else {
                throw RuleSyntaxError(
                    offset: option.valueOffset,
                    reason: "'fast_pattern:only' is for contents that may stand anywhere"
                )
            }
            return .only
        }
        let parts = value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw RuleSyntaxError(
                offset: option.valueOffset,
                reason: "expected 'only' or 'offset,length' after fast_pattern"
            )
        }
        let offset = try wholeNumber(
            parts[0],
            offset: parts[0].startIndex,
            in: 0...65_535,
            of: "fast_pattern"
        )
        let length = try wholeNumber(
            parts[1],
            offset: parts[1].startIndex,
            in: 1...65_535,
            of: "fast_pattern"
        )
        guard offset + length <= content.bytes.count else {
            throw RuleSyntaxError(
                offset: option.valueOffset,
                reason:
                    "fast_pattern \(offset),\(length) reaches past the content's \(content.bytes.count) bytes"
            )
        }
        return .piece(offset: offset, length: length)
    }
}

extension Rule {
    /// Checks what can only be told when all options are read; `end` is where the text ends.
    func checkWhole(end: Int) throws(RuleSyntaxError) {
        guard info.sid != 0 else { throw RuleSyntaxError(offset: end, reason: "the rule has no sid") }
        guard !flow.isSuperset(of: [.toServer, .toClient]) else {
            throw RuleSyntaxError(offset: end, reason: "flow says both to_server and to_client")
        }
        guard !flow.isSuperset(of: [.established, .notEstablished]) else {
            throw RuleSyntaxError(offset: end, reason: "flow says both established and not_established")
        }
        for step in steps {
            if case .content(let content) = step { try content.check() }
        }
    }
}

extension Content {
    /// Refuses modifiers that contradict each other or that no payload can satisfy.
    fileprivate func check() throws(RuleSyntaxError) {
        func refuse(_ reason: String) -> RuleSyntaxError { RuleSyntaxError(offset: place, reason: reason) }
        let length = bytes.count
        if let depth, depth < length {
            throw refuse("depth \(depth) is smaller than the content's \(length) bytes")
        }
        if let within, within < length {
            throw refuse("within \(within) is smaller than the content's \(length) bytes")
        }
        if startsPayload, isRelative || depth != nil || offset != 0 {
            throw refuse("startswith does not go with depth, offset, distance or within")
        }
        if endsPayload, offset != 0 {
            throw refuse("endswith does not go with offset")
        }
        if isRelative, depth != nil || offset != 0 {
            throw refuse("distance and within do not go with depth and offset on one content")
        }
    }
}
