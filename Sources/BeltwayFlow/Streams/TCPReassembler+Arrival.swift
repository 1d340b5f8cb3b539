// SPDX-License-Identifier: Apache-2.0
// A packet that is not plain: SYN, FIN, RST, out of order, overlapping, cut, or the first of its flow.

public import BeltwayBuffers
public import BeltwayWire

extension TCPReassembler {
    /// Takes a packet that is not plain.
    @inlinable @inline(never)
    mutating func takeOther<Consumer: StreamConsumer & ~Copyable>(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        at place: SegmentPlace,
        time: Timestamp,
        flow: FlowView,
        tracker: inout FlowTracker,
        consumer: inout Consumer
    ) {
        if headers.isFragment {
            noteFragment()
            return
        }
        // Its end was not told, or its slot would be free.
        if isStale(flow) { flowEnded(slot: flow.slot, time: time, consumer: &consumer) }
        let index = admit(headers, flow, &tracker)
        guard index >= 0 else { return }
        let forward = flow.toResponder ? 0 : 1
        let isReset = control(headers, index, forward)
        if headers.payloadLength != 0, headers.tcpFlags & TCPFlag.rst == 0 {
            var placement = self.place(headers, at: place, packet, time, index, forward)
            while placement.isOverBudget, flows[index].halves[forward].head != WaitingSegment.none {
                handOver(index, forward, time: time, force: .once, consumer: &consumer)
                placement = self.place(headers, at: place, packet, time, index, forward)
            }
            if placement.isOverBudget { noteLoss() }
            if placement.length > 0 {
                var view = self.view(index, forward, time)
                view.offset = placement.offset
                consumer.bytes(
                    packet.extracting(placement.start..<(placement.start &+ placement.length)),
                    of: view,
                    at: place,
                    within: placement.start
                )
            }
        }
        handOver(index, forward, time: time, force: .never, consumer: &consumer)
        handOver(index, 1 - forward, time: time, force: .never, consumer: &consumer)
        if isReset {
            for half in 0..<2 where !flows[index].halves[half].marks.contains(.ended) {
                flows[index].halves[half].marks.insert(.ended)
                consumer.ended(self.view(index, half, time), .reset)
            }
        }
    }

    @usableFromInline mutating func noteFragment() { counts.fragments &+= 1 }
    @usableFromInline mutating func noteLoss() { counts.totalBudgetLosses &+= 1 }

    /// Whether the slot still holds the streams of an earlier flow.
    @usableFromInline
    func isStale(_ flow: FlowView) -> Bool {
        guard Int(flow.slot) < places.count, places[Int(flow.slot)] != WaitingSegment.none else {
            return false
        }
        return flows[Int(places[Int(flow.slot)])].flowID != flow.flowID
    }

    /// Sets the policies of both directions: those of who gets the data.
    private func setPolicies(of flow: inout StreamFlow, _ headers: borrowing PacketHeaders, toResponder: Bool)
    {
        flow.halves[0].overlap = configuration.overlap
        flow.halves[1].overlap = configuration.overlap
        if hosts.isEmpty { return }
        let forward = toResponder ? 0 : 1
        let version = headers.ipVersion
        if let policy = hosts.policy(of: headers.destination, version: version) {
            flow.halves[forward].overlap = policy.segments
        }
        if let policy = hosts.policy(of: headers.source, version: version) {
            flow.halves[1 - forward].overlap = policy.segments
        }
    }

