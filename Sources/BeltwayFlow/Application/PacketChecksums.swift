// SPDX-License-Identifier: Apache-2.0
// Checksums of a packet (RFC 1071), where they are asked for: what a host sends itself is captured before its network card
// fills them in.
//
//     decoder.ipv4.invalid_checksum     the header of IPv4
//     decoder.tcp.invalid_checksum      with the addresses (RFC 9293, 3.1; RFC 8200, 8.1); likewise udp, icmpv4, icmpv6
//
// The names are our own: Suricata counts them, without events. Of a datagram that was cut, or is a fragment, or claims no
// length, nothing is said, nor of one with routers of IPv6 to visit yet; a checksum of UDP over IPv4 may be left out
// (RFC 768).
internal import BeltwayWire

enum PacketChecksums {
    /// The event of a packet whose checksum is wrong, or nil.
    static func event(_ headers: PacketHeaders, _ bytes: RawSpan) -> StaticString? {
        let network = Int(headers.networkOffset)
        guard headers.layers.contains(.ip), network < bytes.byteCount else { return nil }
        if headers.ipVersion == 4 {
            let length = Int(bytes.byte(at: network) & 15) * 4
            guard network + length <= bytes.byteCount else { return nil }
            if sum(bytes.extracting(network..<network + length)) != 0xffff {
                return "decoder.ipv4.invalid_checksum"
            }
        }
        let event: StaticString
        switch headers.transportProtocol {
        case IPProtocol.tcp where headers.layers.contains(.tcp): event = "decoder.tcp.invalid_checksum"
        case IPProtocol.udp where headers.layers.contains(.udp): event = "decoder.udp.invalid_checksum"
        case IPProtocol.icmp where headers.layers.contains(.icmp): event = "decoder.icmpv4.invalid_checksum"
        case IPProtocol.icmpv6 where headers.layers.contains(.icmpv6):
            event = "decoder.icmpv6.invalid_checksum"
        default: return nil
        }
        let start = Int(headers.transportOffset)
        let end = Int(headers.payloadOffset) + Int(headers.payloadLength)
        guard !headers.isFragment, headers.capturedPayloadLength == headers.payloadLength, start < end,
            end <= bytes.byteCount, !isRouted(headers, bytes)
        else { return nil }
        let segment = bytes.extracting(start..<end)
        if headers.transportProtocol == IPProtocol.udp {
            // Behind a length that is 0 or ends early nothing is known; a checksum of 0 is none.
            guard segment.byteCount >= 8, Int(segment.bigEndian16(at: 4)) == segment.byteCount else {
                return nil
            }
            if headers.ipVersion == 4, segment.bigEndian16(at: 6) == 0 { return nil }
        }
        var total = UInt64(sum(segment))
        if headers.transportProtocol != IPProtocol.icmp {
            for address in [headers.source, headers.destination] {
                // The mapped form of IPv4 has 16 bits set, which leaves a sum in one's complement as it is.
                for half in [address.high, address.low] {
                    total += half & 0xffff + half >> 16 & 0xffff + half >> 32 & 0xffff + half >> 48
                }
            }
            total += UInt64(segment.byteCount) + UInt64(headers.transportProtocol)
        }
        return folded(total) == 0xffff ? nil : event
    }

    /// Whether a routing header names hosts to visit yet: the sum has the last one's address then, not the one that is in
    /// front (RFC 8200, 8.1).
    private static func isRouted(_ headers: PacketHeaders, _ bytes: RawSpan) -> Bool {
        var start = Int(headers.networkOffset) + IPv6.headerLength
        let end = Int(headers.transportOffset)
        guard headers.ipVersion == 6, start < end, end <= bytes.byteCount else { return false }
        var number = bytes.byte(at: Int(headers.networkOffset) + 6)
        while let header = try? ExtensionHeader(bytes.extracting(start..<end), number: number) {
            if number == IPProtocol.routing, bytes.byte(at: start + 3) != 0 { return true }
            number = header.nextHeader
            start += header.length
        }
        return false
    }

    /// The checksum of a header that has 0 in its place (RFC 791, 3.1).
    static func checksum(of header: RawSpan) -> UInt16 { ~sum(header) }

    /// The sum in one's complement of 16 bits.
    private static func sum(_ bytes: RawSpan) -> UInt16 {
        var total: UInt64 = 0
        var index = 0
        while index + 1 < bytes.byteCount {
            total += UInt64(bytes.bigEndian16(at: index))
            index += 2
        }
        if index < bytes.byteCount { total += UInt64(bytes.byte(at: index)) << 8 }
        return folded(total)
    }

    private static func folded(_ total: UInt64) -> UInt16 {
        var total = total
        while total > 0xffff { total = total & 0xffff + total >> 16 }
        return UInt16(truncatingIfNeeded: total)
    }
}
