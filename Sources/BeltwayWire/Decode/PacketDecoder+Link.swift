// SPDX-License-Identifier: Apache-2.0

extension PacketDecoder {
    /// Decodes a link header other than Ethernet's.
    ///
    /// - Returns: Where the network header starts, never beyond the packet; `headers.trouble` is set if there
    ///   is none.
    @inline(never) @usableFromInline static func decodeLink(
        _ packet: RawSpan,
        linkType: LinkType,
        _ headers: inout PacketHeaders
    ) -> Int {
        switch linkType {
        case .linuxCooked:
            return decodeCooked(
                packet,
                length: LinuxCooked.headerLength,
                etherType: LinuxCooked.Field.etherType,
                hardwareType: LinuxCooked.Field.hardwareType,
                &headers
            )
        case .linuxCooked2:
            return decodeCooked(
                packet,
                length: LinuxCooked2.headerLength,
                etherType: LinuxCooked2.Field.etherType,
                hardwareType: LinuxCooked2.Field.hardwareType,
                &headers
            )
        case .null, .loop:
            guard packet.byteCount >= Loopback.headerLength else { return truncatedLink(&headers) }
            let family = Loopback.family(bigEndian: packet.unchecked32(Loopback.Field.family))
            return found(Loopback.etherType(family: family), after: Loopback.headerLength, &headers)
        case .raw, .rawAsStoredByOldTools, .rawAsStoredByOpenBSD:
            guard packet.byteCount >= 1 else { return truncatedLink(&headers) }
            switch packet.unchecked8(0) >> 4 {
            case 4: return found(EtherType.ipv4, after: 0, &headers)
            case 6: return found(EtherType.ipv6, after: 0, &headers)
            default: return found(nil, after: 0, &headers)
            }
        case .ipv4: return found(EtherType.ipv4, after: 0, &headers)
        case .ipv6: return found(EtherType.ipv6, after: 0, &headers)
        case .ppp, .pppHDLC: return decodePPP(packet, &headers)
        default: return decodeRareLink(packet, linkType: linkType, &headers)
        }
    }

    /// Both versions of Linux cooked capture: they differ in where fields lie.
    static func decodeCooked(
        _ packet: RawSpan,
        length: Int,
        etherType: Range<Int>,
        hardwareType: Range<Int>,
        _ headers: inout PacketHeaders
    ) -> Int {
        guard packet.byteCount >= length else { return truncatedLink(&headers) }
        let number = packet.unchecked16(etherType)
        if LinuxCooked.hasNoEtherType(hardwareType: packet.unchecked16(hardwareType)) {
            return found(nil, after: length, &headers)
        }
        // Linux's own number for "an 802.2 LLC header follows" (ETH_P_802_2, linux/if_ether.h).
        guard number == 4 else { return found(number, after: length, &headers) }
        headers.layers = .link
        return decodeLLC(packet, at: length, &headers)
    }

    static func decodePPP(_ packet: RawSpan, _ headers: inout PacketHeaders) -> Int {
        do {
            let frame = try PPP(packet)
            return found(frame.etherType, after: frame.headerLength, &headers)
        } catch {
            return truncatedLink(&headers)
        }
    }

    /// Notes what follows a link header; nil if it is nothing that decoding knows.
    static func found(_ etherType: UInt16?, after length: Int, _ headers: inout PacketHeaders) -> Int {
        headers.layers = .link
        headers.networkOffset = UInt16(truncatingIfNeeded: length)
        if let etherType {
            headers.etherType = etherType
        } else {
            headers.trouble = .unsupportedNetwork
        }
        return length
    }

    static func truncatedLink(_ headers: inout PacketHeaders) -> Int {
        headers.trouble = .truncatedLink
        return 0
    }
}
