// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

// Fragments wait until their datagram is whole; then its packets are counted, and parsers and rules see it as one packet.
//
// What lies in the ring is copied when it comes. Live, the copy counts only if the record was still whole afterwards;
// else the datagram cannot be put together, and its packets are counted all the same.

extension Worker where Sink: ~Copyable {
    /// Takes a fragment in the thread of its producer.
    @inline(never)
    mutating func takeFragment(
        _ headers: borrowing PacketHeaders,
        _ hash: UInt32,
        _ descriptor: Descriptor,
        ordinal: UInt64,
        buffer: UInt16,
        packet: RawSpan
    ) {
        let frame = FragmentFrame(copy headers, hash: hash, descriptor, ordinal: ordinal, buffer: buffer)
        fragments.take(frame, packet: packet)
        fragments.settle()
        drainFragments()
    }

    /// Takes a fragment by its entry, in memory that may be overwritten meanwhile.
    @inline(never)
    mutating func takeFragment(
        _ headers: borrowing PacketHeaders,
        _ entry: IndexEntry,
        _ record: RecordHead,
        ordinal: UInt64,
        memory: RingMemory,
        isLive: Bool
    ) {
        let frame = FragmentFrame(copy headers, entry, record, ordinal: ordinal)
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            fragments.take(frame, packet: record.packet(in: bytes))
        }
        if isLive, !memory.isWhole(entry.position) {
            payloadSkipped &+= 1
            fragments.spoilLast()
        }
        fragments.settle()
        drainFragments()
    }

    mutating func expireFragments(through time: Timestamp) {
        fragments.expire(through: time)
        drainFragments()
    }

    mutating func finishFragments() {
        fragments.finish()
        drainFragments()
    }

    /// Counts the packets of datagrams that are done, and looks at those that are whole.
    private mutating func drainFragments() {
        while let datagram = fragments.next() {
            // What it carries is looked at by the worker whose share that is: TunnelFragments, CarriedPacket.
            let isOwn = datagram.isWhole && datagram.carries == .none
            var isDamaged = false
            if leavesOutDamaged, isOwn {
                isDamaged = datagram.bytes.withPacket { ApplicationStage.isDamaged(datagram.headers, $0) }
            }
            let flow = tracker.track(datagram, isDamaged: isDamaged, facts: &outlet)
            guard readsPayload, isOwn, let frame = datagram.frames.last else { continue }
            datagram.bytes.withPacket { packet in
                if isDamaged {
                    let packets = datagram.frames.count
                    noteDamaged(datagram.headers, flow, frame, packet: packet, packets: packets)
                } else {
                    look(at: datagram.headers, flow, frame, packet: packet)
                }
            }
        }
    }

    /// Takes a packet whose tunnel came in fragments or that was compressed, nil if it had to be left out, after so many that
    /// were missed.
    @inline(never)
    mutating func take(_ packet: CarriedPacket?, missed: UInt32 = 0) {
        payloadSkipped &+= UInt64(missed)
        guard let packet else {
            payloadSkipped &+= 1
            return
        }
        let frame = packet.frame
        latest = frame.time
        if packet.carries == .none, frame.headers.isFragment {
            packet.bytes.withPacket { fragments.take(frame, packet: $0) }
            fragments.settle()
            drainFragments()
            return
        }
        if leavesOutDamaged, packet.carries == .none, !packet.bytes.isEmpty {
            let isDamaged = packet.bytes.withPacket { ApplicationStage.isDamaged(frame.headers, $0) }
            if isDamaged { return packet.bytes.withPacket { takeDamaged(frame, packet: $0) } }
        }
        let flow = tracker.track(frame, facts: &outlet)
        if packet.carries != .none {
            if let flow { tracker.noteCarrying(packet.carries, slot: flow.slot) }
        } else if packet.bytes.isEmpty {
            payloadSkipped &+= 1
        } else if readsPayload {
            packet.bytes.withPacket { look(at: frame.headers, flow, frame, packet: $0) }
        }
    }

    /// Judges a packet that was put together, and shows it to parsers and rules, as of the packet that completed it.
    private mutating func look(
        at headers: borrowing PacketHeaders,
        _ view: FlowView?,
        _ frame: FragmentFrame,
        packet: RawSpan
    ) {
        judge(
            headers,
            packet: packet,
            flow: view,
            time: frame.time,
            ordinal: frame.ordinal,
            buffer: frame.buffer,
            interface: frame.interface
        )
        if let view {
            parse(
                headers,
                packet: packet,
                flow: view,
                time: frame.time,
                ordinal: frame.ordinal,
                buffer: frame.buffer,
                interface: frame.interface
            )
        }
        if view != nil || judges { outlet.consumer.commit() }
        guard detectors.count > 0 else { return }
        inspect(headers, packet: packet, flow: view)
        guard !staged.isEmpty else { return }
        recordStaged(
            headers,
            view,
            time: frame.time,
            ordinal: frame.ordinal,
            buffer: frame.buffer,
            interface: frame.interface
        )
    }
}
