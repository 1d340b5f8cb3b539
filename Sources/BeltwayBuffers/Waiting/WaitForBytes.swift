// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Synchronization

// Sleeping for a batch: what a reader does that may be as late as a time-out, but no later than its ring allows.
//
//     |-- taken --|....published, not worth a wake-up....|  tail == wakeAt: woken
//                 ^ the reader sleeps                       or the time is over
//
// `waitForAny` returns for a single packet; this returns for many, so that a reader costs a few wake-ups a second
// whatever the rate. It is what the kernel does for TPACKET_V3: a block is full, or its timer has run out.

/// A buffer that a reader sleeps for, and the tail that is worth waking it for.
public struct BatchPlace {
    /// The buffer.
    public var buffer: DataBuffer
    /// Position that the tail has to reach.
    public var wakeAt: Position

    /// Makes a place.
    public init(_ buffer: DataBuffer, wakeAt: Position) {
        self.buffer = buffer
        self.wakeAt = wakeAt
    }
}

/// Sleeps until one of several buffers has filled up to its mark, a producer has ended, somebody interrupts, a signal
/// was handled, or the time is over.
///
/// The protocol of `WakeUp`: look at every word, set every flag, fence, look again, and only then sleep on all words at
/// once. A word and a flag of one's own (`ReaderCursor`) are asked for nobody else's batch; readers of the producer's own
/// process share theirs, and one that is woken for another sleeps on. The flags are taken back at the end, so that a
/// reader at work is not woken.
///
/// Safe because each word and flag belongs to a buffer that `places` keeps.
///
/// - Parameters:
///   - places: At most 127 of them; those that have ended left out.
///   - call: What ends the sleep early; nil if nothing does.
///   - nanoseconds: At most so long.
public func waitForBytes(
    in places: [BatchPlace],
    unless call: WakeCall?,
    nanoseconds: Int64
) {
    let end = beltway_monotonic() &+ UInt64(max(0, nanoseconds))
    func happened() -> Bool {
        call?.isRaised == true
            || places.contains {
                $0.buffer.memory.isClosed || $0.buffer.memory.tail.bytes >= $0.wakeAt.bytes
            }
    }
    while true {
        let now = beltway_monotonic()
        guard now < end else { break }
        guard !places.isEmpty, places.count <= 127 else {
            if !happened() { beltway_sleep(Int64(min(end - now, 1_000_000))) }
            break
        }
        var words: [UnsafePointer<UInt32>?] = unsafe []
        var seen: [UInt32] = []
        for place in places {
            let publication = place.buffer.publication
            // Partner: the releasing add of WakeUp.wakeNow.
            seen.append(
                UInt32(truncatingIfNeeded: unsafe publication.word.pointee.load(ordering: .acquiring))
            )
            unsafe publication.flag.pointee.store(place.wakeAt.bytes &+ 1, ordering: .relaxed)
            unsafe words.append(UnsafeRawPointer(publication.word).assumingMemoryBound(to: UInt32.self))
        }
        if let call {
            seen.append(0)
            unsafe words.append(call.word)
        }
        let reachedAll = AsymmetricFence.ofSleeper()
        if happened() { break }
        let limit = AsymmetricFence.sleep(Int64(clamping: end - now), afterFence: reachedAll)
        var code = unsafe beltway_futex_wait_any(words, seen, Int32(seen.count), limit)
        if code == -ENOSYS {
            // Linux before 5.16: one word only, and a short sleep where that would not do.
            let longest = places.count == 1 ? min(limit, 100_000_000) : min(limit, 1_000_000)
            code = unsafe beltway_futex_wait(unsafe words[0], seen[0], longest)
        }
        if code == -EINTR || happened() { break }
    }
    for place in places { unsafe place.buffer.publication.flag.pointee.store(0, ordering: .relaxed) }
}
