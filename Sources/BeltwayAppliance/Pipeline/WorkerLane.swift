// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire
internal import Synchronization

/// The holds that one consumer has on the rings of one producer thread; the producer adds to them, the consumer uses
/// them.
final class LaneHolds: Sendable {
    /// Packets that are in none of the rings.
    let carried = CarriedQueue()
    private let holds = Mutex<[LaneHold]>([])
    private let version = Atomic<Int>(0)

    /// Called by the producer thread before the ring's first batch.
    func add(_ ring: DataBuffer) throws(BufferError) {
        let hold = try LaneHold(ring)
        holds.withLock { $0.append(hold) }
        version.add(1, ordering: .releasing)  // partner: `count`
    }

    var count: Int { version.load(ordering: .acquiring) }
    var all: [LaneHold] { holds.withLock { $0 } }
}

/// A hold on one ring, shared by the thread that took it and the one that lets go.
final class LaneHold: Sendable {
    let ring: RingHold
    init(_ buffer: DataBuffer) throws(BufferError) { ring = try RingHold(buffer) }
}

/// What a consumer knows of one ring of its lane.
private struct LaneRing {
    let hold: LaneHold
    let memory: RingMemory
    let linkType: LinkType
    let number: UInt16
    /// Up to where the classifier had come before the index buffer was looked at.
    var complete: (position: Position, ordinal: UInt64)
    /// End of the last consumed entry, and the ordinal after it.
    var consumed: (position: Position, ordinal: UInt64)
}

/// One index buffer as its consumer sees it: entries in its producer's order, and the rings that they point into.
struct WorkerLane: ~Copyable {
    var reader: IndexBufferReader
    let isLive: Bool
    private let holds: LaneHolds
    private var rings: [LaneRing] = []

    init(_ buffer: IndexBuffer, holds: LaneHolds, isLive: Bool) {
        reader = IndexBufferReader(buffer)
        self.holds = holds
        self.isLive = isLive
    }

    /// Bytes between the classifier and this consumer, over all rings of the lane.
    var lagInBytes: Int { rings.reduce(0) { $0 + max(0, $1.memory.tail - $1.consumed.position) } }

    /// No packet earlier than this will come by this lane any more; `.distantFuture` once its producer has ended.
    ///
    /// Asks for rings that it does not know: a lane from which nothing was drained yet has adopted none.
    mutating func timeThrough() -> Timestamp {
        if reader.isAtEnd { return .distantFuture }
        if rings.count != holds.count { adoptRings() }
        return rings.map(\.memory.timeThrough).min() ?? .zero
    }

    /// Greatest time of everything that came by this lane; call it when the lane has ended.
    var clock: Timestamp { finalClock(of: holds.all.map { $0.ring.buffer }) }

    /// Time of the next entry's packet, nil if there is none; zero if it was overwritten, so that it is taken (and
    /// counted as lost) at once.
    mutating func nextTime() -> Timestamp? {
        guard let entry = reader.peekNext(), let ring = ring(of: entry.buffer) else { return nil }
        let memory = rings[ring].memory
        let time: Timestamp = memory.withBytes(at: entry.position, offset: 12, length: 8) { bytes in
            bytes.byteCount < 8
                ? .zero
                : Timestamp(
                    nanoseconds: UInt64(bytes.littleEndian32(at: 0)) << 32
                        | UInt64(bytes.littleEndian32(at: 4))
                )
        }
        return isLive && !memory.isWhole(entry.position) ? .zero : time
    }

