// SPDX-License-Identifier: Apache-2.0

/// An L2TP data message, version 2 (RFC 2661, 3.1), viewed in place.
public struct L2TP: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, offset padding included; at least 6.
    public let headerLength: Int
    private let identifiersAt: Int

    /// UDP port (IANA).
    @inlinable public static var port: UInt16 { 1701 }

    /// Views `bytes` as a message; throws if they end inside its header, it controls the tunnel instead of
    /// carrying data, or is of another version.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= 6 else { throw .truncated(need: 6, have: bytes.byteCount) }
        let flags = bytes.unchecked16(0)
        guard flags & 0x800f == 2 else { throw .invalid(field: .version, value: UInt64(flags)) }
        identifiersAt = flags & 0x4000 != 0 ? 4 : 2
        var length = identifiersAt &+ 4
        if flags & 0x0800 != 0 { length &+= 4 }
        if flags & 0x0200 != 0 {
            guard bytes.byteCount >= length &+ 2 else {
                throw .truncated(need: length &+ 2, have: bytes.byteCount)
            }
            length &+= 2 &+ Int(bytes.unchecked16(length))
        }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        headerLength = length
        self.bytes = bytes
    }

    /// Tunnel (16 bits) and session (16 bits) as the receiver numbers them.
    public var identifiers: UInt32 { bytes.unchecked32(identifiersAt) }
}
