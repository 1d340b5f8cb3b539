// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address as 128 bits, IPv4 in its mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
///
/// Whether an address was IPv4 on the wire is known to who holds it (``PacketHeaders/ipVersion``), not to the
/// address: an IPv6 packet may carry mapped addresses too.
@frozen public struct IPAddress: Comparable, Hashable, Sendable, BitwiseCopyable {
    /// The first eight bytes, as a number in network order.
    public var high: UInt64
    /// The last eight bytes, as a number in network order.
    public var low: UInt64

    /// Makes an address from its two halves.
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes the mapped form of an IPv4 address given in host order.
    @inlinable public init(v4: UInt32) {
        high = 0
        low = 0xffff_0000_0000 | UInt64(v4)
    }

    /// All bits zero.
    @inlinable public static var zero: IPAddress { IPAddress(high: 0, low: 0) }

    /// Whether the address has the mapped IPv4 form.
    @inlinable public var isMappedV4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The last 32 bits: the IPv4 address of a mapped form.
    @inlinable public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// Whether it is a group's (RFC 1112, 4; RFC 4291, 2.7) or, of IPv4, everybody's on a link (RFC 919, 7).
    @inlinable public func isGroup(version: UInt8) -> Bool {
        version == 6 ? high >> 56 == 0xff : v4 >> 28 == 0xe || v4 == .max
    }

    /// Orders addresses as numbers of 128 bits.
    @inlinable public static func < (a: IPAddress, b: IPAddress) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}
