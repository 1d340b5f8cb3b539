// SPDX-License-Identifier: Apache-2.0
// The words of a trace line about an event; each of these but the parts ends the line.
import BeltwayFlow
import BeltwayWire

extension TextBuffer {
    mutating func append(event: TraceEvent, _ excerpt: PayloadExcerpt, of flow: FollowedFlow) {
        append(" ")
        switch event {
        case .begun:
            appendName(ofProtocol: flow.transportProtocol)
            append(flow.transportProtocol == IPProtocol.tcp ? " connection begins" : " flow begins")
        case .joined:
            appendName(ofProtocol: flow.transportProtocol)
            append(" flow followed from here, its beginning was not")
        case .established:
            append(
                flow.transportProtocol == IPProtocol.tcp ? "handshake complete" : "answered: both sides speak"
            )
            if let roundTrip = flow.responderRoundTrip {
                append(", round trip to responder ")
                append(millisecondsOf: roundTrip)
            }
            if let roundTrip = flow.originatorRoundTrip {
                append(", to originator ")
                append(millisecondsOf: roundTrip)
            }
        case .request(let number, let bytes):
            append("request ")
            append(decimal: UInt64(number))
            append(": first ")
            append(bytes: bytes, excerpt)
        case .answer(let number, let bytes, let after):
            if let after {
                append("first byte of answer ")
                append(decimal: UInt64(number))
                append(" after ")
                append(millisecondsOf: after)
                append(": ")
            } else {
                append("responder speaks first: ")
            }
            append(bytes: bytes, excerpt)
        case .retransmission(_, let at, let bytes, let after):
            append("retransmission")
            append(place: at, bytes)
            append(", ")
            append(millisecondsOf: after)
            append(" after its last new byte")
        case .late(_, let at, let bytes):
            append("out of order")
            append(place: at, bytes)
        case .gap(_, let at, let bytes):
            append("gap")
            append(place: at, bytes)
        case .windowClosed: append("window closed")
        case .windowOpened(_, let after):
            append("window open again after ")
            append(millisecondsOf: after)
        case .finished(let byOriginator, let bytes):
            append(byOriginator ? "originator finished after " : "responder finished after ")
            append(decimal: UInt64(bytes))
            append(" bytes")
        case .reset(let byOriginator):
            append(byOriginator ? "reset by originator" : "reset by responder")
        }
        append("\n")
    }

    private mutating func append(place: UInt32, _ bytes: UInt32) {
        append(": ")
        append(decimal: UInt64(bytes))
        append(" bytes at ")
        append(decimal: UInt64(place))
    }

    private mutating func append(bytes: UInt32, _ excerpt: PayloadExcerpt) {
        append(decimal: UInt64(bytes))
        append(" bytes")
        append(excerpt)
    }

    /// The first line of a text in quotes, or the first bytes of anything else: nothing that a terminal would obey.
    private mutating func append(_ excerpt: PayloadExcerpt) {
        guard excerpt.count > 0 else { return }
        var length = 0
        while length < excerpt.count, excerpt.bytes[length] >= 0x20, excerpt.bytes[length] < 0x7f {
            length += 1
        }
        let isText =
            length == excerpt.count || length >= 3 && [0x0d, 0x0a, 0x09].contains(excerpt.bytes[length])
        append(" ")
        if isText {
            append(0x22)
            for index in 0..<length { append(excerpt.bytes[index]) }
            append(0x22)
        } else {
            for index in 0..<min(excerpt.count, 16) {
                if index > 0 { append(0x20) }
                append(hexadecimal: excerpt.bytes[index])
            }
        }
    }

    mutating func append(end record: FlowRecord) {
        append(" ended by ")
        switch record.endReason {
        case .timeout: append("time-out")
        case .forced: append("a full table")
        case .shutdown: append("the end of capture")
        case .tcpReuse: append("a new connection")
        }
        append(", state ")
        switch record.state {
        case .new: append("new")
        case .established: append("established")
        case .closed: append("closed")
        }
        append(", to responder ")
        append(decimal: record.packetsToResponder)
        append(" packets ")
        append(decimal: record.bytesToResponder)
        append(" bytes, to originator ")
        append(decimal: record.packetsToOriginator)
        append(" packets ")
        append(decimal: record.bytesToOriginator)
        append(" bytes")
        if record.transportProtocol == IPProtocol.tcp {
            let sides = record.metered
            append("; ")
            append(historyOf: record)
            append(", retransmitted ")
            append(decimal: UInt64(sides.originator.retransmissions))
            append(" and ")
            append(decimal: UInt64(sides.responder.retransmissions))
        }
        append("\n")
    }

    /// `SF ShADadFf`: Zeek's conn_state and history.
    private mutating func append(historyOf record: FlowRecord) {
        append(record.connectionState.literal)
        append(" ")
        append(letters: record.history)
    }
}
