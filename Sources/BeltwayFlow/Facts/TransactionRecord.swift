// SPDX-License-Identifier: Apache-2.0
// One transaction of an application protocol on its way to the writer: a head of fixed size, and a body of bytes.
//
//     head   time, flow id, ends, kind, number ...      in the fact queue
//     body   ,"dns":{"version":3,"type":"request", ...  in the byte ring beside it (FactBodies)
//                                ^^^^^^^^^
//                                a mark: where the value of a column lies in the body
//
// The body is what EVE appends behind the head of the line, and what SQLite keeps; nothing is parsed again.
public import BeltwayWire

/// The head of a transaction; plain bits.
public struct TransactionRecord: Sendable, BitwiseCopyable {
    /// Marks that a body may have.
    public static var mostMarks: Int { 10 }
    /// Bytes that a body may have; what would be longer is cut by its parser, between two values.
    public static var mostBytes: Int { 60_000 }

    /// Time of the packet that completed it.
    public var time = Timestamp.zero
    /// Its flow.
    public var flowID: UInt64 = 0
    /// Number of that packet in its capture, from 1; 0 when not known (EVE `pcap_cnt`).
    public var packet: UInt64 = 0
    /// EVE `src_ip`.
    public var source = IPAddress.zero
    /// EVE `dest_ip`.
    public var destination = IPAddress.zero
    /// EVE `src_port`.
    public var sourcePort: UInt16 = 0
    /// EVE `dest_port`.
    public var destinationPort: UInt16 = 0
    /// IANA protocol number.
    public var transportProtocol: UInt8 = 0
    /// 4 or 6.
    public var ipVersion: UInt8 = 0
    /// VLAN identifiers, valid up to `vlanCount`.
    public var vlan: (outer: UInt16, inner: UInt16) = (0, 0)
    /// VLAN tags, at most 2.
    public var vlanCount: UInt8 = 0
    /// What the innermost tunnel calls both directions of its flow; 0 outside tunnels.
    public var tunnelKey: UInt32 = 0
    /// What it is.
    public var kind = TransactionKind.dns
    /// Whether source is the flow's originator.
    public var toResponder = true
    /// TCP: whether neither a SYN nor an answer to one began its flow.
    public var isMidstream = false
    /// Whether originator and responder are exchanged already, by what was said.
    public var isTurned = false
    /// Whether its number is written beside the body (EVE `tx_id`; DNS has it in its own object).
    public var showsNumber = false
    /// Whether no packet completed it: its flow ended.
    public var isFromFlowEnd = false
    /// Whether only logs of other forms tell of it: it has no event.
    public var isForLogsOnly = false
    /// Number of the data buffer.
    public var buffer: UInt16 = 0
    /// Interface, numbered within that buffer.
    public var interface: UInt16 = 0
    /// Number of the transaction in its flow, from 0.
    public var number: UInt32 = 0
    /// Bytes of the body, details included.
    public var bodyLength: UInt32 = 0
    /// Bytes at the end of the body that no event shows (``TransactionDetails``).
    public var detailLength: UInt16 = 0
    /// Where the body starts in the byte ring; set by the queue.
    public var bodyPosition: UInt64 = 0
    /// By column: offset of its JSON value in the body (low half) and its length (high half); 0 is none.
    public var marks = InlineArray<10, UInt32>(repeating: 0)

    /// Bytes of the body that events show; 0 for a record without an event.
    public var shownLength: Int {
        isForLogsOnly ? 0 : Int(bodyLength) - min(Int(detailLength), Int(bodyLength))
    }

    /// Tags and tunnel, which keep networks with the same addresses apart.
    var network: UInt64 { UInt64(tunnelKey) << 32 | UInt64(vlan.outer) << 16 | UInt64(vlan.inner) }

    /// Makes an empty record.
    public init() {}

    /// Where the value of a column lies in the body, or nil if it has none.
    public func mark(_ column: Int) -> Range<Int>? {
        guard column < TransactionRecord.mostMarks, marks[column] != 0 else { return nil }
        let start = Int(marks[column] & 0xffff)
        return start..<start + Int(marks[column] >> 16)
    }
}
