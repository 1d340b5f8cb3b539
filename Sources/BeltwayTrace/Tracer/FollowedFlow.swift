// SPDX-License-Identifier: Apache-2.0
// What the tracer remembers of a flow: enough to tell a new byte from an old one, a question from its answer, and a
// handshake's times.
//
//   originator            responder
//      SYN   ---------------->          synTime
//            <---------------- SYN+ACK  answerTime       responder's round trip = answerTime - synTime
//      ACK   ---------------->          established      originator's round trip = now - answerTime
//      data  ---------------->          request 1
//            <---------------- data     answer 1         time to its first byte = now - last byte of the request
//
// Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4): a is before b if a - b, as a signed number, is negative.
import BeltwayFlow
import BeltwayWire

struct FollowedFlow {
    let start: Timestamp
    let originator: IPAddress
    let responder: IPAddress
    let originatorPort: UInt16
    let responderPort: UInt16
    let version: UInt8
    let transportProtocol: UInt8
    let hasPorts: Bool
    private(set) var responderRoundTrip: UInt64?
    private(set) var originatorRoundTrip: UInt64?
    private var isEstablished = false
    private var isKnown = false
    private var synTime: Timestamp?
    private var answerTime: Timestamp?
    private var sides = InlineArray<2, Side>(repeating: Side())
    private var wasReset = false
    /// Who sent new payload last: true for the originator.
    private var speaker: Bool?
    private var turns: UInt32 = 0

    /// What is known of one side's bytes.
    private struct Side {
        /// Sequence number of the first byte of payload.
        var first: UInt32 = 0
        /// The sequence number after the last byte seen.
        var next: UInt32 = 0
        var hasSent = false
        /// The latest hole; equal ends: none.
        var hole: (start: UInt32, end: UInt32) = (0, 0)
        /// When new payload was seen last.
        var lastNew = Timestamp.zero
        var isFinished = false
        /// When its window was closed; nil while it is open.
        var closedSince: Timestamp?
    }

    /// What a packet did.
    struct Marks {
        var isRetransmission = false
        var isLate = false
        /// Bytes between the last one seen and this segment's first.
        var gap: UInt32 = 0
        var isZeroWindow = false
        var events: [TraceEvent] = []
    }

    init(_ headers: borrowing PacketHeaders, flow: FlowView) {
        start = flow.start
        let forward = flow.toResponder
        originator = forward ? headers.source : headers.destination
        responder = forward ? headers.destination : headers.source
        // An ICMP flow is named by the type and code of what began it.
        let isICMP = !headers.layers.isDisjoint(with: [.icmp, .icmpv6])
        let isReversed = !forward && !isICMP
        originatorPort = isReversed ? headers.destinationPort : headers.sourcePort
        responderPort = isReversed ? headers.sourcePort : headers.destinationPort
        version = headers.ipVersion
        transportProtocol = headers.transportProtocol
        hasPorts = !headers.layers.isDisjoint(with: [.tcp, .udp, .sctp])
    }

    mutating func advance(_ headers: borrowing PacketHeaders, flow: FlowView, time: Timestamp) -> Marks {
        var marks = Marks()
        let isTCP = headers.layers.contains(.tcp)
        let flags = headers.tcpFlags
        let isOpening = isTCP && flags & (TCPFlag.syn | TCPFlag.ack) == TCPFlag.syn
        if !isKnown {
            marks.events.append(flow.isFirstPacket && (!isTCP || isOpening) ? .begun : .joined)
            isKnown = true
            // What was already established before it was followed is no event.
            isEstablished = flow.isEstablished && !flow.isFirstPacket
        }
        if isTCP { handshake(flags, toResponder: flow.toResponder, time: time) }
        if flow.isEstablished, !isEstablished {
            isEstablished = true
            if flow.toResponder, let answerTime, isTCP {
                originatorRoundTrip = time.nanoseconds(since: answerTime)
            }
            marks.events.append(.established)
        }
        var isNew = headers.payloadLength > 0
        if isTCP { isNew = place(headers, toResponder: flow.toResponder, time: time, marks: &marks) }
        if isNew {
            converse(headers.payloadLength, toResponder: flow.toResponder, time: time, marks: &marks)
        }
        if isTCP { finish(headers, flow.toResponder, marks: &marks) }
        return marks
    }

    private mutating func handshake(_ flags: UInt8, toResponder: Bool, time: Timestamp) {
        guard flags & TCPFlag.syn != 0 else { return }
        if flags & TCPFlag.ack == 0 {
            // A SYN that is sent again starts the clock again: the answer cannot be told to be to the first.
            if toResponder { synTime = time }
        } else if !toResponder {
            if let synTime, responderRoundTrip == nil {
                responderRoundTrip = time.nanoseconds(since: synTime)
            }
            answerTime = time
        }
    }