    /// The flow's streams, made if this packet is the first that needs them; -1 if it does not, or they are too many.
    ///
    /// A SYN without data needs none: the tracker knows its sequence number, and a flood of them costs nothing here.
    @usableFromInline
    mutating func admit(
        _ headers: borrowing PacketHeaders,
        _ flow: FlowView,
        _ tracker: inout FlowTracker
    ) -> Int {
        let slot = Int(flow.slot)
        if slot < places.count, places[slot] != WaitingSegment.none { return Int(places[slot]) }
        let flags = headers.tcpFlags
        let isSYN = flags & TCPFlag.syn != 0
        if headers.payloadLength == 0, flags & (TCPFlag.ack | TCPFlag.syn) != TCPFlag.ack | TCPFlag.syn,
            flags & TCPFlag.fin == 0 || flags & TCPFlag.rst != 0
        {
            return -1
        }
        guard activeFlows < configuration.flows else {
            counts.flowsPassedOver &+= 1
            return -1
        }
        while places.count <= slot { places.append(WaitingSegment.none) }
        var made = StreamFlow(flowID: flow.flowID, slot: flow.slot)
        setPolicies(of: &made, headers, toResponder: flow.toResponder)
        let known = tracker.sequencesOfSYNs(slot: flow.slot)
        if let sequence = known.originator { made.halves[0].begin(at: sequence &+ 1) }
        if let sequence = known.responder { made.halves[1].begin(at: sequence &+ 1) }
        // The tracker keeps the first SYN; the one at hand may be another.
        if isSYN { made.halves[flow.toResponder ? 0 : 1].begin(at: headers.sequence &+ 1) }
        let index: Int
        if firstFreeFlow != WaitingSegment.none {
            index = Int(firstFreeFlow)
            firstFreeFlow = flows[index].slot
            flows[index] = made
        } else {
            index = flows.count
            flows.append(made)
        }
        places[slot] = UInt32(index)
        activeFlows += 1
        counts.flows &+= 1
        return index
    }

    /// Applies what the header says beside its payload: SYN, acknowledgement, FIN, RST.
    ///
    /// - Returns: Whether this is a reset that counts.
    @usableFromInline
    mutating func control(_ headers: borrowing PacketHeaders, _ index: Int, _ forward: Int) -> Bool {
        let flags = headers.tcpFlags
        let hasPayload = headers.payloadLength != 0
        if flags & TCPFlag.urg != 0 { counts.urgent &+= 1 }
        if flags & TCPFlag.rst != 0 { return isBelievable(reset: headers, index, forward) }
        var sequence = headers.sequence
        if flags & TCPFlag.syn != 0 {
            sequence &+= 1
            // The answer to another SYN than the first is another connection's.
            var isAnew = false
            if flags & TCPFlag.ack != 0 {
                isAnew = flows[index].halves[1 - forward].otherBase == headers.acknowledgement
                rebase(index, 1 - forward, to: headers.acknowledgement)
            }
            rebase(index, forward, to: sequence, isSYN: true, isAnew: isAnew)
        } else if hasPayload || flags & TCPFlag.fin != 0 {
            pickUp(index, forward, at: sequence, hasPayload: hasPayload)
        }
        if flags & TCPFlag.ack != 0 {
            noteAcknowledgement(headers.acknowledgement, of: index, 1 - forward)
            growImpatient(index, 1 - forward)
        }
        if flags & TCPFlag.fin != 0, !flows[index].halves[forward].marks.contains(.fin),
            abs(flows[index].halves[forward].distance(to: sequence)) <= TCPReassembler.farthest
        {
            flows[index].halves[forward].finSequence = sequence &+ headers.payloadLength
            flows[index].halves[forward].marks.insert(.fin)
        }
        return false
    }

    /// A SYN, or the acknowledgement that answers one, says where a direction begins: believed as long as nothing else
    /// was seen of it. (So a SYN that was repeated with another number counts, and data of RFC 7413 stays.)
    ///
    /// A number that the receiver has acknowledged stays, whatever the sender says, until another SYN of its is answered.
    private mutating func rebase(
        _ index: Int,
        _ half: Int,
        to sequence: UInt32,
        isSYN: Bool = false,
        isAnew: Bool = false
    ) {
        let state = flows[index].halves[half]
        if !state.marks.contains(.based) {
            flows[index].halves[half].begin(at: sequence)
        } else if state.base == sequence {
            flows[index].halves[half].marks.remove(.midstream)
        } else if state.isUntouched {
            counts.otherSYNs &+= 1
            if isAnew || !state.isBeyondDoubt || state.otherBase == sequence {
                flows[index].halves[half].beginAnew(at: sequence)
            } else if isSYN, !state.marks.contains(.fin) {
                flows[index].halves[half].finSequence = sequence
            }
        } else if state.next != sequence {
            counts.otherSYNs &+= 1
        }
    }

