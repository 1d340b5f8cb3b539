// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
public import BeltwayWire

// Which of many flows a packet belongs to, if to any: one probe of a hash table, then of the flow's times.
//
//   slots   | 0 | 3 | 0 | 1 | ...   a power of two, at most half full; 1 + index of a key, 0 if free
//   keys    | FlowKey, first range | ...           each key once
//   ranges  | start ... end | ...                  of each key together, in order, disjoint
//
// The keys are ours, so packets cannot fill the table; a fixed hash does.

/// The packets of chosen flows: both directions of each, within its times.
public struct FlowSelection: Sendable {
    private struct Entry {
        var key: FlowKey
        var first: Int
        var count: Int
    }

    private let vlansSeparateFlows: Bool
    private let findsLaterFragments: Bool
    private var slots: [UInt32]
    private var entries: [Entry] = []
    private var ranges: [(start: UInt64, end: UInt64)] = []
    private var fragments = FragmentTable()
    /// Of datagrams that ``survey(_:since:)`` has found.
    private var surveyed = FragmentSpans()
    /// Kept between packets: the decoder fills it in place.
    private var headers = PacketHeaders()
    /// Bounds of all ranges, to leave out what cannot match.
    private(set) var since: Timestamp
    /// After the last range.
    let until: Timestamp

    /// Chooses flows.
    ///
    /// - Parameters:
    ///   - flows: Their records; many, and of equal tuples too.
    ///   - vlansSeparateFlows: As the flow tracker had it that wrote the records.
    ///   - findsLaterFragments: Whether all fragments of a chosen flow's datagrams are chosen, though only the first
    ///     has ports. They are known by addresses, protocol and fragment id, for a minute after the first
    ///     fragment; those that come before it, or carry a chosen flow inside, once an extractor has surveyed what is stored.
    public init(
        _ flows: some Sequence<FlowRecord>,
        vlansSeparateFlows: Bool = true,
        findsLaterFragments: Bool = true
    ) {
        self.vlansSeparateFlows = vlansSeparateFlows
        self.findsLaterFragments = findsLaterFragments
        var times: [FlowKey: [(start: UInt64, end: UInt64)]] = [:]
        for flow in flows {
            let range = (start: flow.start.nanoseconds, end: max(flow.start, flow.end).nanoseconds)
            for key in FlowSelection.keys(of: flow, vlansSeparateFlows) {
                times[key, default: []].append(range)
            }
        }
        var size = 64
        while size < times.count * 2 { size *= 2 }
        slots = Array(repeating: 0, count: size)
        for (key, unsorted) in times {
            let first = ranges.count
            for range in unsorted.sorted(by: { $0.start < $1.start }) {
                if ranges.count > first, let last = ranges.last, range.start <= last.end {
                    ranges[ranges.count - 1].end = max(last.end, range.end)
                } else {
                    ranges.append(range)
                }
            }
            var slot = FlowSelection.hash(key) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            entries.append(Entry(key: key, first: first, count: ranges.count - first))
            slots[slot] = UInt32(entries.count)
        }
        since = Timestamp(nanoseconds: ranges.map(\.start).min() ?? .max)
        // A later fragment may come up to a minute after the flow's last packet.
        let slack = findsLaterFragments ? FragmentTable.lifetime : 0
        until = Timestamp(nanoseconds: ranges.map(\.end).max() ?? 0).advanced(byNanoseconds: slack &+ 1)
    }

    /// The keys of the flow's packets.
    ///
    /// A record does not tell an echo reply (type 0, code 0) from later fragments of ICMP: it gets both keys. Nor does it
    /// tell whether both directions of a tunnel share its identifier: packets of a tunnel where they do not have 0 in
    /// their keys.
    private static func keys(of flow: FlowRecord, _ vlansSeparateFlows: Bool) -> [FlowKey] {
        var keys = keysOfTuple(of: flow, vlansSeparateFlows)
        guard flow.tunnelDepth > 0 else { return keys }
        if flow.tunnelKind == .none {
            // The tracker does not note what tunnel an ICMP error message came in.
            keys = TunnelKind.allCases.flatMap { kind in
                keys.map { key in
                    var key = key
                    key.tunnelKind = kind.rawValue
                    return key
                }
            }
        }
        guard flow.tunnelID != 0 else { return keys }
        return keys
            + keys.map { key in
                var key = key
                key.tunnelID = 0
                return key
            }
    }

