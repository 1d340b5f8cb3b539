// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
internal import Synchronization

/// Whole 4 KiB pages of the ring that can go to disk as they stand: they begin and end between records.
///
/// A region never leaves its chunk, and ends at the chunk's end or at a page-aligned pad.
public struct Region: Equatable, Sendable, BitwiseCopyable {
    /// Where it starts; a multiple of 4,096.
    public var position: Position
    /// Bytes; a multiple of 4,096.
    public var length: Int
    /// Ordinal of the first packet at or after its start.
    public var firstOrdinal: UInt64
    /// Packets that start in it.
    public var packets: UInt64
    /// Least and greatest time of the chunk's packets so far: bounds for the region's own.
    public var leastTime: Timestamp
    /// See `leastTime`.
    public var greatestTime: Timestamp
}

/// A consumer that takes the ring in regions: the packet logger.
///
/// Same identity as for every reader: `published == read + lost`, in packets. A region is counted read when it is
/// taken; ``giveBackLapped(_:)`` turns it into loss when it was overwritten while it was written to disk.
///
/// Nothing that the owner of a ring may have forged stops it: a region's end that lies behind the reader, on no page,
/// or beyond what any ring reaches is taken for none, and rows that contradict it for rows that are gone.
public struct RegionReader: ~Copyable, @unchecked Sendable {
    /// The buffer that is read.
    public let buffer: DataBuffer
    /// Its memory.
    public let memory: RingMemory
    /// Packets of regions taken and kept.
    public private(set) var read: UInt64 = 0
    /// Packets of regions overwritten before or while they were taken.
    public private(set) var lost: UInt64 = 0
    private var position: UInt64
    private var ordinal: UInt64
    private let first: UInt64
    private let slot: Int?

    /// Attaches at the end of the last whole region.
    ///
    /// - Throws: ``BufferError/tooManyReaders`` if a blocking producer waits for 64 readers already.
    public init(_ buffer: DataBuffer) throws(BufferError) {
        let memory = buffer.memory
        var slot: Int?
        var place = (position: UInt64(0), ordinal: UInt64(0))
        if buffer.policy.protectsReaders {
            let reader = try buffer.coordination.addReader(at: { memory.flushedThrough })
            (slot, place) = (reader.slot, (reader.position, reader.ordinal))
        } else {
            place = memory.flushedThrough
        }
        self.buffer = buffer
        self.memory = memory
        self.slot = slot
        position = place.position
        ordinal = place.ordinal
        first = place.ordinal
    }

    deinit { if let slot { buffer.coordination.removeReader(slot) } }

    /// Packets offered since the reader attached.
    public var published: UInt64 { ordinal &- first }
    /// Bytes published and not yet taken.
    public var lagInBytes: Int { min(max(0, memory.tail - Position(position)), memory.geometry.capacity) }
    /// Whether the producer has ended and every region was taken.
    public var isAtEnd: Bool { memory.isClosed && flushedBeyond == nil }

    /// Takes the next region; nil if none is whole yet.
    public mutating func next() -> Region? {
        var skips = 0
        while let flushed = flushedBeyond {
            let length = UInt64(memory.geometry.chunkLength)
            let index = position / length
            let chunkEnd = (index + 1) * length
            let row = memory.row(of: index)
            let end: UInt64
            let endOrdinal: UInt64?
            if flushed.position < chunkEnd {
                (end, endOrdinal) = (flushed.position, flushed.ordinal)
            } else if flushed.position == chunkEnd {
                (end, endOrdinal) = (chunkEnd, flushed.ordinal)
            } else {
                (end, endOrdinal) = (chunkEnd, memory.row(of: index + 1)?.firstOrdinal)
            }
            guard let row, let endOrdinal, endOrdinal >= ordinal, memory.isWhole(Position(position)) else {
                skips += 1
                skipWhatWasLapped(flushed, all: skips > 4)
                continue
            }
            let region = Region(
                position: Position(position),
                length: Int(end - position),
                firstOrdinal: ordinal,
                packets: endOrdinal - ordinal,
                leastTime: row.leastTime,
                greatestTime: row.greatestTime
            )
            position = end
            ordinal = endOrdinal
            read &+= region.packets
            return region
        }
        return nil
    }

    /// End of the last whole region, if it lies ahead of this reader and can be one.
    private var flushedBeyond: (position: UInt64, ordinal: UInt64)? {
        let flushed = memory.flushedThrough
        return flushed.position > position && flushed.ordinal >= ordinal ? flushed : nil
    }

    /// Hands out the region's bytes, in place; check ``isWhole(_:)`` after using them.
    ///
    /// - Parameters:
    ///   - region: What ``next()`` returned.
    ///   - body: Uses the bytes, which may change under it once the region is lapped.
    /// - Returns: What `body` returned.
    public func withBytes<Result>(of region: Region, _ body: (RawSpan) -> Result) -> Result {
        memory.withBytes(at: region.position, offset: 0, length: region.length, body)
    }

    /// Whether no byte of the region has been overwritten so far.
    public func isWhole(_ region: Region) -> Bool { memory.isWhole(region.position) }

    /// Counts a region as lost: it was overwritten while it was used.
    public mutating func giveBackLapped(_ region: Region) {
        read &-= region.packets
        lost &+= region.packets
    }

    /// Lets a blocking producer overwrite everything taken so far.
    public func release() {
        guard let slot else { return }
        buffer.coordination.release(slot, position: position, ordinal: ordinal)
    }

    /// Sleeps until the tail moves, the producer ends, or the time is over; releases first.
    public func wait(nanoseconds: Int64) {
        release()
        let (memory, position) = (memory, position)
        buffer.publication.wait(nanoseconds: nanoseconds) {
            memory.isClosed || memory.flushedThrough.position > position
        }
    }

    /// Resumes at a chunk about half a ring behind the last region; or, if that was lapped again and again, at its end.
    private mutating func skipWhatWasLapped(_ flushed: (position: UInt64, ordinal: UInt64), all: Bool) {
        let length = UInt64(memory.geometry.chunkLength)
        let newest = flushed.position / length
        var target = flushed
        var index = max(newest &- min(newest, UInt64(memory.geometry.chunkCount / 2)), position / length + 1)
        while !all, index <= newest {
            if let row = memory.row(of: index), row.firstOrdinal >= ordinal {
                if row.firstOrdinal <= flushed.ordinal { target = (index * length, row.firstOrdinal) }
                break
            }
            index += 1
        }
        lost &+= target.ordinal &- ordinal
        position = target.position
        ordinal = target.ordinal
    }
}

extension RingMemory {
    /// End of the last whole region; the partner is `DataBufferProducer.storeFlushed`, which says why this ends.
    ///
    /// A forged one is taken for none: a position off the page, or beyond 2^62 (a century at 1 GB/s; below it no sum of
    /// positions and lengths overflows), and a count that changes a thousand times in a row.
    var flushedThrough: (position: UInt64, ordinal: UInt64) {
        for _ in 0..<1000 {
            let count = acquire(ControlLayout.flushCount)
            let slot = ControlLayout.flushSlot(count)
            let value = (position: relaxed(slot), ordinal: relaxed(slot + 8))
            atomicMemoryFence(ordering: .acquiring)
            guard relaxed(ControlLayout.flushCount) == count else { continue }
            let canBe = value.position < 1 << 62 && value.position % UInt64(BufferGeometry.pageLength) == 0
            return canBe ? value : (0, 0)
        }
        return (0, 0)
    }
}
