// SPDX-License-Identifier: Apache-2.0

/// The pseudo header of a Linux "cooked" capture, version 1 (LINKTYPE_LINUX_SLL, 113), viewed in place.
public struct LinuxCooked: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<16: packet type, hardware type, address length, address, protocol.
    @inlinable public static var headerLength: Int { 16 }

    @usableFromInline enum Field {
        @inlinable static var packetType: Range<Int> { 0..<2 }
        @inlinable static var hardwareType: Range<Int> { 2..<4 }
        @inlinable static var addressLength: Range<Int> { 4..<6 }
        @inlinable static var address: Range<Int> { 6..<14 }
        @inlinable static var etherType: Range<Int> { 14..<16 }
    }

    /// Views `bytes` as a cooked packet; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= LinuxCooked.headerLength else {
            throw .truncated(need: LinuxCooked.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// 0 to us, 1 broadcast, 2 multicast, 3 to someone else, 4 from us.
    @inlinable public var packetType: UInt16 { bytes.unchecked16(Field.packetType) }
    /// ARPHRD_ number of the interface (linux/if_arp.h).
    @inlinable public var hardwareType: UInt16 { bytes.unchecked16(Field.hardwareType) }
    /// Bytes of the sender's address that count; may exceed the 8 that there is room for.
    @inlinable public var addressLength: UInt16 { bytes.unchecked16(Field.addressLength) }
    /// The sender's address, left-justified in 64 bits.
    @inlinable public var address: UInt64 { bytes.unchecked64(Field.address.lowerBound) }
    /// EtherType, or one of Linux's own numbers below 0x0600 (4: an LLC header follows).
    @inlinable public var etherType: UInt16 { bytes.unchecked16(Field.etherType) }
    /// What follows the header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: LinuxCooked.headerLength) }
    }

    /// Whether `etherType` has no meaning for this hardware type: 802.11 and radiotap (801...803), netlink
    /// (824).
    @inlinable public static func hasNoEtherType(hardwareType: UInt16) -> Bool {
        (801...803).contains(hardwareType) || hardwareType == 824
    }
}

/// The pseudo header of a Linux "cooked" capture, version 2 (LINKTYPE_LINUX_SLL2, 276), viewed in place.
public struct LinuxCooked2: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<20: protocol, reserved, interface, hardware type, packet type, address length, address.
    @inlinable public static var headerLength: Int { 20 }

    @usableFromInline enum Field {
        @inlinable static var etherType: Range<Int> { 0..<2 }
        @inlinable static var interfaceIndex: Range<Int> { 4..<8 }
        @inlinable static var hardwareType: Range<Int> { 8..<10 }
        @inlinable static var packetType: Range<Int> { 10..<11 }
        @inlinable static var addressLength: Range<Int> { 11..<12 }
        @inlinable static var address: Range<Int> { 12..<20 }
    }

    /// Views `bytes` as a cooked packet; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= LinuxCooked2.headerLength else {
            throw .truncated(need: LinuxCooked2.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// EtherType, or one of Linux's own numbers below 0x0600 (4: an LLC header follows).
    @inlinable public var etherType: UInt16 { bytes.unchecked16(Field.etherType) }
    /// Index of the interface on the machine that captured.
    @inlinable public var interfaceIndex: UInt32 { bytes.unchecked32(Field.interfaceIndex) }
    /// ARPHRD_ number of the interface (linux/if_arp.h).
    @inlinable public var hardwareType: UInt16 { bytes.unchecked16(Field.hardwareType) }
    /// 0 to us, 1 broadcast, 2 multicast, 3 to someone else, 4 from us.
    @inlinable public var packetType: UInt8 { bytes.unchecked8(Field.packetType) }
    /// Bytes of the sender's address that count; may exceed the 8 that there is room for.
    @inlinable public var addressLength: UInt8 { bytes.unchecked8(Field.addressLength) }
    /// The sender's address, left-justified in 64 bits.
    @inlinable public var address: UInt64 { bytes.unchecked64(Field.address.lowerBound) }
    /// What follows the header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: LinuxCooked2.headerLength) }
    }
}
