// SPDX-License-Identifier: Apache-2.0
// From the outer packet to the one inside: the inner headers replace the outer ones if they lead to IP.
//
//   IP | GRE > Ethernet, IP, PPP, ERSPAN     IP | IP      IP | EtherIP
//   IP | UDP | VXLAN, Geneve, GTP-U, Teredo, L2TP, GRE, CAPWAP
//
// Invariant. At most `greatestDepth` tunnels are entered, none behind `furthestStart`: so every offset fits 16 bits,
//            and the stack stays small whatever the bytes say.

extension PacketDecoder {
    /// Tunnels in tunnels that are entered.
    static var greatestDepth: UInt8 { 6 }
    /// Where the last packet inside may start: behind it, one IP packet's own headers take at most 24 KiB.
    static var furthestStart: Int { 16_384 }

    /// A bit for each port number modulo 64 that a tunnel's port has: rules out nearly all others at once.
    static var tunnelPorts: UInt64 {
        [
            L2TP.port, GTP.port, Teredo.port, VXLAN.port, VXLAN.genericPort, VXLAN.linuxPort, Geneve.port,
            GRE.port, CAPWAP.port,
        ]
        .reduce(0) { $0 | 1 << UInt64($1 & 63) }
    }

    /// Whether it is a tunnel's port over UDP.
    static func isTunnelPort(_ port: UInt16) -> Bool {
        switch port {
        case L2TP.port, GTP.port, Teredo.port, VXLAN.port, VXLAN.genericPort, VXLAN.linuxPort, Geneve.port,
            GRE.port, CAPWAP.port:
            true
        default: false
        }
    }

    @inlinable @inline(__always) static func mayCarryTunnel(_ port: UInt16) -> Bool {
        // tunnelPorts, which a test compares: the compiler does not fold the array.
        (0x8060_0120_0104_0002 as UInt64) >> UInt64(port & 63) & 1 != 0
    }

    /// Enters a tunnel over UDP, if the ports name one and its header is there.
    @inline(never) @usableFromInline static func decodeUDPTunnel(
        _ packet: RawSpan,
        _ headers: inout PacketHeaders
    ) {
        let start = Int(headers.payloadOffset)
        let end = start &+ Int(headers.capturedPayloadLength)
        guard end <= packet.byteCount, start < end else { return }
        let bytes = packet.extracting(start..<end)
        do throws(WireError) {
            switch headers.destinationPort {
            case VXLAN.port, VXLAN.linuxPort, VXLAN.genericPort:
                let tunnel = try VXLAN(bytes)
                let inside = start &+ VXLAN.headerLength
                let isGeneric = headers.destinationPort == VXLAN.genericPort
                let number = isGeneric ? tunnel.genericEtherType : tunnel.etherType
                enter(.vxlan, tunnel.identifier, packet, number, inside..<end, &headers)
                return
            case Geneve.port:
                let tunnel = try Geneve(bytes)
                let inside = start &+ tunnel.headerLength
                enter(.geneve, tunnel.identifier, packet, tunnel.etherType, inside..<end, &headers)
                return
            case GRE.port:
                decodeGRE(packet, start..<end, &headers)
                return
            default: break
            }
            let ports = (headers.sourcePort, headers.destinationPort)
            if ports.0 == GTP.port || ports.1 == GTP.port {
                let tunnel = try GTP(bytes)
                let inside = start &+ tunnel.headerLength
                guard inside < end else { return }
                let isVersion6 = packet.unchecked8(inside) >> 4 == 6
                let number = isVersion6 ? EtherType.ipv6 : EtherType.ipv4
                enter(.gtp, tunnel.endpoint, packet, number, inside..<end, &headers)
            } else if ports.0 == Teredo.port || ports.1 == Teredo.port {
                let inside = start &+ (try Teredo(bytes).headerLength)
                enter(.teredo, nil, packet, EtherType.ipv6, inside..<end, &headers)
            } else if ports.0 == L2TP.port || ports.1 == L2TP.port {
                let tunnel = try L2TP(bytes)
                let inside = start &+ tunnel.headerLength
                enter(.l2tp, tunnel.identifiers, packet, EtherType.ppp, inside..<end, &headers)
            } else if ports.0 == CAPWAP.port || ports.1 == CAPWAP.port {
                let tunnel = try CAPWAP(bytes)
                let inside = start &+ tunnel.headerLength
                enter(.capwap, nil, packet, tunnel.etherType, inside..<end, &headers)
            }
        } catch {
            // Something else on a tunnel's port: the flow is the outer one.
        }
    }

    /// Enters Teredo on ports that are no tunnel's, if a datagram has its shape.
    @inline(never) @usableFromInline static func decodeTeredo(
        _ packet: RawSpan,
        _ headers: inout PacketHeaders
    ) {
        let start = Int(headers.payloadOffset)
        let end = start &+ Int(headers.capturedPayloadLength)
        guard end <= packet.byteCount, headers.ipVersion == 4, Teredo.isLikely(packet.extracting(start..<end))
        else { return }
        enter(.teredo, nil, packet, EtherType.ipv6, start..<end, &headers)
    }

