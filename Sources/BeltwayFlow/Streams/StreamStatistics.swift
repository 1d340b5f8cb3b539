// SPDX-License-Identifier: Apache-2.0

/// What a reassembler has done since it was made.
@frozen public struct StreamStatistics: Equatable, Sendable, BitwiseCopyable {
    /// Flows that bytes or an answer to their SYN were seen of.
    public internal(set) var flows: UInt64 = 0
    /// Bytes handed over.
    public var bytes: UInt64 { delivered }
    @usableFromInline var delivered: UInt64 = 0
    /// Segments that waited behind a hole (with policy `last` also for their acknowledgement).
    public internal(set) var waited: UInt64 = 0
    /// Segments, or parts of them, whose bytes had to be copied: none of a stream that comes in order.
    public internal(set) var payloadCopies: UInt64 = 0
    /// Bytes that were copied so.
    public internal(set) var copiedBytes: UInt64 = 0
    /// Gaps handed over.
    public internal(set) var gaps: UInt64 = 0
    /// Bytes that gaps stood for.
    public internal(set) var gapBytes: UInt64 = 0
    /// Gaps because one direction had too much waiting.
    public internal(set) var streamBudgetGaps: UInt64 = 0
    /// Segments lost because all streams had too much waiting or copied.
    public internal(set) var totalBudgetLosses: UInt64 = 0
    /// Waiting segments lost because the ring had overwritten them.
    public internal(set) var overwritten: UInt64 = 0
    /// Segments of bytes that were handed over already.
    public internal(set) var repeated: UInt64 = 0
    /// Keep-alives (RFC 9293, 3.8.4): at most one byte, the one before what is expected.
    public internal(set) var keepAlives: UInt64 = 0
    /// Segments that overlapped waiting ones.
    public internal(set) var overlaps: UInt64 = 0
    /// Segments that policy `drop` dropped.
    public internal(set) var dropped: UInt64 = 0
    /// Segments too far from what is expected to belong to the connection (over 1 GiB).
    public internal(set) var outsideWindow: UInt64 = 0
    /// Resets whose sequence number no receiver would believe.
    public internal(set) var resetsIgnored: UInt64 = 0
    /// Segments with the urgent bit; their bytes stay in the stream.
    public internal(set) var urgent: UInt64 = 0
    /// SYNs with other sequence numbers than those that the stream follows.
    public internal(set) var otherSYNs: UInt64 = 0
    /// TCP segments in fragments of IP datagrams, passed over.
    public internal(set) var fragments: UInt64 = 0
    /// Flows passed over because there were too many.
    public internal(set) var flowsPassedOver: UInt64 = 0

    /// Makes counters of nothing.
    @inlinable public init() {}
}
