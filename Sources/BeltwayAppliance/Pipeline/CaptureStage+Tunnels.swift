// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayWire

// Packets that are more than their innermost headers, or that do not lie in the ring as they are to be looked at.
//
//     in tunnels               each header outside: an entry of its own          carry
//     tunnel in fragments      put together, each layer inside handed over       join
//     compressed               inflated, handed over in the packet's place       inflate

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
                    of: descriptor,
                    ordinal,
                    buffer: number,
                    flowHash: verdict.flowHash,
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
        var frame = FragmentFrame(copy headers, hash: hash, descriptor, ordinal: ordinal, buffer: number)
        tunnels.take(frame, packet: packet)
        handOverWhole(&frame, descriptor)
    }

    /// Hands over what is inside the datagrams that are whole now.
    private mutating func handOverWhole(_ frame: inout FragmentFrame, _ descriptor: Descriptor) {
        while let datagram = tunnels.next() {
            let before = datagram.first.map { datagram.frames[$0].headers.networkOffset } ?? 0
            frame.originalLength = UInt32(before) + UInt32(datagram.bytes.count)
            let inside = datagram.own.tunnelDepth + 1...datagram.headers.tunnelDepth
            let (packet, worker) = handOuter(datagram.bytes, of: datagram.own, inside, &frame, descriptor)
            hand(packet, to: worker, descriptor, as: IndexEntry.handedOver)
        }
    }

    /// Takes a compressed datagram.
    ///
    /// - Returns: Whether it was inflated, and is its workers' in this form; if not, it is a packet like any other.
    @inline(never)
    mutating func inflate(
        _ headers: borrowing PacketHeaders,
        _ packet: RawSpan,
        _ descriptor: Descriptor,
        _ ordinal: UInt64,
        _ number: UInt16
    ) -> Bool {
        let own = copy headers
        guard let bytes = compressed.inflate(own, in: packet) else { return false }
        var inside = PacketHeaders()
        bytes.withPacket { PacketDecoder.decode(reassembled: $0, of: own, into: &inside) }
        var frame = FragmentFrame(inside, hash: 0, descriptor, ordinal: ordinal, buffer: number)
        let layers = own.tunnelDepth...inside.tunnelDepth
        let (packet, worker) = handOuter(bytes, of: own, layers, &frame, descriptor)
        handOverWhole(&frame, descriptor)
        // Last of all entries with this ordinal, since it is the packet's own.
        hand(packet, to: worker, descriptor, as: IndexEntry.replaced)
        return true
    }

    /// Hands the layers of a packet that is in no ring to their workers, but for the innermost.
    ///
    /// - Returns: The innermost, and whose it is.
    private mutating func handOuter(
        _ packet: [UInt8],
        of own: PacketHeaders,
        _ layers: ClosedRange<UInt8>,
        _ frame: inout FragmentFrame,
        _ descriptor: Descriptor
    ) -> (packet: CarriedPacket, worker: Int) {
        let worker = look(packet, of: own, layers.upperBound, &frame)
        let innermost = CarriedPacket(frame: frame, bytes: packet, carries: .none)
        // A fragment inside: its datagram may carry a tunnel in turn. Deeper each time, so this ends.
        if frame.headers.isFragment { packet.withPacket { tunnels.take(frame, packet: $0) } }
        var kind = frame.headers.tunnelKind
        for layer in layers.dropLast().reversed() {
            let worker = look(packet, of: own, layer, &frame)
            let carrier = CarriedPacket(frame: frame, bytes: [], carries: kind)
            hand(carrier, to: worker, descriptor, as: IndexEntry.handedOver)
            kind = frame.headers.tunnelKind
        }
        return (innermost, worker)
    }

    /// Decodes one layer of a packet that is in no ring.
    ///
    /// - Returns: Whose it is.
    private func look(
        _ packet: [UInt8],
        of own: PacketHeaders,
        _ layer: UInt8,
        _ frame: inout FragmentFrame
    ) -> Int {
        packet.withPacket { bytes in
            PacketDecoder.decode(reassembled: bytes, of: own, layer: layer, into: &frame.headers)
            let verdict = classifier.classify(frame.headers, packet: bytes)
            frame.hash = verdict.flowHash
            return Int(verdict.worker)
        }
    }

    /// Hands a packet that is in no ring to its worker.
    ///
    /// - Parameters:
    ///   - packet: What is handed over.
    ///   - worker: Whose it is.
    ///   - descriptor: The packet that it comes from.
    ///   - place: ``IndexEntry/replaced`` if it is to be counted as that packet, else ``IndexEntry/handedOver``.
    private mutating func hand(
        _ packet: CarriedPacket,
        to worker: Int,
        _ descriptor: Descriptor,
        as place: UInt8
    ) {
        guard workers.count == 0 else {
            workers[0].take(packet)
            return
        }
        let frame = packet.frame
        let number = carried[worker].send(packet, isLive: !isOffline)
        let isPacket = place == IndexEntry.replaced
        let entry = IndexEntry(
            position: descriptor.position,
            flowHash: frame.hash,
            ordinal: UInt32(truncatingIfNeeded: frame.ordinal),
            // The offset of what is no packet is its number among its like.
            length: isPacket ? descriptor.recordLength : number,
            offset: isPacket ? number : 0,
            buffer: frame.buffer,
            interface: frame.interface,
            classification: Classification.fragment.outside(layer: place)
        )
        if isPacket { push(entry, to: worker) } else { push(mark: entry, to: worker) }
    }
}
