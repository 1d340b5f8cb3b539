// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Synchronization

/// How far a consumer is behind the producers it reads from.
struct ConsumerLag: Equatable, Sendable {
    /// Bytes of ring between it and the tail.
    var bytes = 0
    /// Packets, or entries, published and not yet taken.
    var packets: UInt64 = 0
    /// Capture time between the last packet it took and what is published.
    var nanoseconds: UInt64 = 0
}

/// What a consumer's thread shows of its progress to others: stored once per batch, read at leisure.
///
/// `published == read + lost` in what is shown at the end; in between, the three are a batch apart at most.
final class ConsumerCounters: Sendable {
    /// `worker.0`, `logger`, `statistics`, `tracer`.
    let name: String
    private let publishedCount = Atomic<UInt64>(0)
    private let readCount = Atomic<UInt64>(0)
    private let lostCount = Atomic<UInt64>(0)
    private let skippedCount = Atomic<UInt64>(0)
    private let lagBytes = Atomic<UInt64>(0)
    private let lagPackets = Atomic<UInt64>(0)
    private let lagNanoseconds = Atomic<UInt64>(0)

    init(_ name: String) { self.name = name }

    func store(read: UInt64, lost: UInt64, lag: ConsumerLag = ConsumerLag(), payloadSkipped: UInt64 = 0) {
        readCount.store(read, ordering: .relaxed)
        lostCount.store(lost, ordering: .relaxed)
        publishedCount.store(read + lost, ordering: .relaxed)
        skippedCount.store(payloadSkipped, ordering: .relaxed)
        lagBytes.store(UInt64(max(0, lag.bytes)), ordering: .relaxed)
        lagPackets.store(lag.packets, ordering: .relaxed)
        lagNanoseconds.store(lag.nanoseconds, ordering: .relaxed)
    }

    /// Packets offered to it.
    var published: UInt64 { publishedCount.load(ordering: .relaxed) }
    /// Packets it took.
    var read: UInt64 { readCount.load(ordering: .relaxed) }
    /// Packets that were overwritten before it could take them.
    var lost: UInt64 { lostCount.load(ordering: .relaxed) }
    /// Packets counted in flows whose payload was passed over for want of headroom; and packets of tunnels in fragments
    /// that were left out, which are counted in the flows of the fragments alone.
    var payloadSkipped: UInt64 { skippedCount.load(ordering: .relaxed) }
    /// How far it is behind.
    var lag: ConsumerLag {
        ConsumerLag(
            bytes: Int(clamping: lagBytes.load(ordering: .relaxed)),
            packets: lagPackets.load(ordering: .relaxed),
            nanoseconds: lagNanoseconds.load(ordering: .relaxed)
        )
    }
}
