// SPDX-License-Identifier: Apache-2.0

/// A UDP datagram (RFC 768) viewed in place.
///
/// `init` checks once that the header is there; after that no accessor can trap.
public struct UDP: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<8: source port, destination port, length, checksum.
    @inlinable public static var headerLength: Int { 8 }

    @usableFromInline enum Field {
        @inlinable static var sourcePort: Range<Int> { 0..<2 }
        @inlinable static var destinationPort: Range<Int> { 2..<4 }
        @inlinable static var length: Range<Int> { 4..<6 }
        @inlinable static var checksum: Range<Int> { 6..<8 }
    }

    /// Views `bytes` as a datagram; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= UDP.headerLength else {
            throw .truncated(need: UDP.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Source port.
    @inlinable public var sourcePort: UInt16 { bytes.unchecked16(Field.sourcePort) }
    /// Destination port.
    @inlinable public var destinationPort: UInt16 { bytes.unchecked16(Field.destinationPort) }
    /// Bytes of header and payload as claimed; 0 in jumbograms (RFC 2675, 4).
    @inlinable public var length: UInt16 { bytes.unchecked16(Field.length) }
    /// Checksum, 0 if the sender made none; not verified here.
    @inlinable public var checksum: UInt16 { bytes.unchecked16(Field.checksum) }
    /// What was captured after the header, link padding included if the view was given it.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: UDP.headerLength) }
    }
}
