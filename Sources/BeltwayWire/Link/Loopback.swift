// SPDX-License-Identifier: Apache-2.0

/// The family number before a packet of a BSD loopback interface (LINKTYPE_NULL 0, LINKTYPE_LOOP 108).
///
/// LINKTYPE_NULL has it in the byte order of the machine that captured, which the file does not tell: the
/// family is a small number, so the order that makes it small is taken.
public struct Loopback: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<4: address family.
    @inlinable public static var headerLength: Int { 4 }

    @usableFromInline enum Field {
        @inlinable static var family: Range<Int> { 0..<4 }
    }

    /// Views `bytes` as a loopback packet; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Loopback.headerLength else {
            throw .truncated(need: Loopback.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// The family number, of the smaller of the two byte orders.
    @inlinable public var family: UInt32 { Loopback.family(bigEndian: bytes.unchecked32(Field.family)) }
    /// What follows the header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: Loopback.headerLength) }
    }

    /// The family number that four bytes mean, read in network order.
    @inlinable public static func family(bigEndian number: UInt32) -> UInt32 {
        min(number, number.byteSwapped)
    }

    /// The EtherType that stands for a family, or nil: AF_INET is 2 everywhere, AF_INET6 is 10 (Linux),
    /// 24 (NetBSD, OpenBSD), 28 (FreeBSD) or 30 (macOS).
    @inlinable public static func etherType(family: UInt32) -> UInt16? {
        switch family {
        case 2: EtherType.ipv4
        case 10, 24, 28, 30: EtherType.ipv6
        default: nil
        }
    }
}
