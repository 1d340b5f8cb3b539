// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import CRingPeer

/// The rings with headers in line: what one block costs their producer, against the same loops in C.
///
/// As ``RingBenchmark`` measures the d-DBuf: in pairs, medians, the thread's own processor time, no reader, no policy
/// to wait for. Both sides go round the same number of times and must end at the same position.
struct KindBenchmark {
    /// One line of the table.
    struct Result: Sendable {
        /// `p-DBuf` and so on.
        var kind: String
        /// Bytes of a block.
        var length: Int
        /// Blocks per `publish()`.
        var batch: Int
        /// Bytes of the ring.
        var capacity: Int
        /// Median nanoseconds per block.
        var nanoseconds: Double
        /// The same for the loop in C.
        var peerNanoseconds: Double
        /// Median over the pairs of Beltway's time by that of C.
        var ratio: Double
    }

    static let capacities = [1 << 20, 16 << 20]

    /// Runs every kind, block length, batch and ring size.
    ///
    /// - Returns: A result per configuration.
    /// - Throws: ``RingBenchmark/Failure``, or `BufferError` for want of memory.
    static func run(pairs: Int, blocks: Int = 1 << 17) throws -> [Result] {
        var results: [Result] = []
        for capacity in capacities {
            for batch in RingBenchmark.batches {
                for length in RingBenchmark.packetLengths {
                    let each = (capacity: capacity, length: length, batch: batch)
                    results += [
                        try measure("p-DBuf", .slots, SlotLayout.self, block_peer_slots, each, pairs, blocks),
                        try measure(
                            "c-DBuf",
                            .stream,
                            StreamLayout.self,
                            block_peer_stream,
                            each,
                            pairs,
                            blocks
                        ),
                        try measure(
                            "v-DBuf",
                            .marked,
                            MarkedLayout.self,
                            block_peer_marked,
                            each,
                            pairs,
                            blocks
                        ),
                    ]
                }
                results.append(
                    try measure(
                        "IBuf",
                        .index,
                        EntryLayout.self,
                        block_peer_index,
                        (capacity, 32, batch),
                        pairs,
                        blocks,
                        produceEntries
                    )
                )
            }
        }
        return results
    }

    /// A loop that appends a block so often, publishing per batch.
    private typealias Loop<Layout: BlockLayout> = (
        _ block: RawSpan, _ count: Int, _ batch: Int, _ producer: inout RingProducer<Layout>
    ) -> Void

    private static func measure<Layout: BlockLayout>(
        _ name: String,
        _ kind: BufferKind,
        _ layout: Layout.Type,
        _ peerKind: block_peer_kind,
        _ each: (capacity: Int, length: Int, batch: Int),
        _ pairs: Int,
        _ blocks: Int,
        _ loop: Loop<Layout> = produce
    ) throws -> Result {
        let slot = 2048
        let block = blockOfBytes(each.length)
        var costs = PairedCosts()
        for _ in 0..<pairs {
            let options = RingOptions(
                kind: kind,
                policy: .fastReader,
                capacity: each.capacity,
                slotLength: slot
            )
            let ring = try Ring(name: "bench.0", options: options)
            var producer = ring.makeProducer(layout)
            guard let peer = unsafe block_peer_create(peerKind, UInt64(each.capacity), UInt64(slot)) else {
                throw RingBenchmark.Failure.noMemory(each.capacity)
            }
            defer { unsafe block_peer_destroy(peer) }
            var peerTail: UInt64 = 0
            costs.measure {
                let start = threadSeconds()
                loop(block.rawSpan, blocks, each.batch, &producer)
                return (threadSeconds() - start) * 1e9 / Double(blocks)
            } peer: {
                let start = threadSeconds()
                unsafe block.withUnsafeBufferPointer {
                    peerTail = unsafe block_peer_run(
                        peer,
                        $0.baseAddress,
                        UInt64(each.length),
                        UInt64(blocks),
                        UInt64(each.batch)
                    )
                }
                return (threadSeconds() - start) * 1e9 / Double(blocks)
            }
            guard ring.tail.bytes == peerTail else {
                throw RingBenchmark.Failure.differentRings(
                    packetLength: each.length,
                    batch: each.batch,
                    ringCapacity: each.capacity
                )
            }
        }
        return Result(
            kind: name,
            length: each.length,
            batch: each.batch,
            capacity: each.capacity,
            nanoseconds: costs.nanoseconds,
            peerNanoseconds: costs.peerNanoseconds,
            ratio: costs.ratio
        )
    }

    /// The loop that is measured: append, publish per batch.
    @inline(never)
    private static func produce<Layout: BlockLayout>(
        _ block: RawSpan,
        _ count: Int,
        _ batch: Int,
        _ producer: inout RingProducer<Layout>
    ) {
        var inside = 0
        for _ in 0..<count {
            if !producer.append(block) {
                producer.publish()
                inside = 0
                _ = producer.append(block)
            }
            inside &+= 1
            if inside == batch {
                producer.publish()
                inside = 0
            }
        }
        producer.publish()
    }

    /// The same for entries, whose length is known.
    @inline(never)
    private static func produceEntries(
        _ block: RawSpan,
        _ count: Int,
        _ batch: Int,
        _ producer: inout RingProducer<EntryLayout>
    ) {
        let entry = IndexEntry.packet(Int(truncatingIfNeeded: block.littleEndian64(at: 0)) & .max)
        var inside = 0
        for _ in 0..<count {
            if !producer.append(entry) {
                producer.publish()
                inside = 0
                _ = producer.append(entry)
            }
            inside &+= 1
            if inside == batch {
                producer.publish()
                inside = 0
            }
        }
        producer.publish()
    }
}
