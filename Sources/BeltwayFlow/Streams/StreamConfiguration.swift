// SPDX-License-Identifier: Apache-2.0

/// What a reassembler can be told.
@frozen public struct StreamConfiguration: Sendable, BitwiseCopyable {
    /// Whose bytes stand where segments overlap, of hosts that have no policy of their own (``HostPolicies``).
    public var overlap = OverlapPolicy.first
    /// Bytes of each direction that are handed over, at most; then it ends with ``StreamEnd/depth``.
    public var depth = UInt64.max
    /// Bytes of one direction that may wait behind a hole, at most; then the hole becomes a gap.
    public var waitingBytesPerStream: UInt32 = 4 << 20
    /// Segments of one direction that may wait, at most (a bound on the work that one packet causes).
    public var waitingSegmentsPerStream: UInt16 = 2048
    /// Segments of all streams that may wait, at most.
    public var waitingSegments = 262_144
    /// Bytes of all streams that may be copied aside, at most; a segment beyond that becomes a gap.
    public var copiedBytes = 64 << 20
    /// Flows with bytes at a time, at most; the streams of others are passed over.
    public var flows = 1 << 20
    /// Packets of the receiver that acknowledge what was never seen until it counts as lost.
    ///
    /// A few, since a capture may show an acknowledgement before what it speaks of.
    public var patience: UInt8 = 4

    /// Makes the default configuration.
    @inlinable public init() {}
}
