// SPDX-License-Identifier: Apache-2.0
// From a packet's bytes to its headers: the one way that classifiers, trackers and detectors learn them.
//
//   link header -> EtherType -> VLAN tags, LLC -> IPv4 | IPv6 -> extension headers -> TCP | UDP | SCTP | ICMP
//   `- PacketDecoder+Link       `- +Tags          `- +Network     `- +Extensions      `- +Transport
//                                                    ^                                     |
//                                                    `--- GRE, VXLAN, GTP ... +Tunnels <---`
//
// Invariant 1. No bytes make it trap, whatever they are and however few: each step checks that its header
//              lies inside the span before it reads, and the arithmetic wraps, on numbers far below 2^63.
// Invariant 2. No offset or captured length that it reports lies beyond the span.
// Invariant 3. Each length field is read once, into a local, and the local is what is checked and used: the
//              bytes may lie in a ring and change meanwhile. What was decoded then means nothing, and is
//              thrown away by the reader's second check, but nothing was read outside the span.
//
// Budget: 15 ns for Ethernet, IPv4 and TCP. Ethernet II without tags is the straight path; the rest is calls.

/// Decodes packets to ``PacketHeaders``.
public enum PacketDecoder {
    /// Decodes `packet` into `headers`, whatever they were before.
    ///
    /// In a loop over packets this is the form to use, with one variable outside the loop: headers that are
    /// returned are copied once more, and wide loads that follow narrow stores wait for them.
    ///
    /// - Parameters:
    ///   - packet: The captured bytes, any number of them, none included.
    ///   - linkType: What the first byte belongs to.
    ///   - headers: Set to what could be decoded; `layers` and `trouble` say how far that was.
    @inlinable public static func decode(
        _ packet: RawSpan,
        linkType: LinkType,
        into headers: inout PacketHeaders
    ) {
        headers = PacketHeaders()
        decodeFromLink(packet, linkType: linkType, &headers)
    }

    @inlinable @inline(__always) static func decodeFromLink(
        _ packet: RawSpan,
        linkType: LinkType,
        _ headers: inout PacketHeaders
    ) {
        var network = Ethernet.headerLength
        if linkType == .ethernet {
            guard packet.byteCount >= Ethernet.headerLength else {
                headers.trouble = .truncatedLink
                return
            }
            headers.etherType = packet.unchecked16(Ethernet.Field.etherType)
            headers.layers = .link
        } else {
            network = decodeLink(packet, linkType: linkType, &headers)
            guard headers.trouble == .none else { return }
        }
        headers.networkOffset = UInt16(truncatingIfNeeded: network)
        switch headers.etherType {
        case EtherType.ipv4: decodeIPv4(packet, at: network, &headers)
        case EtherType.ipv6: decodeIPv6(packet, at: network, &headers)
        default: decodeTagged(packet, at: network, &headers)
        }
    }

    /// Decodes the headers of a packet of which it is known that it carries others: no further in than these.
    ///
    /// - Parameters:
    ///   - packet: The captured bytes, any number of them, none included.
    ///   - linkType: What the first byte belongs to.
    ///   - layer: How many tunnels to enter: 0 for the outermost IP header.
    ///   - headers: Set to the headers of that layer, or of one further out if the packet has no such layer.
    public static func decode(
        _ packet: RawSpan,
        linkType: LinkType,
        layer: UInt8,
        into headers: inout PacketHeaders
    ) {
        headers = PacketHeaders()
        headers.layerLimit = layer &+ 1
        decodeFromLink(packet, linkType: linkType, &headers)
    }

    /// Decodes `packet`, whose first byte belongs to a header of type `linkType`.
    ///
    /// - Parameters:
    ///   - packet: The captured bytes, any number of them, none included.
    ///   - linkType: What the first byte belongs to.
    /// - Returns: What could be decoded; `layers` and `trouble` say how far that was.
    @inlinable @inline(__always) public static func decode(
        _ packet: RawSpan,
        linkType: LinkType
    ) -> PacketHeaders {
        var headers = PacketHeaders()
        decode(packet, linkType: linkType, into: &headers)
        return headers
    }

    /// Decodes a datagram that was put together from fragments, as what it would have been in one packet.
    ///
    /// - Parameters:
    ///   - datagram: From its IP header on.
    ///   - fragment: Headers of one of the fragments: its VLANs and the tunnels around it.
    ///   - layer: How many tunnels to enter, those around the fragments included; nil for all.
    ///   - headers: Set to what could be decoded; offsets count from the IP header.
    public static func decode(
        reassembled datagram: RawSpan,
        of fragment: borrowing PacketHeaders,
        layer: UInt8? = nil,
        into headers: inout PacketHeaders
    ) {
        headers = PacketHeaders()
        if let layer { headers.layerLimit = layer &+ 1 }
        headers.layers = fragment.layers.intersection([.link, .vlan])
        headers.vlan = fragment.vlan
        headers.vlanCount = fragment.vlanCount
        headers.tunnelDepth = fragment.tunnelDepth
        headers.tunnelKind = fragment.tunnelKind
        headers.tunnelID = fragment.tunnelID
        headers.tunnelKey = fragment.tunnelKey
        headers.outer = fragment.outer
        headers.etherType = fragment.ipVersion == 4 ? EtherType.ipv4 : EtherType.ipv6
        if fragment.ipVersion == 4 {
            decodeIPv4(datagram, at: 0, &headers)
        } else {
            decodeIPv6(datagram, at: 0, &headers)
        }
    }

    /// Decodes the packet that an ICMP or ICMPv6 error message complains of.
    ///
    /// Routers send back as little as eight bytes of its transport header (RFC 792), so expect
    /// `trouble == .truncatedTransport`, with ports.
    ///
    /// - Parameters:
    ///   - message: The message, from its type on, as far as captured.
    ///   - isVersion6: Whether it is ICMPv6.
    /// - Returns: Headers whose offsets count from the embedded IP header, or nil if `message` is no error
    ///   message or does not hold that header's addresses.
    public static func decodeEmbedded(in message: RawSpan, isVersion6: Bool) -> PacketHeaders? {
        guard message.byteCount > ICMP.headerLength else { return nil }
        let type = message.unchecked8(ICMP.Field.type)
        guard isVersion6 ? ICMPv6.isError(type: type) : ICMP.isError(type: type) else { return nil }
        let packet = message.extracting(droppingFirst: ICMP.headerLength)
        let embedded = decode(packet, linkType: isVersion6 ? .ipv6 : .ipv4)
        return embedded.layers.contains(.ip) ? embedded : nil
    }
}
