// SPDX-License-Identifier: Apache-2.0
// The value that decoding a packet gives: everything later stages need of its headers, and no address of
// memory.
//
//   link header | VLAN tags | IPv4/IPv6 (+ extension headers) | TCP/UDP/SCTP/ICMP | payload
//   0           ^           ^ networkOffset                   ^ transportOffset   ^ payloadOffset
//
// Of a packet in a tunnel these are the headers inside, as far in as decoding came (or was told to come: `layerLimit`);
// `outer` keeps the ends of those next outside. Offsets count from the packet's first byte. A value is always whole: what
// could not be decoded is zero, and `layers` and `trouble` say how far decoding came.

/// Decoded headers of one packet; plain bits, so that it can be staged, compared and thrown away.
@frozen public struct PacketHeaders: Sendable, BitwiseCopyable {
    /// Source address, valid if `layers` has `.ip`.
    public var source = IPAddress.zero
    /// Destination address, valid if `layers` has `.ip`.
    public var destination = IPAddress.zero
    /// Source port (TCP, UDP, SCTP); for ICMP and ICMPv6 the type.
    ///
    /// Kept from a transport header that is cut or contradicts itself too, if these bytes were captured: the
    /// flow is known then, although no transport layer is set. 0 in later fragments.
    public var sourcePort: UInt16 = 0
    /// Destination port (TCP, UDP, SCTP); for ICMP and ICMPv6 the code.
    public var destinationPort: UInt16 = 0
    /// Transport protocol after all extension headers (IANA number), valid if `layers` has `.ip`.
    ///
    /// Where the chain of extension headers is cut or invalid, the number of the one that decoding came to.
    public var transportProtocol: UInt8 = 0
    /// 4 or 6, or 0 without an IP header.
    public var ipVersion: UInt8 = 0
    /// TTL or hop limit.
    public var timeToLive: UInt8 = 0
    /// TCP flags byte (CWR ECE URG ACK PSH RST SYN FIN from the high bit down).
    public var tcpFlags: UInt8 = 0
    /// Layers that were decoded.
    public var layers: Layers = []
    /// What was wrong with the packet, if anything.
    public var trouble: Trouble = .none
    /// EtherType (or its equivalent from the link header) of what follows the link header and VLAN tags; 0 if
    /// the link header has none that decoding knows.
    public var etherType: UInt16 = 0
    /// Outer VLAN tag's TCI and inner one's, 0 if absent (`vlanCount` tells 0 from absent).
    public var vlan: (outer: UInt16, inner: UInt16) = (0, 0)
    /// VLAN tags seen; the identifiers of at most two are kept.
    public var vlanCount: UInt8 = 0
    /// TCP header length in bytes, options included; 0 without TCP.
    public var tcpHeaderLength: UInt8 = 0
    /// IPv4 protocol or IPv6 Fragment header: offset of this fragment in bytes (RFC 791, RFC 8200 4.5).
    public var fragmentOffset: UInt16 = 0
    /// Whether more fragments follow.
    public var moreFragments = false
    /// ICMP identifier of echo and other query types, else 0.
    public var icmpIdentifier: UInt16 = 0
    /// Fragment identification (16 bits of IPv4, 32 of IPv6).
    public var fragmentID: UInt32 = 0
    /// TCP sequence number; that of ICMP echo and other query types, 16 bits.
    public var sequence: UInt32 = 0
    /// TCP acknowledgement number.
    public var acknowledgement: UInt32 = 0
    /// TCP window as sent, unscaled.
    public var window: UInt16 = 0
    /// Offset of the network header from the packet's first byte.
    public var networkOffset: UInt16 = 0
    /// Offset of the transport header; 0 if there is none.
    public var transportOffset: UInt16 = 0
    /// Offset of the payload: after the transport header, or after the IP header for other protocols.
    public var payloadOffset: UInt16 = 0
    /// Bytes of payload that the IP length claims, link padding excluded; UDP: its own length's, if smaller.
    ///
    /// May exceed what was captured. 0 behind a transport header that is invalid or cut before its fixed part
    /// ends.
    public var payloadLength: UInt32 = 0
    /// Bytes of payload that were captured: never runs past the packet's captured bytes.
    public var capturedPayloadLength: UInt32 = 0
    /// IP total length in bytes (IPv6: 40 + payload length), as the header claims; where it claims none (0:
    /// cut up by the network card later, or a jumbogram without its option), the bytes captured from the
    /// network header on.
    public var ipLength: UInt32 = 0

