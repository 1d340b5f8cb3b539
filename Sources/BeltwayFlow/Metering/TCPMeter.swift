// SPDX-License-Identifier: Apache-2.0
// Both sides of a TCP connection, measured: what Zeek's conn.log says, and the times between segment and
// acknowledgement.
//
// The rules are Zeek's, as its documentation of conn.log and its logs show them: letters in the order of events, a
// state for each side, sizes from sequence numbers.

public import BeltwayWire

/// Measures one TCP connection.
@frozen public struct TCPMeter: BitwiseCopyable {
    /// Originator, responder.
    @usableFromInline var sides = InlineArray<2, TCPSide>(repeating: TCPSide())
    @usableFromInline var history = FlowHistory()

    @inlinable init() {}

    /// A SYN or RST that far off the sequence numbers known is not believed to move them.
    static var incredibleJump: Int32 { 1 << 20 }

    /// Takes one segment.
    ///
    /// - Parameters:
    ///   - segment: What it says.
    ///   - byOriginator: Whose it is.
    ///   - time: When it was seen.
    @usableFromInline
    mutating func take(_ segment: Segment, byOriginator: Bool, at time: Timestamp) {
        if takePlain(segment, byOriginator ? 0 : 1, at: time) { return }
        takeAny(segment, byOriginator: byOriginator, at: time)
    }

    /// Takes a segment of any sort, by all the rules.
    mutating func takeAny(_ segment: Segment, byOriginator: Bool, at time: Timestamp) {
        let me = byOriginator ? 0 : 1
        let peer = 1 - me
        noteFlags(segment, me, byOriginator)
        let length = segment.isRST ? 0 : segment.length
        let end = segment.sequence &+ length &+ (segment.isSYN ? 1 : 0) &+ (segment.isFIN ? 1 : 0)
        if !sides[me].marks.contains(.hasSent) {
            let start = segment.isSYN ? segment.sequence : segment.sequence &- 1
            sides[me].start = start
            sides[me].last = 1
            sides[me].next = start &+ 1
            sides[me].marks.insert(.hasSent)
        }
        noteSequence(segment, me, end: end, length: length, time)
        if segment.isACK { noteAcknowledgement(segment, of: peer, time) }
        if segment.window == 0, !segment.isSYN, !segment.isRST {
            sides[me].zeroWindows &+= 1
            mark(0x57, sides[me].zeroWindows, byOriginator)
        }
        moveState(segment, me, peer)
    }

    /// The letters that flags and payload give.
    private mutating func noteFlags(_ segment: Segment, _ me: Int, _ byOriginator: Bool) {
        let flags = (segment.isSYN ? 1 : 0) + (segment.isFIN ? 1 : 0) + (segment.isRST ? 1 : 0)
        if flags > 1 {
            if segment.isSYN { once(.mixed, 0x51, me) } else { once(.inconsistent, 0x49, me) }
        } else if segment.isSYN {
            let letter: UInt8 = segment.isACK ? 0x48 : 0x53
            if !sides[me].seen.contains(.syn) || sides[me].lastSYN != segment.sequence {
                history.append(letter, byOriginator: byOriginator)
            }
            sides[me].seen.insert(.syn)
            sides[me].lastSYN = segment.sequence
        } else if segment.isFIN {
            let place = segment.sequence &+ segment.length
            if !sides[me].seen.contains(.fin) || sides[me].lastFIN != place {
                history.append(0x46, byOriginator: byOriginator)
            }
            sides[me].seen.insert(.fin)
            sides[me].lastFIN = place
        } else if segment.isRST {
            if !sides[me].seen.contains(.rst) || sides[me].lastRST != segment.sequence {
                history.append(0x52, byOriginator: byOriginator)
            }
            sides[me].seen.insert(.rst)
            sides[me].lastRST = segment.sequence
        } else if segment.length > 0 {
            once(.data, 0x44, me)
        } else if segment.isACK {
            once(.ack, 0x41, me)
        }
    }

    private mutating func once(_ what: TCPSide.Seen, _ letter: UInt8, _ me: Int) {
        if sides[me].seen.contains(what) { return }
        sides[me].seen.insert(what)
        history.append(letter, byOriginator: me == 0)
    }

    /// Adds a letter at the first event, the tenth, the hundredth and so on.
    private mutating func mark(_ letter: UInt8, _ count: UInt32, _ byOriginator: Bool) {
        var threshold: UInt32 = 1
        while threshold < count, threshold < 1_000_000_000 { threshold *= 10 }
        if threshold == count { history.append(letter, byOriginator: byOriginator) }
    }

