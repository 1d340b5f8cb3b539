// SPDX-License-Identifier: Apache-2.0
// What metering keeps of one side of a TCP connection: 96 bytes, no payload.
//
//     start        next          hole      after    ... afterEnd     last
//       |  seen     |  not (yet) seen        |  seen    |              greatest end sent
//
// Sequence numbers are compared by the sign of their difference modulo 2^32 (RFC 9293, 3.4).

public import BeltwayWire

/// One direction of a TCP connection as the meter sees it.
@frozen public struct TCPSide: BitwiseCopyable {
    /// Sequence number of the SYN, or one before the first byte seen.
    @usableFromInline var start: UInt32 = 0
    /// Everything before was seen, or was given up as a gap.
    @usableFromInline var next: UInt32 = 0
    /// Greatest acknowledgement that the other side sent.
    @usableFromInline var acked: UInt32 = 0
    /// One run of bytes seen beyond a hole; equal ends: none.
    @usableFromInline var after: UInt32 = 0
    @usableFromInline var afterEnd: UInt32 = 0
    @usableFromInline var lastSYN: UInt32 = 0
    @usableFromInline var lastFIN: UInt32 = 0
    @usableFromInline var lastRST: UInt32 = 0
    /// Greatest end of a segment, counted from `start` (SYN and FIN take one each).
    @usableFromInline var last: UInt64 = 0
    /// Bytes that the other side acknowledged and nobody saw.
    @usableFromInline var missed: UInt64 = 0
    /// When the segment that ends at `timedEnd` was sent.
    @usableFromInline var timedAt = Timestamp.zero
    @usableFromInline var timedEnd: UInt32 = 0
    @usableFromInline var retransmissions: UInt32 = 0
    @usableFromInline var outOfOrder: UInt32 = 0
    @usableFromInline var zeroWindows: UInt32 = 0
    @usableFromInline var gaps: UInt32 = 0
    /// Least time from data to its acknowledgement, in microseconds; all ones: none measured.
    @usableFromInline var dataTime: UInt32 = .max
    /// Time from SYN or SYN+ACK to its acknowledgement, in microseconds; all ones: not measured.
    @usableFromInline var handshakeTime: UInt32 = .max
    @usableFromInline var state: State = .inactive
    @usableFromInline var seen: Seen = []
    @usableFromInline var marks: Marks = []

    @inlinable init() {}

    /// The states that `conn_state` is made of.
    @frozen @usableFromInline enum State: UInt8, BitwiseCopyable {
        case inactive, synSent, synAckSent, partial, established, closed, reset
        /// Whether the side was not seen to open the connection.
        @inlinable var isInactive: Bool { self == .inactive || self == .partial }
    }

    /// Letters that the history has already.
    @frozen @usableFromInline struct Seen: OptionSet, BitwiseCopyable {
        @usableFromInline let rawValue: UInt8
        @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }
        @inlinable static var syn: Seen { Seen(rawValue: 1) }
        @inlinable static var ack: Seen { Seen(rawValue: 2) }
        @inlinable static var data: Seen { Seen(rawValue: 4) }
        @inlinable static var fin: Seen { Seen(rawValue: 8) }
        @inlinable static var rst: Seen { Seen(rawValue: 16) }
        @inlinable static var mixed: Seen { Seen(rawValue: 32) }
        @inlinable static var inconsistent: Seen { Seen(rawValue: 64) }
    }

    @frozen @usableFromInline struct Marks: OptionSet, BitwiseCopyable {
        @usableFromInline let rawValue: UInt8
        @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A packet of this side was seen, so `start` is its own.
        @inlinable static var hasSent: Marks { Marks(rawValue: 1) }
        /// The other side has acknowledged something.
        @inlinable static var isAcknowledged: Marks { Marks(rawValue: 2) }
        @inlinable static var hasFinished: Marks { Marks(rawValue: 4) }
        /// A segment's acknowledgement is awaited.
        @inlinable static var isTiming: Marks { Marks(rawValue: 8) }
        /// That segment is the SYN.
        @inlinable static var isTimingSYN: Marks { Marks(rawValue: 16) }
    }

    /// Bytes of payload by sequence numbers: what was sent, or acknowledged without having been captured; 0 if no
    /// packet of this side was seen at all.
    var payloadBytes: UInt64 {
        guard marks.contains(.hasSent) else { return 0 }
        var size = last
        let beyond = Int32(truncatingIfNeeded: acked &- (start &+ UInt32(truncatingIfNeeded: last)))
        if marks.contains(.isAcknowledged), beyond > 0 { size &+= UInt64(beyond) }
        if size != 0 { size &-= 1 }
        if marks.contains(.hasFinished), size != 0 { size &-= 1 }
        return size
    }
}
