// SPDX-License-Identifier: Apache-2.0
// Where a segment's payload goes: to the consumer at once, or among the waiting, around what overlaps it.

internal import BeltwayBuffers
public import BeltwayWire

extension TCPReassembler {
    /// Decides on a segment's payload.
    ///
    /// - Returns: What is to be handed over at once; the rest waits or was thrown away.
    @usableFromInline
    mutating func place(
        _ headers: borrowing PacketHeaders,
        at place: SegmentPlace,
        _ packet: RawSpan,
        _ time: Timestamp,
        _ index: Int,
        _ forward: Int
    ) -> Placement {
        var placement = Placement()
        let half = flows[index].halves[forward]
        let distance = half.distance(to: headers.sequence &+ (headers.tcpFlags & TCPFlag.syn != 0 ? 1 : 0))
        let start = Int64(bitPattern: half.delivered) &+ distance
        let end = start &+ Int64(headers.payloadLength)
        guard distance <= TCPReassembler.farthest else {
            counts.outsideWindow &+= 1
            return placement
        }
        guard end > Int64(bitPattern: half.delivered) else {
            if distance == -1, headers.payloadLength == 1 {
                counts.keepAlives &+= 1
            } else {
                counts.repeated &+= 1
            }
            return placement
        }
        if distance < 0, half.overlap == .drop {
            counts.dropped &+= 1
            return placement
        }
        let first = max(half.delivered, UInt64(max(0, start)))
        guard first < configuration.depth else { return placement }
        let offsets = first..<min(UInt64(end), configuration.depth)
        // A header that claims more than was captured; never more than the packet holds.
        let room = max(0, packet.byteCount - Int(headers.payloadOffset))
        let captured = Int64(min(Int(headers.capturedPayloadLength), room))
        let capturedEnd = min(offsets.upperBound, max(offsets.lowerBound, UInt64(max(0, start &+ captured))))
        let within = Int(headers.payloadOffset) &+ Int(Int64(bitPattern: offsets.lowerBound) &- start)
        let piece = Arrival(
            whole: UInt64(max(0, start))..<UInt64(end),
            place: place,
            time: time,
            firstOffset: offsets.lowerBound,
            firstWithin: within
        )
        let isNext = offsets.lowerBound == half.delivered && !half.overlap.waitsForAcknowledgement
        if isNext,
            half.head == WaitingSegment.none || segments[Int(half.head)].offset >= offsets.upperBound
        {
            placement.offset = offsets.lowerBound
            placement.start = within
            placement.length = Int(capturedEnd &- offsets.lowerBound)
            flows[index].halves[forward].delivered = capturedEnd
            flows[index].halves[forward].impatience = 0
            counts.delivered &+= capturedEnd &- offsets.lowerBound
            if capturedEnd < offsets.upperBound {
                insert(piece, capturedEnd..<offsets.upperBound, isCaptured: false, packet, index, forward)
            }
            return placement
        }
        let length = UInt32(truncatingIfNeeded: offsets.upperBound &- offsets.lowerBound)
        if UInt64(half.waitingBytes) + UInt64(length) > UInt64(configuration.waitingBytesPerStream)
            || half.waitingSegments >= configuration.waitingSegmentsPerStream
        {
            if half.head != WaitingSegment.none { counts.streamBudgetGaps &+= 1 }
            placement.isOverBudget = true
            return placement
        }
        guard activeSegments < configuration.waitingSegments else {
            placement.isOverBudget = true
            return placement
        }
        if half.overlap == .drop, overlapsWaiting(half, offsets) {
            counts.dropped &+= 1
            return placement
        }
        counts.waited &+= 1
        if capturedEnd > offsets.lowerBound {
            insert(piece, offsets.lowerBound..<capturedEnd, isCaptured: true, packet, index, forward)
        }
        if capturedEnd < offsets.upperBound {
            insert(piece, capturedEnd..<offsets.upperBound, isCaptured: false, packet, index, forward)
        }
        return placement
    }

    /// What all parts of one segment have in common.
    struct Arrival {
        var whole: Range<UInt64>
        var place: SegmentPlace
        var time: Timestamp
        /// A stream offset, and where its byte is in the packet.
        var firstOffset: UInt64
        var firstWithin: Int
    }

