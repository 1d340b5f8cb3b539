// SPDX-License-Identifier: Apache-2.0
// What a reassembler keeps: 96 bytes per flow with bytes, 64 per segment that waits.
//
//   sequence numbers    base          base + delivered          next waiting    (modulo 2^32)
//                       |=== handed over ===|.... hole ....|##########|
//   stream offsets      0              delivered        segment.offset          (64 bits)

public import BeltwayBuffers
public import BeltwayWire

/// One direction of a flow.
@frozen @usableFromInline struct StreamHalf: BitwiseCopyable {
    /// Bytes and gaps handed over: the offset that is expected next.
    @usableFromInline var delivered: UInt64 = 0
    /// Sequence number of offset 0, if `.based`.
    @usableFromInline var base: UInt32 = 0
    /// Greatest acknowledgement by the receiver, if `.acknowledged`.
    @usableFromInline var acknowledged: UInt32 = 0
    /// Sequence number of the FIN, if `.fin`; before that another `base`, said by a SYN that was not believed, or 0.
    @usableFromInline var finSequence: UInt32 = 0
    /// First and last waiting segment, in the order of the stream.
    @usableFromInline var head = WaitingSegment.none {
        didSet { if head == WaitingSegment.none { marks.remove(.waiting) } else { marks.insert(.waiting) } }
    }
    @usableFromInline var tail = WaitingSegment.none
    @usableFromInline var waitingBytes: UInt32 = 0
    @usableFromInline var waitingSegments: UInt16 = 0
    /// Packets of the receiver that acknowledged the hole.
    @usableFromInline var impatience: UInt8 = 0
    @usableFromInline var marks: Marks = []
    /// Whose bytes stand where segments overlap: the receiver's policy.
    @usableFromInline var overlap = OverlapPolicy.first {
        didSet {
            if overlap.waitsForAcknowledgement {
                marks.insert(.waitingForAcknowledgement)
            } else {
                marks.remove(.waitingForAcknowledgement)
            }
        }
    }

    @inlinable init() {}

    /// Facts about a direction that take one bit.
    @frozen @usableFromInline struct Marks: OptionSet, BitwiseCopyable {
        @usableFromInline let rawValue: UInt8
        @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }
        /// `base` is known.
        @inlinable static var based: Marks { Marks(rawValue: 1) }
        /// `acknowledged` is known.
        @inlinable static var acknowledged: Marks { Marks(rawValue: 2) }
        /// The beginning was not seen.
        @inlinable static var midstream: Marks { Marks(rawValue: 4) }
        /// The sender's FIN was seen.
        @inlinable static var fin: Marks { Marks(rawValue: 8) }
        /// The consumer was told of the end.
        @inlinable static var ended: Marks { Marks(rawValue: 16) }
        /// The depth was reached: nothing more is handed over.
        @inlinable static var full: Marks { Marks(rawValue: 32) }
        /// Segments wait (`head` is one).
        @inlinable static var waiting: Marks { Marks(rawValue: 64) }
        /// Nothing is handed over before it is acknowledged (`overlap`).
        @inlinable static var waitingForAcknowledgement: Marks { Marks(rawValue: 128) }
    }

    /// Sequence number that is expected next.
    @inlinable @inline(__always) var next: UInt32 { base &+ UInt32(truncatingIfNeeded: delivered) }

    /// Whether a segment at `next` may be handed over without looking any further.
    @inlinable @inline(__always) var isPlain: Bool {
        marks.intersection([.based, .fin, .full, .waiting, .waitingForAcknowledgement]) == .based
    }

    /// How far `sequence` lies beyond what is expected; negative before it (RFC 9293, 3.4: modulo 2^32).
    @inlinable @inline(__always) func distance(to sequence: UInt32) -> Int64 {
        Int64(Int32(truncatingIfNeeded: sequence &- next))
    }

    /// Notes what the receiver has acknowledged, unless it is as old, or farther ahead than can be.
    @inlinable @inline(__always)
    mutating func noteAcknowledgement(_ number: UInt32, farthest: Int64) {
        if marks.contains(.acknowledged), Int32(truncatingIfNeeded: number &- acknowledged) <= 0 { return }
        // A forged number far ahead would hide all later ones.
        if marks.contains(.based), distance(to: number) > farthest { return }
        acknowledged = number
        marks.insert(.acknowledged)
    }

    /// Stream offset up to which the receiver has acknowledged.
    var acknowledgedOffset: UInt64 {
        guard marks.contains([.based, .acknowledged]) else { return 0 }
        let offset = Int64(bitPattern: delivered) &+ distance(to: acknowledged)
        return offset < 0 ? 0 : UInt64(offset)
    }
}

