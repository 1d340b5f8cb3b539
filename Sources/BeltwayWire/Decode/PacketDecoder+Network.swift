// SPDX-License-Identifier: Apache-2.0

extension PacketDecoder {
    /// Decodes IPv4 and what it carries; `start` lies inside the packet or at its end.
    @inlinable @inline(__always) static func decodeIPv4(
        _ packet: RawSpan,
        at start: Int,
        _ headers: inout PacketHeaders
    ) {
        let available = packet.byteCount &- start
        guard available >= IPv4.minimumHeaderLength else {
            headers.trouble = .truncatedNetwork
            return
        }
        let first = packet.unchecked8(IPv4.Field.versionAndHeaderLength, in: start)
        let headerLength = Int(first & 15) << 2
        let claimed = Int(packet.unchecked16(IPv4.Field.totalLength, in: start))
        // 0: a packet that the sender's network card was to cut up (TSO); it ends where the capture ends.
        let length = claimed == 0 ? available : claimed
        guard first >> 4 == 4, headerLength >= IPv4.minimumHeaderLength,
            claimed == 0 || headerLength <= length
        else {
            headers.trouble = .invalidNetwork
            return
        }
        headers.layers.insert(.ip)
        headers.ipVersion = 4
        headers.ipLength = UInt32(truncatingIfNeeded: length)
        headers.source = packet.uncheckedIPv4(IPv4.Field.source, in: start)
        headers.destination = packet.uncheckedIPv4(IPv4.Field.destination, in: start)
        headers.timeToLive = packet.unchecked8(IPv4.Field.timeToLive, in: start)
        headers.fragmentID = UInt32(packet.unchecked16(IPv4.Field.identification, in: start))
        let fragment = packet.unchecked16(IPv4.Field.fragment, in: start)
        headers.fragmentOffset = fragment << 3
        headers.moreFragments = fragment & 0x2000 != 0

        let number = packet.unchecked8(IPv4.Field.transportProtocol, in: start)
        let end = start &+ min(length, available)
        guard headerLength <= available else {
            headers.transportProtocol = number
            headers.payloadOffset = UInt16(truncatingIfNeeded: end)
            headers.payloadLength = UInt32(truncatingIfNeeded: max(length &- headerLength, 0))
            headers.trouble = .truncatedNetwork
            return
        }
        let inside = start &+ headerLength
        if number == IPProtocol.authentication, headers.fragmentOffset == 0 {
            decodeExtensions(
                packet,
                from: number,
                at: inside,
                end: end,
                claimedEnd: start &+ length,
                &headers
            )
        } else {
            decodeTransport(
                packet,
                number,
                at: inside,
                end: end,
                claimed: length &- headerLength,
                &headers
            )
        }
    }

    /// Decodes IPv6 and what it carries; `start` lies inside the packet or at its end.
    @inlinable @inline(__always) static func decodeIPv6(
        _ packet: RawSpan,
        at start: Int,
        _ headers: inout PacketHeaders
    ) {
        let available = packet.byteCount &- start
        guard available >= IPv6.headerLength else {
            headers.trouble = .truncatedNetwork
            return
        }
        guard packet.unchecked8(start) >> 4 == 6 else {
            headers.trouble = .invalidNetwork
            return
        }
        let number = packet.unchecked8(IPv6.Field.nextHeader, in: start)
        var payload = Int(packet.unchecked16(IPv6.Field.payloadLength, in: start))
        if payload == 0 { payload = jumboLength(packet, number, at: start &+ IPv6.headerLength) }
        headers.layers.insert(.ip)
        headers.ipVersion = 6
        headers.ipLength = UInt32(clamping: IPv6.headerLength &+ payload)
        headers.source = packet.uncheckedIPv6(IPv6.Field.source, in: start)
        headers.destination = packet.uncheckedIPv6(IPv6.Field.destination, in: start)
        headers.timeToLive = packet.unchecked8(IPv6.Field.hopLimit, in: start)

        let inside = start &+ IPv6.headerLength
        let end = start &+ min(IPv6.headerLength &+ payload, available)
        if ExtensionHeader.isExtension(number) {
            decodeExtensions(
                packet,
                from: number,
                at: inside,
                end: end,
                claimedEnd: inside &+ payload,
                &headers
            )
        } else {
            decodeTransport(packet, number, at: inside, end: end, claimed: payload, &headers)
        }
    }

    /// Bytes after an IPv6 header whose payload length is 0.
    ///
    /// The jumbo payload option says how many (RFC 2675, 2: it stands first in the hop-by-hop header, for its
    /// alignment). Without it they are what was captured: Linux sends such packets to its network cards (BIG
    /// TCP).
    @inline(never) @usableFromInline static func jumboLength(
        _ packet: RawSpan,
        _ number: UInt8,
        at start: Int
    ) -> Int {
        let available = packet.byteCount &- start
        if number == IPProtocol.noNextHeader { return 0 }
        if number == IPProtocol.hopByHop, available >= ExtensionHeader.minimumLength,
            packet.unchecked16(start &+ 2) == 0xc204
        {
            return Int(packet.unchecked32(ExtensionHeader.Field.jumboLength, in: start))
        }
        return available
    }
}
