// SPDX-License-Identifier: Apache-2.0
// Messages of a stream: found in place where they lie in one segment, joined where they straddle.
//
//     segment 1  [ message ][ mess           segment 2  age ][ message ]
//                `- in place `--- carry ----------------^^^ joined, then in place again
//
// Invariant 1. A side's `carry` is the start of a message that has not ended; at most `mostCarried` bytes.
// Invariant 2. A side that is over keeps nothing and is never looked at again.
// Invariant 3. `heldBytes` is what all flows carry and what their sessions say they hold; a flow that would take it
//              over `mostHeld` is no longer parsed, and counted as cut (one that holds little over twice that).
internal import BeltwayWire

/// What a parser did with the bytes at the start of a message.
enum ParserStep {
    /// So many bytes are done with, at least one.
    case consumed(Int)
    /// The message goes on beyond these bytes.
    case needMore
    /// So many bytes are done with, and what follows in either direction is another protocol's.
    case upgraded(Int)
    /// Nothing more of this direction is of interest.
    case over
    /// Nothing more of either direction is of interest.
    case flowOver
    /// So many bytes are done with, and were damaged; what follows is looked at.
    case damaged(Int)
    /// These bytes are not the protocol's, or damaged beyond the point where a next message could be found.
    case malformed
}

/// One direction of a flow that is parsed.
struct StreamSide {
    /// Bytes of a message that has not ended.
    var carry: [UInt8] = []
    /// Bytes of `carry` in which the message's end was looked for already.
    var scanned = 0
    /// Detection: protocols, by number, that these bytes are not.
    var ruledOut: UInt64 = 0
    /// Whether the start of the line that comes was cut off and passed on: its rest is passed over.
    var isCut = false
    /// Whether its beginning was no protocol's: segments that begin with one are still looked for, so many so far.
    var isWatched = false
    var watched: UInt8 = 0
    /// Whether nothing more of it is looked at.
    var isOver = false
    /// Whether bytes were lost, and the start of a message is not known.
    var isResyncing = false

    /// Whether nothing was heard of it.
    var isUntouched: Bool { carry.isEmpty && ruledOut == 0 && !isOver && !isWatched }

    /// Whether it is over, whether it is watched, and whether nothing of it is carried.
    @inline(__always) var standing: (isOver: Bool, isWatched: Bool, isFresh: Bool) {
        (isOver, isWatched, carry.isEmpty)
    }
}

/// What is kept of a TCP flow while it is parsed; given back as soon as that is over.
struct StreamState {
    /// Bytes of one message that are kept at most: a DNS message, a head of HTTP.
    static var mostCarried: Int { 70_000 }

    var originator = StreamSide()
    var responder = StreamSide()
    /// Place of the parser's session in its pool, 0 before there is one.
    var session: UInt32 = 0
    /// Bytes that the flow holds, as they were counted in `heldBytes`.
    var held = 0

    /// The side of who asks (`originator`) or of who answers.
    subscript(sender: Sender) -> StreamSide {
        @inline(__always) _read {
            if sender == .originator { yield originator } else { yield responder }
        }
        @inline(__always) _modify {
            if sender == .originator { yield &originator } else { yield &responder }
        }
    }

    /// The request that has made the connection one of HTTP/2, until that begins; none or one.
    var upgrades: [HTTP2Upgrade] = []

    var isOver: Bool { originator.isOver && responder.isOver }
    var carried: Int {
        originator.carry.count + responder.carry.count + (upgrades.first?.heldBytes ?? 0)
    }
}

extension ApplicationStage {
    /// Takes bytes of one direction, in order; finds the protocol first if it is not known.
    mutating func take(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) {
        // One access for what most segments ask: reading a side in parts costs more than what is read.
        let (isOver, isWatched, isFresh) = state[sender].standing
        if isOver { return }
        if isWatched, flow.application == .unknown {
            watch(bytes, from: sender, &state, &flow)
            return
        }
        if isFresh {
            let done = feed(bytes, from: sender, &state, &flow)
            if done == bytes.byteCount || state[sender].isOver { return }
            state[sender].carry.append(copyOf: bytes.extracting(droppingFirst: done))
        } else {
            var joined: [UInt8] = []
            swap(&joined, &state[sender].carry)
            joined.append(copyOf: bytes)
            let done = feed(joined.rawBytes, from: sender, &state, &flow)
            if state[sender].isWatched, flow.application == .unknown {
                // What is not possible any more may end with this segment's beginning: TLS behind a few bytes of SOCKS.
                watch(bytes, from: sender, &state, &flow)
                return
            }
            if !state[sender].isOver, done < joined.count {
                if done > 0 { joined.removeFirst(done) }
                swap(&joined, &state[sender].carry)
            }
        }
        if state[sender].carry.count > StreamState.mostCarried {
            state[sender] = StreamSide()
            state[sender].isOver = true
            noteMalformed(flow.application)
        }
    }

