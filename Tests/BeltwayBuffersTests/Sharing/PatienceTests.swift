// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BeltwayBuffers

/// When a reader in another process loses its hold; the clock is the test's own.
@Suite struct `A reader that holds up the producer` {
    private static let patience: UInt64 = 5_000
    private static let share: UInt64 = 100

    private let cursor: ReaderCursor
    private var readers = AttachedReaders()

    init() throws {
        cursor = try ReaderCursor()
        readers.readers = [
            AttachedReaders.Reader(
                id: 1,
                cursor: cursor,
                holds: true,
                position: 0,
                ordinal: 0,
                firstOrdinal: 0
            )
        ]
    }

    /// The producer needs everything up to `needed`; the reader has let go of everything up to `place`.
    private mutating func look(at now: UInt64, place: UInt64, needed: UInt64) -> Bool {
        cursor.store(ReaderCursor.releasePosition, place)
        _ = readers.oldestRelease((1 << 40, 1 << 40))
        _ = readers.dropStalled(
            before: (needed, 0),
            share: Self.share,
            now: now,
            patience: Self.patience
        )
        return readers.readers[0].holds
    }

    @Test mutating func `without moving loses its hold after its patience, and not before`() {
        for now in stride(from: UInt64(0), through: 5_000, by: 100) {
            let holds = look(at: now, place: 0, needed: 50)
            #expect(holds, "at \(now)")
        }
        let holds = look(at: 5_001, place: 0, needed: 50)
        #expect(!holds)
    }

    @Test mutating func `by a byte now and then loses it too`() {
        var lost: UInt64?
        for now in stride(from: UInt64(0), through: 20_000, by: 100) where lost == nil {
            if !look(at: now, place: now / 1_000, needed: 1 << 20) { lost = now }
        }
        #expect(lost == 5_100)
    }

    @Test mutating func `and gives way for one block at a time loses it too`() {
        var lost: UInt64?
        for now in stride(from: UInt64(0), through: 20_000, by: 100) where lost == nil {
            // Every second it lets go of the ten bytes that are waited for; then ten more are.
            let place = now / 1_000 * 10
            if !look(at: now, place: place, needed: now % 1_000 == 0 ? place : place + 10) { lost = now }
        }
        #expect(lost != nil)
    }

    @Test mutating func `keeps it as long as it lets go of its share each time`() {
        for now in stride(from: UInt64(0), through: 100_000, by: 100) {
            let holds = look(at: now, place: now / 4_900 * 100, needed: 1 << 20)
            #expect(holds, "at \(now)")
        }
    }

    @Test mutating func `has all of its patience again after it was out of the way`() {
        _ = look(at: 0, place: 0, needed: 50)
        _ = look(at: 100, place: 5_000, needed: 50)
        for now in [UInt64(1_000_000), 1_004_000] {
            let holds = look(at: now, place: 5_000, needed: 5_050)
            #expect(holds, "at \(now)")
        }
        let holds = look(at: 1_005_001, place: 5_000, needed: 5_050)
        #expect(!holds)
    }
}
