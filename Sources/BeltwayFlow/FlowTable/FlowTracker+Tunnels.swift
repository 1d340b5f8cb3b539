// SPDX-License-Identifier: Apache-2.0
// Flows in tunnels whose two directions travel differently: always (GTP, L2TP, PPTP), or here and there (TunnelPairs).
//
// Of the former only the control channel says which identifier answers which. So the key leaves them out, and each flow remembers
// the one it saw in each direction; equal tuples under another identifier in the same direction belong to another
// tenant, and get the next number in place of the identifier.

public import BeltwayWire

extension FlowTracker {
    /// Flows of equal tuples that asymmetric tunnels may hold apart at a time; further ones share the last.
    static var greatestVariant: UInt32 { 15 }

    /// Sets the key's tunnel identifier to the number of the flow that the packet's identifier fits.
    @inline(never) @usableFromInline
    mutating func distinguish(
        _ key: inout FlowKey,
        _ hash: UInt32,
        byTunnelOf headers: borrowing PacketHeaders,
        forward: Bool
    ) {
        if key.isOfErrorMessage { return }
        for number in 0...FlowTracker.greatestVariant {
            key.tunnelID = number
            let slot = table.find(key, hash: table.mixedHash(key, hash))
            if slot == FlowTable.none { return }
            let toResponder = forward == table[slot].marks.contains(.originatorIsA)
            let known = toResponder ? table[slot].tunnelID : table[slot].tunnelIDBack
            if known == headers.tunnelID { return }
            if known == 0 {
                if toResponder {
                    table[slot].tunnelID = headers.tunnelID
                } else {
                    table[slot].tunnelIDBack = headers.tunnelID
                }
                return
            }
        }
    }
}

extension FlowTracker {
    /// The flow that a TCP packet belongs to whose own key is not in the table, if a handshake has shown that there is one.
    @inline(never) @usableFromInline
    mutating func flow(
        answeredBy headers: borrowing PacketHeaders,
        _ key: FlowKey,
        _ hash: UInt32
    ) -> FlowKey? {
        let flags = headers.tcpFlags & (TCPFlag.syn | TCPFlag.ack)
        guard headers.layers.contains(.tcp), headers.tunnelKind.isSymmetric, flags != TCPFlag.syn else {
            return nil
        }
        if let known = pairs.flow(answeredUnder: key) { return known }
        guard flags == TCPFlag.syn | TCPFlag.ack else { return nil }
        let asked = pairs.flow(ofSYNOf: key) ?? TunnelPairs.plain(key)
        let slot = asked == key ? FlowTable.none : table.find(asked, hash: table.mixedHash(asked, hash))
        guard slot != FlowTable.none, table[slot].isAnswered(by: headers.acknowledgement) else { return nil }
        pairs.join(key, to: asked)
        return asked
    }
}

extension FlowEntry {
    /// Whether a SYN+ACK with this acknowledgement answers the SYN that the flow began with.
    func isAnswered(by acknowledgement: UInt32) -> Bool {
        let beyond = acknowledgement &- originatorSequence
        return tcpState == .synSent && beyond >= 1 && beyond <= originatorSynEnd &- originatorSequence
    }

    /// Notes the tunnel that the flow's first packet came in.
    mutating func noteTunnel(_ headers: PacketHeaders, _ salt: FlowIDSalt) {
        let originator = marks.contains(.originatorIsA) ? key.a : key.b
        let source = headers.source
        let hasTwo = !headers.tunnelKind.isSymmetric
        let isBack = hasTwo && originator != source
        tunnelID = isBack ? 0 : headers.tunnelID
        tunnelIDBack = isBack ? headers.tunnelID : 0
        parentID = FlowID.make(outer: headers.outer, salt: salt)
    }
}

extension FlowID {
    /// Returns the identifier that all flows in one outermost tunnel name as their parent.
    ///
    /// Made of the tunnel's ends alone, so that every worker gives the same one: inner flows are spread over workers.
    static func make(outer: PacketHeaders.Ends, salt: FlowIDSalt) -> UInt64 {
        var headers = PacketHeaders()
        headers.layers = .ip
        headers.source = outer.source
        headers.destination = outer.destination
        // Source ports vary from flow to flow where they spread load (RFC 7348, 5): the service's is the tunnel's.
        let port = min(outer.sourcePort, outer.destinationPort)
        (headers.sourcePort, headers.destinationPort) = (port, port)
        headers.transportProtocol = outer.transportProtocol
        headers.ipVersion = outer.ipVersion
        var forward = false
        let key = FlowKey(headers, vlansSeparateFlows: false, forward: &forward)
        return make(key: key, start: .zero, ordinal: 0, producer: 0, salt: salt)
    }
}
