// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

/// What rule headers ask of a packet, worked out once per packet.
struct PacketFacts: BitwiseCopyable {
    /// One transport bit.
    let transport: ProtocolMask
    /// One version bit.
    let version: ProtocolMask
    let flow: FlowCondition
    let size: UInt32
    let sourcePort: UInt16
    let destinationPort: UInt16
    let source: IPAddress
    let destination: IPAddress

    init(_ headers: borrowing PacketHeaders, flow view: FlowView?) {
        let layers = headers.layers
        transport =
            layers.contains(.tcp)
            ? .tcp
            : layers.contains(.udp)
                ? .udp
                : layers.contains(.sctp)
                    ? .sctp
                    : layers.contains(.icmp) ? .icmp : layers.contains(.icmpv6) ? .icmpv6 : .other
        version = headers.ipVersion == 4 ? .v4 : .v6
        size = headers.payloadLength
        sourcePort = headers.sourcePort
        destinationPort = headers.destinationPort
        source = headers.source
        destination = headers.destination
        if let view {
            flow = [
                view.toResponder ? .toServer : .toClient, view.isEstablished ? .established : .notEstablished,
            ]
        } else {
            flow = .notEstablished
        }
    }

    /// Place of the transport bit.
    var transportIndex: Int { transport.rawValue.trailingZeroBitCount }

    /// Whether a rule's header, flow and size admit the packet.
    func pass(_ gate: RuleGate, _ rules: RuleSet) -> Bool {
        guard gate.protocols.isSuperset(of: transport), gate.protocols.isSuperset(of: version),
            flow.isSuperset(of: gate.flow),
            (size >= gate.lowestSize && size <= gate.highestSize) != gate.sizeIsNegated
        else { return false }
        if isWithin(gate, rules, reversed: false) { return true }
        return gate.isBidirectional && isWithin(gate, rules, reversed: true)
    }

    private func isWithin(_ gate: RuleGate, _ rules: RuleSet, reversed: Bool) -> Bool {
        hasPort(reversed ? destinationPort : sourcePort, in: gate.sourcePorts, rules)
            && hasPort(reversed ? sourcePort : destinationPort, in: gate.destinationPorts, rules)
            && hasAddress(reversed ? destination : source, in: gate.sourceAddresses, rules)
            && hasAddress(reversed ? source : destination, in: gate.destinationAddresses, rules)
    }

    private func hasPort(_ port: UInt16, in set: UInt32, _ rules: RuleSet) -> Bool {
        // ICMP keeps its type and code where ports are; rules do not look at them as ports.
        set == 0 || !ProtocolMask.withPorts.contains(transport) || rules.ports[Int(set)].contains(port)
    }

    private func hasAddress(_ address: IPAddress, in set: UInt32, _ rules: RuleSet) -> Bool {
        if set == 0 { return true }
        return version == .v4
            ? rules.addresses[Int(set)].contains(v4: address.v4)
            : rules.addresses[Int(set)].contains(v6: address.high, address.low)
    }
}
