// SPDX-License-Identifier: Apache-2.0

/// A GRE header (RFC 2784, RFC 2890; version 1: RFC 2637) viewed in place.
public struct GRE: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header: 4...16.
    public let headerLength: Int

    /// Bytes of a header without optional fields.
    @inlinable public static var minimumHeaderLength: Int { 4 }

    /// UDP port of GRE in UDP (RFC 8086).
    @inlinable public static var port: UInt16 { 4754 }

    enum Field {
        static var flags: Range<Int> { 0..<2 }
        static var etherType: Range<Int> { 2..<4 }
    }

    enum Flag {
        static var checksum: UInt16 { 0x8000 }
        static var routing: UInt16 { 0x4000 }
        static var key: UInt16 { 0x2000 }
        static var sequence: UInt16 { 0x1000 }
        /// Version 1 only.
        static var acknowledgement: UInt16 { 0x0080 }
    }

    /// Views `bytes` as a header; throws if they end inside it, for versions beyond 1 and for source routes
    /// (RFC 1701), which RFC 2784 took out.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= GRE.minimumHeaderLength else {
            throw .truncated(need: GRE.minimumHeaderLength, have: bytes.byteCount)
        }
        let flags = bytes.unchecked16(Field.flags)
        let version = flags & 7
        guard version <= 1 else { throw .invalid(field: .version, value: UInt64(version)) }
        guard flags & Flag.routing == 0 else { throw .invalid(field: .headerLength, value: UInt64(flags)) }
        var length = GRE.minimumHeaderLength
        for flag in [Flag.checksum, Flag.key, Flag.sequence] where flags & flag != 0 { length &+= 4 }
        if version == 1, flags & Flag.acknowledgement != 0 { length &+= 4 }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        headerLength = length
        self.bytes = bytes
    }

    private var flags: UInt16 { bytes.unchecked16(Field.flags) }
    /// 0, or 1 for PPTP.
    public var version: UInt8 { UInt8(truncatingIfNeeded: flags & 7) }
    /// Whether a sequence number is there: what tells ERSPAN type II from I.
    public var hasSequence: Bool { flags & Flag.sequence != 0 }
    /// EtherType of the payload.
    public var etherType: UInt16 { bytes.unchecked16(Field.etherType) }
    /// The key, or nil without one; version 1: payload length 16 bits, call 16 bits.
    public var key: UInt32? {
        guard flags & Flag.key != 0 else { return nil }
        return bytes.unchecked32(GRE.minimumHeaderLength &+ (flags & Flag.checksum != 0 ? 4 : 0))
    }
}
