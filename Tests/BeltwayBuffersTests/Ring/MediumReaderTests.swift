// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BeltwayBuffers

/// Medium reader preference as the paper has it (4.3.2): the last reader to consume decides, by the place that it had
/// before, and a producer drops against that one pointer.
@Suite struct `A ring with one shared read pointer` {
    private static let block = [UInt8](repeating: 7, count: 56)

    /// 64 slots of 64 bytes.
    private func makeRing() throws -> Ring {
        try Ring(
            name: "a",
            options: RingOptions(kind: .slots, policy: .mediumReader, capacity: 4096, slotLength: 64)
        )
    }

    private func append(_ count: Int, to producer: inout RingProducer<SlotLayout>) -> Int {
        var appended = 0
        for _ in 0..<count where producer.append(Self.block.span.bytes) { appended += 1 }
        producer.publish()
        return appended
    }

    private func take(_ count: Int, from reader: inout RingReader<SlotLayout>) {
        for _ in 0..<count { _ = reader.next() }
        reader.release()
    }

    @Test func `keeps what a reader has just consumed until it consumes again`() throws {
        let ring = try makeRing()
        var producer = ring.makeProducer(SlotLayout.self)
        var one = try RingReader(ring, as: SlotLayout.self)
        var other = try RingReader(ring, as: SlotLayout.self)
        #expect(append(100, to: &producer) == 64)
        take(32, from: &one)
        // R is where `one` was before: the others have had no chance yet.
        #expect(append(100, to: &producer) == 0)
        take(16, from: &one)
        // R = 32, although `other` has read nothing: it gets lapped.
        #expect(append(100, to: &producer) == 32)
        while other.next() != nil {}
        let (read, lost, published) = (other.read, other.lost, other.published)
        #expect(read + lost == published)
        #expect(lost >= 32)
    }

    @Test func `lets a slow reader hold nobody up for long`() throws {
        let ring = try makeRing()
        var producer = ring.makeProducer(SlotLayout.self)
        var fast = try RingReader(ring, as: SlotLayout.self)
        let asleep = try RingReader(ring, as: SlotLayout.self)
        var appended = 0
        for _ in 0..<100 {
            appended += append(16, to: &producer)
            take(16, from: &fast)
        }
        #expect(appended == 1600)
        let lost = fast.lost
        #expect(lost == 0)
        let published = asleep.published
        #expect(published == 0)
    }

    @Test func `does not wait for what everybody has let go of`() throws {
        let ring = try makeRing()
        var producer = ring.makeProducer(SlotLayout.self)
        #expect(append(64, to: &producer) == 64)
        var reader = try RingReader(ring, as: SlotLayout.self)
        // R was never stored, and the reader has consumed nothing: nothing is needed all the same.
        #expect(append(64, to: &producer) == 64)
        take(64, from: &reader)
        #expect(append(64, to: &producer) == 64)
    }

    @Test(arguments: [UInt64(0), 1, .max])
    func `is not stopped by whatever a liar stores in the pointer`(lie: UInt64) throws {
        let ring = try makeRing()
        var producer = ring.makeProducer(SlotLayout.self)
        var reader = try RingReader(ring, as: SlotLayout.self)
        var appended = 0
        for _ in 0..<100 {
            let bell = ring.coordination.bell.base
            bell.storeBytes(of: lie, toByteOffset: Coordination.sharedPosition, as: UInt64.self)
            bell.storeBytes(of: lie, toByteOffset: Coordination.sharedOrdinal, as: UInt64.self)
            appended += append(16, to: &producer)
            take(16, from: &reader)
        }
        #expect(appended == 1600)
    }

    @Test func `takes no hold from a reader of another process that reads on`() throws {
        let ring = try makeRing()
        // A thread that waits for its turn is not to be taken for a reader that stands still.
        ring.coordination.patience.store(2_000_000_000, ordering: .relaxed)
        var producer = ring.makeProducer(SlotLayout.self)
        let cursor = try ReaderCursor()
        _ = try ring.coordination.attach(cursor, holds: true, at: { ring.end })
        for _ in 0..<50 {
            _ = append(100, to: &producer)
            let end = ring.end
            cursor.store(ReaderCursor.releaseOrdinal, end.ordinal)
            cursor.store(ReaderCursor.releasePosition, end.position)
            _ = append(1, to: &producer)
            usleep(50_000)  // far less than the patience, but all turns together are more
        }
        let stillHeld = ring.coordination.attachedReaders.count { $0.holds }
        #expect(stillHeld == 1)
    }
}
