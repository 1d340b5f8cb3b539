// SPDX-License-Identifier: Apache-2.0

/// What a wireless card says of a frame it received (radiotap.org), viewed in place; the frame follows.
///
///     version (1) | pad (1) | length (2) | present (4) [present (4) ...] | fields, each on its own alignment
public struct Radiotap: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, all fields included.
    public let headerLength: Int
    /// Whether the card has put bytes between the frame's header and its payload, up to a multiple of four.
    public let isPayloadPadded: Bool

    /// Bytes of a header without fields.
    @inlinable public static var minimumHeaderLength: Int { 8 }

    /// Sets of `present` bits that are followed; real cards send one for each antenna.
    private static var greatestSetCount: Int { 32 }

    /// Views `bytes` as a header; throws if they end inside it, or for versions beyond 0.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Radiotap.minimumHeaderLength else {
            throw .truncated(need: Radiotap.minimumHeaderLength, have: bytes.byteCount)
        }
        let version = bytes.unchecked8(0)
        guard version == 0 else { throw .invalid(field: .version, value: UInt64(version)) }
        let length = Int(bytes.unchecked16(2).byteSwapped)
        guard length >= Radiotap.minimumHeaderLength else {
            throw .invalid(field: .headerLength, value: UInt64(length))
        }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        let present = bytes.unchecked32(4).byteSwapped
        var start = 4
        var sets = 0
        while start &+ 4 <= length, sets < Radiotap.greatestSetCount {
            let hasMore = bytes.unchecked32(start).byteSwapped >> 31 != 0
            start &+= 4
            sets &+= 1
            if !hasMore { break }
        }
        // Bit 0: a time of eight bytes. Bit 1: flags, of which 0x20 says that the payload is padded.
        if present & 1 != 0 { start = (start &+ 7) & ~7 &+ 8 }
        let hasFlags = present & 2 != 0 && start < length
        isPayloadPadded = hasFlags && bytes.unchecked8(start) & 0x20 != 0
        headerLength = length
        self.bytes = bytes
    }

    /// What follows the header: an 802.11 frame.
    public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
