// SPDX-License-Identifier: Apache-2.0
// Packets whose headers are odd: their anomaly is staged beside what the parsers give, and committed with it.
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

extension Worker where Sink: ~Copyable {
    /// Counts a packet whose checksum is wrong, and says so: no stream, parser or rule sees what its host drops.
    @inline(never)
    mutating func takeDamaged(_ frame: FragmentFrame, packet: RawSpan) {
        var plain = frame
        plain.headers.layers.remove(.tcp)
        plain.headers.payloadLength = 0
        let flow = tracker.track(plain, facts: &outlet)
        noteDamaged(frame.headers, flow, frame, packet: packet)
    }

    /// Says that a packet which was tracked has a wrong checksum.
    mutating func noteDamaged(
        _ headers: PacketHeaders,
        _ flow: FlowView?,
        _ frame: FragmentFrame,
        packet: RawSpan,
        packets: Int = 1
    ) {
        if let flow { tracker.noteDamaged(flow, packets: packets) }
        let place = PacketPlace(
            time: frame.time,
            number: numbersPackets ? frame.ordinal &+ 1 : 0,
            buffer: frame.buffer,
            interface: frame.interface
        )
        outlet.consumer.applications[0].judge(damaged: headers, packet, flow: flow, packet: place)
        outlet.consumer.commit()
    }

    /// The same of a packet in memory that may be overwritten meanwhile: what is read of it counts only if it was whole.
    @inline(never)
    mutating func takeIfDamaged(
        _ headers: borrowing PacketHeaders,
        _ entry: IndexEntry,
        _ record: RecordHead,
        ordinal: UInt64,
        memory: RingMemory,
        isLive: Bool
    ) -> Bool {
        let own = copy headers
        var copied: [UInt8] = []
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            let packet = record.packet(in: bytes)
            guard ApplicationStage.isDamaged(own, packet) else { return }
            copied = FlowFollower.copy(packet)
        }
        guard !copied.isEmpty else { return false }
        if isLive, !memory.isWhole(entry.position) { return false }
        let frame = FragmentFrame(own, entry, record, ordinal: ordinal)
        copied.withPacket { takeDamaged(frame, packet: $0) }
        return true
    }

    /// Looks at a packet that is not plain, if anomalies of packets are wanted.
    ///
    /// What is staged waits for the next commit, or is thrown away with what the packet gave.
    @inline(__always)
    mutating func judge(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        flow: FlowView?,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        guard judges else { return }
        if headers.trouble == .none, headers.transportProtocol != 1, !judgesAll {
            guard judgesSegments, headers.transportProtocol == 6 else { return }
        }
        let place = PacketPlace(
            time: time,
            number: numbersPackets ? ordinal &+ 1 : 0,
            buffer: buffer,
            interface: interface
        )
        outlet.consumer.applications[0].judge(copy headers, packet, flow: flow, packet: place)
    }
}
