// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Everything the statistics know at one moment: the EVE `stats` event, the progress line, the summary.
public struct StatisticsSnapshot: Sendable {
    /// The moment.
    public var time: Timestamp
    /// The earliest packet's time; `time` before any.
    public var first: Timestamp
    /// The latest packet's time; `time` before any.
    public var last: Timestamp
    /// Rate over the last whole second.
    public var lastSecond: Rate
    /// Rate over the last eight whole seconds.
    public var lastSeconds: Rate
    /// Packets by protocol.
    public var decoder: DecoderCounters
    /// Packets and bytes by link type, in the order in which the types were first seen.
    public var links: [LinkTypeCount]
    /// Packets by size class: up to ``Statistics/sizeBounds``, the last class above all of them.
    public var sizes: [UInt64]
    /// Senders of most packets, most first.
    public var topByPackets: [Talker]
    /// Senders of most bytes, most first.
    public var topByBytes: [Talker]
    /// What the other parts said of themselves.
    public var progress: PipelineProgress
}
