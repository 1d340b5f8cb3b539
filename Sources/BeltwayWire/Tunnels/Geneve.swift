// SPDX-License-Identifier: Apache-2.0

/// A Geneve header (RFC 8926, 3.4) viewed in place.
public struct Geneve: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, options included: 8...260.
    public let headerLength: Int

    /// Bytes of a header without options.
    @inlinable public static var minimumHeaderLength: Int { 8 }
    /// UDP port (IANA).
    @inlinable public static var port: UInt16 { 6081 }

    /// Views `bytes` as a header; throws if they end inside it or the version is not 0.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Geneve.minimumHeaderLength else {
            throw .truncated(need: Geneve.minimumHeaderLength, have: bytes.byteCount)
        }
        let first = bytes.unchecked8(0)
        guard first >> 6 == 0 else { throw .invalid(field: .version, value: UInt64(first >> 6)) }
        headerLength = Geneve.minimumHeaderLength &+ Int(first & 0x3f) &* 4
        guard bytes.byteCount >= headerLength else {
            throw .truncated(need: headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// EtherType of the payload.
    public var etherType: UInt16 { bytes.unchecked16(2) }
    /// Network identifier, 24 bits.
    public var identifier: UInt32 { bytes.unchecked32(4) >> 8 }
}