    /// Enters a tunnel that is an IP protocol of its own.
    static func decodeIPTunnel(_ packet: RawSpan, _ number: UInt8, _ headers: inout PacketHeaders) {
        let start = Int(headers.payloadOffset)
        let end = start &+ Int(headers.capturedPayloadLength)
        guard end <= packet.byteCount, start < end else { return }
        switch number {
        case IPProtocol.gre: decodeGRE(packet, start..<end, &headers)
        case IPProtocol.ipv4:
            enter(.ipInIP, nil, packet, EtherType.ipv4, start..<end, &headers)
        case IPProtocol.ipv6:
            let kind: TunnelKind = headers.ipVersion == 4 ? .sixInFour : .ipInIP
            enter(kind, nil, packet, EtherType.ipv6, start..<end, &headers)
        case IPProtocol.etherIP where end &- start > 2 && packet.unchecked8(start) >> 4 == 3:
            enter(.etherIP, nil, packet, EtherType.bridgedEthernet, (start &+ 2)..<end, &headers)
        default: break
        }
    }

    private static func decodeGRE(_ packet: RawSpan, _ range: Range<Int>, _ headers: inout PacketHeaders) {
        do throws(WireError) {
            let tunnel = try GRE(packet.extracting(range))
            let start = range.lowerBound &+ tunnel.headerLength
            var inside = start..<range.upperBound
            if tunnel.version == 1 {
                let call = tunnel.key.map { $0 & 0xffff }
                enter(.pptp, call, packet, EtherType.ppp, inside, &headers)
                return
            }
            switch tunnel.etherType {
            case ERSPAN.typeTwo where !tunnel.hasSequence:  // type I
                enter(.erspan, nil, packet, EtherType.bridgedEthernet, inside, &headers)
            case ERSPAN.typeTwo, ERSPAN.typeThree:
                let mirror = try ERSPAN(packet.extracting(inside), etherType: tunnel.etherType)
                inside = (start &+ mirror.headerLength)..<range.upperBound
                let session = UInt32(mirror.session)
                enter(.erspan, session, packet, EtherType.bridgedEthernet, inside, &headers)
            default:
                enter(.gre, tunnel.key, packet, tunnel.etherType, inside, &headers)
            }
        } catch {
            // The flow is the outer one, of an undecoded protocol.
        }
    }

    /// Decodes the packet inside a tunnel; `headers` become its headers if it leads to IP, else stay.
    ///
    /// - Parameters:
    ///   - kind: The tunnel.
    ///   - identifier: Its identifier, or nil if its kind has none.
    ///   - packet: The whole outer packet.
    ///   - etherType: What lies inside.
    ///   - range: Where.
    ///   - headers: Those of the outer packet.
    @inline(never) private static func enter(
        _ kind: TunnelKind,
        _ identifier: UInt32?,
        _ packet: RawSpan,
        _ etherType: UInt16,
        _ range: Range<Int>,
        _ headers: inout PacketHeaders
    ) {
        // What a fragment holds is a part of a packet only.
        let limit = headers.layerLimit == 0 ? greatestDepth : min(greatestDepth, headers.layerLimit &- 1)
        guard headers.tunnelDepth < limit, range.lowerBound <= furthestStart, !headers.isFragment
        else {
            return
        }
        var inner = PacketHeaders()
        inner.layers = headers.layers.intersection([.link, .vlan])
        (inner.vlan, inner.vlanCount) = (headers.vlan, headers.vlanCount)
        inner.tunnelDepth = headers.tunnelDepth &+ 1
        inner.tunnelKind = kind
        inner.tunnelID = identifier ?? headers.tunnelID
        inner.tunnelKey = kind.isSymmetric ? identifier ?? headers.tunnelKey : 0
        inner.layerLimit = headers.layerLimit
        inner.outer = PacketHeaders.Ends(of: headers)
        inner.etherType = etherType
        inner.networkOffset = UInt16(truncatingIfNeeded: range.lowerBound)
        decodeTagged(packet.extracting(first: range.upperBound), at: range.lowerBound, &inner)
        if inner.layers.contains(.ip) { headers = inner }
    }
}

extension PacketHeaders.Ends {
    /// The ends of a packet that carries another.
    init(of headers: PacketHeaders) {
        source = headers.source
        destination = headers.destination
        let hasPorts = headers.layers.contains(.udp)
        sourcePort = hasPorts ? headers.sourcePort : 0
        destinationPort = hasPorts ? headers.destinationPort : 0
        transportProtocol = headers.transportProtocol
        ipVersion = headers.ipVersion
        (vlan, vlanCount) = (headers.vlan, headers.vlanCount)
        (tunnelKind, tunnelKey) = (headers.tunnelKind, headers.tunnelKey)
    }
}
