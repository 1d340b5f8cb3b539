// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What runs in the capture thread after each batch: the classifier, or the whole worker where one thread does all.
///
/// Capture is generic over it, so that it need not know what follows; the appliance specialises it.
public protocol BatchStage: ~Copyable {
    /// Looks at the records that were just published, in place.
    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer)
    /// Nothing came: no packet earlier than `time` will come any more.
    mutating func idle(through time: Timestamp)
    /// A further buffer (another link type) was opened behind the same producer; called before its first batch.
    mutating func open(_ buffer: DataBuffer)
    /// Capture has ended; called once.
    mutating func finish()
}

extension RingMemory {
    /// Walks a batch in the producer's own thread: no check is needed, nothing can be overwritten meanwhile.
    ///
    /// - Parameters:
    ///   - batch: What `publish` returned last.
    ///   - body: Gets each packet's descriptor, ordinal and captured bytes, in place.
    @inlinable @inline(__always)
    public func forEachPacket(
        in batch: PublishedBatch,
        _ body: (Descriptor, _ ordinal: UInt64, RawSpan) -> Void
    ) {
        var ordinal = batch.firstOrdinal
        while ordinal < batch.endOrdinal {
            let descriptor = descriptor(at: ordinal)
            withPacket(descriptor) { body(descriptor, ordinal, $0) }
            ordinal &+= 1
        }
    }
}
