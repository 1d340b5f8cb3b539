// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

// The flows that carry tunnels: a packet counts in the flow of each of its IP headers.
//
//     Ethernet | IP UDP VXLAN | Ethernet IP TCP | ..
//                layer 0        innermost
//                |              `- consume: tracker, parsers, rules; the packet is counted as read
//                `- carry: tracker alone, perhaps in another worker
//
// The share of a packet is that of its innermost headers, so that the flows of one tunnel are spread over workers and both
// directions of each meet, whatever tunnels they come by. The outer flow has a share of its own: its worker gets an entry
// that speaks of this layer alone. Who is the parent of whom needs no word between workers (FlowID).

extension Worker where Sink: ~Copyable {
    /// Counts a packet into the flow that carries it, in the thread of its producer.
    @inline(never)
    mutating func carry(
        _ headers: borrowing PacketHeaders,
        _ kind: TunnelKind,
        hash: UInt32,
        _ descriptor: Descriptor,
        ordinal: UInt64,
        buffer: UInt16
    ) {
        let flow = tracker.track(
            headers,
            hash: hash,
            time: descriptor.time,
            originalLength: descriptor.originalLength,
            ordinal: ordinal,
            buffer: buffer,
            interface: descriptor.interface,
            facts: &outlet
        )
        if let flow { tracker.noteCarrying(kind, slot: flow.slot) }
    }

    @inline(never)
    mutating func carry(
        _ entry: IndexEntry,
        layer: UInt8,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool {
        if isLive { followClock(entry.position, entry.buffer, memory) }
        var headers = PacketHeaders()
        var record = RecordHead()
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            record = RecordHead(bytes)
            let packet = record.packet(in: bytes)
            PacketDecoder.decode(packet, linkType: linkType, layer: layer, into: &headers)
        }
        if isLive, !memory.isWhole(entry.position) { return false }
        let flow = tracker.track(
            headers,
            hash: entry.flowHash,
            time: record.time,
            originalLength: record.originalLength,
            ordinal: ordinal,
            buffer: entry.buffer,
            interface: entry.interface,
            facts: &outlet
        )
        if let flow, let kind = TunnelKind(rawValue: entry.classification.tunnel) {
            tracker.noteCarrying(kind, slot: flow.slot)
        }
        return true
    }
}
