// SPDX-License-Identifier: Apache-2.0

/// How much of each record a consumer uses, learnt as it goes, so that as much of the next ones is asked for ahead.
///
/// Most consumers look at headers of all records and at the whole of a few. So little uses (up to 512 bytes) count by
/// their greatest of late, and large ones only while every record is used so: a whole packet now and then does not
/// make a reader fetch whole packets.
@usableFromInline struct Habit {
    @usableFromInline var touched = 0
    private var last = 0
    private var beforeLast = 0
    private var little: Int
    private var littleBefore: Int
    private let least: Int

    private static var limit: Int { 512 }

    /// Starts with what the consumer says that it will use: bytes from the record's start, 0 if it does not know.
    init(least: Int) {
        self.least = least
        little = least
        littleBefore = least
    }

    /// A further record begins; what was touched of the one before is known.
    @usableFromInline mutating func nextRecord() {
        beforeLast = last
        last = touched
        if touched <= Self.limit, touched > little { little = touched }
        touched = 0
    }

    /// A batch was used up: what the one before needed no longer counts.
    mutating func nextBatch() {
        (littleBefore, little) = (little, least)
    }

    private var usualLittle: Int { max(little, littleBefore) }

    /// Bytes from a record's start that the next records will likely need.
    var expected: Int {
        last > Self.limit && beforeLast > Self.limit ? min(last, beforeLast) : usualLittle
    }

    /// The same, now that so many bytes of the current record are wanted.
    func expected(wanting bytes: Int) -> Int {
        guard bytes > Self.limit else { return max(bytes, usualLittle) }
        return last > Self.limit ? min(last, bytes) : usualLittle
    }
}