    /// A segment of a direction whose beginning is unknown, or cannot have been what it seemed, is its beginning.
    private mutating func pickUp(_ index: Int, _ half: Int, at sequence: UInt32, hasPayload: Bool) {
        let state = flows[index].halves[half]
        let distance = state.distance(to: sequence)
        // Of a connection of which one side only was captured: a SYN repeated with another number. If anything was
        // acknowledged, the number of the SYN is beyond doubt, and a stray segment must not move it.
        let isDoubtful =
            state.isUntouched && !state.marks.contains(.acknowledged) && (distance < 0 || distance > 1 << 20)
        let isEarlier = state.isUntouched && state.marks.contains(.midstream) && distance < 0
        if !state.marks.contains(.based) || hasPayload && (isDoubtful || isEarlier) {
            flows[index].halves[half].begin(at: sequence)
            flows[index].halves[half].marks.insert(.midstream)
        }
    }

    /// The receiver has acknowledged bytes that are missing: after a few packets of its they count as lost.
    private mutating func growImpatient(_ index: Int, _ half: Int) {
        let state = flows[index].halves[half]
        guard state.head != WaitingSegment.none, segments[Int(state.head)].offset > state.delivered else {
            return
        }
        if state.acknowledgedOffset >= segments[Int(state.head)].offset {
            flows[index].halves[half].impatience = state.impatience == .max ? .max : state.impatience + 1
        }
    }

    /// Whether a reset's sequence number lies where its receiver would look for it: from the last acknowledgement to
    /// 1 MiB beyond what is expected (the window's scale is not followed).
    private mutating func isBelievable(reset headers: borrowing PacketHeaders, _ index: Int, _ forward: Int)
        -> Bool
    {
        let state = flows[index].halves[forward]
        guard state.marks.contains(.based) else { return true }
        let distance = state.distance(to: headers.sequence)
        let earliest =
            state.marks.contains(.acknowledged) ? min(0, state.distance(to: state.acknowledged)) : 0
        // The answer to a SYN has sequence number 0 or that of the acknowledgement it refuses (RFC 9293, 3.10.7.1).
        let sequence = headers.sequence
        let isRefusal = state.isUntouched && sequence == 0
        if distance >= earliest - 1, distance <= 1 << 20 { return true }
        if isRefusal { return true }
        counts.resetsIgnored &+= 1
        return false
    }
}

extension StreamHalf {
    /// Nothing was handed over and nothing waits.
    var isUntouched: Bool { delivered == 0 && head == WaitingSegment.none }

    /// Whether its receiver has acknowledged where it begins: it would not take another one.
    var isBeyondDoubt: Bool { marks.contains([.based, .acknowledged]) && distance(to: acknowledged) >= 0 }

    /// Where a SYN said that it begins that was not believed, since its receiver had acknowledged another one's; or nil.
    var otherBase: UInt32? { marks.contains(.fin) || finSequence == 0 ? nil : finSequence }

    /// Begins at another sequence number than was believed until now.
    mutating func beginAnew(at sequence: UInt32) {
        begin(at: sequence)
        marks.remove(.acknowledged)
        if !marks.contains(.fin) { finSequence = 0 }
    }

    /// Begins at a sequence number, known from the SYN.
    mutating func begin(at sequence: UInt32) {
        base = sequence
        marks.insert(.based)
        marks.remove(.midstream)
    }
}

extension FlowTracker {
    /// Sequence numbers of the SYNs of the flow in `slot` (of a ``FlowView`` from the latest packet), as far as they
    /// are known.
    @inlinable
    public func sequencesOfSYNs(slot: UInt32) -> (originator: UInt32?, responder: UInt32?) {
        let marks = table[slot].marks
        return (
            marks.contains(.originatorSequence) ? table[slot].originatorSequence : nil,
            marks.contains(.responderSequence) ? table[slot].responderSequence : nil
        )
    }
}
