// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

/// Where one reader of several has come, for waiting on all of them.
public struct ReadingPlace {
    /// The buffer.
    public var buffer: DataBuffer
    /// Ordinal of the next packet that it waits for.
    public var ordinal: UInt64

    /// Makes a place.
    public init(_ buffer: DataBuffer, ordinal: UInt64) {
        self.buffer = buffer
        self.ordinal = ordinal
    }
}

/// Sleeps until one of several buffers has more, one of their producers has ended, or the time is over.
///
/// The same protocol as for one buffer (`WakeUp`): look at every word, set every flag, fence, look again, and only
/// then sleep, on all words at once. Leave out buffers that have ended: there is nothing more to wait for.
///
/// Safe because each word and flag belongs to a buffer that `places` keeps.
///
/// - Parameters:
///   - places: At most 128 of them; none means that the whole time is slept.
///   - coalescing: How the reader wants to be woken.
///   - nanoseconds: At most so long.
public func waitForAny(of places: [ReadingPlace], coalescing: Coalescing, nanoseconds: Int64) {
    func happened() -> Bool {
        places.contains { $0.buffer.memory.isClosed || $0.buffer.memory.tailOrdinal != $0.ordinal }
    }
    var remaining = max(0, nanoseconds)
    if coalescing.delayNanoseconds > 0 {
        if happened() { return }
        let delay = min(coalescing.delayNanoseconds, remaining)
        beltway_sleep(delay)
        remaining -= delay
        if remaining <= 0 { return }
    }
    guard !places.isEmpty, places.count <= 128 else {
        if !happened() { beltway_sleep(min(remaining, places.isEmpty ? remaining : 1_000_000)) }
        return
    }
    var words: [UnsafePointer<UInt32>?] = unsafe []
    var seen: [UInt32] = []
    for place in places {
        let publication = place.buffer.publication
        // Partner: the releasing add of WakeUp.wakeNow.
        seen.append(UInt32(truncatingIfNeeded: unsafe publication.word.pointee.load(ordering: .acquiring)))
        let wakeAt = place.buffer.memory.tail.bytes &+ coalescing.bytes &+ 1
        unsafe publication.flag.pointee.store(wakeAt, ordering: .relaxed)
        unsafe words.append(UnsafeRawPointer(publication.word).assumingMemoryBound(to: UInt32.self))
    }
    let reachedAll = AsymmetricFence.ofSleeper()
    if happened() { return }
    remaining = AsymmetricFence.sleep(remaining, afterFence: reachedAll)
    let code = unsafe beltway_futex_wait_any(words, seen, Int32(seen.count), remaining)
    // An older kernel sleeps on one word at a time only: a short sleep instead.
    if code == -ENOSYS { beltway_sleep(min(remaining, 1_000_000)) }
}
