// SPDX-License-Identifier: Apache-2.0

/// The common header of an SCTP packet (RFC 9260, 3.1) viewed in place.
public struct SCTP: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<12: source port, destination port, verification tag, checksum.
    @inlinable public static var headerLength: Int { 12 }

    @usableFromInline enum Field {
        @inlinable static var sourcePort: Range<Int> { 0..<2 }
        @inlinable static var destinationPort: Range<Int> { 2..<4 }
        @inlinable static var verificationTag: Range<Int> { 4..<8 }
        @inlinable static var checksum: Range<Int> { 8..<12 }
    }

    /// Views `bytes` as a packet; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= SCTP.headerLength else {
            throw .truncated(need: SCTP.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Source port.
    @inlinable public var sourcePort: UInt16 { bytes.unchecked16(Field.sourcePort) }
    /// Destination port.
    @inlinable public var destinationPort: UInt16 { bytes.unchecked16(Field.destinationPort) }
    /// Names the association; 0 in INIT.
    @inlinable public var verificationTag: UInt32 { bytes.unchecked32(Field.verificationTag) }
    /// CRC-32C, least significant byte first on the wire; not verified here.
    @inlinable public var checksum: UInt32 { bytes.unchecked32(Field.checksum) }
    /// The chunks, as far as captured.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: SCTP.headerLength) }
    }
}
