// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
import BeltwayWire

extension QueryExpression {
    /// Whether a flow satisfies the expression: the answer that a query of the stored record would give.
    ///
    /// - Parameters:
    ///   - record: The flow.
    ///   - interface: The name of its interface.
    /// - Returns: False for an expression about alerts.
    public func matches(_ record: FlowRecord, interface: String) -> Bool {
        subject == .flows && QueryExpression.holds(root, for: FlowRow(record: record, interface: interface))
    }

    /// Whether an alert satisfies the expression.
    ///
    /// - Parameters:
    ///   - alert: The alert.
    ///   - signature: What its number stands for.
    ///   - interface: The name of its interface.
    /// - Returns: False for an expression about flows.
    public func matches(_ alert: AlertRecord, signature: SignatureInfo, interface: String) -> Bool {
        subject == .alerts
            && QueryExpression.holds(
                root,
                for: AlertRow(alert: alert, signature: signature, interface: interface)
            )
    }

    private static func holds(_ node: ExpressionNode, for row: some ExpressionSubject) -> Bool {
        switch node {
        case .all(let nodes): nodes.allSatisfy { holds($0, for: row) }
        case .any(let nodes): nodes.contains { holds($0, for: row) }
        case .not(let node): !holds(node, for: row)
        case .test(let test):
            holds(test, for: row)
        }
    }

    /// Columns of transactions are asked of the store alone: no row here has any.
    private static func holds(_ test: ExpressionTest, for row: some ExpressionSubject) -> Bool {
        guard let field = test.field.common else { return false }
        switch test.predicate {
        case .address(let ranges):
            return row.addresses(field).contains { address in
                ranges.contains { $0.contains(address, version: row.version) }
            }
        case .number(let number): return row.numbers(field).contains { number.holds($0) }
        case .text(let text): return text.holds(row.text(field))
        }
    }
}

/// Values of a row's fields as the columns hold them; empty for a field of another kind.
protocol ExpressionSubject {
    var version: UInt8 { get }
    func addresses(_ field: ExpressionField) -> [IPAddress]
    func numbers(_ field: ExpressionField) -> [Int64]
    func text(_ field: ExpressionField) -> String
}

private func bits(_ value: UInt64) -> Int64 { Int64(bitPattern: value) }

private func tags(_ vlan: (outer: UInt16, inner: UInt16), count: UInt8) -> [Int64] {
    count == 0 ? [] : count == 1 ? [Int64(vlan.outer)] : [Int64(vlan.outer), Int64(vlan.inner)]
}

extension FlowRow: ExpressionSubject {
    var version: UInt8 { record.ipVersion }

    func addresses(_ field: ExpressionField) -> [IPAddress] {
        switch field {
        case .ip: [record.originator, record.responder]
        case .sourceIP: [record.originator]
        case .destinationIP: [record.responder]
        default: []
        }
    }

    func numbers(_ field: ExpressionField) -> [Int64] {
        switch field {
        case .port: [Int64(record.originatorPort), Int64(record.responderPort)]
        case .sourcePort: [Int64(record.originatorPort)]
        case .destinationPort: [Int64(record.responderPort)]
        case .proto: [Int64(record.transportProtocol)]
        case .bytes: [bits(record.bytesToResponder &+ record.bytesToOriginator)]
        case .packets: [bits(record.packetsToResponder &+ record.packetsToOriginator)]
        case .bytesToServer: [bits(record.bytesToResponder)]
        case .bytesToClient: [bits(record.bytesToOriginator)]
        case .packetsToServer: [bits(record.packetsToResponder)]
        case .packetsToClient: [bits(record.packetsToOriginator)]
        case .flowID: [bits(record.flowID)]
        case .start, .time: [bits(record.start.nanoseconds)]
        case .end: [bits(record.end.nanoseconds)]
        case .duration: [bits(record.end.nanoseconds &- record.start.nanoseconds)]
        case .state: [Int64(record.state.rawValue)]
        case .reason: [Int64(record.endReason.rawValue)]
        case .tcpState: [Int64(record.tcpState.rawValue)]
        case .alerted: [record.alerted ? 1 : 0]
        case .application: [Int64(record.application.rawValue)]
        case .originalApplication: [Int64(record.originalApplication.rawValue)]
        case .ipVersion: [Int64(record.ipVersion)]
        case .vlan: tags(record.vlan, count: record.vlanCount)
        default: measures(field)
        }
    }