    /// Hands bytes that start a message to the parser, message by message.
    ///
    /// - Returns: Bytes that are done with.
    private mutating func feed(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) -> Int {
        var done = 0
        while done < bytes.byteCount {
            if flow.application == .unknown {
                let rest = bytes.extracting(droppingFirst: done)
                guard detect(rest, from: sender, &state, &flow) else {
                    return state[sender].isWatched ? bytes.byteCount : done
                }
                // What the other side had said may have ended it all.
                if state[sender].isOver { return bytes.byteCount }
            }
            switch step(bytes.extracting(droppingFirst: done), from: sender, &state, &flow) {
            case .consumed(let count): done += max(count, 1)
            case .needMore: return done
            case .damaged(let count):
                noteMalformed(flow.application)
                done += max(count, 1)
            case .upgraded(let count):
                done += max(count, 1)
                upgrade(&state, &flow)
            case .malformed:
                noteMalformed(flow.application)
                state[sender].isOver = true
                return bytes.byteCount
            case .over:
                state[sender].isOver = true
                return bytes.byteCount
            case .flowOver:
                state.originator.isOver = true
                state.responder.isOver = true
                return bytes.byteCount
            }
        }
        return min(done, bytes.byteCount)
    }

    /// The stream is another protocol's from here on: it is looked for anew.
    private mutating func upgrade(_ state: inout StreamState, _ flow: inout ApplicationFlow) {
        // What a side has of its next head belongs to what follows.
        if flow.application == .http {
            HTTPParser.writeAll(&http[state.session], &flow, &output)
        } else {
            finish(state, &flow)
        }
        state.upgrades = []
        if flow.application == .http { state.upgrades = http[state.session].upgrades }
        end(state.session, flow)
        state.session = 0
        for sender in [Sender.originator, .responder] {
            state[sender].ruledOut = 0
            state[sender].scanned = 0
            state[sender].isResyncing = false
            state[sender].isOver = false
        }
        flow.original = flow.application
        flow.transactions = 0
        flow.application = .unknown
        flow.phase = .detecting
    }

    /// Looks for the protocol in the first bytes of one direction.
    ///
    /// - Returns: Whether it is known now; if nothing is possible any more, the side is watched.
    private mutating func detect(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) -> Bool {
        state[sender].ruledOut |= ruledOut
        let found = Detection.stream(
            bytes,
            from: sender,
            originatorPort: output.packet.sourcePort,
            responderPort: output.packet.destinationPort,
            &state[sender].ruledOut
        )
        if let found {
            begin(found, &state, &flow)
            // What the other side said before is read now.
            if !state[sender.opposite].carry.isEmpty {
                var waiting: [UInt8] = []
                swap(&waiting, &state[sender.opposite].carry)
                take(waiting.rawBytes, from: sender.opposite, &state, &flow)
            }
            return true
        }
        let isHopeless =
            state[sender].ruledOut & Detection.allStreams == Detection.allStreams
            && !HandoverParser.mayBegin(bytes)
        if isHopeless || bytes.byteCount > Detection.mostBytes { state[sender].isWatched = true }
        return false
    }

    /// Looks for a protocol that begins with this segment: TLS inside another one, HTTP whose beginning was not seen.
    private mutating func watch(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) {
        if let found = Detection.later(bytes, from: sender), ruledOut & Detection.bit(found) == 0 {
            state.originator = StreamSide()
            state.responder = StreamSide()
            begin(found, &state, &flow)
            take(bytes, from: sender, &state, &flow)
        } else {
            state[sender].watched &+= 1
            if state[sender].watched >= Detection.mostWatched { state[sender].isOver = true }
        }
    }
}
