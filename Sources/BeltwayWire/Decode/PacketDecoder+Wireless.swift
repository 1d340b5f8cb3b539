// SPDX-License-Identifier: Apache-2.0
// Links whose packets come behind a header of their own: 802.11 with radiotap or PPI, ARCNET, Cisco HDLC, frame relay, NFLOG.

extension PacketDecoder {
    /// Decodes the headers of link types that few networks have.
    ///
    /// - Returns: Where the network header or LLC starts, never beyond the packet; `headers.trouble` is set if there is
    ///   none.
    static func decodeRareLink(
        _ packet: RawSpan,
        linkType: LinkType,
        _ headers: inout PacketHeaders
    ) -> Int {
        do throws(WireError) {
            switch linkType {
            case .wirelessLAN:
                return try decodeWireless(packet, at: 0, isPadded: false, &headers)
            case .radiotap:
                let about = try Radiotap(packet)
                let isPadded = about.isPayloadPadded
                return try decodeWireless(packet, at: about.headerLength, isPadded: isPadded, &headers)
            case .packetInformation:
                let about = try PacketInformation(packet)
                switch about.linkType {
                case .wirelessLAN:
                    return try decodeWireless(packet, at: about.headerLength, isPadded: false, &headers)
                case .ethernet:
                    return found(EtherType.bridgedEthernet, after: about.headerLength, &headers)
                case .ppp, .pppHDLC:
                    return found(EtherType.ppp, after: about.headerLength, &headers)
                case .raw, .rawAsStoredByOldTools, .rawAsStoredByOpenBSD, .ipv4, .ipv6:
                    guard let version = about.version else { return truncatedLink(&headers) }
                    let number = version == 4 ? EtherType.ipv4 : version == 6 ? EtherType.ipv6 : nil
                    return found(number, after: about.headerLength, &headers)
                default:
                    return found(nil, after: about.headerLength, &headers)
                }
            case .arcnetLinux:
                return found(try ARCNET(packet).etherType, after: ARCNET.headerLength, &headers)
            case .frameRelay:
                let frame = try FrameRelay(packet)
                return found(frame.etherType, after: frame.headerLength, &headers)
            case .netfilterLog:
                let log = try NetfilterLog(packet)
                return found(log.etherType, after: log.payloadRange.lowerBound, &headers)
            case .ciscoHDLC:
                // Address, control, EtherType (Cisco's serial encapsulation; RFC 1547, 4.3.1).
                guard packet.byteCount >= 4 else { return truncatedLink(&headers) }
                return found(packet.unchecked16(2), after: 4, &headers)
            default:
                headers.trouble = .unsupportedLinkType
                return 0
            }
        } catch {
            if case .truncated = error { return truncatedLink(&headers) }
            return found(nil, after: 0, &headers)
        }
    }

    /// Decodes an 802.11 header; LLC follows, which an EtherType of 0 stands for.
    ///
    /// - Returns: Where LLC starts.
    /// - Throws: What ``WirelessLAN`` does.
    static func decodeWireless(
        _ packet: RawSpan,
        at start: Int,
        isPadded: Bool,
        _ headers: inout PacketHeaders
    ) throws(WireError) -> Int {
        let length = try WirelessLAN(packet.extracting(droppingFirst: start)).headerLength
        let whole = isPadded ? (length &+ 3) & ~3 : length
        guard packet.byteCount &- start >= whole else {
            throw .truncated(need: whole, have: packet.byteCount &- start)
        }
        headers.layers.insert(.link)
        headers.etherType = 0
        return start &+ whole
    }
}
