// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

extension FlowTracker {
    /// Counts the packets of a datagram that came in fragments, all in the flow of its transport header.
    ///
    /// Whole, its payload and its TCP segment are the whole datagram's, counted with the first fragment. Packets of one
    /// whose first fragment is missing are counted in the flow of their addresses and protocol, without ports.
    ///
    /// - Parameters:
    ///   - datagram: From ``FragmentReassembler/next()``.
    ///   - facts: Takes the records of flows that ended by it.
    /// - Returns: What is known of the flow after the last of the packets.
    public mutating func track<Sink: FactSink & ~Copyable>(
        _ datagram: FragmentedDatagram,
        facts: inout Sink
    ) -> FlowView? {
        guard let first = datagram.first else {
            var view: FlowView?
            for frame in datagram.frames { view = track(frame, frame.headers, frame.hash, facts: &facts) }
            return view
        }
        let head = datagram.frames[first]
        var opening = head.headers
        var hash = head.hash
        if let inflatedHash = datagram.inflatedHash {
            // It stands for what was compressed, which the fragments' headers do not name.
            opening = datagram.own
            opening.ipLength = head.headers.ipLength
            hash = inflatedHash
        }
        var following = opening
        // A datagram that carries a tunnel is a packet of the tunnel's flow here; what is inside comes by ``TunnelFragments``.
        if datagram.isWhole {
            let whole = datagram.own
            opening.layers = whole.layers.union(opening.layers)
            opening.payloadLength = whole.payloadLength
            opening.sequence = whole.sequence
            opening.acknowledgement = whole.acknowledgement
            opening.tcpFlags = whole.tcpFlags
            opening.window = whole.window
        }
        var view = track(head, opening, hash, facts: &facts)
        following.layers.remove(.tcp)
        for (index, frame) in datagram.frames.enumerated() where index != first {
            following.ipLength = frame.headers.ipLength
            following.payloadLength = datagram.isWhole ? 0 : frame.headers.payloadLength
            view = track(frame, following, hash, facts: &facts) ?? view
        }
        if let view, datagram.carries != .none { noteCarrying(datagram.carries, slot: view.slot) }
        return view
    }

    private mutating func track<Sink: FactSink & ~Copyable>(
        _ frame: FragmentFrame,
        _ headers: PacketHeaders,
        _ hash: UInt32,
        facts: inout Sink
    ) -> FlowView? {
        track(
            headers,
            hash: hash,
            time: frame.time,
            originalLength: frame.originalLength,
            ordinal: frame.ordinal,
            buffer: frame.buffer,
            interface: frame.interface,
            facts: &facts
        )
    }
}
