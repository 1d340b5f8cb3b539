// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow

/// Rules compiled together; immutable, and shared by all detectors.
///
/// Signatures are numbered in the order in which rules take precedence: pass, drop, reject, alert (as Suricata
/// orders them), then by priority, then as they were loaded.
public final class RuleSet: Sendable {
    /// What people see of each rule; alerts carry an index into it.
    public let signatures: [SignatureInfo]
    /// Size and shape of the automaton.
    public let statistics: Statistics

    /// What the compiled rules amount to.
    public struct Statistics: Sendable, Equatable {
        /// Rules, passing ones included.
        public var rules = 0
        /// Rules without a fast pattern, which every packet that fits their header is checked against.
        public var rulesWithoutPattern = 0
        /// Distinct patterns in the automaton.
        public var patterns = 0
        /// States of the automaton.
        public var states = 0
        /// Classes of bytes that the automaton tells apart.
        public var byteClasses = 0
        /// Longest piece of a fast pattern in the automaton, in bytes.
        public var window = 0
        /// Memory of the automaton in bytes; bounded by ``RuleSet/mostAutomatonBytes``.
        public var automatonBytes = 0
        /// Regular expressions.
        public var expressions = 0
    }

    /// The automaton's table never takes more; windows of fast patterns are shortened until it fits.
    public static let mostAutomatonBytes = 256 << 20

    let automaton: PrefilterAutomaton
    /// By signature.
    let gates: [RuleGate]
    let steps: [PayloadStep]
    let expressions: [RegularExpression]
    let patterns: PatternPool
    let addresses: [AddressSet]
    let ports: [RangeSet<UInt16>]
    /// Signatures by pattern: those of pattern p are `rulesOfPattern[patternStart[p]..<patternStart[p + 1]]`.
    let patternStart: [UInt32]
    let rulesOfPattern: [UInt32]
    /// Signatures without a pattern, by transport bit of ``ProtocolMask``.
    let always: [[UInt32]]

    /// No rules at all.
    static let empty = RuleSet(rules: [], addresses: [.all], ports: [.all], classes: .standard)

    init(
        rules unordered: [LoadedRule],
        addresses: [RangeSet<UInt128>],
        ports: [RangeSet<UInt16>],
        classes: RuleClasses
    ) {
        let rules = unordered.enumerated().sorted { a, b in
            let (first, second) = (a.element.rule, b.element.rule)
            if first.header.action != second.header.action {
                return first.header.action < second.header.action
            }
            let (high, low) = (classes.priority(of: first.info), classes.priority(of: second.info))
            return high != low ? high < low : a.offset < b.offset
        }.map(\.element)
        signatures = rules.map { SignatureInfo($0.rule.info, classes: classes) }
        var pool = PatternPool()
        var gates: [RuleGate] = []
        var steps: [PayloadStep] = []
        var expressions: [RegularExpression] = []
        for loaded in rules {
            let own = loaded.compiledSteps(&pool, &expressions)
            gates.append(RuleGate(loaded.rule, firstStep: steps.count, stepCount: own.count))
            steps += own
        }
        self.gates = gates
        self.steps = steps
        self.expressions = expressions
        patterns = pool
        self.addresses = addresses.map(AddressSet.init)
        self.ports = ports

        let index = PatternIndex(rules.map(\.rule), mostBytes: Self.mostAutomatonBytes)
        automaton = index.automaton
        patternStart = index.start
        rulesOfPattern = index.rules
        always = (0..<6).map { bit in
            index.without.filter { gates[Int($0)].protocols.rawValue & (1 << bit) != 0 }
        }
        statistics = Statistics(
            rules: rules.count,
            rulesWithoutPattern: index.without.count,
            patterns: automaton.patternCount,
            states: automaton.stateCount,
            byteClasses: automaton.classCount,
            window: automaton.window,
            automatonBytes: automaton.memoryInBytes,
            expressions: expressions.count
        )
    }
}

/// A rule with its expressions compiled, in the order of its steps.
struct LoadedRule {
    var rule: Rule
    var expressions: [RegularExpression]

