// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Synchronization

/// What the owner of a buffer keeps of each reader in another process.
///
/// Invariant: nothing that a reader writes is believed beyond what it could do by reading slowly or fast. A release
/// position never goes back, never passes what was published, and a reader that holds up the producer and lets go of
/// less than a share of the buffer within `patience` loses its hold: it is then lapped like any reader under fast reader
/// preference. (Were any movement enough, a reader that lets go of a byte now and then would hold it up for ever.)
struct AttachedReaders {
    /// One reader.
    struct Reader {
        /// Unique among the readers of this buffer, dead ones included.
        let id: UInt64
        /// Its page.
        let cursor: ReaderCursor
        /// Whether the producer waits for it.
        var holds: Bool
        /// How far it has let go: the greatest believable places seen.
        var position: UInt64
        var ordinal: UInt64
        /// Tail's ordinal when it attached.
        let firstOrdinal: UInt64
        /// When the producer found it in its way, in nanoseconds of the monotonic clock, and where it was then.
        var stalled: (since: UInt64, from: UInt64)?
    }

    var readers: [Reader] = []
    var nextID: UInt64 = 1

    /// Takes what the readers have stored, and gives the least place that one of them holds.
    mutating func oldestRelease(_ tail: (position: UInt64, ordinal: UInt64)) -> (
        position: UInt64, ordinal: UInt64
    ) {
        var least = tail
        for index in readers.indices where readers[index].holds {
            update(index, tail)
            least.position = min(least.position, readers[index].position)
            least.ordinal = min(least.ordinal, readers[index].ordinal)
        }
        return least
    }

    private mutating func update(_ index: Int, _ tail: (position: UInt64, ordinal: UInt64)) {
        let cursor = readers[index].cursor
        let ordinal = min(cursor.load(ReaderCursor.releaseOrdinal), tail.ordinal)
        let position = min(cursor.load(ReaderCursor.releasePosition), tail.position)
        readers[index].position = max(readers[index].position, position)
        readers[index].ordinal = max(readers[index].ordinal, ordinal)
    }

    /// Takes the hold from readers that are in the producer's way and let go of too little within `patience`.
    ///
    /// A reader has lived through its patience when it has let go of `share`, whether or not it left the producer's way
    /// in between: who gives way for one block at a time is as slow as who does not move.
    ///
    /// - Parameters:
    ///   - needed: What has to be let go for the producer to go on.
    ///   - share: Bytes that a reader has to let go of within its patience; one is the least.
    ///   - now: Nanoseconds of the monotonic clock.
    ///   - patience: Nanoseconds.
    /// - Returns: How many lost their hold.
    mutating func dropStalled(
        before needed: (position: UInt64, ordinal: UInt64),
        share: UInt64,
        now: UInt64,
        patience: UInt64
    ) -> Int {
        var dropped = 0
        for index in readers.indices where readers[index].holds {
            let reader = readers[index]
            let isInTheWay = reader.position < needed.position || reader.ordinal < needed.ordinal
            guard let stalled = reader.stalled, reader.position - stalled.from < max(1, share) else {
                readers[index].stalled = isInTheWay ? (now, reader.position) : nil
                continue
            }
            if isInTheWay, now &- stalled.since > patience {
                readers[index].holds = false
                dropped += 1
            }
        }
        return dropped
    }
}
