// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
internal import Synchronization

/// What the chunk table says of one chunk: where its packets start and which times they span.
public struct ChunkRow: Equatable, Sendable, BitwiseCopyable {
    /// Chunks since the buffer was created.
    public var index: UInt64
    /// Ordinal of the first packet at or after the chunk's start.
    public var firstOrdinal: UInt64
    /// Least time of its packets so far; `.distantFuture` without one.
    public var leastTime: Timestamp
    /// Greatest time of its packets so far; `.zero` without one.
    public var greatestTime: Timestamp
    /// Greatest time of all packets before this chunk: a clock that depends on the capture alone.
    public var clockBefore: Timestamp
}

extension RingMemory {
    @inline(__always)
    private func rowOffset(_ index: UInt64) -> Int {
        ControlLayout.chunkTable &+ Int(truncatingIfNeeded: index & rowMask) &* ControlLayout.chunkRowLength
    }

    /// Stores the row of a chunk that begins: odd version, fields, even version; the partner is ``row(of:)``.
    ///
    /// It replaces the row of the chunk one lap earlier, whose bytes the producer has announced in `intent` (release
    /// fence) *before*: so a reader that finds the old row gone also finds that chunk no longer whole. It is complete
    /// before the first tail inside the chunk is stored (releasing): so for published positions it is there.
    /// Neither side ever has to wait for the other.
    func store(_ row: ChunkRow) {
        let base = rowOffset(row.index)
        let version = relaxed(base)
        storeRelaxed(base, version &+ 1)
        atomicMemoryFence(ordering: .releasing)
        storeRelaxed(base + 8, row.index)
        storeRelaxed(base + 16, row.firstOrdinal)
        storeRelaxed(base + 24, row.leastTime.nanoseconds)
        storeRelaxed(base + 32, row.greatestTime.nanoseconds)
        storeRelaxed(base + 40, row.clockBefore.nanoseconds)
        storeReleasing(base, version &+ 2)
    }

    /// Stores the times of the chunk's packets so far; relaxed, since the tail that follows is releasing.
    @inline(__always)
    func storeTimes(of row: ChunkRow) {
        let base = rowOffset(row.index)
        storeRelaxed(base + 24, row.leastTime.nanoseconds)
        storeRelaxed(base + 32, row.greatestTime.nanoseconds)
    }

    /// Reads the row of a chunk.
    ///
    /// Its times cover at least the packets below a tail that was loaded before.
    ///
    /// - Parameter index: Chunks since the buffer was created, `position / chunkLength`.
    /// - Returns: The row, or nil if the table no longer, or not yet, holds it.
    public func row(of index: UInt64) -> ChunkRow? {
        let base = rowOffset(index)
        let version = acquire(base)
        let row = ChunkRow(
            index: relaxed(base + 8),
            firstOrdinal: relaxed(base + 16),
            leastTime: Timestamp(nanoseconds: relaxed(base + 24)),
            greatestTime: Timestamp(nanoseconds: relaxed(base + 32)),
            clockBefore: Timestamp(nanoseconds: relaxed(base + 40))
        )
        atomicMemoryFence(ordering: .acquiring)
        // 0: never stored. Odd or changed: being replaced, so what was asked for is gone, or has not begun.
        guard version != 0, version & 1 == 0, relaxed(base) == version, row.index == index else { return nil }
        return row
    }

    /// Greatest time of all packets before the chunk that holds `position`: the same for every run over a capture.
    public func clock(before position: Position) -> Timestamp? {
        row(of: position.bytes >> chunkShift)?.clockBefore
    }
}
