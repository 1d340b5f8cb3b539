// SPDX-License-Identifier: Apache-2.0
// From the waiting to the consumer: what has become contiguous, what has been given up, what has ended.

public import BeltwayBuffers
public import BeltwayWire

extension TCPReassembler {
    /// When holes are given up.
    @frozen @usableFromInline enum Force: BitwiseCopyable {
        /// Only when the receiver has acknowledged them.
        case never
        /// One step, since too much waits.
        case once
        /// All: the flow is over.
        case always
    }

    /// Hands over whatever a direction's waiting segments allow.
    @inlinable
    mutating func handOver<Consumer: StreamConsumer & ~Copyable>(
        _ index: Int,
        _ half: Int,
        time: Timestamp,
        force: Force,
        consumer: inout Consumer
    ) {
        var force = force
        while true {
            let step = nextStep(index, half, time, force)
            if force == .once { force = .never }
            switch step.kind {
            case .nothing: return
            case .gap: consumer.gap(step.length, of: step.view)
            case .fin: consumer.ended(step.view, .fin)
            case .depth: consumer.ended(step.view, .depth)
            case .bytes:
                lend(step, &consumer)
                if step.segment != WaitingSegment.none { retire(step.segment) }
            }
        }
    }

    /// Lends the bytes of a step, wherever they are.
    @inlinable
    mutating func lend<Consumer: StreamConsumer & ~Copyable>(_ step: StreamStep, _ consumer: inout Consumer) {
        if step.source == .copy {
            copies.withBytes(Int(step.position), from: Int(step.within), length: Int(step.length)) { bytes in
                consumer.bytes(bytes, of: step.view, at: .nowhere, within: 0)
            }
            return
        }
        let number = ring(of: step.buffer)
        guard number >= 0 else { return }
        let memory = rings[number].memory
        let position = Position(step.position)
        memory.withBytes(
            at: position,
            offset: RecordLayout.headerLength &+ Int(step.within),
            length: Int(step.length)
        ) { bytes in
            let place = SegmentPlace(position: position, buffer: step.buffer)
            consumer.bytes(bytes, of: step.view, at: place, within: Int(step.within))
        }
        if !memory.isWhole(position) {
            noteOverwritten()
            consumer.overwritten(slot: step.view.slot, flowID: step.view.flowID)
        }
    }

    @usableFromInline mutating func noteOverwritten() { counts.overwritten &+= 1 }

    /// Decides what a direction hands over next, and counts it as handed over.
    @usableFromInline
    mutating func nextStep(_ index: Int, _ half: Int, _ time: Timestamp, _ force: Force) -> StreamStep {
        var step = StreamStep()
        step.view = view(index, half, time)
        let state = flows[index].halves[half]
        guard state.head != WaitingSegment.none else {
            step.kind = end(index, half, force)
            return step
        }
        let segment = segments[Int(state.head)]
        if segment.offset > state.delivered {
            guard force != .never || state.impatience >= configuration.patience else { return step }
            return gap(step, index, half, length: segment.offset &- state.delivered)
        }
        step.view.time = segment.time
        var length = UInt64(segment.length)
        if state.overlap.waitsForAcknowledgement, force == .never {
            let acknowledged = state.acknowledgedOffset
            guard acknowledged > state.delivered else { return step }
            length = min(length, acknowledged &- state.delivered)
        }
        if length < segment.length {
            trim(state.head, by: UInt32(truncatingIfNeeded: length), index, half)
        } else {
            unlink(state.head, after: WaitingSegment.none, index, half)
            step.segment = state.head
        }
        if !isThere(segment) {
            if step.segment != WaitingSegment.none { retire(step.segment) }
            return gap(step, index, half, length: length)
        }
        step.kind = .bytes
        step.length = length
        step.source = segment.source
        step.buffer = segment.buffer
        step.within = segment.within
        step.position = segment.position
        advance(index, half, by: length)
        counts.delivered &+= length
        return step
    }

    /// Whether a waiting segment's bytes can still be had.
    private mutating func isThere(_ segment: WaitingSegment) -> Bool {
        switch segment.source {
        case .nowhere: return false
        case .copy: return true
        case .ring:
            let number = ring(of: segment.buffer)
            if number >= 0, rings[number].memory.isWhole(Position(segment.position)) { return true }
            counts.overwritten &+= 1
            return false
        }
    }

