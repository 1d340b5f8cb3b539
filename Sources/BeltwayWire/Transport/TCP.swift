// SPDX-License-Identifier: Apache-2.0

/// A TCP segment (RFC 9293, 3.1) viewed in place.
public struct TCP: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, options included: 20...60.
    public let headerLength: Int

    /// Bytes of a header without options.
    @inlinable public static var minimumHeaderLength: Int { 20 }

    @usableFromInline enum Field {
        @inlinable static var sourcePort: Range<Int> { 0..<2 }
        @inlinable static var destinationPort: Range<Int> { 2..<4 }
        @inlinable static var sequence: Range<Int> { 4..<8 }
        @inlinable static var acknowledgement: Range<Int> { 8..<12 }
        @inlinable static var dataOffset: Range<Int> { 12..<13 }
        @inlinable static var flags: Range<Int> { 13..<14 }
        @inlinable static var window: Range<Int> { 14..<16 }
        @inlinable static var checksum: Range<Int> { 16..<18 }
        @inlinable static var urgentPointer: Range<Int> { 18..<20 }
    }

    /// Views `bytes` as a segment; throws if they end inside the header or the data offset is below 5 words.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= TCP.minimumHeaderLength else {
            throw .truncated(need: TCP.minimumHeaderLength, have: bytes.byteCount)
        }
        headerLength = Int(bytes.unchecked8(Field.dataOffset) >> 4) << 2
        guard headerLength >= TCP.minimumHeaderLength else {
            throw .invalid(field: .headerLength, value: UInt64(headerLength))
        }
        guard bytes.byteCount >= headerLength else {
            throw .truncated(need: headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Source port.
    @inlinable public var sourcePort: UInt16 { bytes.unchecked16(Field.sourcePort) }
    /// Destination port.
    @inlinable public var destinationPort: UInt16 { bytes.unchecked16(Field.destinationPort) }
    /// Sequence number of the first byte, or of SYN.
    @inlinable public var sequence: UInt32 { bytes.unchecked32(Field.sequence) }
    /// Next sequence number expected, valid with ACK.
    @inlinable public var acknowledgement: UInt32 { bytes.unchecked32(Field.acknowledgement) }
    /// CWR ECE URG ACK PSH RST SYN FIN from the high bit down.
    @inlinable public var flags: UInt8 { bytes.unchecked8(Field.flags) }
    /// Window as sent, unscaled.
    @inlinable public var window: UInt16 { bytes.unchecked16(Field.window) }
    /// Checksum; not verified here.
    @inlinable public var checksum: UInt16 { bytes.unchecked16(Field.checksum) }
    /// Where urgent data ends, from `sequence` on; valid with URG.
    @inlinable public var urgentPointer: UInt16 { bytes.unchecked16(Field.urgentPointer) }
    /// The options, one after the other.
    @inlinable public var options: TCPOptions {
        @_lifetime(copy self) get {
            TCPOptions(bytes.extracting(TCP.minimumHeaderLength..<headerLength))
        }
    }
    /// What was captured after the header, link padding included if the view was given it.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
