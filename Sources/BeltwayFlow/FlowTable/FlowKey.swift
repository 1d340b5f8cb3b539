// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What tells one flow from another: both directions of a conversation give the same key.
///
///     a, b         the two addresses, (a, portA) <= (b, portB)
///     portA, portB TCP, UDP, SCTP: ports; ICMP: see `pseudoPorts`; else 0
///     vlan         outer and inner identifier if VLANs separate flows, else 0
///     tunnelID     VNI or GRE key, with `tunnelKind` and `tunnelDepth`; where each direction has an identifier of
///                  its own (GTP, L2TP, PPTP) 0, or a number that the tracker gives flows that only these tell apart;
///                  of ICMP error messages the hash of the pair they speak of, with `tunnelKind` 255
///
/// 48 bytes without holes, so that equality may compare words.
///
/// Fragments count in the flow whose ports the first of them carries (FragmentReassembler). Where that one is missing, all
/// such fragments of an address pair and protocol are one flow with ports 0. tshark, which reassembles, counts one packet
/// per *complete* datagram in the 5-tuple's conversation (the fragment that completes it) and none of the others.
@frozen public struct FlowKey: Hashable, Sendable, BitwiseCopyable {
    /// The smaller end's address.
    public var a: IPAddress
    /// The greater end's address.
    public var b: IPAddress
    /// Port of `a`.
    public var portA: UInt16
    /// Port of `b`.
    public var portB: UInt16
    /// IANA protocol number.
    public var transportProtocol: UInt8
    /// 4 or 6.
    public var ipVersion: UInt8
    /// Outer VLAN identifier (12 bits).
    public var vlanOuter: UInt16
    /// Inner VLAN identifier (12 bits).
    public var vlanInner: UInt16
    /// Tunnels around the flow.
    public var tunnelDepth: UInt8
    /// Kind of the innermost tunnel (`TunnelKind`); 255 for ICMP error messages.
    public var tunnelKind: UInt8
    /// What the innermost tunnel calls both directions of the flow.
    public var tunnelID: UInt32

    /// Makes the key of a packet's flow.
    ///
    /// - Parameters:
    ///   - headers: Headers with an IP layer.
    ///   - vlansSeparateFlows: Whether equal 5-tuples in different VLANs are different flows.
    ///   - forward: Set to whether the packet runs from `a` to `b`.
    @inlinable
    public init(_ headers: borrowing PacketHeaders, vlansSeparateFlows: Bool, forward: inout Bool) {
        let ports = FlowKey.pseudoPorts(headers)
        let source = headers.source
        let destination = headers.destination
        let isForward = source == destination ? ports.source <= ports.destination : source < destination
        forward = isForward
        a = isForward ? source : destination
        b = isForward ? destination : source
        portA = isForward ? ports.source : ports.destination
        portB = isForward ? ports.destination : ports.source
        transportProtocol = headers.transportProtocol
        ipVersion = headers.ipVersion
        let tags = headers.vlanCount
        let isTagged = vlansSeparateFlows && tags != 0
        vlanOuter = isTagged ? headers.vlan.outer & 0xfff : 0
        vlanInner = isTagged ? headers.vlan.inner & 0xfff : 0
        tunnelDepth = headers.tunnelDepth
        tunnelKind = headers.tunnelKind.rawValue
        tunnelID = headers.tunnelKey
    }

    /// The two port fields of a packet's key: ports, or for ICMP its type and the type that answers it.
    ///
    /// Request and answer of a two-way ICMP type so give one key; other types give (type, code), and what comes
    /// back is another flow (as Zeek and Community ID have it).
    @inlinable
    static func pseudoPorts(_ headers: borrowing PacketHeaders) -> (source: UInt16, destination: UInt16) {
        if headers.isLaterFragment { return (0, 0) }
        let ports = (source: headers.sourcePort, destination: headers.destinationPort)
        if headers.layers.isDisjoint(with: [.icmp, .icmpv6]) { return ports }
        let isVersion6 = headers.layers.contains(.icmpv6)
        return (
            ports.source,
            ICMPPairs.counterpart(type: ports.source, isVersion6: isVersion6) ?? ports.destination
        )
    }

    /// Whether two keys are of the same flow; the fields that differ most often first.
    @inlinable
    public static func == (x: FlowKey, y: FlowKey) -> Bool {
        x.a.low == y.a.low && x.b.low == y.b.low && x.transportWord == y.transportWord
            && x.a.high == y.a.high && x.b.high == y.b.high && x.tunnelWord == y.tunnelWord
    }

    /// Feeds the key to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(a)
        hasher.combine(b)
        hasher.combine(transportWord)
        hasher.combine(tunnelWord)
    }

    /// Ports, protocol, version and outer VLAN in one word.
    @inlinable
    var transportWord: UInt64 {
        UInt64(portA) | UInt64(portB) << 16 | UInt64(transportProtocol) << 32 | UInt64(ipVersion) << 40
            | UInt64(vlanOuter) << 48
    }

    /// Inner VLAN and tunnel in one word.
    @inlinable
    var tunnelWord: UInt64 {
        UInt64(vlanInner) | UInt64(tunnelDepth) << 16 | UInt64(tunnelKind) << 24 | UInt64(tunnelID) << 32
    }
}

extension FlowKey {
    /// Whether this is the key of ICMP or ICMPv6 error messages, which speak of somebody else's flow.
    @inlinable @inline(__always) var isOfErrorMessage: Bool {
        // Error messages go one way: their (type, code) stands in the two ports, the type first on the sender's side.
        switch transportProtocol {
        case 1:
            ICMP.isError(type: UInt8(truncatingIfNeeded: portA))
                || ICMP.isError(type: UInt8(truncatingIfNeeded: portB))
        case 58:
            ICMPv6.isError(type: UInt8(truncatingIfNeeded: portA))
                || ICMPv6.isError(type: UInt8(truncatingIfNeeded: portB))
        default: false
        }
    }

    /// Keeps messages about different address pairs apart, as their workers are: one router complains of many flows,
    /// and a record must not depend on how many workers share them.
    @inlinable @inline(__always) mutating func distinguish(byEmbeddedPair hash: UInt32) {
        tunnelKind = 0xff
        tunnelID = hash
    }
}