    fileprivate func compiledSteps(
        _ pool: inout PatternPool,
        _ all: inout [RegularExpression]
    ) -> [PayloadStep] {
        var own = expressions[...]
        var steps: [PayloadStep] = []
        for step in rule.steps {
            switch step {
            case .content(let content):
                let pattern = pool.add(content.bytes, ignoresCase: content.ignoresCase)
                steps.append(PayloadStep(content, pattern: pattern))
            case .dataAt(let dataAt): steps.append(PayloadStep(dataAt))
            case .expression(let text):
                steps.append(PayloadStep(text, number: UInt32(all.count)))
                all.append(own.removeFirst())
            }
        }
        PayloadStep.markAnchors(&steps)
        return steps
    }
}

/// Fast patterns, each once, with the rules that have it.
private struct PatternIndex {
    var automaton: PrefilterAutomaton
    var start: [UInt32] = [0]
    var rules: [UInt32] = []
    var without: [UInt32] = []

    init(_ all: [Rule], mostBytes: Int) {
        for window in [8, 6, 5, 4, 3, 2, 1] {
            var numbers: [[UInt8]: Int] = [:]
            var patterns: [[UInt8]] = []
            var rulesOf: [[UInt32]] = []
            var without: [UInt32] = []
            for (index, rule) in all.enumerated() {
                guard let bytes = FastPattern.choose(for: rule, window: window) else {
                    without.append(UInt32(index))
                    continue
                }
                let number = numbers[bytes] ?? patterns.count
                if number == patterns.count {
                    numbers[bytes] = number
                    patterns.append(bytes)
                    rulesOf.append([])
                }
                rulesOf[number].append(UInt32(index))
            }
            // A table of windows of one byte has at most 257 rows, so the last round always fits.
            guard let built = AutomatonBuilder(patterns, mostEntries: mostBytes / 4) else { continue }
            automaton = PrefilterAutomaton(built, patterns: patterns, window: window)
            for list in rulesOf {
                rules += list
                start.append(UInt32(rules.count))
            }
            self.without = without
            return
        }
        preconditionFailure("an automaton of single bytes exceeds its budget")
    }
}

extension RuleGate {
    fileprivate init(_ rule: Rule, firstStep: Int, stepCount: Int) {
        let header = rule.header
        var protocols = header.protocols
        // Only these have ports, and a rule that names ports is about them.
        if header.sourcePorts != 0 || header.destinationPorts != 0 {
            let keep = protocols.intersection(ProtocolMask.withPorts)
            if !keep.isEmpty { protocols = keep.union(protocols.intersection(ProtocolMask.versions)) }
        }
        let size = rule.size ?? SizeCondition(range: 0...UInt32.max)
        self.init(
            protocols: protocols,
            flow: rule.flow,
            isBidirectional: header.isBidirectional,
            isPass: header.action == .pass,
            sizeIsNegated: size.isNegated,
            lowestSize: size.range.lowerBound,
            highestSize: size.range.upperBound,
            sourceAddresses: UInt32(header.sourceAddresses),
            sourcePorts: UInt32(header.sourcePorts),
            destinationAddresses: UInt32(header.destinationAddresses),
            destinationPorts: UInt32(header.destinationPorts),
            firstStep: UInt32(firstStep),
            stepCount: UInt32(stepCount)
        )
    }
}

extension RuleClasses {
    /// A rule's own priority, else its class's, else 3.
    fileprivate func priority(of info: RuleInfo) -> Int {
        info.priority ?? info.classType.flatMap { byName[$0]?.priority } ?? 3
    }
}

extension SignatureInfo {
    fileprivate init(_ info: RuleInfo, classes: RuleClasses) {
        self.init(
            id: info.sid,
            generator: info.generator,
            revision: info.revision,
            message: info.message,
            category: info.classType.flatMap { classes.byName[$0]?.title } ?? "",
            severity: classes.priority(of: info),
            metadata: info.metadata,
            references: info.references
        )
    }
}