    private mutating func noteSequence(
        _ segment: Segment,
        _ me: Int,
        end: UInt32,
        length: UInt32,
        _ time: Timestamp
    ) {
        let greatest = sides[me].start &+ UInt32(truncatingIfNeeded: sides[me].last)
        let beyond = Int32(truncatingIfNeeded: end &- greatest)
        if segment.isSYN || segment.isRST,
            beyond > TCPMeter.incredibleJump || beyond < -TCPMeter.incredibleJump
        {
            return
        }
        if sides[me].state == .reset || segment.isRST { return }
        if segment.isFIN { sides[me].marks.insert(.hasFinished) }
        if beyond > 0 { sides[me].last &+= UInt64(beyond) }
        let isNew = Int32(truncatingIfNeeded: segment.sequence &- sides[me].next) >= 0
        if beyond <= 0, length > 0 {
            let isSeen =
                !isNew
                || Int32(truncatingIfNeeded: segment.sequence &- sides[me].after) >= 0
                    && Int32(truncatingIfNeeded: end &- sides[me].afterEnd) <= 0
                    && sides[me].after != sides[me].afterEnd
            if isSeen { sides[me].retransmissions &+= 1 } else { sides[me].outOfOrder &+= 1 }
            mark(0x54, sides[me].retransmissions &+ sides[me].outOfOrder, me == 0)
            // Nobody knows which of two copies is acknowledged (Karn and Partridge, 1987).
            sides[me].marks.remove(.isTiming)
        } else if beyond > 0, !sides[me].marks.contains(.isTiming), length > 0 || segment.isSYN {
            startTiming(me, end, segment.isSYN, time)
        } else if segment.isSYN, end == greatest, sides[me].last == 1 {
            startTiming(me, end, true, time)
        }
        if end != segment.sequence { cover(segment.sequence, end, me) }
    }

    mutating func startTiming(_ me: Int, _ end: UInt32, _ isSYN: Bool, _ time: Timestamp) {
        sides[me].timedAt = time
        sides[me].timedEnd = end
        sides[me].marks.insert(.isTiming)
        if isSYN { sides[me].marks.insert(.isTimingSYN) } else { sides[me].marks.remove(.isTimingSYN) }
    }

    /// Notes that the bytes from `start` to `end` were seen.
    private mutating func cover(_ start: UInt32, _ end: UInt32, _ me: Int) {
        if Int32(truncatingIfNeeded: start &- sides[me].next) <= 0 {
            if Int32(truncatingIfNeeded: end &- sides[me].next) > 0 { sides[me].next = end }
            absorb(me)
        } else if sides[me].after == sides[me].afterEnd {
            (sides[me].after, sides[me].afterEnd) = (start, end)
        } else {
            // One run is kept: holes between runs are taken as filled, the first hole is known exactly.
            if Int32(truncatingIfNeeded: start &- sides[me].after) < 0 { sides[me].after = start }
            if Int32(truncatingIfNeeded: end &- sides[me].afterEnd) > 0 { sides[me].afterEnd = end }
        }
    }

    /// Joins the run beyond the hole if there is no hole any more.
    private mutating func absorb(_ me: Int) {
        guard sides[me].after != sides[me].afterEnd,
            Int32(truncatingIfNeeded: sides[me].after &- sides[me].next) <= 0
        else { return }
        if Int32(truncatingIfNeeded: sides[me].afterEnd &- sides[me].next) > 0 {
            sides[me].next = sides[me].afterEnd
        }
        sides[me].afterEnd = sides[me].after
    }

    private mutating func noteAcknowledgement(_ segment: Segment, of peer: Int, _ time: Timestamp) {
        let number = segment.acknowledgement
        guard sides[peer].marks.contains(.hasSent) else {
            // The other side was never seen: its bytes count from here.
            if !sides[peer].marks.contains(.isAcknowledged) {
                sides[peer].start = number &- 1
                sides[peer].last = 1
                sides[peer].acked = number
                sides[peer].marks.insert(.isAcknowledged)
            } else if Int32(truncatingIfNeeded: number &- sides[peer].acked) > 0 {
                sides[peer].acked = number
            }
            return
        }
        if segment.isRST { return }
        let isFirst = !sides[peer].marks.contains(.isAcknowledged)
        if isFirst || Int32(truncatingIfNeeded: number &- sides[peer].acked) > 0 {
            sides[peer].acked = number
            sides[peer].marks.insert(.isAcknowledged)
        }
        stopTiming(peer, number, time)
        noteGap(upTo: number, peer)
    }

