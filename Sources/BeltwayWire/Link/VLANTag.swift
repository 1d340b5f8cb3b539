// SPDX-License-Identifier: Apache-2.0

/// What follows the EtherType 0x8100, 0x88A8 or 0x9100: a VLAN tag (IEEE 802.1Q, 9.6) viewed in place.
public struct VLANTag: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<4: tag control information, EtherType of what follows.
    @inlinable public static var headerLength: Int { 4 }

    @usableFromInline enum Field {
        @inlinable static var control: Range<Int> { 0..<2 }
        @inlinable static var etherType: Range<Int> { 2..<4 }
    }

    /// Views `bytes` as a tag; throws if they end inside it.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= VLANTag.headerLength else {
            throw .truncated(need: VLANTag.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// The whole tag control information: priority 3 bits, drop eligible 1, identifier 12.
    @inlinable public var control: UInt16 { bytes.unchecked16(Field.control) }
    /// Priority code point, 0...7.
    @inlinable public var priority: UInt8 { UInt8(control >> 13) }
    /// Whether the frame may be dropped first.
    @inlinable public var dropEligible: Bool { control & 0x1000 != 0 }
    /// VLAN identifier, 0...4095; 0 means that the tag only gives a priority.
    @inlinable public var identifier: UInt16 { control & 0xfff }
    /// EtherType of what follows, or an 802.3 length.
    @inlinable public var etherType: UInt16 { bytes.unchecked16(Field.etherType) }
    /// What follows the tag.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: VLANTag.headerLength) }
    }
}
