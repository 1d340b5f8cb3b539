// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayWire

// Packets in tunnels, on their way from the classifier to the workers of every flow they are part of.
//
//     Ethernet | IP UDP VXLAN | Ethernet IP TCP |      carry: an entry for each layer outside, before the packet's own
//     fragment + fragment + .. = tunnel's datagram     join: what is inside is in no ring, and is handed over beside it
//
// Nothing here is on the way of a packet outside tunnels: one comparison in `process` leads here.

extension CaptureStage {
    /// Tells the workers of the flows that carry a packet in tunnels, each of its own layer: of its headers, that is.
    ///
    /// The layers are decoded once more, so that packets outside tunnels pay for one comparison.
    @inline(never)
    mutating func carry(
        _ packet: RawSpan,
        _ linkType: LinkType,
        _ tunnels: UInt8,
        _ innermost: TunnelKind,
        _ descriptor: Descriptor,
        _ ordinal: UInt64,
        _ number: UInt16
    ) {
        var headers = PacketHeaders()
        var kind = innermost
        for layer in (0..<tunnels).reversed() {
            PacketDecoder.decode(packet, linkType: linkType, layer: layer, into: &headers)
            let verdict = classifier.classify(headers, packet: packet)
            if workers.count > 0 {
                workers[0].carry(
                    headers,
                    kind,
                    hash: verdict.flowHash,
                    descriptor,
                    ordinal: ordinal,
                    buffer: number
                )
            } else {
                let entry = IndexEntry(
                    position: descriptor.position,
                    flowHash: verdict.flowHash,
                    ordinal: UInt32(truncatingIfNeeded: ordinal),
                    length: descriptor.recordLength,
                    buffer: number,
                    interface: descriptor.interface,
                    classification: verdict.classification.outside(layer: layer, tunnel: kind.rawValue)
                )
                push(mark: entry, to: Int(verdict.worker))
            }
            kind = headers.tunnelKind
        }
    }

    /// Takes a fragment, which may complete a datagram that carries a tunnel: each layer inside goes to its worker.
    @inline(never)
    mutating func join(
        _ headers: borrowing PacketHeaders,
        _ hash: UInt32,
        _ packet: RawSpan,
        _ descriptor: Descriptor,
        _ ordinal: UInt64,
        _ number: UInt16
    ) {
        var frame = FragmentFrame(
            headers: copy headers,
            hash: hash,
            time: descriptor.time,
            originalLength: descriptor.originalLength,
            ordinal: ordinal,
            buffer: number,
            interface: descriptor.interface
        )
        tunnels.take(frame, packet: packet)
        while let datagram = tunnels.next() {
            let before = datagram.first.map { datagram.frames[$0].headers.networkOffset } ?? 0
            frame.originalLength = UInt32(before) + UInt32(datagram.bytes.count)
            var kind = TunnelKind.none
            for layer in (datagram.own.tunnelDepth + 1...datagram.headers.tunnelDepth).reversed() {
                let worker = datagram.bytes.withPacket { bytes in
                    PacketDecoder.decode(
                        reassembled: bytes,
                        of: datagram.own,
                        layer: layer,
                        into: &frame.headers
                    )
                    let verdict = classifier.classify(frame.headers, packet: bytes)
                    frame.hash = verdict.flowHash
                    // A fragment inside: its datagram may carry a tunnel in turn. Deeper each time, so this ends.
                    if kind == .none, frame.headers.isFragment { tunnels.take(frame, packet: bytes) }
                    return Int(verdict.worker)
                }
                let bytes = kind == .none ? datagram.bytes : []
                hand(CarriedPacket(frame: frame, bytes: bytes, carries: kind), to: worker, descriptor)
                kind = frame.headers.tunnelKind
            }
        }
    }

    /// Hands a packet that is in no ring to its worker.
    private mutating func hand(_ packet: CarriedPacket, to worker: Int, _ descriptor: Descriptor) {
        guard workers.count == 0 else {
            workers[0].take(packet)
            return
        }
        let frame = packet.frame
        let entry = IndexEntry(
            position: descriptor.position,
            flowHash: frame.hash,
            ordinal: UInt32(truncatingIfNeeded: frame.ordinal),
            length: carried[worker].send(packet, isLive: !isOffline),
            buffer: frame.buffer,
            interface: frame.interface,
            classification: Classification.fragment.outside(layer: IndexEntry.handedOver)
        )
        push(mark: entry, to: worker)
    }
}
