// SPDX-License-Identifier: Apache-2.0

/// A GTP-U header, version 1 (3GPP TS 29.281, 5), of a message that carries a user's packet, viewed in place.
public struct GTP: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, extension headers included; at least 8.
    public let headerLength: Int

    /// Bytes of a header without optional fields.
    @inlinable public static var minimumHeaderLength: Int { 8 }
    /// UDP port (IANA).
    @inlinable public static var port: UInt16 { 2152 }
    /// Message type G-PDU: a user's packet.
    @inlinable public static var userPacket: UInt8 { 255 }
    /// The most extension headers that are followed.
    static var greatestCount: Int { 8 }

    /// Views `bytes` as a header; throws if they end inside it or if it is not version 1 of GTP with a user's
    /// packet.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= GTP.minimumHeaderLength else {
            throw .truncated(need: GTP.minimumHeaderLength, have: bytes.byteCount)
        }
        let flags = bytes.unchecked8(0)
        guard flags >> 4 == 3 else { throw .invalid(field: .version, value: UInt64(flags)) }
        let type = bytes.unchecked8(1)
        guard type == GTP.userPacket else { throw .invalid(field: .linkType, value: UInt64(type)) }
        headerLength = try GTP.length(bytes, flags: flags)
        self.bytes = bytes
    }

    /// Sequence number, N-PDU number and the type of the first extension header come together.
    private static func length(_ bytes: RawSpan, flags: UInt8) throws(WireError) -> Int {
        var length = minimumHeaderLength
        guard flags & 7 != 0 else { return length }
        length &+= 4
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        var next = flags & 4 != 0 ? bytes.unchecked8(length &- 1) : 0
        var count = 0
        while next != 0 {
            guard bytes.byteCount > length else { throw .truncated(need: length &+ 1, have: bytes.byteCount) }
            let words = Int(bytes.unchecked8(length))
            guard words > 0, count < greatestCount else {
                throw .invalid(field: .extensionHeader, value: UInt64(next))
            }
            length &+= words &* 4
            guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
            next = bytes.unchecked8(length &- 1)
            count &+= 1
        }
        return length
    }

    /// Bytes after the first eight, as claimed.
    public var length: UInt16 { bytes.unchecked16(2) }
    /// Identifier of the tunnel's end that this is sent to.
    public var endpoint: UInt32 { bytes.unchecked32(4) }
}