    /// What metering found.
    private func measures(_ field: ExpressionField) -> [Int64] {
        let (sent, answered) = (record.metered.originator, record.metered.responder)
        func sum(_ a: UInt32, _ b: UInt32) -> [Int64] { [Int64(a) + Int64(b)] }
        return switch field {
        case .connectionState: [Int64(record.connectionState.rawValue)]
        case .rtt: record.roundTrip.map { [bits($0 &* 1000)] } ?? []
        case .dataRTT: [sent.dataTime, answered.dataTime].compactMap { $0.map { Int64($0) * 1000 } }
        case .retransmits: sum(sent.retransmissions, answered.retransmissions)
        case .retransmitsToServer: [Int64(sent.retransmissions)]
        case .retransmitsToClient: [Int64(answered.retransmissions)]
        case .outOfOrder: sum(sent.outOfOrder, answered.outOfOrder)
        case .zeroWindows: sum(sent.zeroWindows, answered.zeroWindows)
        case .missedBytes: [bits(sent.missedBytes &+ answered.missedBytes)]
        case .payloadBytes: [bits(record.payloadBytesToResponder &+ record.payloadBytesToOriginator)]
        case .ipBytes: [bits(record.ipBytesToResponder &+ record.ipBytesToOriginator)]
        case .oneSided: [record.isOneSided ? 1 : 0]
        case .tunnel: [Int64(record.tunnelKind.rawValue)]
        case .tunnelID: [Int64(record.tunnelID)]
        case .parentID: [bits(record.parentID)]
        default: []
        }
    }

    func text(_ field: ExpressionField) -> String {
        switch field {
        case .interface: interface
        case .history: record.history.text
        case .communityID:
            CommunityID.make(
                source: record.originator,
                destination: record.responder,
                sourcePort: record.originatorPort,
                destinationPort: record.responderPort,
                protocol: record.transportProtocol,
                ipVersion: version
            )
        default: ""
        }
    }
}

extension AlertRow: ExpressionSubject {
    var version: UInt8 { alert.ipVersion }

    func addresses(_ field: ExpressionField) -> [IPAddress] {
        switch field {
        case .ip: [alert.source, alert.destination]
        case .sourceIP: [alert.source]
        case .destinationIP: [alert.destination]
        default: []
        }
    }

    func numbers(_ field: ExpressionField) -> [Int64] {
        switch field {
        case .port: [Int64(alert.sourcePort), Int64(alert.destinationPort)]
        case .sourcePort: [Int64(alert.sourcePort)]
        case .destinationPort: [Int64(alert.destinationPort)]
        case .proto: [Int64(alert.transportProtocol)]
        case .bytes: [bits(alert.bytesToResponder &+ alert.bytesToOriginator)]
        case .packets: [bits(alert.packetsToResponder &+ alert.packetsToOriginator)]
        case .bytesToServer: [bits(alert.bytesToResponder)]
        case .bytesToClient: [bits(alert.bytesToOriginator)]
        case .packetsToServer: [bits(alert.packetsToResponder)]
        case .packetsToClient: [bits(alert.packetsToOriginator)]
        case .flowID: [bits(alert.flowID)]
        case .time: [bits(alert.time.nanoseconds)]
        case .start: [bits(alert.flowStart.nanoseconds)]
        case .ipVersion: [Int64(alert.ipVersion)]
        case .vlan: tags(alert.vlan, count: alert.vlanCount)
        case .signatureID: [Int64(signature.id)]
        case .gid: [Int64(signature.generator)]
        case .rev: [Int64(signature.revision)]
        case .severity: [Int64(signature.severity)]
        default: []
        }
    }

    func text(_ field: ExpressionField) -> String {
        switch field {
        case .interface: interface
        case .signature: signature.message
        case .category: signature.category
        case .communityID:
            CommunityID.make(
                source: alert.source,
                destination: alert.destination,
                sourcePort: alert.sourcePort,
                destinationPort: alert.destinationPort,
                protocol: alert.transportProtocol,
                ipVersion: version
            )
        default: ""
        }
    }
}
