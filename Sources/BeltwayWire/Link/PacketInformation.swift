// SPDX-License-Identifier: Apache-2.0

/// Per-packet information (PPI, CACE Technologies, version 1.0.10) viewed in place: fields about a packet, the number
/// of its link type, and the packet.
///
///     version (1) | flags (1) | length (2) | link type (4) | fields ...         all little endian
public struct PacketInformation: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, all fields included.
    public let headerLength: Int
    /// What follows the header.
    public let linkType: LinkType

    /// Bytes of a header without fields.
    @inlinable public static var minimumHeaderLength: Int { 8 }

    /// Views `bytes` as a header; throws if they end inside it, for versions beyond 0 and for link types that are no
    /// 16-bit number.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= PacketInformation.minimumHeaderLength else {
            throw .truncated(need: PacketInformation.minimumHeaderLength, have: bytes.byteCount)
        }
        let version = bytes.unchecked8(0)
        guard version == 0 else { throw .invalid(field: .version, value: UInt64(version)) }
        let length = Int(bytes.unchecked16(2).byteSwapped)
        let number = bytes.unchecked32(4).byteSwapped
        guard length >= PacketInformation.minimumHeaderLength else {
            throw .invalid(field: .headerLength, value: UInt64(length))
        }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        guard let linkType = UInt16(exactly: number) else {
            throw .invalid(field: .linkType, value: UInt64(number))
        }
        headerLength = length
        self.linkType = LinkType(rawValue: linkType)
        self.bytes = bytes
    }

    /// IP's version, if what follows is a raw IP packet; nil if nothing follows.
    var version: UInt8? { bytes.byteCount > headerLength ? bytes.unchecked8(headerLength) >> 4 : nil }

    /// What follows the header.
    public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
