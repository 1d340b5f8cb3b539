// SPDX-License-Identifier: Apache-2.0
// What is wrong with a packet's headers, as Suricata's decoder names it.
//
//     headers.trouble, and the bytes where it lies --> decoder.ipv4.hlen_too_small, decoder.tcp.pkt_too_small, ..
//
// Called for packets alone of which decoding said that something is wrong, and for ICMP, whose types and codes it does
// not judge. Packets that are cut by the snap length below their IP length have no event: that is the capture's doing.
public import BeltwayWire

extension ApplicationStage {
    /// Whether packets are to be looked at for what is wrong with them.
    public var tellsPackets: Bool { output.events.anomalies.contains(.decode) }

    /// Whether all packets are to be looked at for that, and not those alone that decoding found odd.
    public var tellsChecksums: Bool { tellsPackets && output.events.checksums }

    /// Whether packets whose checksums are wrong are to be left out of streams and parsers.
    public var leavesOutDamaged: Bool { output.events.checksums }

    /// Whether a checksum of a packet is wrong.
    public static func isDamaged(_ headers: PacketHeaders, _ bytes: RawSpan) -> Bool {
        PacketChecksums.event(headers, bytes) != nil
    }

    /// Writes the anomaly of a packet whose checksum is wrong; it waits to be committed.
    ///
    /// Its place among the segments of its connection is not looked at: the host that it is for does not either.
    public mutating func judge(
        damaged headers: PacketHeaders,
        _ bytes: RawSpan,
        flow: FlowView?,
        packet: PacketPlace
    ) {
        guard tellsPackets else { return }
        let found = PacketAnomaly.event(headers, bytes) ?? PacketChecksums.event(headers, bytes)
        guard let event = found else { return }
        var view = FlowView()
        view.toResponder = true
        output.packet.set(headers, flow: flow ?? view, packet)
        output.packetAnomaly(event, etherType: 0)
    }

    /// Writes an anomaly if there is something wrong with a packet's headers; it waits to be committed.
    ///
    /// - Parameters:
    ///   - headers: Its headers.
    ///   - bytes: What was captured of it.
    ///   - flow: What the tracker knows of its flow, nil if it has none.
    ///   - packet: Where and when it came by.
    public mutating func judge(
        _ headers: PacketHeaders,
        _ bytes: RawSpan,
        flow: FlowView?,
        packet: PacketPlace
    ) {
        if headers.layers.contains(.tcp), !headers.isFragment, let flow {
            judgeSegment(headers, bytes, flow: flow, packet: packet)
        }
        guard tellsPackets else { return }
        var found = PacketAnomaly.event(headers, bytes)
        if found == nil, output.events.checksums { found = PacketChecksums.event(headers, bytes) }
        guard let event = found else { return }
        var view = flow ?? FlowView()
        if flow == nil { view.toResponder = true }
        output.packet.set(headers, flow: view, packet)
        let isUnknown = headers.trouble == .unsupportedNetwork && headers.tunnelDepth == 0
        output.packetAnomaly(event, etherType: isUnknown ? headers.etherType : 0)
    }
}

/// Names of what may be wrong with a packet.
enum PacketAnomaly {
    /// The event of a packet, or nil if nothing is wrong that has a name.
    static func event(_ headers: PacketHeaders, _ bytes: RawSpan) -> StaticString? {
        switch headers.trouble {
        case .none: return headers.isFragment ? nil : control(headers)
        case .unsupportedLinkType: return nil
        case .truncatedLink:
            return headers.vlanCount > 0 ? "decoder.vlan.header_too_small" : "decoder.ethernet.pkt_too_small"
        case .unsupportedNetwork:
            // Below are lengths (802.3), not types; ARP is decoded, to its end.
            guard headers.etherType >= 0x0600, headers.etherType != 0x0806 else { return nil }
            return "decoder.ethernet.unknown_ethertype"
        case .truncatedNetwork, .invalidNetwork: return network(headers, bytes)
        case .unsupportedTransport:
            return headers.ipVersion == 6 ? "decoder.ipv6.unknown_next_header" : nil
        case .truncatedTransport:
            return switch headers.transportProtocol {
            case 1: "decoder.icmpv4.pkt_too_small"
            case 6: "decoder.tcp.pkt_too_small"
            case 17: "decoder.udp.pkt_too_small"
            case 58: "decoder.icmpv6.pkt_too_small"
            case 132: "decoder.sctp.pkt_too_small"
            default: nil
            }
        case .invalidTransport:
            return switch headers.transportProtocol {
            case 6: isShort(headers, bytes) ? "decoder.tcp.pkt_too_small" : "decoder.tcp.hlen_too_small"
            case 17: "decoder.udp.len_invalid"
            default: nil
            }
        }
    }

    /// Whether the IP packet has no room for a header of TCP.
    private static func isShort(_ headers: PacketHeaders, _ bytes: RawSpan) -> Bool {
        let start = Int(headers.networkOffset)
        guard headers.ipVersion == 4, start < bytes.byteCount else { return false }
        return Int(headers.ipLength) < Int(bytes.byte(at: start) & 15) * 4 + 20
    }

    private static func network(_ headers: PacketHeaders, _ bytes: RawSpan) -> StaticString? {
        let header = bytes.extracting(droppingFirst: min(Int(headers.networkOffset), bytes.byteCount))
        guard header.byteCount > 0 else { return nil }
        let first = header.byte(at: 0)
        if headers.etherType == 0x86dd || headers.etherType != 0x0800 && first >> 4 == 6 {
            if first >> 4 != 6 { return "decoder.ipv6.wrong_ip_version" }
            if header.byteCount < 40 { return "decoder.ipv6.pkt_too_small" }
            return headers.layers.contains(.ip) ? "decoder.ipv6.trunc_exthdr" : "decoder.ipv6.trunc_pkt"
        }
        if first >> 4 != 4 { return "decoder.ipv4.wrong_ip_version" }
        if header.byteCount < 20 { return "decoder.ipv4.pkt_too_small" }
        let length = Int(first & 15) * 4
        if length < 20 { return "decoder.ipv4.hlen_too_small" }
        return Int(header.bigEndian16(at: 2)) < length
            ? "decoder.ipv4.iplen_smaller_than_hlen" : "decoder.ipv4.trunc_pkt"
    }

    /// Types and codes of ICMP (RFC 792, 950, 1256) that there are.
    private static func control(_ headers: PacketHeaders) -> StaticString? {
        guard headers.transportProtocol == 1, headers.ipVersion == 4 else { return nil }
        let mostCode: UInt16
        switch headers.sourcePort {
        case 0, 4, 8, 10, 13...18: mostCode = 0
        case 3: mostCode = 15
        case 5: mostCode = 3
        case 9: return headers.destinationPort == 16 || headers.destinationPort == 0 ? nil : unknownCode
        case 11: mostCode = 1
        case 12: mostCode = 2
        default: return "decoder.icmpv4.unknown_type"
        }
        return headers.destinationPort <= mostCode ? nil : unknownCode
    }

    private static var unknownCode: StaticString { "decoder.icmpv4.unknown_code" }
}
