// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
internal import Synchronization

// Where the next record may go: reservations, chunks, padding, and waiting for readers.

extension DataBufferProducer {
    /// Bytes announced at a time: large enough that the fence is rare, small enough to waste little headroom.
    private var step: Int { min(65_536, memory.geometry.chunkLength) }

    /// Makes room for a record of `length` bytes: in the chunk, or the next one, and in what is reserved.
    ///
    /// - Returns: False if readers still need it, or the batch fills the ring.
    @usableFromInline mutating func makeRoom(for length: Int) -> Bool {
        if tail &+ UInt64(length) > chunkLimit {
            guard openNextChunk(for: length) else { return false }
        }
        if tail &+ UInt64(length) > reservedTail || ordinal == reservedOrdinal { return reserve(length) }
        return true
    }

    /// Announces that the next `length` bytes, and one descriptor, may change.
    ///
    /// At most one capacity beyond the oldest place that somebody needs. In blocking mode that is the slowest
    /// reader's, and at least the last whole region's end, where a reader may attach at any moment; under fast reader
    /// preference it is the published tail, since a batch must not overwrite itself.
    ///
    /// - Returns: False if that room is not there.
    private mutating func reserve(_ length: Int) -> Bool {
        let chunkEnd = (tail | memory.chunkMask) &+ 1
        let needed = tail &+ UInt64(length)
        var bytes = min(max(needed, tail &+ UInt64(step)), max(chunkEnd, needed))
        var slots = ordinal &+ UInt64(max(1, min(1024, memory.geometry.descriptorCapacity / 8)))
        let oldest = oldestNeeded
        bytes = min(bytes, oldest.position &+ UInt64(memory.geometry.capacity))
        slots = min(slots, oldest.ordinal &+ UInt64(memory.geometry.descriptorCapacity))
        guard bytes >= needed, slots > ordinal else {
            if buffer.policy == .slowReader || buffer.policy == .mediumReader {
                let capacity = UInt64(memory.geometry.capacity)
                buffer.coordination.dropStalled(
                    before: (needed &- min(needed, capacity), oldestSlot),
                    length: capacity
                )
            }
            return false
        }
        reservedTail = max(reservedTail, bytes)
        reservedOrdinal = max(reservedOrdinal, slots)
        memory.storeRelaxed(ControlLayout.intent, reservedTail)
        memory.storeRelaxed(ControlLayout.intentOrdinal, reservedOrdinal)
        atomicMemoryFence(ordering: .releasing)  // partner: the acquire fence in RingMemory.isWhole
        return true
    }

    private var oldestNeeded: (position: UInt64, ordinal: UInt64) {
        buffer.policy == .fastReader
            ? (publishedTail, publishedOrdinal) : buffer.coordination.oldestProtected(shownFlushed)
    }

    /// Fills the rest of the chunk and begins the next one, with room for a record of `length` bytes.
    ///
    /// A chunk begins only when its first bytes are announced: its row then replaces one whose chunk is gone
    /// (``RingMemory/store(_:)``). Until then `tail` rests on the boundary, and `chunkLimit` lets nothing be appended.
    private mutating func openNextChunk(for length: Int) -> Bool {
        if tail & memory.chunkMask != 0 {
            guard fill(to: (tail | memory.chunkMask) &+ 1) else { return false }
        }
        noteFlushed()
        guard reserve(length) else { return false }
        beginChunk()
        return true
    }

    private mutating func beginChunk() {
        memory.storeTimes(of: row)
        row.clockBefore = max(row.clockBefore, row.greatestTime)
        row.index = tail >> memory.chunkShift
        row.firstOrdinal = ordinal
        row.leastTime = .distantFuture
        row.greatestTime = .zero
        memory.store(row)
        chunkLimit = tail &+ memory.chunkMask &+ 1
        if keepsStatistics { chunkLimit &-= UInt64(RecordLayout.statisticsBlockLength) }
    }

    /// Writes a statistics block if one is due, then one padding block up to `end`.
    private mutating func fill(to end: UInt64) -> Bool {
        let length = Int(truncatingIfNeeded: end &- tail)
        guard length > 0 else { return true }
        if end > reservedTail { guard reserve(length) else { return false } }
        if let statistics, length >= RecordLayout.statisticsBlockLength {
            memory.writeStatistics(statistics, at: tail)
            tail &+= UInt64(RecordLayout.statisticsBlockLength)
        }
        if end > tail {
            memory.writePadding(at: tail, length: Int(truncatingIfNeeded: end &- tail))
            tail = end
        }
        return true
    }

