// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BeltwayBuffers

@Suite struct `A producer's look at who sleeps` {
    private func attached() throws -> (ring: Ring, cursor: ReaderCursor) {
        let ring = try Ring(name: "a", options: RingOptions(kind: .slots, capacity: 65_536))
        let cursor = try ReaderCursor()
        _ = try ring.coordination.attach(cursor, holds: false, at: { ring.end })
        return (ring, cursor)
    }

    @Test func `wakes a reader elsewhere when the tail is where it said, not before`() throws {
        let (ring, cursor) = try attached()
        var watch = ReaderWatch(publication: ring.publication, coordination: ring.coordination)
        cursor.store(ReaderCursor.wakeAt, 1001)
        watch.wake(tail: 999)
        #expect(cursor.load(ReaderCursor.wakeAt) == 1001)
        #expect(ring.relaxed(ControlLayout.wakeWord) == 0)
        watch.wake(tail: 1000)
        #expect(cursor.load(ReaderCursor.wakeAt) == 0)
        #expect(ring.relaxed(ControlLayout.wakeWord) == 1)
    }

    @Test func `makes a bounded number of system calls for a reader that asks all the time`() throws {
        let (ring, cursor) = try attached()
        var watch = ReaderWatch(publication: ring.publication, coordination: ring.coordination)
        for _ in 0..<100_000 {
            cursor.store(ReaderCursor.wakeAt, 1)
            watch.wake(tail: 10)
        }
        // Two windows, if a second goes by meanwhile on a slow machine; never one wake per publication.
        #expect(ring.relaxed(ControlLayout.wakeWord) <= 80_000)
        #expect(ring.relaxed(ControlLayout.wakeWord) >= UInt64(ReaderWatch.wakesPerSecond))
    }
}
