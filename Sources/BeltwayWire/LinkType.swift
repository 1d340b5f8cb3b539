// SPDX-License-Identifier: Apache-2.0

/// What a record's first byte belongs to: a LINKTYPE_ value as capture files store it
/// (tcpdump.org/linktypes.html).
@frozen public struct LinkType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number as files store it.
    public let rawValue: UInt16

    /// Makes a link type of any number; unknown ones are stored and counted, not decoded.
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// BSD loopback, family in the byte order of the machine that captured.
    @inlinable public static var null: LinkType { LinkType(rawValue: 0) }
    /// Ethernet.
    @inlinable public static var ethernet: LinkType { LinkType(rawValue: 1) }
    /// PPP, possibly with HDLC framing.
    @inlinable public static var ppp: LinkType { LinkType(rawValue: 9) }
    /// PPP in HDLC-like framing.
    @inlinable public static var pppHDLC: LinkType { LinkType(rawValue: 50) }
    /// Raw IP, version in the first nibble.
    @inlinable public static var raw: LinkType { LinkType(rawValue: 101) }
    /// Raw IP under the number that most systems give it in memory, which some tools wrote to files.
    @inlinable public static var rawAsStoredByOldTools: LinkType { LinkType(rawValue: 12) }
    /// Raw IP under OpenBSD's number in memory, which some tools wrote to files.
    @inlinable public static var rawAsStoredByOpenBSD: LinkType { LinkType(rawValue: 14) }
    /// Cisco HDLC: address, control, EtherType.
    @inlinable public static var ciscoHDLC: LinkType { LinkType(rawValue: 104) }
    /// Wireless frames (IEEE 802.11).
    @inlinable public static var wirelessLAN: LinkType { LinkType(rawValue: 105) }
    /// Frame relay.
    @inlinable public static var frameRelay: LinkType { LinkType(rawValue: 107) }
    /// OpenBSD loopback, family in network order.
    @inlinable public static var loop: LinkType { LinkType(rawValue: 108) }
    /// Linux cooked capture, version 1.
    @inlinable public static var linuxCooked: LinkType { LinkType(rawValue: 113) }
    /// Wireless frames behind a radiotap header.
    @inlinable public static var radiotap: LinkType { LinkType(rawValue: 127) }
    /// ARCNET as Linux captures it.
    @inlinable public static var arcnetLinux: LinkType { LinkType(rawValue: 129) }
    /// Frames of another link type behind per-packet information.
    @inlinable public static var packetInformation: LinkType { LinkType(rawValue: 192) }
    /// Raw IPv4.
    @inlinable public static var ipv4: LinkType { LinkType(rawValue: 228) }
    /// Raw IPv6.
    @inlinable public static var ipv6: LinkType { LinkType(rawValue: 229) }
    /// Packets of Linux's packet filter, with fields about each.
    @inlinable public static var netfilterLog: LinkType { LinkType(rawValue: 239) }
    /// Linux cooked capture, version 2.
    @inlinable public static var linuxCooked2: LinkType { LinkType(rawValue: 276) }
}