    /// Feeds at most `limit` entries to a worker, then lets go of what they pointed at.
    ///
    /// - Parameters:
    ///   - limit: Entries, at most.
    ///   - bound: Stops before a packet later than this; for merging lanes by time.
    ///   - worker: Gets the packets.
    /// - Returns: Entries taken.
    mutating func drain<Consumer: EntryConsumer & ~Copyable>(
        limit: Int,
        bound: Timestamp = .distantFuture,
        into worker: inout Consumer
    ) -> Int {
        if rings.count != holds.count { adoptRings() }
        for index in rings.indices { rings[index].complete = rings[index].hold.ring.classifiedThrough }
        var taken = 0
        var isEmpty = false
        while taken < limit {
            if bound != .distantFuture, let time = nextTime(), time > bound { break }
            guard let entry = reader.takeNext() else {
                isEmpty = true
                break
            }
            taken += 1
            if let time = entry.timeMark {
                reader.passOverMark(entry)
                worker.idle(through: time)
                continue
            }
            guard let index = ring(of: entry.buffer) else { continue }
            if taken & 7 == 1 { reader.fetchRecordsAhead(of: entry.buffer, in: rings[index].memory) }
            let ordinal = extended(entry.ordinal, after: rings[index].consumed.ordinal)
            let memory = rings[index].memory
            let linkType = rings[index].linkType
            if let layer = entry.classification.outerLayer {
                // One more look at a packet that is counted by its innermost layer's entry, which comes later; or one that
                // was put together, whose fragments are counted.
                if layer == IndexEntry.replaced {
                    // The packet itself, in another form.
                    let (packet, missed) = holds.carried.take(entry.offset)
                    worker.take(packet, missed: missed)
                    rings[index].consumed = (entry.position + Int(entry.length), ordinal &+ 1)
                    continue
                }
                if layer == IndexEntry.handedOver {
                    // What was lapped, or had to be left out, came before it.
                    let (packet, missed) = holds.carried.take(entry.length)
                    worker.take(packet, missed: missed)
                } else {
                    // One that was overwritten is lost with its packet, which is counted by the innermost layer's entry.
                    _ = worker.carry(
                        entry,
                        layer: layer,
                        ordinal: ordinal,
                        memory: memory,
                        linkType: linkType,
                        isLive: isLive
                    )
                }
                reader.passOverMark(entry)
                rings[index].consumed = (entry.position, ordinal)
                continue
            }
            if !worker.consume(entry, ordinal: ordinal, memory: memory, linkType: linkType, isLive: isLive) {
                reader.giveBackLapped()
            }
            rings[index].consumed = (entry.position + Int(entry.length), ordinal &+ 1)
        }
        if isEmpty {
            for index in rings.indices where rings[index].complete.position > rings[index].consumed.position {
                rings[index].consumed = rings[index].complete
            }
        }
        reader.settleLost()
        reader.release()
        for ring in rings {
            ring.hold.ring.release(through: ring.consumed.position, ordinal: ring.consumed.ordinal)
        }
        return taken
    }

    @inline(__always)
    private mutating func ring(of number: UInt16) -> Int? {
        for index in rings.indices where rings[index].number == number { return index }
        adoptRings()
        return rings.firstIndex { $0.number == number }
    }

    private mutating func adoptRings() {
        for hold in holds.all.dropFirst(rings.count) {
            let buffer = hold.ring.buffer
            rings.append(
                LaneRing(
                    hold: hold,
                    memory: buffer.memory,
                    linkType: buffer.linkType,
                    number: buffer.number,
                    complete: (.zero, 0),
                    consumed: (.zero, 0)
                )
            )
        }
    }

    /// The 64-bit ordinal of which an entry holds the low half; entries come in order.
    @inline(__always)
    private func extended(_ low: UInt32, after last: UInt64) -> UInt64 {
        last &+ UInt64(low &- UInt32(truncatingIfNeeded: last))
    }
}

extension IndexEntry {
    /// No ring has this number: the table of an instance has 4,096.
    private static var timeMarkBuffer: UInt16 { .max }

    /// In place of a layer: the entry stands for a packet in the lane's ``CarriedQueue``, whose number is its length.
    static var handedOver: UInt8 { 0xfe }
    /// The same of a packet that lies in its ring compressed, as which it is counted; its number is its offset.
    static var replaced: UInt8 { 0xfd }

    /// An entry that is no packet but tells a consumer the time; see ``CaptureStage``.
    static func timeMark(_ time: Timestamp) -> IndexEntry {
        IndexEntry(
            position: Position(time.nanoseconds),
            flowHash: 0,
            ordinal: 0,
            length: 0,
            buffer: timeMarkBuffer,
            interface: 0,
            classification: .other
        )
    }

    /// The time that it tells; nil for a packet's entry.
    @inline(__always) var timeMark: Timestamp? {
        buffer == Self.timeMarkBuffer ? Timestamp(nanoseconds: position.bytes) : nil
    }
}

/// Greatest time of all packets of rings whose producers have ended.
func finalClock(of rings: [DataBuffer]) -> Timestamp {
    var clock = Timestamp.zero
    for ring in rings {
        let memory = ring.memory
        let index = memory.tail.bytes / UInt64(memory.geometry.chunkLength)
        // A tail on a chunk's very end belongs to a chunk that may not have begun: the one before it has the times.
        for index in [index, index &- 1] {
            guard let row = memory.row(of: index) else { continue }
            clock = max(clock, max(row.clockBefore, row.greatestTime))
        }
    }
    return clock
}
