// SPDX-License-Identifier: Apache-2.0
// The segments that most packets are: an acknowledgement without data, or data in order, on a connection that stands.
//
// A shortcut, not a rule of its own: what it does is what `takeAny` would do, and a test compares the two after every
// one of many random segments. Budget: 50 instructions.

internal import BeltwayWire

extension TCPMeter {
    /// Takes a segment that is plain.
    ///
    /// - Parameters:
    ///   - segment: What it says.
    ///   - me: Whose it is: 0 for the originator.
    ///   - time: When it was seen.
    /// - Returns: False if it is not plain; nothing was done then.
    @inline(__always)
    mutating func takePlain(_ segment: Segment, _ me: Int, at time: Timestamp) -> Bool {
        let peer = 1 - me
        let special = TCPFlag.syn | TCPFlag.fin | TCPFlag.rst
        guard segment.flags & (special | TCPFlag.ack) == TCPFlag.ack, segment.window != 0,
            sides[me].isOpen, sides[me].marks.contains(.hasSent),
            sides[peer].marks.isSuperset(of: [.hasSent, .isAcknowledged]),
            Int32(truncatingIfNeeded: segment.acknowledgement &- sides[peer].next) <= 0
        else { return false }
        let greatest = sides[me].start &+ UInt32(truncatingIfNeeded: sides[me].last)
        if segment.length == 0 {
            guard sides[me].seen.contains(.ack), Int32(truncatingIfNeeded: segment.sequence &- greatest) <= 0
            else { return false }
        } else {
            guard sides[me].seen.contains(.data), segment.sequence == greatest,
                segment.sequence == sides[me].next,
                sides[me].after == sides[me].afterEnd, segment.length <= UInt32(Int32.max)
            else { return false }
            let end = segment.sequence &+ segment.length
            sides[me].last &+= UInt64(segment.length)
            sides[me].next = end
            if !sides[me].marks.contains(.isTiming) { startTiming(me, end, false, time) }
        }
        if Int32(truncatingIfNeeded: segment.acknowledgement &- sides[peer].acked) > 0 {
            sides[peer].acked = segment.acknowledgement
        }
        stopTiming(peer, segment.acknowledgement, time)
        return true
    }
}

extension TCPSide {
    /// Whether a segment without flags leaves the state as it is, and its bytes count.
    @inline(__always) fileprivate var isOpen: Bool { state == .established || state == .partial }
}
