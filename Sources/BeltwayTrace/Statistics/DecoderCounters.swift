// SPDX-License-Identifier: Apache-2.0
// What the packets were, summed from the table of layer sets that is kept per packet.
public import BeltwayWire

/// Packets by protocol; the names are those of EVE's `stats.decoder`.
public struct DecoderCounters: Equatable, Sendable {
    /// All packets.
    public var packets: UInt64 = 0
    /// All bytes, original lengths.
    public var bytes: UInt64 = 0
    /// Packets with an IPv4 header.
    public var ipv4: UInt64 = 0
    /// Packets with an IPv6 header.
    public var ipv6: UInt64 = 0
    /// Packets with one or more VLAN tags.
    public var vlan: UInt64 = 0
    /// ARP packets.
    public var arp: UInt64 = 0
    /// TCP packets.
    public var tcp: UInt64 = 0
    /// UDP packets.
    public var udp: UInt64 = 0
    /// SCTP packets.
    public var sctp: UInt64 = 0
    /// ICMP packets.
    public var icmpv4: UInt64 = 0
    /// ICMPv6 packets.
    public var icmpv6: UInt64 = 0
    /// Packets by what was wrong with them, indexed by ``PacketHeaders/Trouble``'s raw value.
    public var troubles: [UInt64] = []

    /// Makes counters at zero.
    public init() {}

    init(totals: RateWindow.Totals, kinds: [UInt64], troubles: [UInt64]) {
        packets = totals.packets
        bytes = totals.bytes
        for (kind, count) in kinds.enumerated() where count > 0 {
            let layers = PacketHeaders.Layers(rawValue: UInt16(kind & 0x1ff))
            if layers.contains(.ip) {
                if kind & 0x200 != 0 { ipv6 += count } else { ipv4 += count }
            }
            if layers.contains(.vlan) { vlan += count }
            if layers.contains(.arp) { arp += count }
            if layers.contains(.tcp) { tcp += count }
            if layers.contains(.udp) { udp += count }
            if layers.contains(.sctp) { sctp += count }
            if layers.contains(.icmp) { icmpv4 += count }
            if layers.contains(.icmpv6) { icmpv6 += count }
        }
        self.troubles = PacketHeaders.Trouble.allCases.map { troubles[Int($0.rawValue)] }
    }

    /// Packets with one kind of trouble.
    public func count(_ trouble: PacketHeaders.Trouble) -> UInt64 {
        let index = Int(trouble.rawValue)
        return index < troubles.count ? troubles[index] : 0
    }

    /// Packets that are cut off or contradict themselves.
    public var invalid: UInt64 {
        count(.truncatedLink) + count(.truncatedNetwork) + count(.invalidNetwork) + count(.truncatedTransport)
            + count(.invalidTransport)
    }

    /// Packets of protocols that are not decoded; stored and counted all the same.
    public var unsupported: UInt64 {
        count(.unsupportedLinkType) + count(.unsupportedNetwork) + count(.unsupportedTransport)
    }
}

/// Packets and bytes by link type, kept as differences of the totals: nothing is done per packet.
struct LinkTypeCounters {
    /// Link types that are told apart; later ones share the last place.
    static let limit = 32

    private var counts: [LinkTypeCount] = []
    private var selected: Int?
    private var before = RateWindow.Totals()

    mutating func select(_ linkType: LinkType, totals: RateWindow.Totals) {
        if let selected, counts[selected].linkType == linkType { return }
        settle(totals)
        if let known = counts.firstIndex(where: { $0.linkType == linkType }) {
            selected = known
        } else {
            if counts.count < LinkTypeCounters.limit { counts.append(LinkTypeCount(linkType: linkType)) }
            selected = counts.count - 1
        }
    }

    private mutating func settle(_ totals: RateWindow.Totals) {
        if let selected {
            counts[selected].packets += totals.packets - before.packets
            counts[selected].bytes += totals.bytes - before.bytes
        }
        before = totals
    }

    mutating func counts(totals: RateWindow.Totals) -> [LinkTypeCount] {
        settle(totals)
        return counts
    }
}

/// Packets and bytes of one link type.
public struct LinkTypeCount: Equatable, Sendable {
    /// The link type.
    public var linkType: LinkType
    /// Packets.
    public var packets: UInt64 = 0
    /// Bytes, original lengths.
    public var bytes: UInt64 = 0
}
