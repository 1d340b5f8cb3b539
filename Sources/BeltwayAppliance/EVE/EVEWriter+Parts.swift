// SPDX-License-Identifier: Apache-2.0
// Parts that several event types share, and the names that Suricata gives to protocols and states.
import BeltwayFlow
import BeltwayTrace
import BeltwayWire

extension TextBuffer {
    /// `,"vlan":[10,20]`, nothing without tags; the identifier is the low 12 bits of a tag.
    @inline(__always)
    mutating func append(vlan: (outer: UInt16, inner: UInt16), count: UInt8) {
        guard count > 0 else { return }
        append(",\"vlan\":[")
        append(decimal: UInt64(vlan.outer & 0xfff))
        if count > 1 {
            append(0x2c)
            append(decimal: UInt64(vlan.inner & 0xfff))
        }
        append(0x5d)
    }

    /// An address as Suricata writes it: IPv6 with all its digits, so that exact matches on events agree.
    @inline(__always)
    mutating func append(eveAddress address: IPAddress, version: UInt8, isShort: Bool = false) {
        if version == 4 {
            append(dotted: address.v4)
        } else if isShort {
            append(ipv6: address)
        } else {
            append(wholeIPv6: address)
        }
    }

    /// `,"src_ip":..` to `"pkt_src":..`; ports where the protocol has them, type and code where it is ICMP.
    @inline(__always)
    mutating func append(
        from source: IPAddress,
        port sourcePort: UInt16,
        to destination: IPAddress,
        port destinationPort: UInt16,
        transport: UInt8,
        version: UInt8,
        isShort: Bool,
        isFromFlowEnd: Bool = false
    ) {
        let hasPorts = transport == 6 || transport == 17 || transport == 132
        append(",\"src_ip\":\"")
        append(eveAddress: source, version: version, isShort: isShort)
        if hasPorts {
            append("\",\"src_port\":")
            append(decimal: UInt64(sourcePort))
            append(",\"dest_ip\":\"")
            append(eveAddress: destination, version: version, isShort: isShort)
            append("\",\"dest_port\":")
            append(decimal: UInt64(destinationPort))
            append(",\"proto\":\"")
        } else {
            append("\",\"dest_ip\":\"")
            append(eveAddress: destination, version: version, isShort: isShort)
            append("\",\"proto\":\"")
        }
        appendName(ofProtocol: transport)
        append("\",\"ip_v\":")
        append(version == 4 ? 0x34 : 0x36)
        if transport == 1 || transport == 58 {
            append(",\"icmp_type\":")
            append(decimal: UInt64(sourcePort))
            append(",\"icmp_code\":")
            append(decimal: UInt64(destinationPort))
        }
        if isFromFlowEnd {
            append(",\"pkt_src\":\"stream (flow timeout)\"")
        } else {
            append(",\"pkt_src\":\"wire/pcap\"")
        }
    }

    /// The `flow` object beside an alert: counters when it was raised, and the client's side of the addresses.
    mutating func append(flowOf alert: AlertRecord) {
        if alert.toResponder {
            append(",\"direction\":\"to_server\",\"flow\":{\"pkts_toserver\":")
        } else {
            append(",\"direction\":\"to_client\",\"flow\":{\"pkts_toserver\":")
        }
        append(decimal: alert.packetsToResponder)
        append(",\"pkts_toclient\":")
        append(decimal: alert.packetsToOriginator)
        append(",\"bytes_toserver\":")
        append(decimal: alert.bytesToResponder)
        append(",\"bytes_toclient\":")
        append(decimal: alert.bytesToOriginator)
        append(",\"start\":\"")
        append(alert.flowStart)
        append("\",\"src_ip\":\"")
        append(eveAddress: alert.toResponder ? alert.source : alert.destination, version: alert.ipVersion)
        append("\",\"dest_ip\":\"")
        append(eveAddress: alert.toResponder ? alert.destination : alert.source, version: alert.ipVersion)
        append(0x22)
        if alert.transportProtocol == 6 || alert.transportProtocol == 17 || alert.transportProtocol == 132 {
            append(",\"src_port\":")
            append(decimal: UInt64(alert.toResponder ? alert.sourcePort : alert.destinationPort))
            append(",\"dest_port\":")
            append(decimal: UInt64(alert.toResponder ? alert.destinationPort : alert.sourcePort))
        }
        append(0x7d)
    }

    /// The `tcp` object of a flow event: flags of both directions and of each, those set by name, and the state.
    mutating func append(tcpOf flow: FlowRecord) {
        let flags = flow.originatorFlags | flow.responderFlags
        append(",\"tcp\":{\"tcp_flags\":\"")
        append(hexadecimal: flags)
        append("\",\"tcp_flags_ts\":\"")
        append(hexadecimal: flow.originatorFlags)
        append("\",\"tcp_flags_tc\":\"")
        append(hexadecimal: flow.responderFlags)
        append(0x22)
        if flags & 0x02 != 0 { append(",\"syn\":true") }
        if flags & 0x01 != 0 { append(",\"fin\":true") }
        if flags & 0x04 != 0 { append(",\"rst\":true") }
        if flags & 0x08 != 0 { append(",\"psh\":true") }
        if flags & 0x10 != 0 { append(",\"ack\":true") }
        if flags & 0x20 != 0 { append(",\"urg\":true") }
        if flags & 0x40 != 0 { append(",\"ecn\":true") }
        if flags & 0x80 != 0 { append(",\"cwr\":true") }
        append(",\"state\":\"")
        switch flow.tcpState {
        case .none: append("none\"")
        case .synSent: append("syn_sent\"")
        case .synReceived: append("syn_recv\"")
        case .established: append("established\"")
        case .finWait1: append("fin_wait1\"")
        case .finWait2: append("fin_wait2\"")
        case .timeWait: append("time_wait\"")
        case .lastAck: append("last_ack\"")
        case .closeWait: append("close_wait\"")
        case .closing: append("closing\"")
        case .closed: append("closed\"")
        }
        if flow.metered.originator.missedBytes > 0 { append(",\"ts_gap\":true") }
        if flow.metered.responder.missedBytes > 0 { append(",\"tc_gap\":true") }
        append(0x7d)
    }

    mutating func append(state: FlowState) {
        switch state {
        case .new: append(",\"state\":\"new\"")
        case .established: append(",\"state\":\"established\"")
        case .closed: append(",\"state\":\"closed\"")
        }
    }

    mutating func append(reason: FlowEndReason) {
        switch reason {
        case .timeout: append(",\"reason\":\"timeout\"")
        case .forced: append(",\"reason\":\"forced\"")
        case .shutdown: append(",\"reason\":\"shutdown\"")
        case .tcpReuse: append(",\"reason\":\"tcp_reuse\"")
        }
    }
}
