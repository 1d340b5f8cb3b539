// SPDX-License-Identifier: Apache-2.0

extension PacketDecoder {
    /// VLAN tags that are followed; real networks stack two.
    static var greatestTagCount: UInt8 { 8 }

    /// Decodes what lies between the link header and IP, if its number is not plainly that of IP: VLAN tags,
    /// LLC with SNAP, ARP.
    @inline(never) @usableFromInline static func decodeTagged(
        _ packet: RawSpan,
        at start: Int,
        _ headers: inout PacketHeaders
    ) {
        var network = start
        while EtherType.isVLAN(headers.etherType), headers.vlanCount < greatestTagCount {
            guard packet.byteCount &- network >= VLANTag.headerLength else {
                headers.trouble = .truncatedLink
                return
            }
            let control = packet.unchecked16(VLANTag.Field.control, in: network)
            if headers.vlanCount == 0 { headers.vlan.outer = control }
            if headers.vlanCount == 1 { headers.vlan.inner = control }
            headers.vlanCount &+= 1
            headers.layers.insert(.vlan)
            headers.etherType = packet.unchecked16(VLANTag.Field.etherType, in: network)
            network &+= VLANTag.headerLength
            headers.networkOffset = UInt16(truncatingIfNeeded: network)
        }
        if headers.etherType < EtherType.least {
            network = decodeLLC(packet, at: network, &headers)
            guard headers.trouble == .none else { return }
        }
        headers.networkOffset = UInt16(truncatingIfNeeded: network)
        switch headers.etherType {
        case EtherType.ipv4: decodeIPv4(packet, at: network, &headers)
        case EtherType.ipv6: decodeIPv6(packet, at: network, &headers)
        case EtherType.arp: decodeARP(packet, at: network, &headers)
        default: headers.trouble = .unsupportedNetwork
        }
    }

    /// Decodes an 802.2 LLC header, of which only SNAP leads to an EtherType.
    ///
    /// - Returns: Where the network header starts; `headers.trouble` is set if decoding ends here.
    static func decodeLLC(_ packet: RawSpan, at start: Int, _ headers: inout PacketHeaders) -> Int {
        headers.etherType = 0
        guard packet.byteCount &- start >= SNAP.headerLength else {
            // A whole LLC header without SNAP may be as short as three bytes.
            let isShortLLC =
                packet.byteCount &- start >= 3
                && packet.unchecked16(SNAP.Field.accessPoints, in: start) != 0xaaaa
            headers.trouble = isShortLLC ? .unsupportedNetwork : .truncatedLink
            return start
        }
        let accessPointsAndControl = packet.unchecked32(start) >> 8
        let organisation = packet.unchecked32(start &+ 2) & 0xff_ffff
        // 0x0000F8: bridged by a Cisco, which keeps EtherTypes.
        guard accessPointsAndControl == 0xaa_aa03, organisation == 0 || organisation == 0xf8 else {
            headers.trouble = .unsupportedNetwork
            return start
        }
        headers.etherType = packet.unchecked16(SNAP.Field.etherType, in: start)
        return start &+ SNAP.headerLength
    }

    /// Checks that an ARP packet is there; its addresses are read through ``ARP`` by who wants them.
    static func decodeARP(_ packet: RawSpan, at start: Int, _ headers: inout PacketHeaders) {
        guard packet.byteCount &- start >= ARP.length else {
            headers.trouble = .truncatedNetwork
            return
        }
        guard packet.unchecked16(ARP.Field.protocolSpace, in: start) == EtherType.ipv4,
            packet.unchecked16(ARP.Field.addressLengths, in: start) == 0x0604
        else {
            headers.trouble = .invalidNetwork
            return
        }
        headers.layers.insert(.arp)
    }
}