    /// Notes the time of a segment that is acknowledged now, if it was waited for.
    @inline(__always)
    mutating func stopTiming(_ side: Int, _ number: UInt32, _ time: Timestamp) {
        guard sides[side].marks.contains(.isTiming),
            Int32(truncatingIfNeeded: number &- sides[side].timedEnd) >= 0
        else { return }
        let passed = UInt32(clamping: time.nanoseconds(since: sides[side].timedAt) / 1000)
        if sides[side].marks.contains(.isTimingSYN) {
            sides[side].handshakeTime = passed
        } else {
            sides[side].dataTime = min(sides[side].dataTime, passed)
        }
        sides[side].marks.remove(.isTiming)
    }

    /// What the receiver acknowledges and nobody saw is a gap of the capture.
    private mutating func noteGap(upTo number: UInt32, _ side: Int) {
        let unseen = Int32(truncatingIfNeeded: number &- sides[side].next)
        guard unseen > 0, sides[side].state != .reset else { return }
        var missing = UInt64(unseen)
        let hasRun = sides[side].after != sides[side].afterEnd
        if hasRun, Int32(truncatingIfNeeded: number &- sides[side].after) > 0 {
            missing = UInt64(sides[side].after &- sides[side].next)
            sides[side].next = sides[side].after
            absorb(side)
            if Int32(truncatingIfNeeded: number &- sides[side].next) > 0 {
                missing &+= UInt64(number &- sides[side].next)
                sides[side].next = number
            }
        } else {
            sides[side].next = number
        }
        sides[side].missed &+= missing
        sides[side].gaps &+= 1
        mark(0x47, sides[side].gaps, side == 0)
    }

    private mutating func moveState(_ segment: Segment, _ me: Int, _ peer: Int) {
        switch sides[me].state {
        case .inactive:
            if segment.isSYN {
                if me == 0 {
                    sides[0].state = segment.isACK ? .synAckSent : .synSent
                } else {
                    sides[1].state = .established
                    if sides[0].state == .synSent { sides[0].state = .established }
                }
            }
            if segment.isFIN { sides[me].state = .closed }
            if segment.isRST { sides[me].state = .reset }
            if sides[me].state == .inactive {
                let isAnswer = me == 0 && sides[1].state == .established
                sides[me].state = isAnswer ? .established : .partial
            }
        case .synSent, .synAckSent, .partial, .established:
            if segment.isSYN, !segment.isACK, sides[me].state == .partial, sides[peer].state == .inactive {
                sides[me].state = .synSent
            }
            if segment.isFIN { sides[me].state = .closed }
            if segment.isRST { sides[me].state = .reset }
        case .closed, .reset: break
        }
    }

    /// How the connection stands, as Zeek's scripts sum it up.
    var connectionState: ConnectionState {
        let (o, r) = (sides[0].state, sides[1].state)
        if r == .reset {
            let isEmpty = sides[0].payloadBytes == 0 && sides[1].payloadBytes == 0
            if o == .synSent || o == .synAckSent || o == .reset && isEmpty { return .rejected }
            return o.isInactive ? .resetHalf : .resetByResponder
        }
        if o == .reset { return r.isInactive ? .resetAttempt : .resetByOriginator }
        if o == .closed, r == .closed { return .sf }
        if o == .closed { return r.isInactive ? .half : .s2 }
        if r == .closed { return o.isInactive ? .halfByResponder : .s3 }
        if o == .synSent, r == .inactive { return .s0 }
        return o == .established && r == .established ? .s1 : .other
    }

    /// What the meter needs of a segment.
    @frozen @usableFromInline struct Segment: BitwiseCopyable {
        @usableFromInline var sequence: UInt32
        @usableFromInline var acknowledgement: UInt32
        /// Bytes of payload.
        @usableFromInline var length: UInt32
        @usableFromInline var window: UInt16
        @usableFromInline var flags: UInt8

        @inlinable init(
            sequence: UInt32,
            acknowledgement: UInt32,
            length: UInt32,
            window: UInt16,
            flags: UInt8
        ) {
            self.sequence = sequence
            self.acknowledgement = acknowledgement
            self.length = length
            self.window = window
            self.flags = flags
        }

        @inlinable var isSYN: Bool { flags & TCPFlag.syn != 0 }
        @inlinable var isACK: Bool { flags & TCPFlag.ack != 0 }
        @inlinable var isFIN: Bool { flags & TCPFlag.fin != 0 }
        @inlinable var isRST: Bool { flags & TCPFlag.rst != 0 }
    }
}
