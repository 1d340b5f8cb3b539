// SPDX-License-Identifier: Apache-2.0
// What the other parts of the pipeline say of themselves when a snapshot is taken: plain numbers, collected by the
// appliance, so that the statistics need not know the parts.
public import BeltwayFlow

/// The state of capture, flow tracking, detection and every consumer at one moment.
public struct PipelineProgress: Equatable, Sendable {
    /// Where packets come in.
    public var capture = CaptureProgress()
    /// The flow tables, all workers together.
    public var flows = FlowProgress()
    /// Fragments and TCP streams, of all workers together.
    public var reassembly = ReassemblyProgress()
    /// Compressed datagrams.
    public var compression = CompressionStatistics()
    /// The detectors, all workers together.
    public var detection = DetectionProgress()
    /// The parsers, all workers together.
    public var applications = ApplicationTally()
    /// What became of files that were to be stored; nil if none are.
    public var fileStore: FileStoreCounters?
    /// Facts that a full queue to the writer refused.
    public var factsDropped: UInt64 = 0
    /// Every reader of a ring.
    public var consumers: [ConsumerProgress] = []

    /// Makes a state of nothing.
    public init() {}
}

/// Packets on their way in.
public struct CaptureProgress: Equatable, Sendable {
    /// Packets that reached a data buffer (EVE `capture.kernel_packets`: the kernel's drops are not among them).
    public var received: UInt64 = 0
    /// Packets that kernel or interface dropped (EVE `capture.kernel_drops`).
    public var dropped: UInt64 = 0
    /// Packets that were cut at the snap length.
    public var truncated: UInt64 = 0

    /// Makes progress of nothing.
    public init() {}
}

/// What flow tables did.
public struct FlowProgress: Equatable, Sendable {
    /// Flows begun.
    public var total: UInt64 = 0
    /// Flows in the tables now.
    public var active: UInt64 = 0
    /// TCP flows begun.
    public var tcp: UInt64 = 0
    /// UDP flows begun.
    public var udp: UInt64 = 0
    /// ICMP and ICMPv6 flows begun.
    public var icmp: UInt64 = 0
    /// Flows given up because a table was full.
    public var evicted: UInt64 = 0
    /// Bytes of memory that the tables take.
    public var memoryInBytes: UInt64 = 0

    /// Makes progress of nothing.
    public init() {}
}

/// What putting fragments and TCP segments together did.
public struct ReassemblyProgress: Equatable, Sendable {
    /// Fragments of IP datagrams seen.
    public var fragments: UInt64 = 0
    /// Datagrams put together.
    public var datagrams: UInt64 = 0
    /// Datagrams given up: not complete in time.
    public var timedOut: UInt64 = 0
    /// Datagrams given up to keep to the memory allowed.
    public var evicted: UInt64 = 0
    /// Fragments that overlap others.
    public var overlappingFragments: UInt64 = 0
    /// Datagrams and fragments that are wrong: beyond 65,535 bytes, too many pieces, odd lengths.
    public var invalid: UInt64 = 0
    /// Datagrams put together at capture since they may carry tunnels; they are among `datagrams` too.
    public var tunnels: UInt64 = 0
    /// Such datagrams given up: not complete in time.
    public var tunnelsTimedOut: UInt64 = 0
    /// Such datagrams given up to keep to the memory allowed.
    public var tunnelsEvicted: UInt64 = 0
    /// TCP flows whose streams were followed.
    public var streams: UInt64 = 0
    /// Bytes of streams handed over in order.
    public var bytes: UInt64 = 0
    /// Gaps in streams.
    public var gaps: UInt64 = 0
    /// Bytes that the gaps stood for.
    public var gapBytes: UInt64 = 0
    /// Segments that waited for others.
    public var waited: UInt64 = 0
    /// Bytes of payload that had to be copied.
    public var copiedBytes: UInt64 = 0
    /// Segments that overlap others.
    public var overlaps: UInt64 = 0
    /// Segments lost because too much waited, or was overwritten.
    public var lost: UInt64 = 0

    /// Makes progress of nothing.
    public init() {}
}

/// What detectors did.
public struct DetectionProgress: Equatable, Sendable {
    /// Alerts raised.
    public var alerts: UInt64 = 0
    /// Rules in use.
    public var rulesLoaded: UInt64 = 0
    /// Rules refused.
    public var rulesFailed: UInt64 = 0

    /// Makes progress of nothing.
    public init() {}
}

/// One reader of the rings, and how far it is behind the producers it reads from.
public struct ConsumerProgress: Equatable, Sendable {
    /// `worker.0`, `logger`, `statistics`, `tracer`, `tap.<pid>`.
    public var name: String
    /// Packets or entries offered since it attached; equals `read` plus `lost`, plus what it has not reached yet.
    public var published: UInt64
    /// Packets or entries it took.
    public var read: UInt64
    /// Packets or entries that were overwritten before it took them.
    public var lost: UInt64
    /// Bytes of ring between it and the tail.
    public var behindInBytes: UInt64
    /// Packets between it and the tail.
    public var behindInPackets: UInt64
    /// Capture time between the last packet it took and the last one published.
    public var behindNanoseconds: UInt64

    /// Makes the progress of a consumer.
    public init(
        name: String,
        published: UInt64 = 0,
        read: UInt64 = 0,
        lost: UInt64 = 0,
        behindInBytes: UInt64 = 0,
        behindInPackets: UInt64 = 0,
        behindNanoseconds: UInt64 = 0
    ) {
        self.name = name
        self.published = published
        self.read = read
        self.lost = lost
        self.behindInBytes = behindInBytes
        self.behindInPackets = behindInPackets
        self.behindNanoseconds = behindNanoseconds
    }
}