    private static func keysOfTuple(of flow: FlowRecord, _ vlansSeparateFlows: Bool) -> [FlowKey] {
        var headers = PacketHeaders()
        headers.source = flow.originator
        headers.destination = flow.responder
        headers.sourcePort = flow.originatorPort
        headers.destinationPort = flow.responderPort
        headers.transportProtocol = flow.transportProtocol
        headers.ipVersion = flow.ipVersion
        headers.vlanCount = flow.vlanCount
        headers.vlan = (flow.vlanCount > 0 ? flow.vlan.outer : 0, flow.vlanCount > 1 ? flow.vlan.inner : 0)
        headers.tunnelDepth = flow.tunnelDepth
        headers.tunnelKind = flow.tunnelKind
        headers.tunnelKey = flow.tunnelID
        headers.layers = .ip
        var forward = false
        let plain = FlowKey(headers, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
        switch (flow.transportProtocol, flow.ipVersion) {
        case (1, 4): headers.layers.insert(.icmp)
        case (58, 6): headers.layers.insert(.icmpv6)
        default: return [plain]
        }
        let paired = FlowKey(headers, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
        return flow.originatorPort == 0 && flow.responderPort == 0 && paired != plain
            ? [paired, plain] : [paired]
    }

    @inline(__always)
    private static func mix(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let product = x.multipliedFullWidth(by: y)
        return product.high ^ product.low
    }

    @inline(__always)
    private static func hash(_ key: FlowKey) -> Int {
        let a = mix(key.a.high ^ 0x9e37_79b9_7f4a_7c15, key.a.low ^ 0xbf58_476d_1ce4_e5b9)
        let b = mix(key.b.high ^ 0x94d0_49bb_1331_11eb, key.b.low ^ 0xd6e8_feb8_6659_fd93)
        let ports =
            UInt64(key.portA) | UInt64(key.portB) << 16 | UInt64(key.transportProtocol) << 32
            | UInt64(key.vlanOuter) << 40 ^ UInt64(key.tunnelID) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mix(a ^ ports, b ^ 0xa076_1d64_78bd_642f) & 0x7fff_ffff_ffff_ffff)
    }

    /// Whether the key is chosen, and at that time.
    @inline(__always)
    private func contains(_ key: FlowKey, at time: UInt64) -> Bool {
        let mask = slots.count &- 1
        var slot = FlowSelection.hash(key) & mask
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot]) &- 1]
            if entry.key == key { return contains(time, entry) }
            slot = (slot &+ 1) & mask
        }
        return false
    }

    private func contains(_ time: UInt64, _ entry: Entry) -> Bool {
        var (low, high) = (entry.first, entry.first + entry.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].end < time { low = middle + 1 } else { high = middle }
        }
        return low < entry.first + entry.count && ranges[low].start <= time
    }
}

extension FlowSelection {
    /// How long before a flow's first packet, in nanoseconds, fragments are looked for that carry it: a flow inside a
    /// datagram begins with the fragment that completes this.
    private static var lead: UInt64 { 1_000_000_000 }

    /// Before all ranges, by as much.
    var sinceFragments: Timestamp {
        findsLaterFragments
            ? Timestamp(nanoseconds: since.nanoseconds &- min(since.nanoseconds, Self.lead)) : since
    }

    /// Looks for fragments that belong to the flows, where only the whole datagram tells.
    ///
    /// - Parameters:
    ///   - sources: The packets, ring by ring; used up.
    ///   - earliest: Only packets of this time or later.
    /// - Returns: Datagrams for which there was no room: their fragments may be missing.
    mutating func survey(_ sources: [any PacketSource], since earliest: Timestamp) -> UInt64 {
        guard findsLaterFragments, !entries.isEmpty, !sources.isEmpty else { return 0 }
        since = max(earliest, sinceFragments)
        var survey = FragmentSurvey(self, vlansSeparateFlows: vlansSeparateFlows)
        survey.look(through: sources, since: since, until: until)
        surveyed = survey.found
        return surveyed.leftOut
    }

    /// Of the packet that is looked at.
    private var datagramKey: DatagramKey { DatagramKey(headers, vlansSeparate: vlansSeparateFlows) }

    /// Whether headers are those of a chosen flow at one of the times.
    func has(_ headers: borrowing PacketHeaders, at times: [Timestamp]) -> Bool {
        var forward = false
        let key = FlowKey(headers, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
        return times.contains { contains(key, at: $0.nanoseconds) }
    }
}

extension FlowSelection: PacketPredicate {
    /// Whether the packet belongs to one of the flows.
    public mutating func matches(_ packet: RawSpan, _ about: StoredPacket, linkType: LinkType) -> Bool {
        PacketDecoder.decode(packet, linkType: linkType, into: &headers)
        guard headers.layers.contains(.ip) else { return false }
        var forward = false
        let key = FlowKey(headers, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
        if contains(key, at: about.time.nanoseconds) {
            if findsLaterFragments, headers.isFragment, !headers.isLaterFragment {
                fragments.insert(datagramKey, at: about.time)
            }
            return true
        }
        if headers.isLaterFragment, fragments.contains(datagramKey, at: about.time) { return true }
        if headers.isFragment, surveyed.contains(datagramKey, at: about.time) { return true }
        if headers.transportProtocol == IPProtocol.compression, !headers.isFragment,
            holds(packet, about)
        {
            return true
        }
        return headers.tunnelDepth > 0 && carries(packet, about, linkType: linkType)
    }

    /// Whether what is compressed in the packet (IPComp) belongs to one of the flows.
    private mutating func holds(_ packet: RawSpan, _ about: StoredPacket) -> Bool {
        let own = headers
        // Few packets are compressed, so its memory is made for each of them; a packet grows to 64 KiB at most.
        var compressed = CompressedPackets()
        guard let bytes = compressed.inflate(own, in: packet) else { return false }
        var inside = PacketHeaders()
        bytes.withPacket { PacketDecoder.decode(reassembled: $0, of: own, into: &inside) }
        for layer in own.tunnelDepth...max(own.tunnelDepth, inside.tunnelDepth) {
            bytes.withPacket { PacketDecoder.decode(reassembled: $0, of: own, layer: layer, into: &inside) }
            var forward = false
            let key = FlowKey(inside, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
            if contains(key, at: about.time.nanoseconds) { return true }
        }
        return false
    }

    /// Whether one of the flows carries the packet in a tunnel.
    private mutating func carries(_ packet: RawSpan, _ about: StoredPacket, linkType: LinkType) -> Bool {
        for layer in 0..<headers.tunnelDepth {
            PacketDecoder.decode(packet, linkType: linkType, layer: layer, into: &headers)
            var forward = false
            let key = FlowKey(headers, vlansSeparateFlows: vlansSeparateFlows, forward: &forward)
            if contains(key, at: about.time.nanoseconds) { return true }
        }
        return false
    }
}
