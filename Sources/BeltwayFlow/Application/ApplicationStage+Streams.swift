// SPDX-License-Identifier: Apache-2.0
// TCP: what the reassembler hands over, and what a flow's end means for its parser.
public import BeltwayWire

extension ApplicationStage {
    /// Bytes that all flows together may hold: messages that straddle segments, and what sessions keep.
    static var mostHeld: Int { 128 << 20 }
    /// Bytes with which a flow is not cut until all together hold twice as much.
    static var modestHeld: Int { 8 << 10 }

    /// Whether the bytes of a flow are still looked at; of one that is over the stream need not be put in order.
    ///
    /// Mutating, though nothing changes: what borrows the stage from another module gets a copy of its 2.5 kB.
    public mutating func wantsStream(_ flow: FlowView) -> Bool {
        let index = Int(flow.slot)
        return index >= flows.count || flows[index].flowID != flow.flowID || flows[index].phase != .over
    }

    /// Says which packet the calls below come from.
    public mutating func beginSegment(
        _ headers: borrowing PacketHeaders,
        flow: FlowView,
        packet: PacketPlace
    ) {
        output.packet.set(headers, flow: flow, packet)
    }

    /// Says that the calls below come from a flow's end, and not from a packet.
    public mutating func beginEnd(of flow: FlowRecord) { output.packet.set(flow) }

