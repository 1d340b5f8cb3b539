// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What is known of a flow when it ends: the row that reaches SQLite and the EVE `flow` event.
///
/// Plain bits: it travels from a worker to the writer through a bounded queue without allocation.
/// The originator is who spoke first (Zeek's term; Suricata's client, "to server" is originator to responder), or,
/// if the capture began after that, who is answered: by a SYN+ACK that is a TCP flow's first packet, or by what is said
/// (a parser that begins with an answer has the sides exchanged: what was told before of a flow that goes on has not).
public struct FlowRecord: Sendable, BitwiseCopyable {
    /// Below 2^53; the same run to run and for any number of workers (``FlowID``).
    public var flowID: UInt64 = 0
    /// First packet's time (the least).
    public var start = Timestamp.zero
    /// Last packet's time (the greatest).
    public var end = Timestamp.zero
    /// Who spoke first, or asked.
    public var originator = IPAddress.zero
    /// The other side.
    public var responder = IPAddress.zero
    /// Originator's port; ICMP: type of the first packet.
    public var originatorPort: UInt16 = 0
    /// Responder's port; ICMP: code of the first packet.
    public var responderPort: UInt16 = 0
    /// IANA protocol number.
    public var transportProtocol: UInt8 = 0
    /// 4 or 6.
    public var ipVersion: UInt8 = 0
    /// VLAN identifiers (12 bits), outer and inner; valid up to `vlanCount`.
    public var vlan: (outer: UInt16, inner: UInt16) = (0, 0)
    /// VLAN tags, at most 2.
    public var vlanCount: UInt8 = 0
    /// State when it ended.
    public var state: FlowState = .new
    /// Why it ended.
    public var endReason: FlowEndReason = .shutdown
    /// TCP state when it ended; `.none` for other protocols.
    public var tcpState: TCPState = .none
    /// TCP flags seen from the originator, or-ed.
    public var originatorFlags: UInt8 = 0
    /// TCP flags seen from the responder, or-ed.
    public var responderFlags: UInt8 = 0
    /// Whether an alert was raised on this flow.
    public var alerted = false
    /// What it spoke; set by the stage that parses, just before the record leaves the worker.
    public var application = ApplicationProtocol.unknown
    /// What it spoke before it went over to `application` (to TLS, to a proxy's peer), the last one before; else `unknown`.
    ///
    /// `application` itself if what it went over to is not known.
    public var originalApplication = ApplicationProtocol.unknown
    /// Number of the data buffer that the first packet came by.
    public var buffer: UInt16 = 0
    /// Interface of the first packet, numbered within that buffer.
    public var interface: UInt16 = 0
    /// Packets from originator to responder.
    public var packetsToResponder: UInt64 = 0
    /// Packets from responder to originator.
    public var packetsToOriginator: UInt64 = 0
    /// Frame bytes (original lengths, link header included) from originator to responder.
    public var bytesToResponder: UInt64 = 0
    /// Frame bytes from responder to originator.
    public var bytesToOriginator: UInt64 = 0

    /// Bytes of IP packets, headers included, from originator to responder.
    public var ipBytesToResponder: UInt64 = 0
    /// Bytes of IP packets from responder to originator.
    public var ipBytesToOriginator: UInt64 = 0
    /// Bytes of payload from originator to responder; TCP: by sequence numbers, so without what was sent again.
    public var payloadBytesToResponder: UInt64 = 0
    /// Bytes of payload from responder to originator.
    public var payloadBytesToOriginator: UInt64 = 0
    /// How it began and ended (Zeek's `conn_state`).
    public var connectionState: ConnectionState = .other
    /// What happened, in order (Zeek's `history`); empty for protocols other than TCP and UDP.
    public var history = FlowHistory()
    /// TCP: what was measured of the originator's and of the responder's segments.
    public var metered: (originator: Side, responder: Side) = (Side(), Side())
    /// Tunnels that the flow is in.
    public var tunnelDepth: UInt8 = 0
    /// Kind of the innermost tunnel.
    public var tunnelKind: TunnelKind = .none
    /// Kind of the first tunnel that its own packets carry; not stored.
    public var carriedKind: TunnelKind = .none
    /// Identifier of the innermost tunnel that has one, as the first packet had it.
    public var tunnelID: UInt32 = 0
    /// Identifier of the flow whose packets carry this one's, as the first packet had it; 0 outside tunnels.
    public var parentID: UInt64 = 0

