// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayDetect
internal import BeltwayFlow
internal import BeltwayWire

// What a worker does with a packet's payload: parsers, rules, and the alerts of those that matched.
//
// What is here is inlined into both ways of `consume`, so that nothing is asked or passed twice.

extension Worker where Sink: ~Copyable {
    @inline(__always)
    mutating func inspect(_ headers: borrowing PacketHeaders, packet: RawSpan, flow: FlowView?) {
        detectors[0].inspect(headers, packet: packet, flow: flow) { staged.append($0) }
    }

    /// Hands payload to the parsers: a datagram's at once, a segment's through the reassembler.
    @inline(__always)
    mutating func parse(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        flow: FlowView,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        guard parses else { return }
        let place = PacketPlace(
            time: time,
            number: numbersPackets ? ordinal &+ 1 : 0,
            buffer: buffer,
            interface: interface
        )
        if headers.layers.contains(.tcp) {
            guard outlet.consumer.applications[0].wantsStream(flow) else { return }
            outlet.consumer.applications[0].beginSegment(headers, flow: flow, packet: place)
            // What is out of order is copied: nothing of it stays in the ring.
            outlet.segment(headers, packet: packet, at: .nowhere, time: time, flow: flow, tracker: &tracker)
            return
        }
        guard headers.capturedPayloadLength > 0, !headers.isFragment, headers.layers.contains(.udp) else {
            return
        }
        let start = Int(headers.payloadOffset)
        let end = start + Int(headers.capturedPayloadLength)
        guard end <= packet.byteCount else { return }
        outlet.consumer.applications[0].datagram(
            packet.extracting(start..<end),
            headers: headers,
            flow: flow,
            packet: place
        )
    }

    /// The packet was overwritten while it was looked at: what it gave is forgotten.
    mutating func overwritten(_ headers: borrowing PacketHeaders, _ flow: FlowView) {
        guard parses else { return }
        outlet.consumer.discard()
        if headers.layers.contains(.tcp) { outlet.overwritten(flow) }
    }

    @inline(never)
    mutating func recordStaged(
        _ headers: borrowing PacketHeaders,
        _ flow: FlowView?,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        if let flow { tracker.noteAlert(slot: flow.slot) }
        for signature in staged {
            alerts &+= 1
            outlet.record(
                .alert(
                    AlertRecord(
                        signature: signature,
                        headers: headers,
                        flow: flow,
                        time: time,
                        ordinal: ordinal,
                        buffer: buffer,
                        interface: interface
                    )
                )
            )
        }
        staged.removeAll(keepingCapacity: true)
    }
}
