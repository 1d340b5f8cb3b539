// SPDX-License-Identifier: Apache-2.0

/// Names of the EtherTypes that decoding knows (IEEE 802 numbers, registry of the IEEE).
public enum EtherType {
    /// Internet Protocol, version 4.
    @inlinable public static var ipv4: UInt16 { 0x0800 }
    /// Address Resolution Protocol.
    @inlinable public static var arp: UInt16 { 0x0806 }
    /// A customer VLAN tag (IEEE 802.1Q).
    @inlinable public static var vlan: UInt16 { 0x8100 }
    /// Internet Protocol, version 6.
    @inlinable public static var ipv6: UInt16 { 0x86dd }
    /// A service VLAN tag (IEEE 802.1ad, "QinQ").
    @inlinable public static var serviceVLAN: UInt16 { 0x88a8 }
    /// What switches used for outer tags before 802.1ad.
    @inlinable public static var oldServiceVLAN: UInt16 { 0x9100 }

    /// MPLS labels, unicast (RFC 5332).
    @inlinable public static var mpls: UInt16 { 0x8847 }
    /// MPLS labels, multicast or assigned upstream (RFC 5332).
    @inlinable public static var mplsMulticast: UInt16 { 0x8848 }
    /// PPPoE, session stage (RFC 2516).
    @inlinable public static var pppoeSession: UInt16 { 0x8864 }
    /// A provider backbone bridge's service tag (IEEE 802.1ah): an Ethernet frame follows.
    @inlinable public static var backboneServiceTag: UInt16 { 0x88e7 }
    /// A tag between a switch and its extenders (Cisco's VN-Tag, IEEE 802.1Qbh): an EtherType follows.
    @inlinable public static var extenderTag: UInt16 { 0x8926 }
    /// A security group's tag (Cisco MetaData): an EtherType follows.
    @inlinable public static var securityTag: UInt16 { 0x8909 }
    /// A network service header (RFC 8300, 9.2).
    @inlinable public static var serviceHeader: UInt16 { 0x894f }
    /// A whole Ethernet frame ("transparent Ethernet bridging", RFC 1701).
    @inlinable public static var bridgedEthernet: UInt16 { 0x6558 }
    /// A PPP frame, in GRE (RFC 2637) and as decoding names it elsewhere.
    @inlinable public static var ppp: UInt16 { 0x880b }

    /// Whether an 802.11 frame follows: the numbers in GRE between a wireless controller and its access points (Aruba's
    /// 0x8200 to 0x823f and 0x8300 to 0x837f).
    @inlinable @inline(__always) public static func isWireless(_ number: UInt16) -> Bool {
        number & 0xffc0 == 0x8200 || number & 0xff80 == 0x8300
    }

    /// The least number that is an EtherType; below it, the field is an 802.3 length.
    @inlinable public static var least: UInt16 { 0x0600 }

    /// Whether a tag of four bytes begins after this number.
    @inlinable @inline(__always) public static func isVLAN(_ number: UInt16) -> Bool {
        number == vlan || number == serviceVLAN || number == oldServiceVLAN
    }
}
