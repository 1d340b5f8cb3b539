// SPDX-License-Identifier: Apache-2.0
// A rule's payload steps against one payload.
//
// Steps follow the rule's text. A relative step counts from the end of the last positive match; if it fails, the
// match it counts from is tried at its next place (backtracking), so a rule matches if any choice of places does.
// Bytes looked at are charged to a budget, so that no payload can make a rule run for long.
import BeltwayWire

/// What came of the steps from some point on.
enum Verdict {
    case match
    /// Not with this last match; an earlier one at another place may do.
    case retry
    /// Not with any choice.
    case never
}

extension Detector {
    /// Tries the steps `index..<end`, with `last` the end of the last match.
    mutating func verify(
        _ payload: RawSpan,
        from index: Int,
        to end: Int,
        last: Int,
        _ rules: RuleSet
    ) -> Verdict {
        var last = last
        for current in index..<end {
            let step = rules.steps[current]
            let failure: Verdict = step.isRelative ? .retry : .never
            switch step.kind {
            case .dataAt:
                let isThere =
                    step.isRelative
                    ? last &+ Int(step.offset) <= payload.byteCount : Int(step.offset) < payload.byteCount
                guard isThere != step.isNegated else { return failure }
            case .content, .expression:
                var start = firstPlace(step, last: last)
                while true {
                    guard spend(payload.byteCount &- start) else { return .never }
                    let found = next(step, in: payload, from: start, last: last, rules)
                    // An expression that was given up says neither yes nor no: the rule does not match.
                    guard budget >= 0 else { return .never }
                    if step.isNegated {
                        guard found == nil else { return failure }
                        break
                    }
                    guard let found else { return failure }
                    guard step.isAnchor else {
                        last = found.end
                        break
                    }
                    switch verify(payload, from: current &+ 1, to: end, last: found.end, rules) {
                    case .match: return .match
                    case .never: return .never
                    case .retry: start = found.start &+ 1
                    }
                }
            }
        }
        return .match
    }

    /// Charges bytes to the budget; false, and counted, when it is used up.
    private mutating func spend(_ bytes: Int) -> Bool {
        budget &-= max(bytes, 0) &+ 16
        if budget < 0 { counters.backtrackLimits &+= 1 }
        return budget >= 0
    }

    private func firstPlace(_ step: PayloadStep, last: Int) -> Int {
        switch step.kind {
        case .content: step.isRelative ? max(0, last &+ Int(step.offset)) : Int(step.offset)
        default: step.isRelative ? last : 0
        }
    }

    /// The next place of a content or expression that starts at `start` or later.
    private mutating func next(
        _ step: PayloadStep,
        in payload: RawSpan,
        from start: Int,
        last: Int,
        _ rules: RuleSet
    ) -> (start: Int, end: Int)? {
        let count = payload.byteCount
        if step.kind == .expression {
            return nextExpression(rules.expressions[Int(step.expression)], step, payload, start, last)
        }
        let window = step.isRelative ? last &+ Int(step.offset) : Int(step.offset)
        let high = step.length < 0 ? count : min(count, window &+ Int(step.length))
        let length = Int(step.pattern.count)
        var low = start
        if step.endsPayload {
            guard high == count else { return nil }
            low = max(low, count &- length)
        }
        guard high &- low >= length else { return nil }
        guard let found = rules.patterns.firstMatch(of: step.pattern, in: payload, from: low, to: high) else {
            return nil
        }
        return (found, found &+ length)
    }

    /// A relative expression sees the payload from the last match on, as if it began there (as in Suricata).
    private mutating func nextExpression(
        _ expression: RegularExpression,
        _ step: PayloadStep,
        _ payload: RawSpan,
        _ start: Int,
        _ last: Int
    ) -> (start: Int, end: Int)? {
        let base = step.isRelative ? min(last, payload.byteCount) : 0
        switch expressions.match(expression, in: payload.extracting(droppingFirst: base), from: start &- base)
        {
        case .match(let first, let end): return (base &+ first, base &+ end)
        case .noMatch: return nil
        case .limit:
            counters.expressionLimits &+= 1
            budget = -1
            return nil
        case .failure:
            counters.expressionErrors &+= 1
            budget = -1
            return nil
        }
    }
}