    /// Tunnels around these headers; `outer` is valid if there is one.
    public var tunnelDepth: UInt8 = 0
    /// Kind of the innermost tunnel.
    public var tunnelKind: TunnelKind = .none
    /// Identifier of the innermost tunnel that has one (VNI, GRE key, TEID ...), 0 if none has.
    public var tunnelID: UInt32 = 0
    /// The part of `tunnelID` that both directions share: 0 where each direction has its own.
    public var tunnelKey: UInt32 = 0
    /// How many layers of IP decoding was told to look at; 0 for all.
    public var layerLimit: UInt8 = 0
    /// Who talks to whom outside the innermost tunnel.
    public var outer = Ends()

    /// Makes headers of which nothing is known.
    @inlinable public init() {}

    /// Whether this is a fragment other than the first: it has no transport header.
    @inlinable public var isLaterFragment: Bool { fragmentOffset != 0 }
    /// Whether this is any fragment of a larger datagram.
    @inlinable public var isFragment: Bool { fragmentOffset != 0 || moreFragments }

    /// The ends of a packet that carries another.
    @frozen public struct Ends: Sendable, BitwiseCopyable {
        /// Source address.
        public var source = IPAddress.zero
        /// Destination address.
        public var destination = IPAddress.zero
        /// Source port, 0 without ports.
        public var sourcePort: UInt16 = 0
        /// Destination port, 0 without ports.
        public var destinationPort: UInt16 = 0
        /// IP protocol that carries the tunnel.
        public var transportProtocol: UInt8 = 0
        /// 4 or 6.
        public var ipVersion: UInt8 = 0
        /// VLAN tags in front of it.
        public var vlanCount: UInt8 = 0
        /// Kind of the tunnel that it is in itself.
        public var tunnelKind: TunnelKind = .none
        /// `PacketHeaders.vlan` of the packet that carries.
        public var vlan: (outer: UInt16, inner: UInt16) = (0, 0)
        /// `PacketHeaders.tunnelKey` of the packet that carries.
        public var tunnelKey: UInt32 = 0

        /// Makes ends of which nothing is known.
        @inlinable public init() {}
    }

    /// Which headers were decoded.
    @frozen public struct Layers: OptionSet, Sendable, BitwiseCopyable {
        /// One bit a layer.
        public let rawValue: UInt16
        /// Makes a set from its bits.
        @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// A link header of a known type; for raw IP, where there is none, that the version is known.
        @inlinable public static var link: Layers { Layers(rawValue: 1) }
        /// One or more VLAN tags.
        @inlinable public static var vlan: Layers { Layers(rawValue: 2) }
        /// IPv4 or IPv6.
        @inlinable public static var ip: Layers { Layers(rawValue: 4) }
        /// TCP, whole fixed header.
        @inlinable public static var tcp: Layers { Layers(rawValue: 8) }
        /// UDP.
        @inlinable public static var udp: Layers { Layers(rawValue: 16) }
        /// SCTP common header.
        @inlinable public static var sctp: Layers { Layers(rawValue: 32) }
        /// ICMP (IPv4).
        @inlinable public static var icmp: Layers { Layers(rawValue: 64) }
        /// ICMPv6.
        @inlinable public static var icmpv6: Layers { Layers(rawValue: 128) }
        /// ARP.
        @inlinable public static var arp: Layers { Layers(rawValue: 256) }
    }

    /// What was wrong with a packet; each has a counter.
    @frozen public enum Trouble: UInt8, Sendable, BitwiseCopyable, CaseIterable {
        case none
        /// The link type is not decoded; the packet is stored and counted.
        case unsupportedLinkType
        /// Captured bytes end inside the link header or VLAN tags.
        case truncatedLink
        /// The network protocol is not decoded (its EtherType is in `etherType`).
        case unsupportedNetwork
        /// Captured bytes end inside the IP header or an extension header.
        case truncatedNetwork
        /// The IP header contradicts itself (version, header length, total length).
        case invalidNetwork
        /// The transport protocol is not decoded.
        case unsupportedTransport
        /// The transport header is not whole: captured bytes, or a first fragment, end inside it.
        case truncatedTransport
        /// The transport header contradicts itself or the IP length (TCP data offset, UDP length).
        case invalidTransport
    }
}
