// SPDX-License-Identifier: Apache-2.0
// One flow in a tracker's table: three cache lines, the third untouched by ordinary packets.
//
//     0 ..  63   key, when seen, states and flags       look-up reads it
//    64 .. 127   last, counters, queued, start, id      every packet of the flow writes it
//   128 .. 191   list links, sequence numbers, origin   begin, end, SYN, FIN and RST touch it

public import BeltwayWire

/// State of one flow; plain bits, in the order of the picture above (pinned by a test).
@frozen public struct FlowEntry: BitwiseCopyable {
    @usableFromInline var key: FlowKey
    /// Greatest of each packet's time and the tracker's clock then: idle time counts from here.
    @usableFromInline var seen: Timestamp = .zero
    /// Time-out list: `FlowProtocol` * 3 + `FlowState`.
    @usableFromInline var list: UInt8 = 0
    @usableFromInline var state: FlowState = .new
    @usableFromInline var tcpState: TCPState = .none
    @usableFromInline var marks: Marks = []
    @usableFromInline var originatorFlags: UInt8 = 0
    @usableFromInline var responderFlags: UInt8 = 0
    @usableFromInline var vlanCount: UInt8 = 0
    /// The first tunnel that the flow's packets were seen to carry.
    @usableFromInline var carried: TunnelKind = .none

    /// Greatest time of a packet.
    @usableFromInline var last: Timestamp = .zero
    @usableFromInline var packetsToResponder: UInt64 = 0
    @usableFromInline var packetsToOriginator: UInt64 = 0
    @usableFromInline var bytesToResponder: UInt64 = 0
    @usableFromInline var bytesToOriginator: UInt64 = 0
    /// `seen` when the flow was last moved to the end of its list.
    @usableFromInline var queued: Timestamp = .zero
    /// Least time of a packet.
    @usableFromInline var start: Timestamp = .zero
    @usableFromInline var flowID: UInt64 = 0

    /// Neighbours in the time-out list; `next` also links free slots.
    @usableFromInline var previous: UInt32 = FlowTable.none
    @usableFromInline var next: UInt32 = FlowTable.none
    /// The table's own hash of the key.
    @usableFromInline var hash: UInt32 = 0
    /// Sequence number of the originator's SYN, if `.originatorSequence`.
    @usableFromInline var originatorSequence: UInt32 = 0
    /// The greatest acknowledgement that answers the originator's SYN (it may carry data: RFC 7413).
    @usableFromInline var originatorSynEnd: UInt32 = 0
    /// Sequence number of the responder's SYN, if `.responderSequence`.
    @usableFromInline var responderSequence: UInt32 = 0
    /// Acknowledgement that covers the originator's FIN.
    @usableFromInline var originatorFinEnd: UInt32 = 0
    /// Acknowledgement that covers the responder's FIN.
    @usableFromInline var responderFinEnd: UInt32 = 0
    /// Ports as the record shows them (ICMP: type and code of the first packet).
    @usableFromInline var originatorPort: UInt16 = 0
    @usableFromInline var responderPort: UInt16 = 0
    @usableFromInline var vlanOuter: UInt16 = 0
    @usableFromInline var vlanInner: UInt16 = 0
    @usableFromInline var buffer: UInt16 = 0
    @usableFromInline var interface: UInt16 = 0
    /// The innermost tunnel's identifier in the originator's packets.
    @usableFromInline var tunnelID: UInt32 = 0
    /// Identifier of the flow that carries this one, 0 outside tunnels.
    @usableFromInline var parentID: UInt64 = 0
    /// The innermost tunnel's identifier in the responder's packets, where it has another one; 0: none seen.
    @usableFromInline var tunnelIDBack: UInt32 = 0
    /// Seconds from `start` to the latest record that was written while the flow goes on.
    @usableFromInline var reported: UInt32 = 0

    @inlinable init(key: FlowKey) { self.key = key }

    /// Facts about a flow that take one bit.
    @frozen @usableFromInline struct Marks: OptionSet, BitwiseCopyable {
        @usableFromInline let rawValue: UInt8
        @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The key's `a` is the originator.
        @inlinable static var originatorIsA: Marks { Marks(rawValue: 1) }
        /// An alert was raised on the flow.
        @inlinable static var alerted: Marks { Marks(rawValue: 2) }
        /// TCP: the originator's SYN was seen.
        @inlinable static var synSeen: Marks { Marks(rawValue: 4) }
        /// TCP: the three-way handshake was seen.
        @inlinable static var handshake: Marks { Marks(rawValue: 8) }
        /// TCP: data both ways without a handshake that was seen.
        @inlinable static var midstream: Marks { Marks(rawValue: 16) }
        /// TCP: `originatorSequence` is known.
        @inlinable static var originatorSequence: Marks { Marks(rawValue: 32) }
        /// TCP: `responderSequence` is known.
        @inlinable static var responderSequence: Marks { Marks(rawValue: 64) }
    }

    /// TCP: whether a SYN is all that counts so far: nothing came back, and its sender has not given up by FIN or RST.
    @inlinable var isUnanswered: Bool {
        tcpState == .synSent && !isTwoWay
            && (originatorFlags | responderFlags) & (TCPFlag.fin | TCPFlag.rst) == 0
    }

    /// Whether packets of both directions were seen.
    @inlinable var isTwoWay: Bool { packetsToResponder != 0 && packetsToOriginator != 0 }
}
