// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire

/// The tracer as a consumer of its own index buffers: follows the flows that an expression selects.
///
/// It tracks flows by itself, with the workers' configuration, so that its flow ids are theirs; and it sees every
/// packet that belongs to a flow, since an expression may come true at any of them (`bytes > 1M`).
struct TracingConsumer: ~Copyable, EntryConsumer {
    private var tracker: FlowTracker
    private var tracer: Tracer
    private let expression: QueryExpression
    private let verdict = FollowVerdict()
    private var ended = EndedFlows()
    private let rings: RingTable
    private var names: [[String]] = []
    private let show: @Sendable (borrowing TextBuffer) -> Void
    private var chunk: UInt64 = .max
    private var chunkBuffer: UInt16 = .max

    /// Whether the packet at hand belongs to a flow that the expression selects.
    private final class FollowVerdict {
        var isWanted = false
    }

    /// Flows that ended while a packet was tracked.
    private struct EndedFlows: FactSink {
        var records: [FlowRecord] = []
        mutating func record(_ fact: Fact) {
            if case .flow(let record) = fact { records.append(record) }
        }
    }

    init(
        flow: FlowConfiguration,
        expression: QueryExpression,
        rings: RingTable,
        show: @escaping @Sendable (borrowing TextBuffer) -> Void
    ) {
        tracker = FlowTracker(flow)
        self.expression = expression
        self.rings = rings
        self.show = show
        let verdict = self.verdict
        tracer = Tracer { _ in verdict.isWanted }
    }

    var payloadSkipped: UInt64 { 0 }
    private(set) var latest = Timestamp.zero
    var flows: FlowStatistics { tracker.statistics }

    mutating func consume(
        _ entry: IndexEntry,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool {
        if isLive { followClock(entry.position, entry.buffer, memory) }
        var headers = PacketHeaders()
        var record = RecordHead()
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            record = RecordHead(bytes)
            PacketDecoder.decode(record.packet(in: bytes), linkType: linkType, into: &headers)
        }
        if isLive, !memory.isWhole(entry.position) { return false }
        latest = record.time
        let flow = tracker.track(
            headers,
            hash: entry.flowHash,
            time: record.time,
            originalLength: record.originalLength,
            ordinal: ordinal,
            buffer: entry.buffer,
            interface: entry.interface,
            facts: &ended
        )
        showEnded()
        guard let flow else { return true }
        verdict.isWanted = expression.matches(
            tracker.record(slot: flow.slot),
            interface: name(entry.buffer, entry.interface)
        )
        tracer.packet(headers, flow: flow, originalLength: record.originalLength, time: record.time)
        return true
    }

    mutating func batchEnded() {
        guard !tracer.lines.isEmpty else { return }
        show(tracer.lines)
        tracer.lines.removeAll()
    }

    mutating func idle(through time: Timestamp) {
        tracker.expire(through: time, facts: &ended)
        showEnded()
    }

    mutating func finish(at clock: Timestamp) {
        tracker.finish(at: clock, facts: &ended)
        showEnded()
    }

    private mutating func showEnded() {
        guard !ended.records.isEmpty else { return }
        for record in ended.records {
            tracer.ended(record)
            // The last flows of a run end all at once: their lines must not overflow the buffer.
            if tracer.lines.count > 1 << 19 { batchEnded() }
        }
        ended.records.removeAll(keepingCapacity: true)
    }

    /// The workers' clock, live: the greatest time of all earlier chunks.
    private mutating func followClock(_ position: Position, _ buffer: UInt16, _ memory: RingMemory) {
        let now = position.bytes / UInt64(memory.geometry.chunkLength)
        if now == chunk && buffer == chunkBuffer { return }
        (chunk, chunkBuffer) = (now, buffer)
        if let clock = memory.clock(before: position) {
            tracker.expire(through: clock, facts: &ended)
            showEnded()
        }
    }

    private mutating func name(_ buffer: UInt16, _ interface: UInt16) -> String {
        if Int(buffer) >= names.count || Int(interface) >= names[Int(buffer)].count {
            names = rings.all.map(\.interfaces)
        }
        guard Int(buffer) < names.count, Int(interface) < names[Int(buffer)].count else { return "" }
        return names[Int(buffer)][Int(interface)]
    }
}
