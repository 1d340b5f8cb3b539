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
        ControlLayout.chunkTable
            + Int(truncatingIfNeeded: index & UInt64(geometry.chunkCount - 1)) * ControlLayout.chunkRowLength
    }

    /// Stores a row: odd version, fields, even version; the reader's partner is ``row(of:)``.
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

    /// Reads the row of a chunk, or nil if the table no longer, or not yet, holds it.
    ///
    /// - Parameter index: Chunks since the buffer was created, `position / chunkLength`.
    public func row(of index: UInt64) -> ChunkRow? {
        let base = rowOffset(index)
        for _ in 0..<1000 {
            let before = acquire(base)
            let row = ChunkRow(
                index: relaxed(base + 8), firstOrdinal: relaxed(base + 16),
                leastTime: Timestamp(nanoseconds: relaxed(base + 24)),
                greatestTime: Timestamp(nanoseconds: relaxed(base + 32)),
                clockBefore: Timestamp(nanoseconds: relaxed(base + 40)))
            atomicMemoryFence(ordering: .acquiring)
            if before & 1 == 0, before != 0, relaxed(base) == before {
                return row.index == index ? row : nil
            }
        }
        return nil
    }

    /// Greatest time of all packets before the chunk that holds `position`: the same for every run over a capture.
    public func clock(before position: Position) -> Timestamp? {
        row(of: position.bytes / UInt64(geometry.chunkLength))?.clockBefore
    }
}
