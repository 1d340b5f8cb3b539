// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import Foundation

/// What readers in another process cost: the producer, who looks at each sleeper per publication, and themselves.
///
/// A d-DBuf of 1 MiB (the appliance's rings are larger), packets of 64 bytes in batches of 32, under fast reader
/// preference. Counts of readers in turn; medians.
struct ReaderBenchmark {
    /// One line: so many readers that sleep, or so many that keep up.
    struct Result: Sendable {
        var readers: Int
        /// Nanoseconds per packet, the producer's.
        var producer: [Double]
        /// Nanoseconds per packet and reader; empty for sleepers.
        var reader: [Double] = []
        /// Packets that readers lost; none if they kept up.
        var lost: UInt64 = 0
    }

    static let idleCounts = [0, 1, 4, 16]
    static let busyCounts = [1, 16]
    private static let (length, batch, capacity) = (64, 32, 1 << 20)

    /// The producer at full speed beside readers that sleep.
    static func idle(rounds: Int, packets: Int = 1 << 20) throws -> [Result] {
        var results = idleCounts.map { Result(readers: $0, producer: []) }
        for round in 0...rounds {
            for index in results.indices {
                try withReaders(results[index].readers, .asleep) { producer, block in
                    // Once round the ring and more, so that pages and caches are as they will be.
                    RingBenchmark.produce(block.rawSpan, count: 1 << 15, batch: batch, into: &producer)
                    let start = threadSeconds()
                    RingBenchmark.produce(block.rawSpan, count: packets, batch: batch, into: &producer)
                    let taken = (threadSeconds() - start) * 1e9 / Double(packets)
                    if round > 0 { results[index].producer.append(taken) }
                }
            }
        }
        return results
    }

    /// What may happen to the process of four attached readers, by the signal that does it.
    static let harms: [(name: String, signal: Int32)] = [
        ("asleep", 0), ("stopped", SIGSTOP), ("killed", SIGKILL),
    ]

    /// The producer at full speed beside four readers of another process that sleep, are stopped, or are killed.
    static func harmed(rounds: Int, packets: Int = 1 << 20) throws -> [Result] {
        var results = harms.map { _ in Result(readers: 4, producer: []) }
        for round in 0...rounds {
            for index in results.indices {
                try withReaders(4, .asleep, harm: harms[index].signal) { producer, block in
                    RingBenchmark.produce(block.rawSpan, count: 1 << 15, batch: batch, into: &producer)
                    let start = threadSeconds()
                    RingBenchmark.produce(block.rawSpan, count: packets, batch: batch, into: &producer)
                    let taken = (threadSeconds() - start) * 1e9 / Double(packets)
                    if round > 0 { results[index].producer.append(taken) }
                }
            }
        }
        return results
    }

    /// One million packets a second, in bursts of a millisecond, beside readers that keep up.
    ///
    /// The producer on the first processor and the readers on the last, as an appliance pins them: what is measured is
    /// what readers cost, and not whose turn it is.
    ///
    /// - Parameters:
    ///   - rounds: Runs of each count that are measured.
    ///   - inBatches: Whether readers sleep for as much as taps do, and not for a millisecond.
    ///   - milliseconds: Bursts of a run.
    /// - Returns: A result for each count of readers.
    /// - Throws: If a ring or a process cannot be made.
    static func keepingUp(rounds: Int, inBatches: Bool, milliseconds: Int = 250) throws -> [Result] {
        // In a thread of its own, with which its processor is given back.
        try PeerThread {
            Swift.Result { try keepingUpPinned(rounds, inBatches, milliseconds) }
        }.join().get()
    }

    private static func keepingUpPinned(
        _ rounds: Int,
        _ inBatches: Bool,
        _ milliseconds: Int
    ) throws -> [Result] {
        var results = busyCounts.map { Result(readers: $0, producer: []) }
        for round in 0...rounds {
            for index in results.indices {
                var busy = 0.0
                let report = try withReaders(
                    results[index].readers,
                    inBatches ? .batches : .readers,
                    capacity: 64 << 20,
                    isPinned: true
                ) { producer, block in
                    let start = wallSeconds()
                    for burst in 1...milliseconds {
                        let from = threadSeconds()
                        RingBenchmark.produce(block.rawSpan, count: 1000, batch: batch, into: &producer)
                        busy += threadSeconds() - from
                        let rest = start + Double(burst) / 1000 - wallSeconds()
                        if rest > 0 { Thread.sleep(forTimeInterval: rest) }
                    }
                }
                guard round > 0 else { continue }
                let taken = Double(report.bytes)
                results[index].producer.append(busy * 1e9 / Double(milliseconds * 1000))
                results[index].reader.append(Double(report.nanoseconds) / max(1, taken))
                results[index].lost += report.lost
            }
        }
        return results
    }

    /// Runs a producer beside readers in a second process, and ends both.
    @discardableResult
    private static func withReaders(
        _ count: Int,
        _ kind: PeerCommand.Kind,
        capacity: Int = capacity,
        harm: Int32 = 0,
        isPinned: Bool = false,
        _ body: (inout DataBufferProducer, [UInt8]) throws -> Void
    ) throws -> PeerReport {
        let folder = NSTemporaryDirectory() + "beltway-bench-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let buffer = try DataBuffer(
            name: "bench.0",
            number: 0,
            linkType: .ethernet,
            capacity: capacity,
            policy: .fastReader
        )
        var producer = buffer.makeProducer()
        let block = blockOfBytes(length)
        guard count > 0 else {
            try body(&producer, block)
            return PeerReport(end: 0)
        }
        let server = try BufferServer(folder: folder)
        defer { server.stop() }
        try server.share(buffer, policy: AccessPolicy(owner: getuid(), group: getgid()))
        // A process runs where the thread that starts it may.
        if isPinned { try ThreadProcessors.pinToLast() }
        let peer = try PeerProcess(
            ["peer", kind.rawValue, "--readers", "\(count)", "--folder", folder],
            descriptors: []
        )
        if isPinned { try ThreadProcessors.pinToFirst() }
        try peer.waitUntilReady()
        // Until the last of them has gone to sleep.
        if kind == .asleep { Thread.sleep(forTimeInterval: 0.02) }
        if harm != 0 { peer.signal(harm) }
        try body(&producer, block)
        producer.close()
        if harm == SIGKILL { return PeerReport(end: 0) }
        if harm == SIGSTOP { peer.signal(SIGCONT) }
        return try peer.finish()
    }
}
