// SPDX-License-Identifier: Apache-2.0

/// The header between GRE and a mirrored frame (draft-foschiano-erspan-03, 4), types II and III, viewed in
/// place; type I has none.
public struct ERSPAN: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header: 8, 12 or 20.
    public let headerLength: Int

    /// GRE's protocol number of types I and II.
    @inlinable public static var typeTwo: UInt16 { 0x88be }
    /// GRE's protocol number of type III.
    @inlinable public static var typeThree: UInt16 { 0x22eb }

    /// Views `bytes` as a header; throws if they end inside it or their version is not that of `etherType`.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, etherType: UInt16) throws(WireError) {
        let isThree = etherType == ERSPAN.typeThree
        var length = isThree ? 12 : 8
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        let version = bytes.unchecked8(0) >> 4
        guard version == (isThree ? 2 : 1) else { throw .invalid(field: .version, value: UInt64(version)) }
        // The O bit: eight bytes that depend on the platform follow.
        if isThree, bytes.unchecked8(11) & 1 != 0 { length &+= 8 }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        headerLength = length
        self.bytes = bytes
    }

    /// Identifier of the mirror session, 10 bits.
    public var session: UInt16 { bytes.unchecked16(2) & 0x3ff }
    /// VLAN that the frame was mirrored from, 12 bits.
    public var vlan: UInt16 { bytes.unchecked16(0) & 0xfff }
}