    /// ICMP: questions (echo requests and the like) that were answered.
    public var answered: UInt32 = 0
    /// Whether the flow goes on: its active time-out has passed, and this is what it has come to until now, all counters
    /// from its start; another record with the same identifier follows.
    public var goesOn = false

    /// ICMP: questions asked; nil for other protocols, and for messages that nobody answers.
    public var questions: UInt64? {
        guard transportProtocol == 1 || transportProtocol == 58 else { return nil }
        let isVersion6 = transportProtocol == 58
        if ICMPPairs.isQuestion(type: originatorPort, isVersion6: isVersion6) { return packetsToResponder }
        let hasCounterpart = ICMPPairs.counterpart(type: originatorPort, isVersion6: isVersion6) != nil
        return hasCounterpart ? packetsToOriginator : nil
    }

    /// TCP: whether neither a SYN nor an answer to one began the flow.
    public var isMidstream: Bool {
        guard transportProtocol == 6, history.count > 0 else { return false }
        // S, ^H; Q is a SYN with other flags.
        switch history.letter(0) {
        case 0x53, 0x48, 0x5e, 0x51: return false
        default: return true
        }
    }

    /// Whether packets of one direction only were seen.
    public var isOneSided: Bool { packetsToResponder == 0 || packetsToOriginator == 0 }

    /// TCP: from the SYN to the acknowledgement of the SYN+ACK, or as much of it as was measured, in microseconds.
    public var roundTrip: UInt64? {
        let (there, back) = (metered.originator.handshakeTime, metered.responder.handshakeTime)
        return there == nil && back == nil ? nil : UInt64(there ?? 0) + UInt64(back ?? 0)
    }

    /// What was measured of one side's TCP segments.
    public struct Side: Sendable, BitwiseCopyable {
        /// From the SYN (responder: SYN+ACK) to its acknowledgement, in microseconds; nil if not measured.
        public var handshakeTime: UInt32? {
            get { handshakeMicroseconds == .max ? nil : handshakeMicroseconds }
            set { handshakeMicroseconds = newValue ?? .max }
        }
        /// Least time from data to its acknowledgement, in microseconds; nil if not measured.
        public var dataTime: UInt32? {
            get { dataMicroseconds == .max ? nil : dataMicroseconds }
            set { dataMicroseconds = newValue ?? .max }
        }
        var handshakeMicroseconds: UInt32 = .max
        var dataMicroseconds: UInt32 = .max
        /// Segments whose data had been seen.
        public var retransmissions: UInt32 = 0
        /// Segments that came late, but for the first time.
        public var outOfOrder: UInt32 = 0
        /// Segments that told a window of 0.
        public var zeroWindows: UInt32 = 0
        /// Bytes that the other side acknowledged and that were not captured.
        public var missedBytes: UInt64 = 0

        /// Makes measures of nothing.
        public init() {}
    }

    /// Makes an empty record.
    public init() {}
}

/// Suricata's three states of a flow.
public enum FlowState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Packets in one direction only (TCP: handshake not finished).
    case new
    /// Both directions seen (TCP: handshake finished, or picked up midstream with data both ways).
    case established
    /// TCP: ended by FIN exchange or RST.
    case closed
}

/// Why a flow's record was written.
public enum FlowEndReason: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Idle for longer than its time-out.
    case timeout
    /// Given up because the table was full.
    case forced
    /// Capture ended.
    case shutdown
    /// A new TCP connection took its addresses and ports.
    case tcpReuse
}

/// Suricata's names of TCP states (EVE `tcp.state`).
public enum TCPState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case none, synSent, synReceived, established, finWait1, finWait2, timeWait, lastAck, closeWait, closing,
        closed
}
