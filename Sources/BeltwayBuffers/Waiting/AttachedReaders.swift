// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Synchronization

/// What the owner of a buffer keeps of each reader in another process.
///
/// Invariant: nothing that a reader writes is believed beyond what it could do by reading slowly or fast. A release
/// position never goes back, never passes what was published, and a reader that holds up the producer without moving
/// for longer than `patience` loses its hold: it is then lapped like any reader under fast reader preference.
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
        /// When the producer first found it in its way, in nanoseconds of the monotonic clock.
        var stalledSince: UInt64?
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
        if position > readers[index].position {
            readers[index].position = position
            readers[index].stalledSince = nil
        }
        if ordinal > readers[index].ordinal {
            readers[index].ordinal = ordinal
            readers[index].stalledSince = nil
        }
    }

    /// Takes the hold from readers that have been in the producer's way for longer than `patience`.
    ///
    /// - Parameters:
    ///   - needed: What has to be let go for the producer to go on.
    ///   - now: Nanoseconds of the monotonic clock.
    ///   - patience: Nanoseconds.
    /// - Returns: How many lost their hold.
    mutating func dropStalled(
        before needed: (position: UInt64, ordinal: UInt64),
        now: UInt64,
        patience: UInt64
    ) -> Int {
        var dropped = 0
        for index in readers.indices where readers[index].holds {
            guard readers[index].position < needed.position || readers[index].ordinal < needed.ordinal else {
                readers[index].stalledSince = nil
                continue
            }
            guard let since = readers[index].stalledSince else {
                readers[index].stalledSince = now
                continue
            }
            if now &- since > patience {
                readers[index].holds = false
                dropped += 1
            }
        }
        return dropped
    }
}
