// SPDX-License-Identifier: Apache-2.0
// Which packets are one connection although its two directions travel differently: under two identifiers of a tunnel,
// or one of them in a tunnel and the other one not.
//
//     A -> B  SYN        VNI 10              flow under 10; noted: this tuple's SYN came under 10
//     B -> A  SYN+ACK    VNI 11, or plain    acknowledges that SYN: what comes so belongs to the flow under 10
//     B -> A  ...        VNI 11, or plain    not in the table by itself: looked up under 10
//
// VXLAN, Geneve and GRE identifiers name a network, and nearly always both directions have the same one. But the
// receiving end may give them out (RFC 8365, 5.1, "locally significant"), and balancers return answers past the tunnel.
// Equal addresses in different networks are tenants to be kept apart, unless a handshake proves otherwise: a SYN+ACK
// that acknowledges the very number. UDP and ICMP have no such proof, their directions stay apart.
//
// Bounded by the flow table: an entry belongs to a live flow and goes with it.

/// Ways of a connection's answers that a handshake has shown to be those of a flow.
@usableFromInline struct TunnelPairs: ~Copyable {
    /// By tuple: the flow that its latest SYN in a tunnel began.
    private var begun: [FlowKey: FlowKey] = [:]
    /// By what the answers' own key would be: the flow's key.
    private var joined: [FlowKey: FlowKey] = [:]
    /// The other way round.
    private var answers: [FlowKey: FlowKey] = [:]
    /// Whether nothing is noted.
    @usableFromInline private(set) var isEmpty = true

    @usableFromInline init() {}

    /// The key that the tuple has outside tunnels.
    static func plain(_ key: FlowKey) -> FlowKey {
        var tuple = key
        (tuple.tunnelDepth, tuple.tunnelKind, tuple.tunnelID) = (0, 0, 0)
        return tuple
    }

    /// Notes a SYN in a tunnel that begins a flow.
    mutating func noteSYN(_ key: FlowKey) {
        begun[TunnelPairs.plain(key)] = key
        isEmpty = false
    }

    /// The flow that the tuple's latest SYN in a tunnel began.
    func flow(ofSYNOf key: FlowKey) -> FlowKey? { begun[TunnelPairs.plain(key)] }

    /// The flow's key, if `key` is one that its answers come under.
    func flow(answeredUnder key: FlowKey) -> FlowKey? { joined.isEmpty ? nil : joined[key] }

    /// Notes under what key a flow's answers come.
    mutating func join(_ answer: FlowKey, to flow: FlowKey) {
        if let old = answers.updateValue(answer, forKey: flow) { joined[old] = nil }
        joined[answer] = flow
        isEmpty = false
    }

    /// Lets go of a flow's entries.
    mutating func forget(_ key: FlowKey) {
        let tuple = TunnelPairs.plain(key)
        if begun[tuple] == key { begun[tuple] = nil }
        if let answer = answers.removeValue(forKey: key) { joined[answer] = nil }
        isEmpty = begun.isEmpty && joined.isEmpty
    }
}