    private func overlapsWaiting(_ half: StreamHalf, _ offsets: Range<UInt64>) -> Bool {
        var node = half.head
        while node != WaitingSegment.none, segments[Int(node)].offset < offsets.upperBound {
            if segments[Int(node)].end > offsets.lowerBound { return true }
            node = segments[Int(node)].next
        }
        return false
    }

    /// Puts `offsets` of a segment among the waiting of a direction, by the policy where they overlap.
    private mutating func insert(
        _ arrival: Arrival,
        _ offsets: Range<UInt64>,
        isCaptured: Bool,
        _ packet: RawSpan,
        _ index: Int,
        _ half: Int
    ) {
        var at = offsets.lowerBound
        var previous = WaitingSegment.none
        var node = flows[index].halves[half].head
        let tail = flows[index].halves[half].tail
        if tail != WaitingSegment.none, segments[Int(tail)].end <= at {
            (previous, node) = (tail, WaitingSegment.none)
        }
        let policy = flows[index].halves[half].overlap
        var hasOverlap = false
        while at < offsets.upperBound {
            while node != WaitingSegment.none, segments[Int(node)].end <= at {
                (previous, node) = (node, segments[Int(node)].next)
            }
            let nodeStart = node == WaitingSegment.none ? UInt64.max : segments[Int(node)].offset
            if nodeStart > at {
                let stop = min(offsets.upperBound, nodeStart)
                previous = add(arrival, at..<stop, isCaptured, packet, index, half, after: previous)
                at = stop
                continue
            }
            hasOverlap = true
            let stop = min(offsets.upperBound, segments[Int(node)].end)
            let old = segments[Int(node)]
            let newWins =
                isCaptured
                && (old.source == .nowhere
                    || policy.prefersNew(arrival.whole, over: old.whole))
            if newWins {
                (previous, node) = cut(node, at..<stop, previous, index, half)
                previous = add(arrival, at..<stop, isCaptured, packet, index, half, after: previous)
            }
            at = stop
        }
        if hasOverlap { counts.overlaps &+= 1 }
    }

    /// Takes a range, which lies inside one waiting segment, out of it.
    ///
    /// - Returns: What now ends before the range, and what begins at its end or beyond.
    private mutating func cut(
        _ node: UInt32,
        _ range: Range<UInt64>,
        _ previous: UInt32,
        _ index: Int,
        _ half: Int
    ) -> (previous: UInt32, next: UInt32) {
        let old = segments[Int(node)]
        var next = old.next
        if old.end > range.upperBound {
            var right = old
            let skipped = UInt32(truncatingIfNeeded: range.upperBound &- old.offset)
            right.offset = range.upperBound
            right.length = old.length &- skipped
            right.within = old.within &+ skipped
            if old.source == .copy { copies.retain(Int(old.position)) }
            next = link(right, index, half, after: node)
        }
        if old.offset < range.lowerBound {
            let kept = UInt32(truncatingIfNeeded: range.lowerBound &- old.offset)
            flows[index].halves[half].waitingBytes &-= segments[Int(node)].length &- kept
            segments[Int(node)].length = kept
            return (node, next)
        }
        unlink(node, after: previous, index, half)
        retire(node)
        return (previous, next)
    }

    private mutating func add(
        _ arrival: Arrival,
        _ offsets: Range<UInt64>,
        _ isCaptured: Bool,
        _ packet: RawSpan,
        _ index: Int,
        _ half: Int,
        after previous: UInt32
    ) -> UInt32 {
        var made = WaitingSegment()
        made.offset = offsets.lowerBound
        made.length = UInt32(truncatingIfNeeded: offsets.upperBound &- offsets.lowerBound)
        made.wholeOffset = arrival.whole.lowerBound
        made.wholeLength = UInt32(truncatingIfNeeded: arrival.whole.upperBound &- arrival.whole.lowerBound)
        made.time = arrival.time
        let within = arrival.firstWithin &+ Int(offsets.lowerBound &- arrival.firstOffset)
        if isCaptured {
            if ring(of: arrival.place.buffer) >= 0 {
                made.source = .ring
                made.position = arrival.place.position.bytes
                made.buffer = arrival.place.buffer
                made.within = UInt32(truncatingIfNeeded: within)
            } else if let copy = copyAside(packet.extracting(within..<(within &+ Int(made.length)))) {
                made.source = .copy
                made.position = UInt64(copy)
            }
        }
        return link(made, index, half, after: previous)
    }
}
