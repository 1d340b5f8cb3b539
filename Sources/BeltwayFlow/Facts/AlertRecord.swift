// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// One alert on one packet: the row that reaches SQLite and the EVE `alert` event.
public struct AlertRecord: Sendable, BitwiseCopyable {
    /// The packet's time.
    public var time = Timestamp.zero
    /// Flow of the packet, 0 if it belongs to none (its fields below are the packet's then).
    public var flowID: UInt64 = 0
    /// Index into the table of ``SignatureInfo`` that was handed to the writer with the rules.
    public var signature: UInt32 = 0
    /// Packet's ordinal modulo 2^32 in its buffer.
    public var ordinal: UInt32 = 0
    /// The packet's source address (EVE `src_ip`: an alert is in the packet's direction).
    public var source = IPAddress.zero
    /// The packet's destination address.
    public var destination = IPAddress.zero
    /// Source port; ICMP: type.
    public var sourcePort: UInt16 = 0
    /// Destination port; ICMP: code.
    public var destinationPort: UInt16 = 0
    /// IANA protocol number.
    public var transportProtocol: UInt8 = 0
    /// 4 or 6.
    public var ipVersion: UInt8 = 0
    /// Whether the packet goes from originator to responder.
    public var toResponder = true
    /// VLAN tags, at most 2.
    public var vlanCount: UInt8 = 0
    /// VLAN identifiers, valid up to `vlanCount`.
    public var vlan: (outer: UInt16, inner: UInt16) = (0, 0)
    /// Number of the data buffer.
    public var buffer: UInt16 = 0
    /// Interface, numbered within that buffer.
    public var interface: UInt16 = 0
    /// The flow's start.
    public var flowStart = Timestamp.zero
    /// The flow's packets to the responder when the alert was raised, this one included.
    public var packetsToResponder: UInt64 = 0
    /// The flow's packets to the originator when the alert was raised, this one included.
    public var packetsToOriginator: UInt64 = 0
    /// The flow's frame bytes to the responder when the alert was raised, this packet's included.
    public var bytesToResponder: UInt64 = 0
    /// The flow's frame bytes to the originator when the alert was raised, this packet's included.
    public var bytesToOriginator: UInt64 = 0

    /// Makes an empty record.
    public init() {}
}

/// What people and events see of a rule; the writer holds the table that ``AlertRecord/signature`` indexes.
///
/// Defined here so that Store and the EVE writer need not import Detect.
public struct SignatureInfo: Sendable, Equatable {
    /// Signature id.
    public var id: UInt32
    /// Generator id, 1 unless the rule says otherwise.
    public var generator: UInt32
    /// Revision.
    public var revision: UInt32
    /// Text of `msg`.
    public var message: String
    /// Long name of the rule's class, from classification.config; empty without one.
    public var category: String
    /// Priority, 1 the most severe to 255.
    public var severity: Int
    /// `metadata` pairs in order of first appearance.
    public var metadata: [(key: String, values: [String])]
    /// `reference` values as URLs or `type,id`.
    public var references: [String]

    /// Makes the description of a rule.
    public init(
        id: UInt32,
        generator: UInt32 = 1,
        revision: UInt32 = 0,
        message: String = "",
        category: String = "",
        severity: Int = 3,
        metadata: [(key: String, values: [String])] = [],
        references: [String] = []
    ) {
        self.id = id
        self.generator = generator
        self.revision = revision
        self.message = message
        self.category = category
        self.severity = severity
        self.metadata = metadata
        self.references = references
    }

    /// Whether all fields agree.
    public static func == (a: SignatureInfo, b: SignatureInfo) -> Bool {
        a.id == b.id && a.generator == b.generator && a.revision == b.revision && a.message == b.message
            && a.category == b.category && a.severity == b.severity && a.references == b.references
            && a.metadata.elementsEqual(b.metadata) { $0.key == $1.key && $0.values == $1.values }
    }
}
