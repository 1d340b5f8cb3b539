// SPDX-License-Identifier: Apache-2.0
// EVE JSON: one event, one line, in Suricata's schema, so that dashboards made for it work.
//
//   {"timestamp":..,"flow_id":..,"in_iface":..,"event_type":..,"vlan":[..],"src_ip":..,"src_port":..,"dest_ip":..,
//    "dest_port":..,"proto":..,"ip_v":..,"icmp_type":..,"icmp_code":..,"pkt_src":..,"community_id":..,
//    "<event_type>":{..}, ..}
//
// The order of keys is Suricata's: consumers do not depend on it, diffs do. What is the same for many events
// (interface names, the text of a rule) is escaped once, by whoever keeps it. Budget: 1 us for a flow event.
//
// Invariant. After every call the text ends after a line feed: an event is there as a whole or not at all.
public import BeltwayFlow
import BeltwayTrace
import BeltwayWire

/// Writes facts as lines of EVE JSON into one buffer that is reused.
public struct EVEWriter: ~Copyable {
    /// Lines that wait to be written out.
    public var lines: TextBuffer
    /// Lines written since the writer was made.
    public private(set) var events: UInt64 = 0
    private var identifiers: CommunityIDCache
    let isShort: Bool

    /// Makes a writer without lines.
    ///
    /// - Parameters:
    ///   - capacity: Bytes to have room for from the start.
    ///   - seed: Seed of `community_id`; alike in all tools whose events are to be joined.
    ///   - isShort: Whether addresses of IPv6 are written in their short form (RFC 5952).
    public init(capacity: Int = 320 * 1024, seed: UInt16 = 0, isShort: Bool = false) {
        self.isShort = isShort
        lines = TextBuffer(capacity: capacity)
        identifiers = CommunityIDCache(seed: seed)
    }

    mutating func appendIdentifier(_ flowID: UInt64, compute: (inout [UInt8], UInt16) -> Void) {
        lines.append(",\"community_id\":\"")
        identifiers.append(to: &lines, flowID: flowID, compute: compute)
        lines.append(0x22)
    }

    mutating func countEvent() { events &+= 1 }

    /// Appends a `flow` event; source is the originator, and the event's time is the flow's last packet's.
    ///
    /// - Parameters:
    ///   - flow: The record of a flow that ended.
    ///   - interface: Name of the interface of its first packet.
    public mutating func append(flow: FlowRecord, interface: borrowing JSONText) {
        lines.append("{\"timestamp\":\"")
        lines.append(flow.end)
        lines.append("\",\"flow_id\":")
        lines.append(decimal: flow.flowID)
        if flow.parentID != 0 {
            lines.append(",\"parent_id\":")
            lines.append(decimal: flow.parentID)
        }
        lines.append(",\"in_iface\":")
        lines.append(interface)
        lines.append(",\"event_type\":\"flow\"")
        lines.append(vlan: flow.vlan, count: flow.vlanCount)
        lines.append(
            from: flow.originator,
            port: flow.originatorPort,
            to: flow.responder,
            port: flow.responderPort,
            transport: flow.transportProtocol,
            version: flow.ipVersion,
            isShort: isShort
        )
        appendIdentifier(flow.flowID) { flow.appendCommunityID(to: &$0, seed: $1) }
        if flow.application != .unknown {
            lines.append(",\"app_proto\":\"")
            lines.append(flow.application.name)
            lines.append(0x22)
        }
        if flow.originalApplication != .unknown {
            lines.append(",\"app_proto_orig\":\"")
            lines.append(flow.originalApplication.name)
            lines.append(0x22)
        }
        lines.append(",\"flow\":{\"pkts_toserver\":")
        lines.append(decimal: flow.packetsToResponder)
        lines.append(",\"pkts_toclient\":")
        lines.append(decimal: flow.packetsToOriginator)
        lines.append(",\"bytes_toserver\":")
        lines.append(decimal: flow.bytesToResponder)
        lines.append(",\"bytes_toclient\":")
        lines.append(decimal: flow.bytesToOriginator)
        lines.append(",\"start\":\"")
        lines.append(flow.start)
        lines.append("\",\"end\":\"")
        lines.append(flow.end)
        lines.append("\",\"age\":")
        // Suricata subtracts whole seconds from whole seconds.
        let (start, end) = (flow.start.seconds, flow.end.seconds)
        lines.append(decimal: end > start ? end - start : 0)
        lines.append(state: flow.state)
        if flow.goesOn {
            lines.append(",\"reason\":\"active\"")
        } else {
            lines.append(reason: flow.endReason)
        }
        if flow.alerted {
            lines.append(",\"alerted\":true}")
        } else {
            lines.append(",\"alerted\":false}")
        }
        if flow.transportProtocol == 6 { lines.append(tcpOf: flow) }
        lines.append(meteredOf: flow)
        if flow.tunnelDepth > 0 { lines.append(tunnelOf: flow) }
        lines.append("}\n")
        countEvent()
    }

