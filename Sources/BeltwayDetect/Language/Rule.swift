// SPDX-License-Identifier: Apache-2.0

/// One rule as its text says, before it is compiled with the others.
struct Rule: Equatable {
    var header = RuleHeader()
    var flow = FlowCondition()
    var size: SizeCondition?
    /// What is looked for in the payload, in the order of the text.
    var steps: [Step] = []
    var info = RuleInfo()

    /// One keyword that looks at the payload.
    enum Step: Equatable {
        case content(Content)
        case expression(ExpressionText)
        case dataAt(DataAt)
    }

    /// Most keywords of one rule: longer ones are refused, so that the matcher's recursion stays bounded.
    static let mostSteps = 128
}

/// What a rule does with a packet it matches.
///
/// Beltway watches and never blocks: the dropping and rejecting
/// actions raise an alert, as Suricata does outside inline mode.
enum RuleAction: UInt8, Comparable, CaseIterable {
    case pass, drop, reject, rejectsrc, rejectdst, rejectboth, alert

    init?(_ name: String) {
        guard let action = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = action
    }

    /// The order in which Suricata looks at rules: pass, drop, the rejects, alert.
    var rank: Int {
        switch self {
        case .pass: 0
        case .drop: 1
        case .reject, .rejectsrc, .rejectdst, .rejectboth: 2
        case .alert: 3
        }
    }

    static func < (a: RuleAction, b: RuleAction) -> Bool { a.rank < b.rank }
}

/// What stands before the parentheses: numbers of sets are those of ``HeaderResolver``.
struct RuleHeader: Equatable {
    var action = RuleAction.alert
    var protocols = ProtocolMask.anyIP
    var sourceAddresses = 0
    var sourcePorts = 0
    var destinationAddresses = 0
    var destinationPorts = 0
    var isBidirectional = false
}

/// Which packets a rule's protocol admits: a transport bit and a version bit must both fit.
struct ProtocolMask: OptionSet, Hashable, Sendable, BitwiseCopyable {
    let rawValue: UInt8
    static let tcp = ProtocolMask(rawValue: 1)
    static let udp = ProtocolMask(rawValue: 2)
    static let sctp = ProtocolMask(rawValue: 4)
    static let icmp = ProtocolMask(rawValue: 8)
    static let icmpv6 = ProtocolMask(rawValue: 16)
    /// Any other transport, and what could not be decoded (later fragments have no ports).
    static let other = ProtocolMask(rawValue: 32)
    static let v4 = ProtocolMask(rawValue: 64)
    static let v6 = ProtocolMask(rawValue: 128)

    static let transports: ProtocolMask = [.tcp, .udp, .sctp, .icmp, .icmpv6, .other]
    static let versions: ProtocolMask = [.v4, .v6]
    static let anyIP: ProtocolMask = [transports, versions]
    static let withPorts: ProtocolMask = [.tcp, .udp, .sctp]

    /// The mask of a rule's protocol word, or nil if packets alone cannot tell it.
    ///
    /// Upper and lower case are the same, as for Suricata.
    init?(_ word: String) {
        switch word.lowercased() {
        case "ip", "ip-pkt": self = .anyIP
        case "ip4", "ipv4": self = [Self.transports, .v4]
        case "ip6", "ipv6": self = [Self.transports, .v6]
        case "tcp", "tcp-pkt": self = [.tcp, Self.versions]
        case "udp": self = [.udp, Self.versions]
        case "sctp": self = [.sctp, Self.versions]
        case "icmp": self = [.icmp, .icmpv6, Self.versions]
        case "icmpv4": self = [.icmp, Self.versions]
        case "icmpv6": self = [.icmpv6, Self.versions]
        default: return nil
        }
    }

    init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// `flow`: bits of ``FlowState``-like facts that a packet must have, and must not have.
struct FlowCondition: OptionSet, Hashable, Sendable, BitwiseCopyable {
    let rawValue: UInt8
    static let toServer = FlowCondition(rawValue: 1)
    static let toClient = FlowCondition(rawValue: 2)
    static let established = FlowCondition(rawValue: 4)
    static let notEstablished = FlowCondition(rawValue: 8)

    init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// `dsize`: the payload's length lies in the range, or outside it.
struct SizeCondition: Equatable {
    var range: ClosedRange<UInt32>
    var isNegated = false
}

/// `isdataat`: whether there is a byte at a distance from the payload's start or the last match.
struct DataAt: Equatable {
    var distance: Int32
    var isRelative = false
    var isNegated = false
}

/// What a rule says of itself.
struct RuleInfo: Equatable {
    var sid: UInt32 = 0
    var generator: UInt32 = 1
    var revision: UInt32 = 0
    var message = ""
    var classType: String?
    var priority: Int?
    var metadata: [(key: String, values: [String])] = []
    var references: [String] = []

    static func == (a: RuleInfo, b: RuleInfo) -> Bool {
        a.sid == b.sid && a.generator == b.generator && a.revision == b.revision && a.message == b.message
            && a.classType == b.classType && a.priority == b.priority && a.references == b.references
            && a.metadata.elementsEqual(b.metadata) { $0.key == $1.key && $0.values == $1.values }
    }
}
