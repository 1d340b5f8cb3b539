// SPDX-License-Identifier: Apache-2.0

import BeltwayBuffers
import BeltwayFlow
import BeltwayWire
import Foundation
import Synchronization
import Testing

@testable import BeltwayAppliance

/// Counts how often its thread went round.
private struct CountingConsumer: ~Copyable, EntryConsumer {
    let rounds: Rounds
    var payloadSkipped: UInt64 { 0 }
    var latest: Timestamp { .zero }
    var flows: FlowStatistics { FlowTracker().statistics }

    mutating func consume(
        _ entry: IndexEntry,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool { true }
    mutating func batchEnded() { rounds.count.add(1, ordering: .relaxed) }
    mutating func idle(through time: Timestamp) {}
    mutating func finish(at clock: Timestamp) {}
}

private final class Rounds: Sendable {
    let count = Atomic<Int>(0)
}

@Suite struct `A worker with several lanes` {
    private func ring(_ number: UInt16) throws -> DataBuffer {
        try DataBuffer(
            name: "eth\(number).0",
            number: number,
            linkType: .ethernet,
            capacity: 1 << 20,
            policy: .fastReader
        )
    }

    @Test func `knows the time of a lane that never brought anything`() throws {
        let ring = try ring(0)
        var producer = ring.makeProducer()
        let holds = LaneHolds()
        try holds.add(ring)
        let index = try IndexBuffer(name: "worker.0", capacity: 64, policy: .fastReader)
        var entries = IndexBufferProducer(index)
        var lane = WorkerLane(index, holds: holds, isLive: true)
        producer.setTimeThrough(Timestamp(nanoseconds: 5_000))
        #expect(lane.timeThrough() == Timestamp(nanoseconds: 5_000))
        entries.close()
        #expect(lane.timeThrough() == .distantFuture)
    }

    @Test func `sleeps while one of them has ended and the other is silent`() throws {
        let ended = try IndexBuffer(name: "worker.0", capacity: 64, policy: .fastReader)
        let silent = try IndexBuffer(name: "worker.0", capacity: 64, policy: .fastReader)
        var endedProducer = IndexBufferProducer(ended)
        endedProducer.close()
        var lanes = OwnedArray<WorkerLane>(capacity: 2)
        for (number, index) in [ended, silent].enumerated() {
            let holds = LaneHolds()
            try holds.add(ring(UInt16(number)))
            lanes.append(WorkerLane(index, holds: holds, isLive: true))
        }
        let rounds = Rounds()
        let parcel = Parcel(
            WorkerThread(
                worker: CountingConsumer(rounds: rounds),
                lanes: lanes,
                progress: ConsumerCounters("worker.0"),
                flows: nil,
                isLive: true
            )
        )
        let thread = try DataPlaneThread(name: "worker.0") {
            var thread = parcel.open()
            thread.run()
        }
        usleep(200_000)
        do { _ = IndexBufferProducer(silent) }  // ends the lane
        thread.join()
        // 200 ms in sleeps of 2 ms; without them there would be a hundred thousand rounds.
        #expect(rounds.count.load(ordering: .relaxed) < 1_000)
    }
}
