// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Synchronization

/// What a consumer's thread shows of its progress to others: stored once per batch, read at leisure.
///
/// `published == read + lost` in what is shown at the end; in between, the three are a batch apart at most.
final class ConsumerCounters: Sendable {
    /// `worker.0`, `logger`, `statistics`, `tracer`.
    public let name: String
    private let publishedCount = Atomic<UInt64>(0)
    private let readCount = Atomic<UInt64>(0)
    private let lostCount = Atomic<UInt64>(0)
    private let skippedCount = Atomic<UInt64>(0)
    private let lag = Atomic<UInt64>(0)

    init(_ name: String) { self.name = name }

    func store(read: UInt64, lost: UInt64, lagInBytes: Int = 0, payloadSkipped: UInt64 = 0) {
        readCount.store(read, ordering: .relaxed)
        lostCount.store(lost, ordering: .relaxed)
        publishedCount.store(read + lost, ordering: .relaxed)
        skippedCount.store(payloadSkipped, ordering: .relaxed)
        lag.store(UInt64(max(0, lagInBytes)), ordering: .relaxed)
    }

    /// Packets offered to it.
    var published: UInt64 { publishedCount.load(ordering: .relaxed) }
    /// Packets it took.
    var read: UInt64 { readCount.load(ordering: .relaxed) }
    /// Packets that were overwritten before it could take them.
    var lost: UInt64 { lostCount.load(ordering: .relaxed) }
    /// Packets counted in flows whose payload was passed over for want of headroom.
    var payloadSkipped: UInt64 { skippedCount.load(ordering: .relaxed) }
    /// Bytes published and not yet taken.
    var lagInBytes: UInt64 { lag.load(ordering: .relaxed) }
}
