// SPDX-License-Identifier: Apache-2.0
// TCP's states as Suricata names them, from the responder's (server's) point of view.
//
//   none -SYN-> synSent -SYN+ACK-> synReceived -ACK-> established
//   established -FIN by originator-> closeWait -FIN by responder-> lastAck -ACK-> closed
//   established -FIN by responder-> finWait1 -ACK-> finWait2 -FIN-> timeWait -ACK-> closed
//                                   finWait1 -FIN-> closing  -ACK-> timeWait
//   any -RST-> closed
//
// The tracker keeps no windows, so a RST is believed wherever its sequence number lies, except the answer to a SYN,
// which must acknowledge that SYN (RFC 9293, 3.10.7.3).

public import BeltwayWire

/// Bits of the TCP flags byte (RFC 9293, 3.1).
@frozen public enum TCPFlag {
    /// The sender has no more data.
    @inlinable public static var fin: UInt8 { 0x01 }
    /// Synchronise sequence numbers: a connection begins.
    @inlinable public static var syn: UInt8 { 0x02 }
    /// The connection is torn down.
    @inlinable public static var rst: UInt8 { 0x04 }
    /// Deliver at once.
    @inlinable public static var psh: UInt8 { 0x08 }
    /// The acknowledgement number is valid.
    @inlinable public static var ack: UInt8 { 0x10 }
    /// The urgent pointer is valid.
    @inlinable public static var urg: UInt8 { 0x20 }
}

extension TCPState {
    /// Suricata's flow state of a TCP state.
    @inlinable public var flowState: FlowState {
        switch self {
        case .none, .synSent, .synReceived: .new
        case .established, .finWait1, .finWait2, .closeWait, .closing: .established
        case .timeWait, .lastAck, .closed: .closed
        }
    }
}

extension FlowEntry {
    /// Whether a packet leaves the TCP state as it is whatever the sequence numbers: the common case.
    @inlinable @inline(__always)
    func isUnmoved(by flags: UInt8) -> Bool {
        tcpState == .established && flags & (TCPFlag.syn | TCPFlag.fin | TCPFlag.rst) == 0
    }

    /// Whether a SYN without ACK begins a new connection on this flow's addresses and ports.
    ///
    /// It does (as in Suricata, and tshark's new stream) if the old connection has ended, or was never seen to
    /// begin, and the SYN is not a copy or a late arrival of the one that began it.
    @usableFromInline
    func isReused(bySYN sequence: UInt32, toResponder: Bool) -> Bool {
        let known = marks.contains(toResponder ? .originatorSequence : .responderSequence)
        if known, sequence == (toResponder ? originatorSequence : responderSequence) { return false }
        return tcpState.flowState == .closed || !marks.contains(.synSeen)
    }

    /// Moves the TCP state by one packet, whose flags are not yet or-ed but which is already counted.
    @usableFromInline
    mutating func advanceTCP(_ headers: borrowing PacketHeaders, toResponder: Bool) {
        let flags = headers.tcpFlags
        let isSYN = flags & TCPFlag.syn != 0
        let isACK = flags & TCPFlag.ack != 0
        if flags & TCPFlag.rst != 0 {
            reset(headers, toResponder: toResponder)
            return
        }
        switch tcpState {
        case .none:
            open(headers, isSYN: isSYN, isACK: isACK)
        case .synSent:
            if !toResponder { answer(headers, isSYN: isSYN, isACK: isACK) }
        case .synReceived:
            if isSYN, toResponder, headers.sequence == originatorSequence { marks.insert(.synSeen) }
            if !isSYN, isACK, toResponder, covers(headers.acknowledgement, responderSequence &+ 1) {
                tcpState = .established
                marks.insert(marks.contains(.synSeen) ? .handshake : .midstream)
            }
        default:
            break
        }
        if !isSYN { close(headers, isFIN: flags & TCPFlag.fin != 0, isACK: isACK, toResponder: toResponder) }
    }

    /// Whether acknowledgement `number` covers everything before `end` (RFC 9293, 3.4: modulo 2^32).
    private func covers(_ number: UInt32, _ end: UInt32) -> Bool {
        Int32(truncatingIfNeeded: number &- end) >= 0
    }

    private func answersSYN(_ acknowledgement: UInt32) -> Bool {
        let beyond = acknowledgement &- originatorSequence
        return beyond >= 1 && beyond <= originatorSynEnd &- originatorSequence
    }

    private mutating func reset(_ headers: borrowing PacketHeaders, toResponder: Bool) {
        if tcpState == .none { return }
        if tcpState == .synSent, !toResponder {
            if headers.tcpFlags & TCPFlag.ack == 0 { return }
            if !answersSYN(headers.acknowledgement) { return }
        }
        tcpState = .closed
    }

    private mutating func open(_ headers: borrowing PacketHeaders, isSYN: Bool, isACK: Bool) {
        if isSYN, !isACK {
            originatorSequence = headers.sequence
            originatorSynEnd = headers.sequence &+ headers.payloadLength &+ 1
            marks.insert([.synSeen, .originatorSequence])
            tcpState = .synSent
        } else if isSYN {
            responderSequence = headers.sequence
            originatorSequence = headers.acknowledgement &- 1
            originatorSynEnd = headers.acknowledgement
            marks.insert([.originatorSequence, .responderSequence])
            tcpState = .synReceived
        } else if isACK, isTwoWay {
            marks.insert(.midstream)
            tcpState = .established
        }
    }

    /// The responder's first packets after a SYN: SYN+ACK, a crossing SYN, or (the SYN+ACK was not captured) data.
    private mutating func answer(_ headers: borrowing PacketHeaders, isSYN: Bool, isACK: Bool) {
        let acknowledgement = headers.acknowledgement
        if isACK, !answersSYN(acknowledgement) {
            if isSYN || !covers(acknowledgement, originatorSequence &+ 1) { return }
        }
        if isSYN {
            responderSequence = headers.sequence
            marks.insert(.responderSequence)
            tcpState = .synReceived
        } else if isACK {
            marks.insert(.midstream)
            tcpState = .established
        }
    }

    private mutating func close(
        _ headers: borrowing PacketHeaders,
        isFIN: Bool,
        isACK: Bool,
        toResponder: Bool
    ) {
        let acknowledgement = headers.acknowledgement
        if isFIN {
            let end = headers.sequence &+ headers.payloadLength &+ 1
            if toResponder { originatorFinEnd = end } else { responderFinEnd = end }
        }
        switch tcpState {
        case .synReceived, .established:
            if isFIN { tcpState = toResponder ? .closeWait : .finWait1 }
        case .closeWait:
            if isFIN, !toResponder { tcpState = .lastAck }
        case .lastAck:
            if isACK, toResponder, covers(acknowledgement, responderFinEnd) { tcpState = .closed }
        case .finWait1:
            if !toResponder { return }
            let isCovered = isACK && covers(acknowledgement, responderFinEnd)
            if isFIN {
                tcpState = isCovered ? .timeWait : .closing
            } else if isCovered {
                tcpState = .finWait2
            }
        case .finWait2:
            if isFIN, toResponder { tcpState = .timeWait }
        case .closing:
            if isACK, toResponder, covers(acknowledgement, responderFinEnd) { tcpState = .timeWait }
        case .timeWait:
            if isACK, !toResponder, covers(acknowledgement, originatorFinEnd) { tcpState = .closed }
        case .none, .synSent, .closed:
            break
        }
    }
}
