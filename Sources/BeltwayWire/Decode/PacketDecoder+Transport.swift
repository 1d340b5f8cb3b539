// SPDX-License-Identifier: Apache-2.0

extension PacketDecoder {
    /// Decodes the transport header and finds the payload.
    ///
    /// A header that is cut or contradicts itself leaves its layer unset, and no payload; its ports are kept
    /// if they were captured. A TCP header cut inside its options keeps the layer: the fixed header is whole.
    ///
    /// - Parameters:
    ///   - packet: The whole packet.
    ///   - number: IP protocol.
    ///   - start: Where it starts; at most `end`.
    ///   - end: End of the captured bytes that belong to the IP packet.
    ///   - claimed: Bytes from `start` to where the IP packet ends by its own length; at least `end - start`.
    ///   - headers: Transport, payload and trouble are set.
    @inlinable @inline(__always) static func decodeTransport(
        _ packet: RawSpan,
        _ number: UInt8,
        at start: Int,
        end: Int,
        claimed: Int,
        _ headers: inout PacketHeaders
    ) {
        let captured = end &- start
        headers.transportProtocol = number
        headers.payloadOffset = UInt16(truncatingIfNeeded: start)
        guard !headers.isLaterFragment else {
            headers.payloadLength = UInt32(truncatingIfNeeded: claimed)
            headers.capturedPayloadLength = UInt32(truncatingIfNeeded: captured)
            return
        }
        if number == IPProtocol.tcp, captured >= TCP.minimumHeaderLength {
            decodeTCP(packet, at: start, end: end, claimed: claimed, &headers)
        } else if number == IPProtocol.udp, captured >= UDP.headerLength {
            decodeUDP(packet, at: start, end: end, claimed: claimed, &headers)
        } else {
            decodeOtherTransport(packet, number, at: start, end: end, claimed: claimed, &headers)
        }
    }

    @inlinable @inline(__always) static func decodeTCP(
        _ packet: RawSpan,
        at start: Int,
        end: Int,
        claimed: Int,
        _ headers: inout PacketHeaders
    ) {
        headers.sourcePort = packet.unchecked16(TCP.Field.sourcePort, in: start)
        headers.destinationPort = packet.unchecked16(TCP.Field.destinationPort, in: start)
        let length = Int(packet.unchecked8(TCP.Field.dataOffset, in: start) >> 4) << 2
        guard length >= TCP.minimumHeaderLength, length <= claimed || headers.moreFragments else {
            headers.trouble = .invalidTransport
            return
        }
        headers.layers.insert(.tcp)
        headers.transportOffset = UInt16(truncatingIfNeeded: start)
        headers.tcpHeaderLength = UInt8(truncatingIfNeeded: length)
        headers.sequence = packet.unchecked32(TCP.Field.sequence, in: start)
        headers.acknowledgement = packet.unchecked32(TCP.Field.acknowledgement, in: start)
        headers.tcpFlags = packet.unchecked8(TCP.Field.flags, in: start)
        headers.window = packet.unchecked16(TCP.Field.window, in: start)
        setPayload(at: start &+ length, end: end, claimed: claimed &- length, &headers)
    }

    @inlinable @inline(__always) static func decodeUDP(
        _ packet: RawSpan,
        at start: Int,
        end: Int,
        claimed: Int,
        _ headers: inout PacketHeaders
    ) {
        headers.sourcePort = packet.unchecked16(UDP.Field.sourcePort, in: start)
        headers.destinationPort = packet.unchecked16(UDP.Field.destinationPort, in: start)
        let field = Int(packet.unchecked16(UDP.Field.length, in: start))
        // 0: a jumbogram (RFC 2675, 4) or offloaded; the IP length decides.
        let length = field == 0 ? claimed : field
        guard length >= UDP.headerLength, length <= claimed || headers.moreFragments else {
            headers.trouble = .invalidTransport
            return
        }
        headers.layers.insert(.udp)
        headers.transportOffset = UInt16(truncatingIfNeeded: start)
        // The datagram may end before the IP packet does, never after it: what follows is not payload.
        let inside = min(length, claimed)
        setPayload(
            at: start &+ UDP.headerLength,
            end: min(end, start &+ inside),
            claimed: inside &- UDP.headerLength,
            &headers
        )
        if mayCarryTunnel(headers.sourcePort) || mayCarryTunnel(headers.destinationPort) {
            decodeUDPTunnel(packet, &headers)
        } else if headers.capturedPayloadLength >= 40,
            packet.unchecked8(start &+ UDP.headerLength) >> 4 == 6
        {
            decodeTeredo(packet, &headers)
        }
    }

