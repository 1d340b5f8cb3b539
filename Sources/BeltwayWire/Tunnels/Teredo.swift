// SPDX-License-Identifier: Apache-2.0

/// What Teredo puts between UDP and IPv6 (RFC 4380, 5.1.1): nothing, an authentication, an origin indication.
public struct Teredo: ~Escapable {
    /// Bytes in front of IPv6.
    public let headerLength: Int

    /// UDP port of servers (IANA).
    @inlinable public static var port: UInt16 { 3544 }

    /// Finds the IPv6 packet in a datagram's payload; throws if it holds none whose length fits.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        var start = 0
        if bytes.byteCount >= 4, bytes.unchecked16(0) == 1 {
            // Client identifier and authentication value, then a nonce and a confirmation byte.
            start = 13 &+ Int(bytes.unchecked8(2)) &+ Int(bytes.unchecked8(3))
        }
        if bytes.byteCount &- start >= 8, bytes.unchecked16(start) == 0 { start &+= 8 }
        guard bytes.byteCount &- start >= IPv6.headerLength else {
            throw .truncated(need: start &+ IPv6.headerLength, have: bytes.byteCount)
        }
        let version = bytes.unchecked8(start) >> 4
        guard version == 6 else { throw .invalid(field: .version, value: UInt64(version)) }
        headerLength = start
    }
}
