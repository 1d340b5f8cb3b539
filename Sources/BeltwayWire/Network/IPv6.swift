// SPDX-License-Identifier: Apache-2.0

/// An IPv6 packet (RFC 8200, 3) viewed in place.
public struct IPv6: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<40: version, class and flow label; payload length, next header, hop limit, addresses.
    @inlinable public static var headerLength: Int { 40 }

    @usableFromInline enum Field {
        @inlinable static var versionClassLabel: Range<Int> { 0..<4 }
        @inlinable static var payloadLength: Range<Int> { 4..<6 }
        @inlinable static var nextHeader: Range<Int> { 6..<7 }
        @inlinable static var hopLimit: Range<Int> { 7..<8 }
        @inlinable static var source: Range<Int> { 8..<24 }
        @inlinable static var destination: Range<Int> { 24..<40 }
    }

    /// Views `bytes` as a packet; throws if they end inside the fixed header or the version is not 6.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= IPv6.headerLength else {
            throw .truncated(need: IPv6.headerLength, have: bytes.byteCount)
        }
        let version = bytes.unchecked8(0) >> 4
        guard version == 6 else { throw .invalid(field: .version, value: UInt64(version)) }
        self.bytes = bytes
    }

    /// Differentiated services (6 bits) and congestion notification (2 bits).
    @inlinable public var trafficClass: UInt8 {
        UInt8(truncatingIfNeeded: bytes.unchecked32(Field.versionClassLabel) >> 20)
    }
    /// Flow label, 20 bits.
    @inlinable public var flowLabel: UInt32 { bytes.unchecked32(Field.versionClassLabel) & 0xf_ffff }
    /// Bytes after the fixed header, extension headers included; 0 in jumbograms (RFC 2675).
    @inlinable public var payloadLength: UInt16 { bytes.unchecked16(Field.payloadLength) }
    /// Number of the header that follows: an extension header's or a transport protocol's.
    @inlinable public var nextHeader: UInt8 { bytes.unchecked8(Field.nextHeader) }
    /// Hops left.
    @inlinable public var hopLimit: UInt8 { bytes.unchecked8(Field.hopLimit) }
    /// Source address.
    @inlinable public var source: IPAddress { bytes.uncheckedIPv6(Field.source) }
    /// Destination address; with a routing header not necessarily the last one.
    @inlinable public var destination: IPAddress { bytes.uncheckedIPv6(Field.destination) }
    /// What was captured after the fixed header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: IPv6.headerLength) }
    }
}
