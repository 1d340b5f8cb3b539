// SPDX-License-Identifier: Apache-2.0

/// What a record's first byte belongs to: a LINKTYPE_ value as capture files store it (tcpdump.org/linktypes.html).
@frozen public struct LinkType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number as files store it.
    public let rawValue: UInt16

    /// Makes a link type of any number; unknown ones are stored and counted, not decoded.
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// BSD loopback, family in the byte order of the machine that captured.
    public static let null = LinkType(rawValue: 0)
    /// Ethernet.
    public static let ethernet = LinkType(rawValue: 1)
    /// PPP, possibly with HDLC framing.
    public static let ppp = LinkType(rawValue: 9)
    /// PPP in HDLC-like framing.
    public static let pppHDLC = LinkType(rawValue: 50)
    /// Raw IP, version in the first nibble.
    public static let raw = LinkType(rawValue: 101)
    /// OpenBSD loopback, family in network order.
    public static let loop = LinkType(rawValue: 108)
    /// Linux cooked capture, version 1.
    public static let linuxCooked = LinkType(rawValue: 113)
    /// Raw IPv4.
    public static let ipv4 = LinkType(rawValue: 228)
    /// Raw IPv6.
    public static let ipv6 = LinkType(rawValue: 229)
    /// Linux cooked capture, version 2.
    public static let linuxCooked2 = LinkType(rawValue: 276)
}
