// SPDX-License-Identifier: Apache-2.0
// Rules as the matcher reads them: plain bits in flat arrays.

/// What of a rule can be decided without looking at the payload's bytes.
struct RuleGate: BitwiseCopyable {
    var protocols: ProtocolMask
    var flow: FlowCondition
    var isBidirectional: Bool
    var isPass: Bool
    var sizeIsNegated: Bool
    var lowestSize: UInt32
    var highestSize: UInt32
    /// Numbers of sets; 0 is everything.
    var sourceAddresses: UInt32
    var sourcePorts: UInt32
    var destinationAddresses: UInt32
    var destinationPorts: UInt32
    /// Steps of the rule in ``RuleSet/steps``.
    var firstStep: UInt32
    var stepCount: UInt32
}

/// One thing to look for in the payload.
struct PayloadStep: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case content, expression, dataAt
    }

    var kind: Kind
    var isNegated = false
    /// Counts from the last match's end, not from the payload's start.
    var isRelative = false
    /// A later step counts from this one's end, so other places of it may have to be tried.
    var isAnchor = false
    var endsPayload = false
    /// content: first byte, or distance; dataAt: the distance.
    var offset: Int32 = 0
    /// content: bytes from there (relative: from the last match's end plus distance) that it must end within;
    /// negative: up to the payload's end.
    var length: Int32 = -1
    /// content: the pattern; expression: its number.
    var pattern = BytePattern()
    var expression: UInt32 = 0
}

extension PayloadStep {
    init(_ content: Content, pattern: BytePattern) {
        kind = .content
        isNegated = content.isNegated
        isRelative = content.isRelative
        endsPayload = content.endsPayload
        self.pattern = pattern
        if isRelative {
            offset = content.distance ?? 0
            length = content.within ?? -1
        } else {
            offset = content.offset
            length = content.startsPayload ? Int32(content.bytes.count) : content.depth ?? -1
        }
    }

    init(_ dataAt: DataAt) {
        kind = .dataAt
        isNegated = dataAt.isNegated
        isRelative = dataAt.isRelative
        offset = dataAt.distance
    }

    init(_ expression: ExpressionText, number: UInt32) {
        kind = .expression
        isNegated = expression.isNegated
        isRelative = expression.isRelative
        self.expression = number
    }

    /// Marks the steps that later relative ones count from.
    static func markAnchors(_ steps: inout [PayloadStep]) {
        var anchor: Int?
        for index in steps.indices {
            if steps[index].isRelative, let anchor { steps[anchor].isAnchor = true }
            if steps[index].kind != .dataAt, !steps[index].isNegated { anchor = index }
        }
    }
}

/// Sorted ranges of addresses, IPv4 apart for speed.
struct AddressSet: Sendable {
    private var v4: [(low: UInt32, high: UInt32)] = []
    private var all: RangeSet<UInt128>

    init(_ set: RangeSet<UInt128>) {
        all = set
        let mapped = RangeSet<UInt128>([0xffff_0000_0000...0xffff_ffff_ffff])
        v4 = set.intersection(mapped).ranges.map {
            (UInt32(truncatingIfNeeded: $0.lowerBound), UInt32(truncatingIfNeeded: $0.upperBound))
        }
    }

    func contains(v4 address: UInt32) -> Bool {
        var (low, high) = (0, v4.count)
        while low < high {
            let middle = (low &+ high) / 2
            if v4[middle].high < address { low = middle &+ 1 } else { high = middle }
        }
        return low < v4.count && v4[low].low <= address
    }

    func contains(v6 high: UInt64, _ low: UInt64) -> Bool {
        all.contains(UInt128(high) << 64 | UInt128(low))
    }
}