/// Both directions of a flow: 0 from originator to responder, 1 back.
@frozen @usableFromInline struct StreamFlow: BitwiseCopyable {
    @usableFromInline var flowID: UInt64
    @usableFromInline var halves = InlineArray<2, StreamHalf>(repeating: StreamHalf())
    /// The tracker's slot; while this is free, the next free one.
    @usableFromInline var slot: UInt32

    init(flowID: UInt64, slot: UInt32) {
        self.flowID = flowID
        self.slot = slot
    }
}

/// A segment, or what an overlap left of one, that waits: an index entry with a stream offset.
@frozen @usableFromInline struct WaitingSegment: BitwiseCopyable {
    @inlinable static var none: UInt32 { .max }

    /// Where its bytes are.
    @usableFromInline enum Source: UInt8, BitwiseCopyable {
        /// In the ring: `position` is its record's, `within` counts from the packet's first byte.
        case ring
        /// Copied aside: `position` is the copy's number, `within` counts from the copy's first byte.
        case copy
        /// Nowhere: cut by the snap length, overwritten, or beyond a budget.
        case nowhere
    }

    /// Stream offset of the first byte.
    var offset: UInt64 = 0
    /// Stream offset of the first byte of the whole segment that this is a part of.
    var wholeOffset: UInt64 = 0
    var position: UInt64 = 0
    var time = Timestamp.zero
    var length: UInt32 = 0
    var wholeLength: UInt32 = 0
    var within: UInt32 = 0
    /// The following segment of the stream; also links free ones.
    var next = WaitingSegment.none
    /// Neighbours in the list of those that lie in a ring, oldest first.
    var older = WaitingSegment.none
    var newer = WaitingSegment.none
    var buffer: UInt16 = 0
    var source = Source.nowhere

    var end: UInt64 { offset &+ UInt64(length) }
    var whole: Range<UInt64> { wholeOffset..<(wholeOffset &+ UInt64(wholeLength)) }
}

/// What is handed over next: a step of a direction's way.
@frozen @usableFromInline struct StreamStep: BitwiseCopyable {
    @frozen @usableFromInline enum Kind: BitwiseCopyable { case nothing, bytes, gap, fin, depth }
    @usableFromInline var kind = Kind.nothing
    @usableFromInline var view = StreamView()
    @usableFromInline var length: UInt64 = 0
    /// Of bytes: where they are.
    @usableFromInline var source = WaitingSegment.Source.nowhere
    @usableFromInline var buffer: UInt16 = 0
    @usableFromInline var within: UInt32 = 0
    @usableFromInline var position: UInt64 = 0
    /// The waiting segment that has served when they were handed over; none if it has more.
    @usableFromInline var segment = WaitingSegment.none
    init() {}
}

/// What became of a segment's payload.
@frozen @usableFromInline struct Placement: BitwiseCopyable {
    /// Bytes of the packet that are handed over now, and where they begin.
    @usableFromInline var length = 0
    @usableFromInline var start = 0
    @usableFromInline var offset: UInt64 = 0
    /// Nothing was done: too much waits.
    @usableFromInline var isOverBudget = false
    init() {}
}

/// Where a packet lies, so that its payload can be looked at later.
@frozen public struct SegmentPlace: Sendable, BitwiseCopyable {
    /// The record's position in its ring.
    public var position: Position
    /// Number of the data buffer; one that the reassembler has not adopted means that the bytes must be copied at once.
    public var buffer: UInt16

    /// Makes a place.
    @inlinable public init(position: Position, buffer: UInt16) {
        self.position = position
        self.buffer = buffer
    }

    /// A place that nothing can be looked at later.
    @inlinable public static var nowhere: SegmentPlace { SegmentPlace(position: .zero, buffer: .max) }
}
