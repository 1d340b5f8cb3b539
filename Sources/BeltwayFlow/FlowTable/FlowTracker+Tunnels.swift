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
    mutating func noteTunnel(_ headers: PacketHeaders, _ configuration: FlowConfiguration) {
        let originator = marks.contains(.originatorIsA) ? key.a : key.b
        let source = headers.source
        let hasTwo = !headers.tunnelKind.isSymmetric
        let isBack = hasTwo && originator != source
        tunnelID = isBack ? 0 : headers.tunnelID
        tunnelIDBack = isBack ? headers.tunnelID : 0
        let carrier = FlowKey(carrierOf: headers, vlansSeparateFlows: configuration.vlansSeparateFlows)
        // Teredo off its port: nobody can know the name of that flow.
        guard carrier.mayCarryTunnel else { return }
        parentID = FlowID.make(carrier: carrier, salt: configuration.salt)
    }
}

extension FlowID {
    /// Returns the identifier of a flow that may carry tunnels, which the flows inside name as their parent.
    ///
    /// Made of the key alone, so that every worker gives the same one: inner flows are spread over workers, and none of
    /// them sees which packet the outer flow began with. A tunnel that was silent for longer than its time-out has the
    /// same identifier when it comes back.
    ///
    /// - Parameters:
    ///   - key: The flow's key.
    ///   - salt: Fixed for files, stored for live capture.
    /// - Returns: 1 to 2^53 - 1.
    static func make(carrier key: FlowKey, salt: FlowIDSalt) -> UInt64 {
        var key = key
        // Where each direction has an identifier of its own, the key's is the number of a variant: the tracker's alone.
        if TunnelKind(rawValue: key.tunnelKind)?.isSymmetric == false { key.tunnelID = 0 }
        return make(key: key, start: .zero, ordinal: 0, producer: 0, salt: salt)
    }
}

extension FlowKey {
    /// Whether packets of this flow may carry tunnels.
    var mayCarryTunnel: Bool { TunnelKind.mayBeCarried(by: transportProtocol, ports: (portA, portB)) }

    /// The key of the flow that carries the tunnel which `headers` are in.
    init(carrierOf headers: borrowing PacketHeaders, vlansSeparateFlows: Bool) {
        var outside = PacketHeaders()
        let ends = headers.outer
        outside.layers = .ip
        (outside.source, outside.destination) = (ends.source, ends.destination)
        (outside.sourcePort, outside.destinationPort) = (ends.sourcePort, ends.destinationPort)
        outside.transportProtocol = ends.transportProtocol
        outside.ipVersion = ends.ipVersion
        (outside.vlan, outside.vlanCount) = (ends.vlan, ends.vlanCount)
        outside.tunnelDepth = headers.tunnelDepth &- 1
        outside.tunnelKind = ends.tunnelKind
        outside.tunnelKey = ends.tunnelKey
        var forward = false
        self.init(outside, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
    }
}
