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

    /// Whether a datagram on other ports is one of Teredo: clients and relays talk to each other from ports of their own
    /// (RFC 4380, 5.2.4).
    ///
    /// 58 bits have to be right: a header of IPv6 whose length is exactly that of the datagram, with a protocol that there
    /// is; and one of the two addresses is Teredo's (prefix 2001::/32, the two bits of its flags that are 0: 2.6 and 4).
    /// Indications come from servers alone, which have their port.
    ///
    /// - Parameter bytes: The datagram's payload; whole, or it is not recognised.
    /// - Returns: Whether it holds IPv6 from its first byte on.
    public static func isLikely(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= IPv6.headerLength, bytes.unchecked8(0) >> 4 == 6 else { return false }
        guard IPv6.headerLength &+ Int(bytes.unchecked16(IPv6.Field.payloadLength)) == bytes.byteCount else {
            return false
        }
        switch bytes.unchecked8(IPv6.Field.nextHeader) {
        case IPProtocol.tcp, IPProtocol.udp, IPProtocol.icmpv6, IPProtocol.noNextHeader, IPProtocol.fragment,
            IPProtocol.hopByHop, IPProtocol.routing, IPProtocol.destinationOptions:
            break
        default: return false
        }
        return isAddress(bytes, at: IPv6.Field.source.lowerBound)
            || isAddress(bytes, at: IPv6.Field.destination.lowerBound)
    }

    private static func isAddress(_ bytes: RawSpan, at start: Int) -> Bool {
        bytes.unchecked32(start) == 0x2001_0000 && bytes.unchecked8(start &+ 8) & 3 == 0
    }
}
