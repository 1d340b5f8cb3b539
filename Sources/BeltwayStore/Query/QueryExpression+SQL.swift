// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Foundation
import GRDB

extension QueryExpression {
    /// The expression as SQL on the tables of ``PartitionSchema``.
    var condition: SQLCondition { QueryExpression.condition(root, subject) }

    private static func condition(_ node: ExpressionNode, _ subject: Subject) -> SQLCondition {
        switch node {
        case .all(let nodes): .and(nodes.map { condition($0, subject) })
        case .any(let nodes): .or(nodes.map { condition($0, subject) })
        case .not(let node): .not(condition(node, subject))
        case .test(let test):
            .or(test.field.columns(in: subject).map { $0.wrap(test.predicate.condition(on: $0.sql)) })
        }
    }
}

/// How SQL gets at a field's value: an expression, and what stands round the comparison.
struct FieldColumn {
    var sql: String
    var before = ""
    var after = ""

    func wrap(_ condition: SQLCondition) -> SQLCondition {
        SQLCondition(sql: before + condition.sql + after, arguments: condition.arguments)
    }

    /// A column of the dictionary table that `column` refers to.
    static func named(_ sql: String, in table: String, by column: String) -> FieldColumn {
        FieldColumn(sql: sql, before: "\(column) IN (SELECT id FROM \(table) WHERE ", after: ")")
    }
}

extension ExpressionField {
    /// Where the field's values are; a row passes a test if one of them does.
    func columns(in subject: QueryExpression.Subject) -> [FieldColumn] {
        let isFlow = subject == .flows
        let source = isFlow ? "originator" : "source_address"
        let destination = isFlow ? "responder" : "destination_address"
        let ports = isFlow ? ("originator_port", "responder_port") : ("source_port", "destination_port")
        func column(_ sql: String) -> [FieldColumn] { [FieldColumn(sql: sql)] }
        switch self {
        case .ip: return [FieldColumn(sql: source), FieldColumn(sql: destination)]
        case .sourceIP: return column(source)
        case .destinationIP: return column(destination)
        case .port: return [FieldColumn(sql: ports.0), FieldColumn(sql: ports.1)]
        case .sourcePort: return column(ports.0)
        case .destinationPort: return column(ports.1)
        case .proto: return column("proto")
        case .bytes: return column("(bytes_to_responder + bytes_to_originator)")
        case .packets: return column("(packets_to_responder + packets_to_originator)")
        case .bytesToServer: return column("bytes_to_responder")
        case .bytesToClient: return column("bytes_to_originator")
        case .packetsToServer: return column("packets_to_responder")
        case .packetsToClient: return column("packets_to_originator")
        case .flowID: return column("flow_id")
        case .time: return column(isFlow ? "start" : "time")
        case .start: return column(isFlow ? "start" : "flow_start")
        case .end: return column("(start + duration)")
        case .duration: return column("duration")
        case .state: return column(PackedField.state.sql)
        case .reason: return column(PackedField.reason.sql)
        case .tcpState: return column(PackedField.tcpState.sql)
        case .alerted: return column(PackedField.alerted.sql)
        case .ipVersion: return column((isFlow ? PackedField.ipVersion : .alertIPVersion).sql)
        case .connectionState: return column(PackedField.connectionState.sql)
        case .history: return column("history")
        case .rtt:
            let there = "max(rtt_to_responder, 0)"
            let back = "max(rtt_to_originator, 0)"
            let isKnown = "max(rtt_to_responder, rtt_to_originator) >= 0"
            let sql = "((\(there) + \(back)) * 1000)"
            return [FieldColumn(sql: sql, before: "(\(isKnown) AND ", after: ")")]
        case .dataRTT:
            return ["data_rtt_to_responder", "data_rtt_to_originator"].map {
                FieldColumn(sql: "(\($0) * 1000)", before: "(\($0) >= 0 AND ", after: ")")
            }
        case .retransmits: return column("(retransmits_to_responder + retransmits_to_originator)")
        case .retransmitsToServer: return column("retransmits_to_responder")
        case .retransmitsToClient: return column("retransmits_to_originator")
        case .outOfOrder: return column("(out_of_order_to_responder + out_of_order_to_originator)")
        case .zeroWindows: return column("(zero_windows_to_responder + zero_windows_to_originator)")
        case .missedBytes: return column("(missed_bytes_to_responder + missed_bytes_to_originator)")
        case .payloadBytes: return column("(payload_bytes_to_responder + payload_bytes_to_originator)")
        case .ipBytes: return column("(ip_bytes_to_responder + ip_bytes_to_originator)")
        case .oneSided: return column("(packets_to_responder = 0 OR packets_to_originator = 0)")
        case .tunnel: return column(PackedField.tunnelKind.sql)
        case .tunnelID: return column("tunnel_id")
        case .parentID: return column("parent_id")
        case .application: return column(PackedField.application.sql)
        case .originalApplication: return column(PackedField.originalApplication.sql)
        case .vlan:
            return [
                FieldColumn(sql: "(vlan & 65535)", before: "(vlan >> 32 >= 1 AND ", after: ")"),
                FieldColumn(sql: "(vlan >> 16 & 65535)", before: "(vlan >> 32 >= 2 AND ", after: ")"),
            ]
        case .communityID:
            return column("beltway_community_id(proto, \(source), \(destination), \(ports.0), \(ports.1))")
        case .interface: return [.named("name", in: "sources", by: "source")]
        case .signatureID: return [.named("sid", in: "signatures", by: "signature")]
        case .gid: return [.named("gid", in: "signatures", by: "signature")]
        case .rev: return [.named("rev", in: "signatures", by: "signature")]
        case .severity: return [.named("severity", in: "signatures", by: "signature")]
        case .signature: return [.named("message", in: "signatures", by: "signature")]
        case .category: return [.named("category", in: "signatures", by: "signature")]
        }
    }
}

extension ExpressionTest.Predicate {
    /// The test on an SQL expression.
    func condition(on sql: String) -> SQLCondition {
        switch self {
        case .address(let ranges): .or(ranges.map { $0.condition(on: sql) })
        case .number(.oneOf(let numbers)): .oneOf(sql, numbers.map(\.databaseValue))
        case .number(.less(let bound)): SQLCondition(sql: "\(sql) < ?", arguments: [bound.databaseValue])
        case .number(.lessOrEqual(let bound)):
            SQLCondition(sql: "\(sql) <= ?", arguments: [bound.databaseValue])
        case .number(.greater(let bound)): SQLCondition(sql: "\(sql) > ?", arguments: [bound.databaseValue])
        case .number(.greaterOrEqual(let bound)):
            SQLCondition(sql: "\(sql) >= ?", arguments: [bound.databaseValue])
        case .text(.oneOf(let texts)): .oneOf(sql, texts.map(\.databaseValue))
        case .text(.glob(let pattern)):
            SQLCondition(sql: "beltway_glob(?, \(sql))", arguments: [pattern.databaseValue])
        }
    }
}

extension AddressRange {
    fileprivate func condition(on sql: String) -> SQLCondition {
        if least == greatest { return SQLCondition(sql: "\(sql) = ?", arguments: [stored(least)]) }
        return SQLCondition(sql: "\(sql) BETWEEN ? AND ?", arguments: [stored(least), stored(greatest)])
    }

    /// The address as columns hold it.
    private func stored(_ address: IPAddress) -> DatabaseValue {
        if isV4 { return Int64(address.v4).databaseValue }
        var bytes = Data(capacity: 16)
        for half in [address.high, address.low] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: half >> shift))
            }
        }
        return bytes.databaseValue
    }
}