    /// Pads to the next page, so that everything up to here can go to disk as whole pages.
    ///
    /// - Returns: False if readers still need the room; nothing was written then.
    @discardableResult
    public mutating func padToPage() -> Bool {
        let page = UInt64(BufferGeometry.pageLength)
        var end = (tail &+ page &- 1) & ~(page &- 1)
        let wantsStatistics = statistics != nil && tail != flushed.position
        if wantsStatistics, end &- tail < UInt64(RecordLayout.statisticsBlockLength),
            end & memory.chunkMask != 0
        {
            end &+= page
        }
        guard end != tail || tail != flushed.position else { return true }
        guard fill(to: end) else { return false }
        noteFlushed()
        return true
    }

    mutating func noteFlushed() {
        guard flushed.position != tail else { return }
        flushed = (tail, ordinal)
        flushedIsStored = false
    }

    /// Shows the end of the last whole region to loggers; the partner is `RingMemory.flushedThrough`.
    ///
    /// Two slots by turns: the one that is overwritten was retired by the count stored last, and the release fence
    /// keeps that store before these. So a reader retries only when a flush was completed, and never waits.
    mutating func storeFlushed() {
        flushedIsStored = true
        shownFlushed = flushed
        let count = memory.relaxed(ControlLayout.flushCount) &+ 1
        let slot = ControlLayout.flushSlot(count)
        atomicMemoryFence(ordering: .releasing)
        memory.storeRelaxed(slot, flushed.position)
        memory.storeRelaxed(slot + 8, flushed.ordinal)
        memory.storeReleasing(ControlLayout.flushCount, count)
    }

    /// The ordinal whose slot the next record takes: a reader before it is in the way.
    private var oldestSlot: UInt64 {
        let next = ordinal &+ 1
        return next &- min(next, UInt64(memory.geometry.descriptorCapacity))
    }

    /// Sleeps until a reader lets go of something, at most ten milliseconds.
    ///
    /// Publish, and let the stage run, before: readers cannot let go of what they have not been shown.
    public mutating func waitForRoom() {
        guard buffer.policy == .blocking else { return }
        let coordination = buffer.coordination
        let capacity = UInt64(memory.geometry.capacity)
        let slots = UInt64(memory.geometry.descriptorCapacity)
        // Room for the largest record, so that a slow reader is not asked again for every packet.
        let wanted = min(UInt64(snapLength + 4096), capacity / 8)
        let (tail, ordinal, shown) = (tail, ordinal, shownFlushed)
        func hasRoom() -> Bool {
            let oldest = coordination.oldestProtected(shown)
            return oldest.position &+ capacity >= tail &+ wanted
                && oldest.ordinal &+ slots >= ordinal &+ slots / 8
        }
        guard !hasRoom() else { return }
        coordination.dropStalled(
            before: (tail &+ wanted &- min(capacity, tail &+ wanted), oldestSlot),
            length: capacity
        )
        coordination.room.wait(nanoseconds: 10_000_000, unless: hasRoom)
    }

    /// Gives the numbers that the next Interface Statistics Block will carry, and asks for one at each chunk's end.
    ///
    /// - Parameters:
    ///   - received: Packets received by the interface since capture began (`isb_ifrecv`).
    ///   - dropped: Packets dropped by the kernel since then (`isb_osdrop`).
    ///   - interface: The interface.
    ///   - time: When they were read.
    public mutating func setStatistics(received: UInt64, dropped: UInt64, interface: UInt16, time: Timestamp)
    {
        statistics = InterfaceStatistics(
            interface: interface,
            time: time,
            received: received,
            dropped: dropped
        )
        buffer.coordination.droppedBefore = dropped
        guard !keepsStatistics else { return }
        keepsStatistics = true
        // From here on the chunk's last bytes are kept free, if records have not used them already.
        let limit = ((chunkLimit &- 1) | memory.chunkMask) &+ 1 &- UInt64(RecordLayout.statisticsBlockLength)
        if tail <= limit { chunkLimit = limit }
    }
}

/// Counters that an Interface Statistics Block carries (pcapng, 4.6).
struct InterfaceStatistics {
    var interface: UInt16
    var time: Timestamp
    var received: UInt64
    var dropped: UInt64
}
