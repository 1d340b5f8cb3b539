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
        #expect(cursor.load(ReaderCursor.wakeWord) == 0)
        watch.wake(tail: 1000)
        #expect(cursor.load(ReaderCursor.wakeAt) == 0)
        #expect(cursor.load(ReaderCursor.wakeWord) == 1)
        #expect(ring.relaxed(ControlLayout.wakeWord) == 0, "who sleeps here was not asked for")
    }

    @Test func `finds the words of 31 readers in a row at places of their own, and their pages say where`()
        throws
    {
        let cursors = try (0..<31).map { _ in try ReaderCursor() }
        #expect(Set(cursors.map(\.start)).count == 31)
        for cursor in cursors {
            let other = try ReaderCursor(attaching: cursor.page.descriptor)
            cursor.store(ReaderCursor.wakeWord, 7)
            #expect(other.start == cursor.start && other.load(ReaderCursor.wakeWord) == 7)
        }
        for told in [UInt64.max, 4096, 31 * 128, 64, 1] as [UInt64] {
            let page = cursors[30].page
            unsafe (page.base + ReaderCursor.startWord).storeBytes(of: told, as: UInt64.self)
            #expect(try ReaderCursor(attaching: page.descriptor).start == 0)
        }
    }

    @Test func `leaves a reader asleep when another one, or one of its own process, is woken`() throws {
        let (ring, cursor) = try attached()
        let other = try ReaderCursor()
        _ = try ring.coordination.attach(other, holds: false, at: { ring.end })
        var watch = ReaderWatch(publication: ring.publication, coordination: ring.coordination)
        cursor.store(ReaderCursor.wakeAt, 5001)
        other.store(ReaderCursor.wakeAt, 101)
        unsafe ring.publication.flag.pointee.store(1, ordering: .relaxed)
        watch.wake(tail: 100)
        #expect(other.load(ReaderCursor.wakeWord) == 1 && ring.relaxed(ControlLayout.wakeWord) == 1)
        #expect(cursor.load(ReaderCursor.wakeAt) == 5001 && cursor.load(ReaderCursor.wakeWord) == 0)
        watch.wakeAll()
        #expect(cursor.load(ReaderCursor.wakeWord) == 1)
    }

    @Test func `makes a bounded number of system calls for a reader that asks all the time`() throws {
        let (ring, cursor) = try attached()
        var watch = ReaderWatch(publication: ring.publication, coordination: ring.coordination)
        for _ in 0..<100_000 {
            cursor.store(ReaderCursor.wakeAt, 1)
            watch.wake(tail: 10)
        }
        // Two windows, if a second goes by meanwhile on a slow machine; never one wake per publication.
        #expect(cursor.load(ReaderCursor.wakeWord) <= 80_000)
        #expect(cursor.load(ReaderCursor.wakeWord) >= UInt64(ReaderWatch.wakesPerSecond))
    }
}
