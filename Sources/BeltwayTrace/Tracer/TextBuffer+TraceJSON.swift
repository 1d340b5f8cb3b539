// SPDX-License-Identifier: Apache-2.0
// Trace events as JSON, one object a line, with the keys that EVE gives a flow.
//
//   {"timestamp":..,"flow_id":..,"event_type":"trace","src_ip":..,"src_port":..,"dest_ip":..,"dest_port":..,
//    "proto":"TCP","community_id":"1:..","trace":{"event":"answer","since_start_us":76300,..}}
import BeltwayFlow
import BeltwayWire

extension TextBuffer {
    mutating func append(
        json event: TraceEvent,
        _ excerpt: PayloadExcerpt,
        of flow: FollowedFlow,
        flowID: UInt64?,
        time: Timestamp
    ) {
        open(flow, flowID: flowID, time: time)
        member("event", literal: event.name)
        member("since_start_us", time.nanoseconds(since: flow.start) / 1000)
        if let side = event.isByOriginator {
            if side {
                member("direction", literal: "to_server")
            } else {
                member("direction", literal: "to_client")
            }
        }
        switch event {
        case .begun, .joined, .windowClosed, .reset: break
        case .established:
            if let roundTrip = flow.responderRoundTrip { member("rtt_toserver_us", roundTrip / 1000) }
            if let roundTrip = flow.originatorRoundTrip { member("rtt_toclient_us", roundTrip / 1000) }
        case .request(let number, let bytes):
            member("number", UInt64(number))
            member("bytes", UInt64(bytes))
            append(payload: excerpt)
        case .answer(let number, let bytes, let after):
            member("number", UInt64(number))
            member("bytes", UInt64(bytes))
            if let after { member("after_us", after / 1000) }
            append(payload: excerpt)
        case .retransmission(_, let at, let bytes, let after):
            member("offset", UInt64(at))
            member("bytes", UInt64(bytes))
            member("after_us", after / 1000)
        case .late(_, let at, let bytes), .gap(_, let at, let bytes):
            member("offset", UInt64(at))
            member("bytes", UInt64(bytes))
        case .windowOpened(_, let after): member("after_us", after / 1000)
        case .finished(_, let bytes): member("bytes", UInt64(bytes))
        }
        append("}}\n")
    }

    mutating func append(jsonEnd record: FlowRecord, of flow: FollowedFlow, flowID: UInt64?) {
        open(flow, flowID: flowID, time: record.end)
        member("event", literal: "end")
        member("since_start_us", record.end.nanoseconds(since: flow.start) / 1000)
        switch record.endReason {
        case .timeout: member("reason", literal: "timeout")
        case .forced: member("reason", literal: "forced")
        case .shutdown: member("reason", literal: "shutdown")
        case .tcpReuse: member("reason", literal: "tcp_reuse")
        }
        switch record.state {
        case .new: member("state", literal: "new")
        case .established: member("state", literal: "established")
        case .closed: member("state", literal: "closed")
        }
        member("pkts_toserver", record.packetsToResponder)
        member("pkts_toclient", record.packetsToOriginator)
        member("bytes_toserver", record.bytesToResponder)
        member("bytes_toclient", record.bytesToOriginator)
        if record.transportProtocol == IPProtocol.tcp {
            member("conn_state", literal: record.connectionState.literal)
            member("history")
            append(0x22)
            append(letters: record.history)
            append(0x22)
            member("retransmits_toserver", UInt64(record.metered.originator.retransmissions))
            member("retransmits_toclient", UInt64(record.metered.responder.retransmissions))
        }
        append("}}\n")
    }

    private mutating func append(payload excerpt: PayloadExcerpt) {
        guard excerpt.count > 0 else { return }
        // As Suricata has it: what cannot be printed is a full stop.
        member("payload_printable")
        append(0x22)
        for index in 0..<excerpt.count {
            let byte = excerpt.bytes[index]
            if byte == 0x22 || byte == 0x5c { append(0x5c) }
            append(byte >= 0x20 && byte < 0x7f ? byte : 0x2e)
        }
        append(0x22)
    }

    private mutating func open(_ flow: FollowedFlow, flowID: UInt64?, time: Timestamp) {
        append("{\"timestamp\":\"")
        append(time)
        append(0x22)
        if let flowID { member("flow_id", flowID) }
        member("event_type", literal: "trace")
        append(",\"src_ip\":\"")
        append(eve: flow.originator, flow.version)
        append(0x22)
        if flow.hasPorts { member("src_port", UInt64(flow.originatorPort)) }
        append(",\"dest_ip\":\"")
        append(eve: flow.responder, flow.version)
        append(0x22)
        if flow.hasPorts { member("dest_port", UInt64(flow.responderPort)) }
        append(",\"proto\":\"")
        appendName(ofProtocol: flow.transportProtocol)
        append("\",\"community_id\":\"")
        let identifier = CommunityID.make(
            source: flow.originator,
            destination: flow.responder,
            sourcePort: flow.originatorPort,
            destinationPort: flow.responderPort,
            protocol: flow.transportProtocol,
            ipVersion: flow.version
        )
        append(identifier.utf8.span)
        append(0x22)
        openObject("trace")
    }

    private mutating func append(eve address: IPAddress, _ version: UInt8) {
        if version == 4 { append(dotted: address.v4) } else { append(wholeIPv6: address) }
    }
}
