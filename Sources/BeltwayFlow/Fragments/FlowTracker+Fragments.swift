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
    ///   - isDamaged: Whether a checksum of it is wrong: its host drops it, so that it changes no connection.
    ///   - facts: Takes the records of flows that ended by it.
    /// - Returns: What is known of the flow after the last of the packets.
    public mutating func track<Sink: FactSink & ~Copyable>(
        _ datagram: FragmentedDatagram,
        isDamaged: Bool = false,
        facts: inout Sink
    ) -> FlowView? {
        guard let first = datagram.first else {
            var view: FlowView?
            for frame in datagram.frames { view = track(frame, facts: &facts) }
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
        if isDamaged {
            opening.layers.remove(.tcp)
            opening.payloadLength = 0
        }
        var view = track(head.with(opening, hash), facts: &facts)
        following.layers.remove(.tcp)
        for (index, frame) in datagram.frames.enumerated() where index != first {
            following.ipLength = frame.headers.ipLength
            following.payloadLength = datagram.isWhole ? 0 : frame.headers.payloadLength
            view = track(frame.with(following, hash), facts: &facts) ?? view
        }
        if let view, datagram.carries != .none { noteCarrying(datagram.carries, slot: view.slot) }
        return view
    }

    /// Counts a packet that is described apart.
    ///
    /// - Parameters:
    ///   - frame: The packet.
    ///   - facts: Takes the record of a flow that it found over.
    /// - Returns: What is known of its flow, or nil if it belongs to none.
    @inlinable
    public mutating func track<Sink: FactSink & ~Copyable>(
        _ frame: FragmentFrame,
        facts: inout Sink
    ) -> FlowView? {
        track(
            frame.headers,
            hash: frame.hash,
            time: frame.time,
            originalLength: frame.originalLength,
            ordinal: frame.ordinal,
            buffer: frame.buffer,
            interface: frame.interface,
            facts: &facts
        )
    }
}

extension FragmentFrame {
    /// The same packet with other headers.
    fileprivate func with(_ headers: PacketHeaders, _ hash: UInt32) -> FragmentFrame {
        var frame = self
        frame.headers = headers
        frame.hash = hash
        return frame
    }
}