    /// Notes where the payload starts: after the transport header, or at the end of the capture if that was
    /// cut.
    @inlinable @inline(__always) static func setPayload(
        at start: Int,
        end: Int,
        claimed: Int,
        _ headers: inout PacketHeaders
    ) {
        if start > end { headers.trouble = .truncatedTransport }
        let captured = min(start, end)
        headers.payloadOffset = UInt16(truncatingIfNeeded: captured)
        headers.payloadLength = UInt32(truncatingIfNeeded: max(claimed, 0))
        headers.capturedPayloadLength = UInt32(truncatingIfNeeded: end &- captured)
    }

    /// Decodes what is neither a whole TCP nor a whole UDP header.
    @inline(never) @usableFromInline static func decodeOtherTransport(
        _ packet: RawSpan,
        _ number: UInt8,
        at start: Int,
        end: Int,
        claimed: Int,
        _ headers: inout PacketHeaders
    ) {
        let captured = end &- start
        let isICMP = number == IPProtocol.icmp && headers.ipVersion == 4
        let isICMPv6 = number == IPProtocol.icmpv6 && headers.ipVersion == 6
        if isICMP || isICMPv6 {
            decodeICMP(packet, isVersion6: isICMPv6, at: start, end: end, claimed: claimed, &headers)
            return
        }
        let hasPorts =
            number == IPProtocol.tcp || number == IPProtocol.udp || number == IPProtocol.sctp
        guard hasPorts else {
            setPayload(at: start, end: end, claimed: claimed, &headers)
            if number == IPProtocol.noNextHeader { return }
            headers.trouble = .unsupportedTransport
            decodeIPTunnel(packet, number, &headers)
            return
        }
        // Both ports lie in the first four bytes of all three protocols.
        if captured >= 4 {
            headers.sourcePort = packet.unchecked16(start)
            headers.destinationPort = packet.unchecked16(start &+ 2)
        }
        guard number == IPProtocol.sctp, captured >= SCTP.headerLength else {
            headers.trouble = shortTransport(captured: captured, claimed: claimed, headers)
            return
        }
        headers.layers.insert(.sctp)
        headers.transportOffset = UInt16(truncatingIfNeeded: start)
        setPayload(
            at: start &+ SCTP.headerLength,
            end: end,
            claimed: claimed &- SCTP.headerLength,
            &headers
        )
    }

    static func decodeICMP(
        _ packet: RawSpan,
        isVersion6: Bool,
        at start: Int,
        end: Int,
        claimed: Int,
        _ headers: inout PacketHeaders
    ) {
        let captured = end &- start
        if captured >= 2 {
            headers.sourcePort = UInt16(packet.unchecked8(ICMP.Field.type, in: start))
            headers.destinationPort = UInt16(packet.unchecked8(ICMP.Field.code, in: start))
        }
        guard captured >= ICMP.headerLength else {
            headers.trouble = shortTransport(captured: captured, claimed: claimed, headers)
            return
        }
        let type = UInt8(truncatingIfNeeded: headers.sourcePort)
        if isVersion6 ? ICMPv6.hasIdentifier(type: type) : ICMP.hasIdentifier(type: type) {
            headers.icmpIdentifier = packet.unchecked16(ICMP.Field.identifier, in: start)
            headers.sequence = UInt32(packet.unchecked16(ICMP.Field.sequence, in: start))
        }
        headers.layers.insert(isVersion6 ? .icmpv6 : .icmp)
        headers.transportOffset = UInt16(truncatingIfNeeded: start)
        setPayload(
            at: start &+ ICMP.headerLength,
            end: end,
            claimed: claimed &- ICMP.headerLength,
            &headers
        )
    }

    /// Why a transport header is too short: the capture or the fragment ends inside it, or the IP length
    /// does.
    static func shortTransport(
        captured: Int,
        claimed: Int,
        _ headers: PacketHeaders
    ) -> PacketHeaders.Trouble {
        captured < claimed || headers.moreFragments ? .truncatedTransport : .invalidTransport
    }
}
