// SPDX-License-Identifier: Apache-2.0
// What the tracer remembers of a flow: enough to tell a new byte from an old one, and a handshake's times.
//
//   originator            responder
//      SYN   ---------------->          synTime
//            <---------------- SYN+ACK  answerTime       responder's round trip = answerTime - synTime
//      ACK   ---------------->          established      originator's round trip = now - answerTime
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
    let hasPorts: Bool
    private(set) var responderRoundTrip: UInt64?
    private(set) var originatorRoundTrip: UInt64?
    private var isEstablished = false
    private var synTime: Timestamp?
    private var answerTime: Timestamp?
    /// The sequence number after the last byte seen, of each direction.
    private var next: (originator: UInt32?, responder: UInt32?)
    private var finished: (originator: Bool, responder: Bool) = (false, false)
    private var wasReset = false

    /// A change of a flow's state that deserves a line.
    enum Change {
        case new, established, originatorFinished, responderFinished, resetByOriginator, resetByResponder
    }

    /// What a packet did.
    struct Marks {
        var isRetransmission = false
        /// Bytes between the last one seen and this segment's first.
        var gap: UInt32 = 0
        var isZeroWindow = false
        var changes: [Change] = []
    }

    init(_ headers: borrowing PacketHeaders, flow: FlowView) {
        start = flow.start
        let forward = flow.toResponder
        originator = forward ? headers.source : headers.destination
        responder = forward ? headers.destination : headers.source
        originatorPort = forward ? headers.sourcePort : headers.destinationPort
        responderPort = forward ? headers.destinationPort : headers.sourcePort
        version = headers.ipVersion
        hasPorts = !headers.layers.isDisjoint(with: [.tcp, .udp, .sctp])
    }

    mutating func advance(_ headers: borrowing PacketHeaders, flow: FlowView, time: Timestamp) -> Marks {
        var marks = Marks()
        if flow.isFirstPacket { marks.changes.append(.new) }
        if headers.layers.contains(.tcp) {
            handshake(headers.tcpFlags, toResponder: flow.toResponder, time: time)
            place(headers, toResponder: flow.toResponder, marks: &marks)
        }
        if flow.isEstablished, !isEstablished {
            isEstablished = true
            if flow.toResponder, let answerTime, headers.layers.contains(.tcp) {
                originatorRoundTrip = time.nanoseconds(since: answerTime)
            }
            marks.changes.append(.established)
        }
        if headers.layers.contains(.tcp) { finish(headers.tcpFlags, flow.toResponder, marks: &marks) }
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

    /// Compares the segment with what was seen of its direction before.
    private mutating func place(_ headers: borrowing PacketHeaders, toResponder: Bool, marks: inout Marks) {
        let flags = headers.tcpFlags
        let length =
            headers.payloadLength &+ (flags & TCPFlag.syn != 0 ? 1 : 0) &+ (flags & TCPFlag.fin != 0 ? 1 : 0)
        if headers.window == 0, flags & (TCPFlag.rst | TCPFlag.syn) == 0 { marks.isZeroWindow = true }
        guard length > 0, flags & TCPFlag.rst == 0 else { return }
        let end = headers.sequence &+ length
        guard let expected = toResponder ? next.originator : next.responder else {
            set(end, toResponder)
            return
        }
        let distance = Int32(bitPattern: headers.sequence &- expected)
        if distance < 0 {
            marks.isRetransmission = true
        } else if distance > 0 {
            marks.gap = UInt32(distance)
        }
        if Int32(bitPattern: end &- expected) > 0 { set(end, toResponder) }
    }

    private mutating func set(_ end: UInt32, _ toResponder: Bool) {
        if toResponder { next.originator = end } else { next.responder = end }
    }

    private mutating func finish(_ flags: UInt8, _ toResponder: Bool, marks: inout Marks) {
        if flags & TCPFlag.rst != 0, !wasReset {
            wasReset = true
            marks.changes.append(toResponder ? .resetByOriginator : .resetByResponder)
        }
        guard flags & TCPFlag.fin != 0 else { return }
        if toResponder, !finished.originator {
            finished.originator = true
            marks.changes.append(.originatorFinished)
        } else if !toResponder, !finished.responder {
            finished.responder = true
            marks.changes.append(.responderFinished)
        }
    }
}
