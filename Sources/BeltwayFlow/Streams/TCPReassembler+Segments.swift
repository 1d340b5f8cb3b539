// SPDX-License-Identifier: Apache-2.0
// The pool of waiting segments, and what keeps their bytes from being overwritten.
//
//     stream     head -> o -> o -> o <- tail            in the order of the stream
//     ring       oldest -> o -> o -> o <- newest        in the order of arrival, only those that lie in a ring
//
// Who feeds the reassembler calls `secure`:
//   - called by the producer's own thread, or over a ring that overwrites: after each batch, keeping half the ring;
//   - over a ring that waits for its readers: before the reader lets go of what it has read, keeping nothing.

internal import BeltwayBuffers
internal import BeltwayWire

extension TCPReassembler {
    /// Copies aside, within the budget, the waiting segments that lie farther back in their ring than `keeping` bytes.
    ///
    /// With several rings all of them: one ring's age says nothing about another's.
    public mutating func secure(keeping: Int) {
        while oldest != WaitingSegment.none {
            let segment = segments[Int(oldest)]
            let number = ring(of: segment.buffer)
            if number >= 0, rings.count == 1 {
                let age = rings[number].memory.tail.bytes &- segment.position
                if age <= UInt64(max(0, keeping)), keeping > 0 { return }
            }
            secureOldest(segment, number)
        }
    }

    private mutating func secureOldest(_ segment: WaitingSegment, _ number: Int) {
        let node = oldest
        leaveRing(node)
        segments[Int(node)].source = .nowhere
        guard number >= 0 else { return }
        let memory = rings[number].memory
        let position = Position(segment.position)
        var copy: Int?
        memory.withBytes(
            at: position,
            offset: RecordLayout.headerLength &+ Int(segment.within),
            length: Int(segment.length)
        ) { bytes in
            if bytes.byteCount == Int(segment.length) { copy = copyAside(bytes) }
        }
        guard let copy else { return }
        guard memory.isWhole(position) else {
            copies.release(copy)
            counts.overwritten &+= 1
            return
        }
        segments[Int(node)].source = .copy
        segments[Int(node)].position = UInt64(copy)
        segments[Int(node)].within = 0
    }

    /// Copies bytes if the budget allows it.
    mutating func copyAside(_ bytes: RawSpan) -> Int? {
        guard copies.heldBytes + bytes.byteCount <= configuration.copiedBytes else {
            counts.totalBudgetLosses &+= 1
            return nil
        }
        counts.payloadCopies &+= 1
        counts.copiedBytes &+= UInt64(bytes.byteCount)
        return copies.copy(bytes)
    }

    /// Where an adopted ring is in `rings`, or -1.
    @usableFromInline
    func ring(of buffer: UInt16) -> Int {
        for index in rings.indices where rings[index].number == buffer { return index }
        return -1
    }

    /// Puts a segment into a direction's list, behind `previous` (none: first).
    mutating func link(_ segment: WaitingSegment, _ index: Int, _ half: Int, after previous: UInt32) -> UInt32
    {
        let node: UInt32
        if firstFreeSegment != WaitingSegment.none {
            node = firstFreeSegment
            firstFreeSegment = segments[Int(node)].next
            segments[Int(node)] = segment
        } else {
            node = UInt32(segments.count)
            segments.append(segment)
        }
        activeSegments += 1
        let next: UInt32
        if previous == WaitingSegment.none {
            next = flows[index].halves[half].head
            flows[index].halves[half].head = node
        } else {
            next = segments[Int(previous)].next
            segments[Int(previous)].next = node
        }
        segments[Int(node)].next = next
        if next == WaitingSegment.none { flows[index].halves[half].tail = node }
        flows[index].halves[half].waitingBytes &+= segment.length
        flows[index].halves[half].waitingSegments &+= 1
        segments[Int(node)].older = WaitingSegment.none
        segments[Int(node)].newer = WaitingSegment.none
        if segment.source == .ring {
            segments[Int(node)].older = newest
            if newest != WaitingSegment.none { segments[Int(newest)].newer = node } else { oldest = node }
            newest = node
        }
        return node
    }

    /// Takes a segment, which follows `previous` (none: is the first), out of its direction's list.
    mutating func unlink(_ node: UInt32, after previous: UInt32, _ index: Int, _ half: Int) {
        let segment = segments[Int(node)]
        if previous == WaitingSegment.none {
            flows[index].halves[half].head = segment.next
        } else {
            segments[Int(previous)].next = segment.next
        }
        if flows[index].halves[half].tail == node { flows[index].halves[half].tail = previous }
        flows[index].halves[half].waitingBytes &-= segment.length
        flows[index].halves[half].waitingSegments &-= 1
    }

    /// Lets go of an unlinked segment and its bytes.
    @usableFromInline
    mutating func retire(_ node: UInt32) {
        switch segments[Int(node)].source {
        case .ring: leaveRing(node)
        case .copy: copies.release(Int(segments[Int(node)].position))
        case .nowhere: break
        }
        segments[Int(node)].source = .nowhere
        segments[Int(node)].next = firstFreeSegment
        firstFreeSegment = node
        activeSegments -= 1
    }

    private mutating func leaveRing(_ node: UInt32) {
        let (older, newer) = (segments[Int(node)].older, segments[Int(node)].newer)
        if older != WaitingSegment.none { segments[Int(older)].newer = newer } else { oldest = newer }
        if newer != WaitingSegment.none { segments[Int(newer)].older = older } else { newest = older }
        segments[Int(node)].older = WaitingSegment.none
        segments[Int(node)].newer = WaitingSegment.none
    }
}
