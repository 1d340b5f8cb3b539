// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

/// What an index buffer feeds in a thread of its own: a worker, or the tracer.
protocol EntryConsumer: ~Copyable {
    /// Stores what it has put together, for the statistics.
    func showReassembly(_ counters: ReassemblyCounters)
    /// Packets whose headers were used but whose payload was passed over.
    var payloadSkipped: UInt64 { get }
    /// Time of the last packet it took.
    var latest: Timestamp { get }
    /// Its flow table, for the statistics.
    var flows: FlowStatistics { get }
    /// What its parsers did, if it has any.
    var parsed: ApplicationTally? { get }
    /// Takes a packet by its entry, in memory that may be overwritten meanwhile.
    ///
    /// - Returns: False if the record was overwritten before its headers were decoded: nothing was applied.
    mutating func consume(
        _ entry: IndexEntry,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool
    /// Takes one of the headers outside the tunnel that a packet is in, by its entry.
    ///
    /// - Returns: False if the record was overwritten before they were decoded: nothing was applied.
    mutating func carry(
        _ entry: IndexEntry,
        layer: UInt8,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool
    /// Takes a packet whose tunnel came in fragments, nil if it had to be left out, after so many that were missed.
    mutating func take(_ packet: CarriedPacket?, missed: UInt32)
    /// Everything that was there has been taken.
    mutating func batchEnded()
    /// No packet earlier than `time` will come.
    mutating func idle(through time: Timestamp)
    /// Everything has ended; `clock` is the greatest time of the capture.
    mutating func finish(at clock: Timestamp)
}

extension EntryConsumer where Self: ~Copyable {
    var parsed: ApplicationTally? { nil }
    func showReassembly(_ counters: ReassemblyCounters) {}
    mutating func carry(
        _ entry: IndexEntry,
        layer: UInt8,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool { true }
    mutating func take(_ packet: CarriedPacket?, missed: UInt32) {}
}
