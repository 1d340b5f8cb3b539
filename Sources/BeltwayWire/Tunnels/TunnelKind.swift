// SPDX-License-Identifier: Apache-2.0

/// How one packet travels inside another, behind an outer IP header.
///
/// What lies in front of IP (VLAN tags, MPLS labels, PPPoE) is no tunnel here: it belongs to the link.
@frozen public enum TunnelKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Not in a tunnel.
    case none
    /// Generic routing encapsulation (RFC 2784, RFC 2890); identifier: the key.
    case gre
    /// PPP in GRE version 1 (PPTP, RFC 2637); identifier: the call, another one in each direction.
    case pptp
    /// Mirrored frames, types I to III (draft-foschiano-erspan); identifier: the session.
    case erspan
    /// VXLAN and its generic extension (RFC 7348, draft-ietf-nvo3-vxlan-gpe); identifier: the VNI.
    case vxlan
    /// Generic network virtualisation (RFC 8926); identifier: the VNI.
    case geneve
    /// IP in IP of any versions but IPv6 in IPv4 (RFC 2003, RFC 2473).
    case ipInIP
    /// IPv6 in IPv4: 6in4, 6to4, 6rd (RFC 4213).
    case sixInFour
    /// IPv6 in UDP in IPv4 (RFC 4380).
    case teredo
    /// User plane of mobile networks (3GPP TS 29.281); identifier: the TEID, another one in each direction.
    case gtp
    /// PPP in UDP (RFC 2661); identifier: tunnel and session, others in each direction.
    case l2tp
    /// Ethernet in IP (RFC 3378).
    case etherIP
    /// Frames of a wireless network in UDP, to and from its controller (RFC 5415).
    case capwap

    /// Whether both directions carry the same identifier, so that it may be part of a flow's key.
    @inlinable public var isSymmetric: Bool {
        switch self {
        case .pptp, .gtp, .l2tp: false
        default: true
        }
    }

    /// Whether packets of an IP protocol, and for UDP under either of two ports, may carry tunnels that are entered.
    public static func mayBeCarried(by transportProtocol: UInt8, ports: (UInt16, UInt16)) -> Bool {
        switch transportProtocol {
        case IPProtocol.gre, IPProtocol.ipv4, IPProtocol.ipv6, IPProtocol.etherIP: true
        case IPProtocol.udp: PacketDecoder.isTunnelPort(ports.0) || PacketDecoder.isTunnelPort(ports.1)
        default: false
        }
    }
}