    /// Takes the next bytes of a direction.
    public mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        guard let slot = opened(stream) else { return }
        flows[slot].hadPayload = true
        change(slot) { stage, state, flow in
            if flow.application == .unknown, !stage.expectedFTP.isEmpty, stream.offset == 0 {
                stage.claimFTPData(&state, &flow)
            }
            if flow.application == .unknown, stream.isMidstream {
                stage.turnIfNeeded(bytes, toResponder: stream.toResponder, &state, &flow)
                stage.beginMidstream(bytes, from: flow.sender(toResponder: stream.toResponder), &state, &flow)
            } else if flow.application == .unknown, !stream.toResponder, stream.offset == 0,
                state.originator.isUntouched
            {
                // Of what the originator said nothing was captured.
                stage.beginMidstream(bytes, from: .responder, &state, &flow)
            }
            stage.take(bytes, from: flow.sender(toResponder: stream.toResponder), &state, &flow)
        }
    }

    /// Passes over bytes that will never come.
    public mutating func gap(_ length: UInt64, of stream: StreamView) {
        guard let slot = opened(stream) else { return }
        output.streamAnomaly("stream.reassembly_seq_gap")
        change(slot) { stage, state, flow in
            let sender = flow.sender(toResponder: stream.toResponder)
            guard !state[sender].isOver else { return }
            state[sender].carry = []
            state[sender].scanned = 0
            stage.lost(length, from: sender, &state, &flow)
        }
    }

    /// A direction has ended; a reset ends both.
    public mutating func directionEnded(_ stream: StreamView, _ reason: StreamEnd) {
        if reason == .depth, output.packet.flowID == stream.flowID {
            output.streamAnomaly("stream.reassembly_depth_reached")
        }
        let slot = Int(stream.slot)
        guard slot < flows.count, flows[slot].flowID == stream.flowID, flows[slot].place != 0 else { return }
        guard output.packet.flowID == stream.flowID else { return }
        change(slot) { stage, state, flow in
            let sender = flow.sender(toResponder: stream.toResponder)
            if !state[sender].isOver { stage.sideEnded(sender, &state, &flow) }
        }
    }

    /// The last packet was overwritten while it was looked at: what it gave is forgotten, its flow's parser ends.
    public mutating func overwritten(slot: UInt32, flowID: UInt64) {
        discard()
        guard Int(slot) < flows.count, flows[Int(slot)].flowID == flowID else { return }
        giveBack(slot: Int(slot))
        flows[Int(slot)].phase = .over
    }

    /// The slot of a stream whose bytes are still looked at, or nil.
    private mutating func opened(_ stream: StreamView) -> Int? {
        guard output.packet.flowID == stream.flowID else { return nil }
        let slot = open(stream.slot, stream.flowID)
        guard flows[slot].phase != .over else { return nil }
        if flows[slot].place == 0 { flows[slot].place = streams.take(StreamState()) }
        return slot
    }

    /// Lets `body` change a flow's state, which is given back when nothing more of the flow is looked at.
    private mutating func change(
        _ slot: Int,
        _ body: (inout ApplicationStage, inout StreamState, inout ApplicationFlow) -> Void
    ) {
        var flow = flows[slot]
        // All states are moved out (two words) and back in, so that the parser may change the stage meanwhile; none of
        // what it calls takes or gives back a state.
        var states = SessionPool<StreamState>()
        swap(&states, &streams)
        if flow.isTurned { output.packet.exchange() }
        let isOver = change(&states[flow.place], &flow, body)
        if flow.isTurned { output.packet.exchange() }
        swap(&states, &streams)
        if isOver { flow.phase = .over }
        flows[slot] = flow
        if isOver { giveBack(slot: slot) }
    }

    /// - Returns: Whether nothing more of the flow is looked at; what waits is written then.
    @inline(__always)
    private mutating func change(
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow,
        _ body: (inout ApplicationStage, inout StreamState, inout ApplicationFlow) -> Void
    ) -> Bool {
        body(&self, &state, &flow)
        var isOver = state.isOver
        let held = state.carried + heldBySession(state.session, flow.application)
        heldBytes += held - state.held
        state.held = held
        // Those that hold much are cut first: what many hold that say nothing more must not blind the others at once.
        let isOverBudget = heldBytes > ApplicationStage.mostHeld && held > ApplicationStage.modestHeld
        if !isOver, isOverBudget || heldBytes > 2 * ApplicationStage.mostHeld {
            counters.cut &+= 1
            isOver = true
        }
        if isOver { finish(state, &flow) }
        return isOver
    }

    /// Ends a flow's parser: what waits for an answer is written without it.
    mutating func finishStream(_ slot: Int) {
        guard flows[slot].place != 0 else { return }
        if output.packet.flowID == flows[slot].flowID {
            change(slot) { _, state, _ in
                state.originator.isOver = true
                state.responder.isOver = true
            }
        }
        giveBack(slot: slot)
    }

    private mutating func giveBack(slot: Int) {
        var flow = flows[slot]
        giveBack(&flow)
        flows[slot] = flow
    }

    /// Gives back what is kept of a flow.
    mutating func giveBack(_ flow: inout ApplicationFlow) {
        guard flow.place != 0 else { return }
        heldBytes -= streams[flow.place].held
        end(streams[flow.place].session, flow)
        streams.giveBack(flow.place, StreamState())
        flow.place = 0
    }

    /// Begins the protocol of a stream whose beginning was not seen, if this segment says which it is.
    private mutating func beginMidstream(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) {
        let found = Detection.midstream(
            bytes,
            from: sender,
            originatorPort: output.packet.sourcePort,
            responderPort: output.packet.destinationPort
        )
        guard let found, !state.isOver, ruledOut & Detection.bit(found) == 0 else { return }
        state.originator = StreamSide()
        state.responder = StreamSide()
        begin(found, &state, &flow)
    }

    /// In a stream whose beginning was not seen, the originator may be the one that answers.
    private mutating func turnIfNeeded(
        _ bytes: RawSpan,
        toResponder: Bool,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) {
        guard !flow.isTurned, state.carried == 0, !state.isOver else { return }
        let port = output.packet.sourcePort
        if Detection.isTurned(
            bytes,
            from: toResponder ? .originator : .responder,
            isFromServicePort: port == 445 || port == 139,
            isFromTextPort: port == 21 || port == 25
        ) {
            swap(&state.originator, &state.responder)
            flow.isTurned = true
            // Of a flow whose SYN was seen it is known who called.
            flow.beginsWithAnswer = output.packet.isMidstream
            output.packet.exchange()
        }
    }
}

extension TransactionRecord {
    /// Describes a flow at its end, from originator to responder.
    mutating func set(_ flow: FlowRecord) {
        time = flow.end
        packet = 0
        isFromFlowEnd = true
        buffer = flow.buffer
        interface = flow.interface
        flowID = flow.flowID
        source = flow.originator
        destination = flow.responder
        sourcePort = flow.originatorPort
        destinationPort = flow.responderPort
        transportProtocol = flow.transportProtocol
        ipVersion = flow.ipVersion
        vlan = flow.vlan
        vlanCount = flow.vlanCount
        tunnelKey = flow.tunnelKind.isSymmetric ? flow.tunnelID : 0
        isMidstream = flow.isMidstream
        isTurned = false
        toResponder = true
    }
}
