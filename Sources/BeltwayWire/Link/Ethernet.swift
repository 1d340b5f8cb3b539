// SPDX-License-Identifier: Apache-2.0

/// An Ethernet frame, Ethernet II or IEEE 802.3, viewed in place.
///
/// Captured frames have no preamble and no frame check sequence.
public struct Ethernet: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<14: destination, source, EtherType or length.
    @inlinable public static var headerLength: Int { 14 }

    @usableFromInline enum Field {
        @inlinable static var destination: Range<Int> { 0..<6 }
        @inlinable static var source: Range<Int> { 6..<12 }
        @inlinable static var etherType: Range<Int> { 12..<14 }
    }

    /// Views `bytes` as a frame; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Ethernet.headerLength else {
            throw .truncated(need: Ethernet.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Destination address: 48 bits, first byte the most significant.
    @inlinable public var destination: UInt64 { bytes.unchecked48(Field.destination) }
    /// Source address.
    @inlinable public var source: UInt64 { bytes.unchecked48(Field.source) }
    /// EtherType from 0x0600 up; below it, the length of 802.3.
    @inlinable public var etherType: UInt16 { bytes.unchecked16(Field.etherType) }
    /// What follows the header, link padding included.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: Ethernet.headerLength) }
    }
}