    private mutating func trim(_ node: UInt32, by length: UInt32, _ index: Int, _ half: Int) {
        segments[Int(node)].offset &+= UInt64(length)
        segments[Int(node)].within &+= length
        segments[Int(node)].length &-= length
        flows[index].halves[half].waitingBytes &-= length
    }

    private mutating func gap(_ step: StreamStep, _ index: Int, _ half: Int, length: UInt64) -> StreamStep {
        var step = step
        step.kind = .gap
        step.segment = WaitingSegment.none
        step.length = length
        counts.gaps &+= 1
        counts.gapBytes &+= length
        advance(index, half, by: length)
        return step
    }

    private mutating func advance(_ index: Int, _ half: Int, by length: UInt64) {
        flows[index].halves[half].delivered &+= length
        flows[index].halves[half].impatience = 0
    }

    /// What is said of a direction in which nothing waits.
    private mutating func end(_ index: Int, _ half: Int, _ force: Force) -> StreamStep.Kind {
        let state = flows[index].halves[half]
        if state.marks.contains(.ended) { return .nothing }
        if state.delivered >= configuration.depth {
            flows[index].halves[half].marks.formUnion([.ended, .full])
            return .depth
        }
        if state.marks.contains(.fin), state.distance(to: state.finSequence) <= 0 {
            flows[index].halves[half].marks.insert(.ended)
            return .fin
        }
        return .nothing
    }

    /// What a consumer is told beside bytes.
    @usableFromInline
    func view(_ index: Int, _ half: Int, _ time: Timestamp) -> StreamView {
        var view = StreamView()
        view.flowID = flows[index].flowID
        view.slot = flows[index].slot
        view.toResponder = half == 0
        view.offset = flows[index].halves[half].delivered
        view.isMidstream = flows[index].halves[half].marks.contains(.midstream)
        view.time = time
        return view
    }

    /// Ends a flow's streams: hands over what waits, with gaps for what never came, and lets go of all.
    ///
    /// - Parameters:
    ///   - slot: The flow's place in the tracker; one without streams is passed over.
    ///   - time: For gaps and ends.
    ///   - consumer: Told `closed` last.
    @inlinable
    public mutating func flowEnded<Consumer: StreamConsumer & ~Copyable>(
        slot: UInt32,
        time: Timestamp,
        consumer: inout Consumer
    ) {
        guard Int(slot) < places.count, places[Int(slot)] != WaitingSegment.none else { return }
        let index = Int(places[Int(slot)])
        for half in 0..<2 {
            handOver(index, half, time: time, force: .always, consumer: &consumer)
            let step = lastGap(index, half, time)
            if step.kind == .gap { consumer.gap(step.length, of: step.view) }
            handOver(index, half, time: time, force: .always, consumer: &consumer)
        }
        consumer.closed(slot: slot, flowID: flows[index].flowID)
        release(index, slot)
    }

    /// Bytes at the end that the receiver acknowledged, or that the sender's FIN comes after, but that were never seen.
    ///
    /// One byte without a FIN is taken for the FIN itself.
    @usableFromInline
    mutating func lastGap(_ index: Int, _ half: Int, _ time: Timestamp) -> StreamStep {
        var step = StreamStep()
        let state = flows[index].halves[half]
        guard state.marks.contains(.based), state.delivered < configuration.depth else { return step }
        var missing = Int64(0)
        if state.marks.contains(.fin) {
            missing = state.distance(to: state.finSequence)
        } else if state.marks.contains(.acknowledged) {
            missing = state.distance(to: state.acknowledged)
            if missing == 1 { missing = 0 }
        }
        guard missing > 0 else { return step }
        step.view = view(index, half, time)
        return gap(step, index, half, length: min(UInt64(missing), configuration.depth &- state.delivered))
    }

    @usableFromInline
    mutating func release(_ index: Int, _ slot: UInt32) {
        places[Int(slot)] = WaitingSegment.none
        flows[index].flowID = .max
        flows[index].slot = firstFreeFlow
        firstFreeFlow = UInt32(index)
        activeFlows -= 1
    }
}
