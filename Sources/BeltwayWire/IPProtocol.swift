// SPDX-License-Identifier: Apache-2.0

/// Names of the IP protocol numbers that decoding knows (IANA, Assigned Internet Protocol Numbers).
public enum IPProtocol {
    /// IPv6 hop-by-hop options (RFC 8200, 4.3).
    @inlinable public static var hopByHop: UInt8 { 0 }
    /// Internet Control Message Protocol (RFC 792).
    @inlinable public static var icmp: UInt8 { 1 }
    /// IPv4 in IP (RFC 2003).
    @inlinable public static var ipv4: UInt8 { 4 }
    /// Transmission Control Protocol (RFC 9293).
    @inlinable public static var tcp: UInt8 { 6 }
    /// User Datagram Protocol (RFC 768).
    @inlinable public static var udp: UInt8 { 17 }
    /// IPv6 in IP (RFC 4213, RFC 2473).
    @inlinable public static var ipv6: UInt8 { 41 }
    /// IPv6 routing header (RFC 8200, 4.4).
    @inlinable public static var routing: UInt8 { 43 }
    /// IPv6 fragment header (RFC 8200, 4.5).
    @inlinable public static var fragment: UInt8 { 44 }
    /// Generic routing encapsulation (RFC 2784).
    @inlinable public static var gre: UInt8 { 47 }
    /// Authentication header (RFC 4302).
    @inlinable public static var authentication: UInt8 { 51 }
    /// ICMP for IPv6 (RFC 4443).
    @inlinable public static var icmpv6: UInt8 { 58 }
    /// Nothing follows (RFC 8200, 4.7).
    @inlinable public static var noNextHeader: UInt8 { 59 }
    /// IPv6 destination options (RFC 8200, 4.6).
    @inlinable public static var destinationOptions: UInt8 { 60 }
    /// Ethernet in IP (RFC 3378).
    @inlinable public static var etherIP: UInt8 { 97 }
    /// A compressed datagram (RFC 3173).
    @inlinable public static var compression: UInt8 { 108 }
    /// Stream Control Transmission Protocol (RFC 9260).
    @inlinable public static var sctp: UInt8 { 132 }
    /// IPv6 mobility header (RFC 6275, 6.1).
    @inlinable public static var mobility: UInt8 { 135 }
}
