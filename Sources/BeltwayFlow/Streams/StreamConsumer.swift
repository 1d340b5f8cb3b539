// SPDX-License-Identifier: Apache-2.0
// What a reassembler hands to the stage behind it.
//
//     bytes   bytes   gap   bytes   ended        per direction, offsets without holes or repeats
//     0..<7   7..<90  90..  120..               (a gap stands for the bytes that will never come)
//                                      closed   per flow, once, last
//
// Invariant 1. In one direction of one flow, each call begins at the offset where the one before it ended.
// Invariant 2. `closed` comes exactly once for every slot that had any other call, before the slot is used again.

public import BeltwayWire

/// Where in which stream some bytes lie.
@frozen public struct StreamView: Sendable, BitwiseCopyable {
    /// The flow's identifier (``FlowView/flowID``).
    public var flowID: UInt64 = 0
    /// Bytes and gaps of this direction before these ones.
    public var offset: UInt64 = 0
    /// Time of the packet that carried these bytes; of a gap or an end, of the packet that showed it.
    public var time = Timestamp.zero
    /// The flow's place in its worker's table, below the tracker's capacity; another flow's after `closed`.
    public var slot: UInt32 = 0
    /// Whether the bytes run from originator to responder.
    public var toResponder = true
    /// Whether the direction's beginning was not seen: offset 0 is the first byte that was captured.
    public var isMidstream = false

    /// Makes a view of nothing.
    @inlinable public init() {}
}

/// Why a direction of a stream will most likely bring nothing more.
@frozen public enum StreamEnd: UInt8, Sendable, BitwiseCopyable {
    /// The sender said so, and everything before that was handed over.
    case fin
    /// Either side tore the connection down; both directions are told.
    case reset
    /// The direction has reached its depth (``StreamConfiguration/depth``): the rest is passed over.
    case depth
}

/// A stage that takes the bytes of TCP streams in order; specialised away on the hot path.
///
/// Make the methods `@inlinable` where the conforming type is in another module than its caller.
public protocol StreamConsumer: ~Copyable {
    /// Takes the next bytes of a direction, in place: they lie in the ring, or in a copy that had to be made.
    ///
    /// - Parameters:
    ///   - bytes: At least one byte, at most one segment's payload; gone when the call ends.
    ///   - stream: Whose they are, and where they begin.
    mutating func bytes(_ bytes: RawSpan, of stream: StreamView)

    /// Takes the next bytes of a direction, told where they lie, for consumers that look at them again later.
    ///
    /// - Parameters:
    ///   - bytes: As in ``bytes(_:of:)``, which is not called then.
    ///   - stream: Whose they are, and where they begin.
    ///   - place: The record that holds them; ``SegmentPlace/nowhere`` if they lie in a copy.
    ///   - within: Where they begin, from the packet's first byte.
    mutating func bytes(_ bytes: RawSpan, of stream: StreamView, at place: SegmentPlace, within: Int)

    /// Passes over bytes that will never come: lost before or in the capture, cut by its snap length, lapped, or
    /// beyond a budget.
    ///
    /// - Parameters:
    ///   - length: How many, at least 1.
    ///   - stream: Whose they are, and where they would begin.
    mutating func gap(_ length: UInt64, of stream: StreamView)

    /// Notes that a direction has ended, at `stream.offset`.
    ///
    /// Bytes may follow all the same: a reset may be forged, and an end that nobody believed is no end.
    mutating func ended(_ stream: StreamView, _ reason: StreamEnd)

    /// Notes that a flow ends: what comes for it before `closed` comes from no packet.
    mutating func ending(_ flow: FlowRecord)

    /// Forgets a flow: its record is written next and its slot goes to another flow.
    ///
    /// - Parameters:
    ///   - slot: The flow's place.
    ///   - flowID: Its identifier.
    mutating func closed(slot: UInt32, flowID: UInt64)

    /// Throws away what the last packet gave: it was overwritten while it was looked at (live rings only).
    ///
    /// State of both directions begins anew; facts that the packet gave must not be written. A gap of the packet's
    /// length was counted; the bytes that follow come by later calls, whose offsets go on from there.
    mutating func overwritten(slot: UInt32, flowID: UInt64)
}

extension StreamConsumer where Self: ~Copyable {
    /// Leaves out where they lie: for consumers that use the bytes at once.
    @inlinable @inline(__always)
    public mutating func bytes(_ bytes: RawSpan, of stream: StreamView, at place: SegmentPlace, within: Int) {
        self.bytes(bytes, of: stream)
    }

    /// Does nothing: for consumers that do not ask which packet brought what.
    @inlinable public mutating func ending(_ flow: FlowRecord) {}

    /// Does nothing: for consumers that keep nothing of a stream.
    @inlinable public mutating func overwritten(slot: UInt32, flowID: UInt64) {}
}
