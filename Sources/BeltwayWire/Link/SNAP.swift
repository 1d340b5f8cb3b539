// SPDX-License-Identifier: Apache-2.0

/// An IEEE 802.2 LLC header with the SNAP extension (RFC 1042) viewed in place.
public struct SNAP: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<8: destination and source service access point, control, organisation, EtherType.
    @inlinable public static var headerLength: Int { 8 }

    @usableFromInline enum Field {
        @inlinable static var accessPoints: Range<Int> { 0..<2 }
        @inlinable static var control: Range<Int> { 2..<3 }
        @inlinable static var organisation: Range<Int> { 3..<6 }
        @inlinable static var etherType: Range<Int> { 6..<8 }
    }

    /// Views `bytes` as LLC and SNAP; throws if they end inside it or begin another kind of LLC.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= SNAP.headerLength else {
            throw .truncated(need: SNAP.headerLength, have: bytes.byteCount)
        }
        let accessPoints = bytes.unchecked16(Field.accessPoints)
        guard accessPoints == 0xaaaa, bytes.unchecked8(Field.control) == 3 else {
            throw .invalid(field: .linkType, value: UInt64(accessPoints))
        }
        self.bytes = bytes
    }

    /// Organisation code, 24 bits; 0 says that `etherType` is one.
    @inlinable public var organisation: UInt32 { bytes.unchecked32(2) & 0xff_ffff }
    /// Protocol number of that organisation; an EtherType if `organisation` is 0.
    @inlinable public var etherType: UInt16 { bytes.unchecked16(Field.etherType) }
    /// What follows the header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: SNAP.headerLength) }
    }
}
