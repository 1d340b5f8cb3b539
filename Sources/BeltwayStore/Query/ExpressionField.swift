// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

/// What an expression can ask of a flow or an alert; the raw value is the name in EVE JSON.
enum ExpressionField: String, CaseIterable, Sendable {
    case ip, port, proto, bytes, packets, start, end, duration, state, reason, vlan, alerted, signature,
        category
    case severity, gid, rev, time
    case flowID = "flow_id"
    case sourceIP = "src_ip"
    case destinationIP = "dest_ip"
    case sourcePort = "src_port"
    case destinationPort = "dest_port"
    case ipVersion = "ip_v"
    case bytesToServer = "bytes_toserver"
    case bytesToClient = "bytes_toclient"
    case packetsToServer = "pkts_toserver"
    case packetsToClient = "pkts_toclient"
    case tcpState = "tcp.state"
    case interface = "in_iface"
    case signatureID = "signature_id"
    case connectionState = "conn_state"
    case history, rtt, retransmits
    case dataRTT = "data_rtt"
    case retransmitsToServer = "retransmits_toserver"
    case retransmitsToClient = "retransmits_toclient"
    case outOfOrder = "out_of_order"
    case zeroWindows = "zero_windows"
    case missedBytes = "missed_bytes"
    case payloadBytes = "payload_bytes"
    case ipBytes = "ip_bytes"
    case oneSided = "one_sided"
    case tunnel
    case tunnelID = "tunnel_id"
    case parentID = "parent_id"
    case communityID = "community_id"
    case application = "app_proto"
    case originalApplication = "app_proto_orig"

    /// What values a field takes, and with them which operators.
    enum Kind: Equatable {
        case address, number, duration, time, boolean, text
        /// One of these names, or its number.
        case choice
    }

    var kind: Kind {
        switch self {
        case .ip, .sourceIP, .destinationIP: .address
        case .port, .sourcePort, .destinationPort, .bytes, .packets, .bytesToServer, .bytesToClient,
            .packetsToServer, .packetsToClient, .flowID, .vlan, .ipVersion, .signatureID, .gid, .rev,
            .severity, .retransmits, .retransmitsToServer, .retransmitsToClient, .outOfOrder, .zeroWindows,
            .missedBytes, .payloadBytes, .ipBytes, .tunnelID, .parentID:
            .number
        case .duration, .rtt, .dataRTT: .duration
        case .start, .end, .time: .time
        case .alerted, .oneSided: .boolean
        case .interface, .signature, .category, .communityID, .history: .text
        case .proto, .state, .reason, .tcpState, .connectionState, .tunnel, .application,
            .originalApplication:
            .choice
        }
    }

    /// The names of a field of kind `choice`.
    var choices: [(name: String, value: Int64)] {
        switch self {
        case .proto: ExpressionField.protocols
        case .state: ExpressionField.numbered(["new", "established", "closed"])
        case .reason: ExpressionField.numbered(["timeout", "forced", "shutdown", "tcp_reuse"])
        case .tcpState:
            ExpressionField.numbered([
                "none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "time_wait",
                "last_ack",
                "close_wait", "closing", "closed",
            ])
        case .connectionState:
            ConnectionState.allCases.map { (name: $0.name.lowercased(), value: Int64($0.rawValue)) }
        case .tunnel: TunnelKind.allCases.map { (name: "\($0.name)".lowercased(), value: Int64($0.rawValue)) }
        case .application, .originalApplication:
            ApplicationProtocol.allCases.map { (name: "\($0.name)", value: Int64($0.rawValue)) }
        default: []
        }
    }

    /// Whether rows of this kind have the field.
    func exists(in subject: QueryExpression.Subject) -> Bool {
        switch self {
        case .end, .duration, .state, .reason, .tcpState, .alerted, .connectionState, .history, .rtt,
            .dataRTT,
            .retransmits, .retransmitsToServer, .retransmitsToClient, .outOfOrder, .zeroWindows, .missedBytes,
            .payloadBytes, .ipBytes, .oneSided, .tunnel, .tunnelID, .parentID, .application,
            .originalApplication:
            subject == .flows
        case .signatureID, .gid, .rev, .signature, .category, .severity: subject == .alerts
        case .start, .bytes, .packets, .bytesToServer, .bytesToClient, .packetsToServer, .packetsToClient:
            subject == .flows || subject == .alerts
        default: true
        }
    }

    /// Other names of fields: shorter ones, and the dotted ones of EVE JSON.
    private static let synonyms: [String: ExpressionField] = [
        "sid": .signatureID, "alert.signature_id": .signatureID, "alert.gid": .gid, "alert.rev": .rev,
        "msg": .signature, "message": .signature, "alert.signature": .signature, "alert.category": .category,
        "alert.severity": .severity, "priority": .severity, "interface": .interface, "iface": .interface,
        "tcp_state": .tcpState, "flow.state": .state, "flow.reason": .reason, "flow.alerted": .alerted,
        "flow.start": .start, "flow.end": .end, "flow.age": .duration, "age": .duration, "timestamp": .time,
        "flow.bytes_toserver": .bytesToServer, "flow.bytes_toclient": .bytesToClient,
        "flow.pkts_toserver": .packetsToServer, "flow.pkts_toclient": .packetsToClient,
        "dst_ip": .destinationIP, "dst_port": .destinationPort, "dport": .destinationPort,
        "sport": .sourcePort, "metered.conn_state": .connectionState, "metered.history": .history,
        "retransmissions": .retransmits, "handshake_rtt": .rtt, "tunnel.id": .tunnelID, "vni": .tunnelID,
    ]

    /// The field of this name, whatever its case.
    static func named(_ name: String) -> ExpressionField? {
        let name = name.lowercased()
        return ExpressionField(rawValue: name) ?? synonyms[name]
    }

    /// The known name with the fewest edits from `name`.
    static func nearest(
        to name: String,
        in subject: QueryExpression.Subject,
        among others: [String] = []
    ) -> String {
        let known =
            allCases.map { (text: $0.rawValue, field: $0) } + synonyms.map { (text: $0.key, field: $0.value) }
        let name = Array(name.lowercased().utf8.prefix(32))
        let candidates = known.filter { $0.field.exists(in: subject) }.map { candidate in
            (text: candidate.text, edits: edits(name, Array(candidate.text.utf8)))
        }
        let more = others.map { (text: $0, edits: edits(name, Array($0.utf8))) }
        return (candidates + more).min { ($0.edits, $0.text) < ($1.edits, $1.text) }?.text ?? ""
    }

    private static func numbered(_ names: [String]) -> [(name: String, value: Int64)] {
        names.enumerated().map { (name: $1, value: Int64($0)) }
    }

    /// IANA's numbers, by the names that EVE JSON and tcpdump use.
    private static let protocols: [(name: String, value: Int64)] = [
        ("tcp", 6), ("udp", 17), ("icmp", 1), ("ipv6-icmp", 58), ("icmp6", 58), ("icmpv6", 58), ("sctp", 132),
        ("gre", 47), ("igmp", 2), ("esp", 50), ("ah", 51), ("ipip", 4), ("ipv6", 41), ("dccp", 33),
        ("ospf", 89),
        ("pim", 103), ("vrrp", 112), ("l2tp", 115), ("udplite", 136), ("eigrp", 88), ("rsvp", 46),
    ]

    /// Insertions, deletions and replacements that make one text of the other.
    private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let replaced = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