    /// Compares the segment with what was seen of its direction before; whether it has payload that is new.
    private mutating func place(
        _ headers: borrowing PacketHeaders,
        toResponder: Bool,
        time: Timestamp,
        marks: inout Marks
    ) -> Bool {
        let me = toResponder ? 0 : 1
        let flags = headers.tcpFlags
        let (isSYN, isFIN, isRST) =
            (flags & TCPFlag.syn != 0, flags & TCPFlag.fin != 0, flags & TCPFlag.rst != 0)
        if !isSYN, !isRST { watchWindow(headers.window, me, time, marks: &marks) }
        let payload = headers.payloadLength
        let length = payload &+ (isSYN ? 1 : 0) &+ (isFIN ? 1 : 0)
        guard length > 0, !isRST else { return false }
        let end = headers.sequence &+ length
        let first = headers.sequence &+ (isSYN ? 1 : 0)
        guard sides[me].hasSent else {
            (sides[me].first, sides[me].next, sides[me].hasSent) = (first, end, true)
            sides[me].lastNew = time
            return payload > 0
        }
        let distance = Int32(bitPattern: headers.sequence &- sides[me].next)
        let isNew = Int32(bitPattern: end &- sides[me].next) > 0
        // A keep-alive is a byte from before the last acknowledgement (RFC 9293, 3.8.4).
        if distance == -1, length == 1, !isSYN, !isFIN { return false }
        let at = first &- sides[me].first
        if distance < 0, fillsHole(me, headers.sequence, end) {
            marks.isLate = true
            marks.events.append(.late(byOriginator: toResponder, at: at, bytes: payload))
        } else if distance < 0 {
            marks.isRetransmission = true
            marks.events.append(
                .retransmission(
                    byOriginator: toResponder,
                    at: at,
                    bytes: payload,
                    after: time.nanoseconds(since: sides[me].lastNew)
                )
            )
        } else if distance > 0 {
            marks.gap = UInt32(distance)
            sides[me].hole = (sides[me].next, headers.sequence)
            marks.events.append(
                .gap(
                    byOriginator: toResponder,
                    at: sides[me].next &- sides[me].first,
                    bytes: UInt32(distance)
                )
            )
        }
        if isNew {
            sides[me].next = end
            sides[me].lastNew = time
        }
        return isNew && payload > 0
    }

    /// Takes a segment out of the hole that is remembered, if it lies in it: then it is late, not sent again.
    private mutating func fillsHole(_ me: Int, _ start: UInt32, _ end: UInt32) -> Bool {
        let hole = sides[me].hole
        let size = hole.end &- hole.start
        guard size > 0, start &- hole.start < size, end &- hole.start <= size else { return false }
        if start == hole.start { sides[me].hole.start = end } else { sides[me].hole.end = start }
        return true
    }

    private mutating func watchWindow(_ window: UInt16, _ me: Int, _ time: Timestamp, marks: inout Marks) {
        if window == 0 {
            marks.isZeroWindow = true
            if sides[me].closedSince == nil {
                sides[me].closedSince = time
                marks.events.append(.windowClosed(byOriginator: me == 0))
            }
        } else if let since = sides[me].closedSince {
            sides[me].closedSince = nil
            marks.events.append(.windowOpened(byOriginator: me == 0, after: time.nanoseconds(since: since)))
        }
    }

    /// Takes new payload: a request where the originator begins to speak, an answer where the responder does.
    private mutating func converse(
        _ bytes: UInt32,
        toResponder: Bool,
        time: Timestamp,
        marks: inout Marks
    ) {
        if toResponder, speaker != true {
            turns &+= 1
            marks.events.append(.request(number: turns, bytes: bytes))
        } else if !toResponder, speaker != false {
            let after = speaker == true ? time.nanoseconds(since: sides[0].lastNew) : nil
            marks.events.append(.answer(number: turns, bytes: bytes, after: after))
        }
        speaker = toResponder
        sides[toResponder ? 0 : 1].lastNew = time
    }

    private mutating func finish(_ headers: borrowing PacketHeaders, _ toResponder: Bool, marks: inout Marks)
    {
        let flags = headers.tcpFlags
        if flags & TCPFlag.rst != 0, !wasReset {
            wasReset = true
            marks.events.append(.reset(byOriginator: toResponder))
        }
        let me = toResponder ? 0 : 1
        guard flags & TCPFlag.fin != 0, !sides[me].isFinished else { return }
        sides[me].isFinished = true
        let bytes = headers.sequence &+ headers.payloadLength &- sides[me].first
        marks.events.append(.finished(byOriginator: toResponder, bytes: bytes))
    }
}
