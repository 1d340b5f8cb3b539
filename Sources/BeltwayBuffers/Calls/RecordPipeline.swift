// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// A stage in a producer's thread: walks each batch that was published and hands it every record.
///
/// The loop, and whatever part of the pipeline is generic, is specialised where the pipeline is written; a producer
/// reaches all of it by one call per batch (``BatchStage``).
public struct RecordPipeline<Stage: RecordStage & ~Copyable>: ~Copyable, BatchStage {
    /// The first stage, with all that follows.
    public var stage: Stage

    /// Makes a pipeline of a stage.
    @inlinable public init(_ stage: consuming Stage) { self.stage = stage }

    /// Hands over the records of a batch, then says that they are through.
    @inlinable public mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        let number = buffer.number
        buffer.memory.forEachPacket(in: batch) { descriptor, ordinal, packet in
            var entry = IndexEntry(
                position: descriptor.position,
                flowHash: 0,
                ordinal: UInt32(truncatingIfNeeded: ordinal),
                length: descriptor.recordLength,
                buffer: number,
                interface: descriptor.interface,
                classification: .other
            )
            _ = stage.take(&entry, packet)
        }
        stage.batchEnded()
        // After the tails of all index buffers: a reader whose buffer is empty may let go up to here.
        buffer.storeClassifiedThrough(batch.end, ordinal: batch.endOrdinal)
    }

    /// Nothing came, so there is nothing to look at.
    @inlinable public mutating func idle(through time: Timestamp) {}
    /// Tells every stage.
    @inlinable public mutating func open(_ buffer: DataBuffer) { stage.open(buffer) }
    /// Tells every stage.
    @inlinable public mutating func finish() { stage.finish() }
}
