// SPDX-License-Identifier: Apache-2.0
// ICMP queries and their answers: which of the latest questions are still open, by identifier and sequence number.
//
//     identifier 7   ... 12 13 14 15 16      bits of the last 32 sequence numbers; an answer takes its bit away
//                         1  0  0  1  1
//
// Two identifiers at a time (two `ping`s between the same hosts); a third takes the older one's place, whose open
// questions then count as unanswered. The words are those that TCP keeps its sequence numbers in: an ICMP flow has none.

public import BeltwayWire

/// The open questions of one identifier.
@frozen @usableFromInline struct ICMPQuestions: BitwiseCopyable {
    @usableFromInline var identifier: UInt16
    /// Greatest sequence number asked.
    @usableFromInline var newest: UInt16
    /// Bit n: `newest - n` was asked and not answered.
    @usableFromInline var open: UInt32

    init(_ words: (UInt32, UInt32)) {
        identifier = UInt16(truncatingIfNeeded: words.0 >> 16)
        newest = UInt16(truncatingIfNeeded: words.0)
        open = words.1
    }

    var words: (UInt32, UInt32) { (UInt32(identifier) << 16 | UInt32(newest), open) }

    mutating func ask(_ sequence: UInt16) {
        let ahead = Int(Int16(bitPattern: sequence &- newest))
        if open == 0 || ahead >= 32 {
            (newest, open) = (sequence, 1)
        } else if ahead > 0 {
            open = open << UInt32(ahead) | 1
            newest = sequence
        } else if ahead > -32 {
            open |= 1 << UInt32(-ahead)
        }
    }

    /// Takes an answer.
    ///
    /// - Returns: Whether its question was open.
    mutating func answer(_ sequence: UInt16) -> Bool {
        let behind = newest &- sequence
        guard behind < 32, open >> UInt32(behind) & 1 != 0 else { return false }
        open &= ~(1 << UInt32(behind))
        return true
    }
}

extension FlowEntry {
    /// Questions that were answered, each once.
    var icmpAnswered: UInt32 { responderFinEnd }

    private var latest: ICMPQuestions {
        get { ICMPQuestions((originatorSequence, originatorSynEnd)) }
        set { (originatorSequence, originatorSynEnd) = newValue.words }
    }

    private var earlier: ICMPQuestions {
        get { ICMPQuestions((responderSequence, originatorFinEnd)) }
        set { (responderSequence, originatorFinEnd) = newValue.words }
    }

    /// Notes a question, or pairs an answer with its question.
    @inline(never) @usableFromInline
    mutating func pairICMP(_ headers: borrowing PacketHeaders) {
        let isVersion6 = headers.layers.contains(.icmpv6)
        let sequence = UInt16(truncatingIfNeeded: headers.sequence)
        let identifier = headers.icmpIdentifier
        if ICMPPairs.isQuestion(type: headers.sourcePort, isVersion6: isVersion6) {
            if latest.identifier != identifier || latest.open == 0 {
                let other = earlier
                if latest.open != 0 { earlier = latest }
                latest = other.identifier == identifier ? other : ICMPQuestions((UInt32(identifier) << 16, 0))
            }
            latest.ask(sequence)
        } else if ICMPPairs.counterpart(type: headers.sourcePort, isVersion6: isVersion6) != nil {
            var isAnswered = latest.identifier == identifier && latest.answer(sequence)
            if !isAnswered { isAnswered = earlier.identifier == identifier && earlier.answer(sequence) }
            if isAnswered, responderFinEnd != .max { responderFinEnd += 1 }
        }
    }
}