    /// Appends an `alert` event; source is the packet's source.
    ///
    /// - Parameters:
    ///   - alert: What matched, and where.
    ///   - signature: The rule that `alert.signature` names.
    ///   - interface: Name of the packet's interface.
    public mutating func append(
        alert: AlertRecord,
        signature: borrowing EVESignature,
        interface: borrowing JSONText
    ) {
        lines.append("{\"timestamp\":\"")
        lines.append(alert.time)
        if alert.flowID != 0 {
            lines.append("\",\"flow_id\":")
            lines.append(decimal: alert.flowID)
            lines.append(",\"in_iface\":")
        } else {
            lines.append("\",\"in_iface\":")
        }
        lines.append(interface)
        lines.append(",\"event_type\":\"alert\"")
        lines.append(vlan: alert.vlan, count: alert.vlanCount)
        lines.append(
            from: alert.source,
            port: alert.sourcePort,
            to: alert.destination,
            port: alert.destinationPort,
            transport: alert.transportProtocol,
            version: alert.ipVersion,
            isShort: isShort
        )
        appendIdentifier(alert.flowID) { alert.appendCommunityID(to: &$0, seed: $1) }
        lines.append(",\"alert\":")
        lines.append(signature.bytes.span)
        if alert.flowID != 0 { lines.append(flowOf: alert) }
        lines.append("}\n")
        countEvent()
    }
}

/// What an alert event says of its rule, rendered once: `{"action":..,"gid":..,"signature_id":.., ..}`.
public struct EVESignature: Sendable, Equatable {
    let bytes: [UInt8]

    /// Renders the description of a rule.
    public init(_ signature: SignatureInfo) {
        var text = TextBuffer(capacity: 512)
        text.append("{\"action\":\"allowed\",\"gid\":")
        text.append(decimal: UInt64(signature.generator))
        text.append(",\"signature_id\":")
        text.append(decimal: UInt64(signature.id))
        text.append(",\"rev\":")
        text.append(decimal: UInt64(signature.revision))
        text.append(",\"signature\":")
        text.append(JSONText(signature.message))
        text.append(",\"category\":")
        text.append(JSONText(signature.category))
        text.append(",\"severity\":")
        text.append(decimal: Int64(signature.severity))
        if !signature.metadata.isEmpty {
            text.append(",\"metadata\":{")
            for (index, entry) in signature.metadata.enumerated() {
                if index > 0 { text.append(0x2c) }
                text.append(JSONText(entry.key))
                text.append(0x3a)
                text.append(list: entry.values)
            }
            text.append(0x7d)
        }
        if !signature.references.isEmpty {
            text.append(",\"references\":")
            text.append(list: signature.references)
        }
        text.append(0x7d)
        bytes = text.copy()
    }
}

extension TextBuffer {
    mutating func append(_ array: borrowing [UInt8]) { append(array.span) }

    mutating func append(list: [String]) {
        append(0x5b)
        for (index, value) in list.enumerated() {
            if index > 0 { append(0x2c) }
            append(JSONText(value))
        }
        append(0x5d)
    }
}
