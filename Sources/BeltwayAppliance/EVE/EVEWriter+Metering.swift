// SPDX-License-Identifier: Apache-2.0
// What metering found, beside Suricata's keys: an object of Beltway's own, so that it never collides with theirs.
//
//   "metered":{"conn_state":"SF","history":"ShADadFf","payload_toserver":186,"payload_toclient":798,
//              "rtt_toserver_us":10,"rtt_toclient_us":8,"retransmits_toserver":1, ..}
//
// conn_state and history are Zeek's. Times are microseconds, from a segment to its acknowledgement. What is 0 or was not
// measured is left out, but for the payload's bytes.
import BeltwayFlow
import BeltwayWire

extension TextBuffer {
    mutating func append(meteredOf flow: FlowRecord) {
        append(",\"metered\":{\"conn_state\":\"")
        append(flow.connectionState.literal)
        append(0x22)
        if flow.history.count > 0 {
            append(",\"history\":\"")
            append(letters: flow.history)
            append(0x22)
        }
        append(",\"payload_toserver\":")
        append(decimal: flow.payloadBytesToResponder)
        append(",\"payload_toclient\":")
        append(decimal: flow.payloadBytesToOriginator)
        if flow.isOneSided { append(",\"one_sided\":true") }
        if let questions = flow.questions {
            append(",\"icmp_requests\":", questions)
            append(",\"icmp_answered\":", UInt64(flow.answered))
        }
        if flow.transportProtocol == IPProtocol.tcp {
            append(toServer: flow.metered.originator)
            append(toClient: flow.metered.responder)
        }
        append(0x7d)
    }

    /// What the flow is in: the innermost tunnel, its identifier if it has one, and how many tunnels there are.
    mutating func append(tunnelOf flow: FlowRecord) {
        append(",\"tunnel\":{\"proto\":\"")
        append(flow.tunnelKind.name)
        append(0x22)
        if flow.tunnelID != 0 { append(",\"id\":", UInt64(flow.tunnelID)) }
        append(",\"depth\":", UInt64(flow.tunnelDepth))
        append(0x7d)
    }

    private mutating func append(toServer side: FlowRecord.Side) {
        if let time = side.handshakeTime { append(",\"rtt_toserver_us\":", UInt64(time)) }
        if let time = side.dataTime { append(",\"data_rtt_toserver_us\":", UInt64(time)) }
        if side.retransmissions > 0 { append(",\"retransmits_toserver\":", UInt64(side.retransmissions)) }
        if side.outOfOrder > 0 { append(",\"out_of_order_toserver\":", UInt64(side.outOfOrder)) }
        if side.zeroWindows > 0 { append(",\"zero_windows_toserver\":", UInt64(side.zeroWindows)) }
        if side.missedBytes > 0 { append(",\"missed_bytes_toserver\":", side.missedBytes) }
    }

    private mutating func append(toClient side: FlowRecord.Side) {
        if let time = side.handshakeTime { append(",\"rtt_toclient_us\":", UInt64(time)) }
        if let time = side.dataTime { append(",\"data_rtt_toclient_us\":", UInt64(time)) }
        if side.retransmissions > 0 { append(",\"retransmits_toclient\":", UInt64(side.retransmissions)) }
        if side.outOfOrder > 0 { append(",\"out_of_order_toclient\":", UInt64(side.outOfOrder)) }
        if side.zeroWindows > 0 { append(",\"zero_windows_toclient\":", UInt64(side.zeroWindows)) }
        if side.missedBytes > 0 { append(",\"missed_bytes_toclient\":", side.missedBytes) }
    }

    private mutating func append(_ key: StaticString, _ value: UInt64) {
        append(key)
        append(decimal: value)
    }
}
