// SPDX-License-Identifier: Apache-2.0

extension PacketDecoder {
    /// VLAN tags that are followed; real networks stack two.
    static var greatestTagCount: UInt8 { 8 }

    /// Tags, label stacks and frames in frames that are followed between one IP header and the next.
    static var greatestLinkCount: Int { 16 }

    /// Decodes what lies between the link header and IP, if its number is not plainly that of IP: VLAN tags,
    /// MPLS, PPPoE, frames in frames, LLC with SNAP, ARP.
    @inline(never) @usableFromInline static func decodeTagged(
        _ packet: RawSpan,
        at start: Int,
        _ headers: inout PacketHeaders
    ) {
        var network = start
        var steps = 0
        while steps < greatestLinkCount, headers.trouble == .none {
            let before = network
            if EtherType.isVLAN(headers.etherType) {
                guard headers.vlanCount < greatestTagCount else { break }
                network = decodeTag(packet, at: network, &headers)
            } else {
                network = decodeCarrier(packet, at: network, &headers)
            }
            headers.networkOffset = UInt16(truncatingIfNeeded: network)
            if network == before { break }
            steps &+= 1
        }
        guard headers.trouble == .none else { return }
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

    /// Decodes one VLAN tag.
    ///
    /// - Returns: Where what follows starts; `headers.trouble` is set if the capture ends before.
    private static func decodeTag(_ packet: RawSpan, at start: Int, _ headers: inout PacketHeaders) -> Int {
        guard packet.byteCount &- start >= VLANTag.headerLength else {
            headers.trouble = .truncatedLink
            return start
        }
        let control = packet.unchecked16(VLANTag.Field.control, in: start)
        if headers.vlanCount == 0 { headers.vlan.outer = control }
        if headers.vlanCount == 1 { headers.vlan.inner = control }
        headers.vlanCount &+= 1
        headers.layers.insert(.vlan)
        headers.etherType = packet.unchecked16(VLANTag.Field.etherType, in: start)
        return start &+ VLANTag.headerLength
    }

    /// Decodes one header that carries a network header or a whole frame: MPLS, PPPoE, PPP, service headers, Ethernet
    /// in a tunnel or behind a backbone's tag.
    ///
    /// - Returns: Where what follows starts, which `headers.etherType` then names; `start` if nothing that
    ///   decoding knows is there.
    private static func decodeCarrier(
        _ packet: RawSpan,
        at start: Int,
        _ headers: inout PacketHeaders
    ) -> Int {
        let bytes = packet.extracting(droppingFirst: start)
        do throws(WireError) {
            switch headers.etherType {
            case EtherType.mpls, EtherType.mplsMulticast:
                let stack = try MPLS(bytes)
                guard let contents = stack.contents else { return start }
                headers.etherType = contents.etherType
                return start &+ stack.headerLength &+ contents.skipped
            case EtherType.pppoeSession:
                _ = try PPPoE(bytes)
                headers.etherType = EtherType.ppp
                return start &+ PPPoE.headerLength
            case EtherType.ppp:
                let frame = try PPP(bytes)
                guard let etherType = frame.etherType else { return start }
                headers.etherType = etherType
                return start &+ frame.headerLength
            case EtherType.bridgedEthernet:
                headers.etherType = try Ethernet(bytes).etherType
                return start &+ Ethernet.headerLength
            case ERSPAN.typeTwo, ERSPAN.typeThree:
                // Mirrored frames that a switch sends without IP and GRE around them.
                let mirror = try ERSPAN(bytes, etherType: headers.etherType)
                headers.etherType = EtherType.bridgedEthernet
                return start &+ mirror.headerLength
            case EtherType.backboneServiceTag where bytes.byteCount >= 4:
                headers.etherType = EtherType.bridgedEthernet
                return start &+ 4
            case EtherType.extenderTag where bytes.byteCount >= 6:
                headers.etherType = bytes.unchecked16(4)
                return start &+ 6
            case EtherType.securityTag where bytes.byteCount >= 8:
                headers.etherType = bytes.unchecked16(6)
                return start &+ 8
            case EtherType.serviceHeader:
                let service = try ServiceHeader(bytes)
                guard let etherType = service.etherType else { return start }
                headers.etherType = etherType
                return start &+ service.headerLength
            case let number where headers.tunnelDepth != 0 && EtherType.isWireless(number):
                return try decodeWireless(packet, at: start, isPadded: false, &headers)
            default: return start
            }
        } catch {
            if case .truncated = error { headers.trouble = .truncatedLink }
            return start
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
