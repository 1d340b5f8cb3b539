// SPDX-License-Identifier: Apache-2.0
// One worker's matcher: it looks at packets one by one, in place.
//
//   payload -> automaton -> patterns found -> rules that have them -> gate -> payload steps -> alerts
//                                             rules without one ---^
//
// The gate (protocol, flow, ports, size, addresses) is cheap and comes before any byte of the payload is read
// again. Rules see packets, not reassembled streams: content that two segments share is not found, and
// `only_stream` rules are matched on packets too. A pass rule silences the packet it matches, not its flow.
//
// Budget: 1.5 ns per byte of payload and 2 us per packet of 637 bytes with some 3,000 rules; no allocation
// without a match.
public import BeltwayFlow
public import BeltwayWire

/// What a detector has done since it was made.
@frozen public struct DetectorCounters: Sendable, Equatable, BitwiseCopyable {
    /// Packets with an IP header that were looked at.
    public var packets: UInt64 = 0
    /// Patterns that the automaton found, each once per packet.
    public var prefilterHits: UInt64 = 0
    /// Rules whose header fitted, so that their payload steps were tried.
    public var verifications: UInt64 = 0
    /// Alerts raised.
    public var alerts: UInt64 = 0
    /// Packets that a pass rule silenced.
    public var passed: UInt64 = 0
    /// Regular expressions given up at their limits.
    public var expressionLimits: UInt64 = 0
    /// Regular expressions that failed otherwise.
    public var expressionErrors: UInt64 = 0
    /// Rules given up on a packet because matching took too many steps; they count as not matching.
    public var backtrackLimits: UInt64 = 0

    /// Makes counters of nothing.
    @inlinable public init() {}
}

/// Matches packets against a rule set; one for each worker.
public struct Detector: ~Copyable {
    /// The rules it matches.
    public let ruleSet: RuleSet
    /// What it has done.
    public internal(set) var counters = DetectorCounters()

    var prefilter: PrefilterScratch
    let expressions: ExpressionScratch
    var matches: [UInt32] = []
    /// Payload bytes that the rule being verified may still look at.
    var budget = 0
    /// The same for all rules of the packet together: a packet made to hit many rules stays bounded too.
    private var packetBudget = 0

    /// Makes a detector, with all the memory that it will use on packets that match nothing.
    public init(_ ruleSet: RuleSet) {
        guard let expressions = ExpressionScratch() else { preconditionFailure("no memory for PCRE2") }
        self.ruleSet = ruleSet
        self.expressions = expressions
        prefilter = PrefilterScratch(patternCount: ruleSet.automaton.patternCount)
        matches.reserveCapacity(64)
    }

    /// Looks at one packet and reports the rules that raise an alert on it.
    ///
    /// - Parameters:
    ///   - headers: The packet's headers as decoded.
    ///   - packet: The packet's captured bytes from its first one, as `headers` counts them.
    ///   - flow: The packet's flow; nil if it belongs to none (rules with a flow direction do not match then).
    ///   - matched: Is given indices into ``RuleSet/signatures`` in ascending order, which is the rules' order
    ///     of precedence.
    public mutating func inspect(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        flow: FlowView?,
        matched: (UInt32) -> Void
    ) {
        guard headers.layers.contains(.ip) else { return }
        counters.packets &+= 1
        let facts = PacketFacts(headers, flow: flow)
        // Headers come from the same bytes, but a span is cheap to check and must never be over-read.
        let start = min(Int(headers.payloadOffset), packet.byteCount)
        let end = min(start &+ Int(headers.capturedPayloadLength), packet.byteCount)
        let payload = packet.extracting(start..<end)
        let rules = ruleSet
        packetBudget = (8 << 20) &+ 64 &* payload.byteCount
        if payload.byteCount > 0 {
            rules.automaton.scan(payload, into: &prefilter)
            counters.prefilterHits &+= UInt64(prefilter.count)
            for index in 0..<prefilter.count {
                let pattern = Int(prefilter.found[index])
                for slot in rules.patternStart[pattern]..<rules.patternStart[pattern &+ 1] {
                    attempt(rules.rulesOfPattern[Int(slot)], facts, payload, rules)
                }
            }
        }
        for rule in rules.always[facts.transportIndex] { attempt(rule, facts, payload, rules) }
        if !matches.isEmpty { report(rules, matched) }
    }

    private mutating func attempt(
        _ rule: UInt32,
        _ facts: borrowing PacketFacts,
        _ payload: RawSpan,
        _ rules: RuleSet
    ) {
        let gate = rules.gates[Int(rule)]
        guard facts.pass(gate, rules) else { return }
        counters.verifications &+= 1
        let allowance = min(65_536 &+ 16 &* payload.byteCount, packetBudget)
        budget = allowance
        let first = Int(gate.firstStep)
        let verdict = verify(payload, from: first, to: first &+ Int(gate.stepCount), last: 0, rules)
        packetBudget = max(0, packetBudget &- (allowance &- budget))
        guard verdict == .match else { return }
        matches.append(rule)
    }

    private mutating func report(_ rules: RuleSet, _ matched: (UInt32) -> Void) {
        matches.sort()
        // Passing rules have the lowest numbers.
        if rules.gates[Int(matches[0])].isPass {
            counters.passed &+= 1
        } else {
            counters.alerts &+= UInt64(matches.count)
            for rule in matches { matched(rule) }
        }
        matches.removeAll(keepingCapacity: true)
    }
}
