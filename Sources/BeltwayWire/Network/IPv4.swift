// SPDX-License-Identifier: Apache-2.0

/// An IPv4 datagram (RFC 791, 3.1) viewed in place.
///
/// `init` checks that the header, options included, is there. What the total length claims is not checked:
/// captures are cut, and offloading network cards leave it 0.
public struct IPv4: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, options included: 20...60.
    public let headerLength: Int

    /// Bytes of a header without options.
    @inlinable public static var minimumHeaderLength: Int { 20 }

    @usableFromInline enum Field {
        @inlinable static var versionAndHeaderLength: Range<Int> { 0..<1 }
        @inlinable static var service: Range<Int> { 1..<2 }
        @inlinable static var totalLength: Range<Int> { 2..<4 }
        @inlinable static var identification: Range<Int> { 4..<6 }
        @inlinable static var fragment: Range<Int> { 6..<8 }
        @inlinable static var timeToLive: Range<Int> { 8..<9 }
        @inlinable static var transportProtocol: Range<Int> { 9..<10 }
        @inlinable static var checksum: Range<Int> { 10..<12 }
        @inlinable static var source: Range<Int> { 12..<16 }
        @inlinable static var destination: Range<Int> { 16..<20 }
    }

    /// Views `bytes` as a datagram; throws if they end inside the header, the version is not 4, or the header
    /// length is below 20.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= IPv4.minimumHeaderLength else {
            throw .truncated(need: IPv4.minimumHeaderLength, have: bytes.byteCount)
        }
        let first = bytes.unchecked8(Field.versionAndHeaderLength)
        guard first >> 4 == 4 else { throw .invalid(field: .version, value: UInt64(first >> 4)) }
        headerLength = Int(first & 15) << 2
        guard headerLength >= IPv4.minimumHeaderLength else {
            throw .invalid(field: .headerLength, value: UInt64(headerLength))
        }
        guard bytes.byteCount >= headerLength else {
            throw .truncated(need: headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Differentiated services (6 bits) and congestion notification (2 bits).
    @inlinable public var service: UInt8 { bytes.unchecked8(Field.service) }
    /// Bytes of header and payload as claimed; 0 in packets that the sender's network card was to cut up.
    @inlinable public var totalLength: UInt16 { bytes.unchecked16(Field.totalLength) }
    /// Groups the fragments of a datagram.
    @inlinable public var identification: UInt16 { bytes.unchecked16(Field.identification) }
    /// Whether fragmenting is forbidden.
    @inlinable public var dontFragment: Bool { bytes.unchecked16(Field.fragment) & 0x4000 != 0 }
    /// Whether more fragments follow.
    @inlinable public var moreFragments: Bool { bytes.unchecked16(Field.fragment) & 0x2000 != 0 }
    /// Where this fragment lies in its datagram, in bytes: a multiple of 8 up to 65,528.
    @inlinable public var fragmentOffset: UInt16 { bytes.unchecked16(Field.fragment) << 3 }
    /// Hops left.
    @inlinable public var timeToLive: UInt8 { bytes.unchecked8(Field.timeToLive) }
    /// Number of the protocol inside (``IPProtocol``).
    @inlinable public var transportProtocol: UInt8 { bytes.unchecked8(Field.transportProtocol) }
    /// Header checksum; not verified here.
    @inlinable public var checksum: UInt16 { bytes.unchecked16(Field.checksum) }
    /// Source address.
    @inlinable public var source: IPAddress { bytes.uncheckedIPv4(Field.source) }
    /// Destination address.
    @inlinable public var destination: IPAddress { bytes.uncheckedIPv4(Field.destination) }
    /// The options as they stand, padding included.
    @inlinable public var options: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(IPv4.minimumHeaderLength..<headerLength) }
    }
    /// What was captured after the header, link padding included if the view was given it.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
