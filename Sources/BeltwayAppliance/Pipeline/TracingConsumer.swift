// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire

/// The tracer as a consumer of its own index buffers: `beltway run --trace`.
struct TracingConsumer: ~Copyable, EntryConsumer {
    private var follower: FlowFollower
    private let rings: RingTable
    private var names: [[String]] = []
    private var chunk: UInt64 = .max
    private var chunkBuffer: UInt16 = .max

    init(
        flow: FlowConfiguration,
        expression: QueryExpression,
        rings: RingTable,
        show: @escaping @Sendable (borrowing TextBuffer) -> Void
    ) {
        follower = FlowFollower(flow: flow, expression: expression, show: show)
        self.rings = rings
    }

    var payloadSkipped: UInt64 { 0 }
    private(set) var latest = Timestamp.zero
    var flows: FlowStatistics { follower.flows }

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
        var excerpt = PayloadExcerpt()
        var copy: [UInt8] = []
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            record = RecordHead(bytes)
            let packet = record.packet(in: bytes)
            PacketDecoder.decode(packet, linkType: linkType, into: &headers)
            excerpt = PayloadExcerpt(headers, of: packet)
            if FlowFollower.needsCopy(headers) { copy = FlowFollower.copy(packet) }
        }
        if isLive, !memory.isWhole(entry.position) { return false }
        latest = record.time
        nameInterface(entry.buffer, entry.interface)
        let names = names
        follower.take(
            headers,
            FlowFollower.Packet(
                hash: entry.flowHash,
                time: record.time,
                originalLength: record.originalLength,
                ordinal: ordinal,
                buffer: entry.buffer,
                interface: entry.interface
            ),
            excerpt: excerpt,
            copy: copy
        ) {
            let (buffer, interface) = (Int(entry.buffer), Int(entry.interface))
            return buffer < names.count && interface < names[buffer].count ? names[buffer][interface] : ""
        }
        return true
    }

    mutating func batchEnded() { follower.flush() }

    mutating func idle(through time: Timestamp) { follower.expire(through: time) }

    mutating func finish(at clock: Timestamp) { follower.finish(at: clock) }

    /// The workers' clock, live: the greatest time of all earlier chunks.
    private mutating func followClock(_ position: Position, _ buffer: UInt16, _ memory: RingMemory) {
        let now = position.bytes / UInt64(memory.geometry.chunkLength)
        if now == chunk && buffer == chunkBuffer { return }
        (chunk, chunkBuffer) = (now, buffer)
        if let clock = memory.clock(before: position) { follower.expire(through: clock) }
    }

    /// Asks the rings for their interfaces' names when one comes up that was not there.
    private mutating func nameInterface(_ buffer: UInt16, _ interface: UInt16) {
        if Int(buffer) >= names.count || Int(interface) >= names[Int(buffer)].count {
            names = rings.all.map(\.interfaces)
        }
    }
}
