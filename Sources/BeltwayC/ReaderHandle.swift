// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CBeltway
internal import Glibc

// What a reader's handle stands for: the calls that readers of all kinds of rings have for C, above those that Buffers
// has for Swift. Dynamic dispatch once per call, whose loops are static: a batch costs what it costs in Swift.

/// A reader of a ring of some kind.
///
/// Safe because the one packet that is kept lies in memory that the handle keeps mapped.
///
/// A packet that was peeked at is *pending*: Buffers has it as taken, the C program has not taken it yet.
@safe class ReaderHandle {
    /// What it is attached to.
    let source: Source
    /// Seen by ``peek(_:)`` and not taken yet.
    private var pending: beltway_packet?
    /// One more than the entry of the last packet that was counted as lost after it was taken.
    private var lostThrough: UInt64 = 0

    /// Whether it asked to be waited for.
    let isHolding: Bool

    init(_ source: Source, holds: Bool) {
        self.source = source
        isHolding = holds
    }

    // MARK: What each kind does

    /// Takes what there is; at most `packets.count`, which is not 0.
    func fill(_ packets: UnsafeMutableBufferPointer<beltway_packet>) -> Int { 0 }
    /// Whether a packet taken earlier has not been overwritten so far.
    func holds(_ packet: beltway_packet) throws(Failure) -> Bool { false }
    /// Counts a packet taken earlier as lost.
    func giveBack(_ packet: beltway_packet) {}
    /// See `beltway_release`.
    func letGo() {}
    /// Sleeps once; may return early.
    func sleep(nanoseconds: Int64) {}
    /// How it is woken.
    var coalescing: Coalescing {
        get { .immediate }
        set {}
    }
    /// Taken, lost and offered.
    var ledger: (read: UInt64, lost: UInt64, published: UInt64, backlog: UInt64) { (0, 0, 0, 0) }
    /// Whether the producer has ended and everything was taken.
    var isAtEnd: Bool { false }

    // MARK: What C calls

    /// See `beltway_next_batch`.
    final func take(_ packets: UnsafeMutableBufferPointer<beltway_packet>) throws(Failure) -> Int {
        if let packet = unsafe pending {
            unsafe pending = nil
            if unsafe try holds(packet) {
                unsafe packets[0] = packet
                return 1
            }
            unsafe lose(packet)
        }
        let count = unsafe fill(packets)
        guard count == 0 else { return count }
        if isAtEnd { throw ended }
        throw Failure.nothing
    }

    /// The producer has ended and everything was taken, which the owner is shown.
    private var ended: Failure {
        letGo()
        return Failure(ENODATA, "the producer of \(source.name) has ended")
    }

    /// See `beltway_peek`.
    final func peek(_ packet: UnsafeMutablePointer<beltway_packet>) throws(Failure) {
        _ = unsafe try take(UnsafeMutableBufferPointer(start: packet, count: 1))
        unsafe pending = packet.pointee
    }

    /// See `beltway_confirm`.
    final func confirm(_ packet: beltway_packet) throws(Failure) -> Bool {
        if unsafe try holds(packet) { return true }
        unsafe lose(packet)
        return false
    }

    /// Once per packet, so that the ledger stays right whatever is asked how often.
    private func lose(_ packet: beltway_packet) {
        let entry = unsafe packet.entry
        guard entry >= lostThrough, ledger.read > 0 else { return }
        lostThrough = entry &+ 1
        unsafe giveBack(packet)
    }

    /// See `beltway_release`.
    final func release() {
        // Up to the last packet taken by Buffers' reckoning, which a pending one is.
        if unsafe pending == nil { letGo() }
    }

    /// See `beltway_wait`; a negative time has no end.
    final func wait(nanoseconds: Int64) throws(Failure) {
        let longest: Int64 = 1_000_000_000
        var left = nanoseconds
        while true {
            if unsafe pending != nil || ledger.backlog > 0 { return }
            if isAtEnd { throw ended }
            let share = nanoseconds < 0 ? longest : min(left, longest)
            let start = monotonicNanoseconds()
            if share > 0 { sleep(nanoseconds: share) }
            if ledger.backlog > 0 { return }
            if isAtEnd { continue }
            if source.owner == .gone, ledger.backlog == 0 {
                throw Failure(EOWNERDEAD, "the owner of \(source.name) has gone without an end")
            }
            let slept = monotonicNanoseconds() - start
            left -= slept
            // Woken for nothing, as by a signal: it is for the caller to go on.
            if nanoseconds >= 0 && left <= 0 || slept < share { throw Failure.nothing }
        }
    }

    /// See `beltway_count`.
    final var counts: beltway_counts {
        let now = ledger
        // What is pending has not been offered to the C program yet.
        let isPending: UInt64 = unsafe pending == nil ? 0 : 1
        var counts = beltway_counts()
        counts.read = now.read &- min(now.read, isPending)
        counts.lost = now.lost
        counts.published = counts.read &+ now.lost
        counts.backlog = now.backlog &+ isPending
        counts.generation = source.generation
        counts.ended = source.owner == .running ? 0 : source.owner == .ended ? 1 : 2
        return counts
    }
}

extension Failure {
    /// Nothing is published at present; made once, as it is no failure.
    static let nothing = Failure(EAGAIN, "nothing is published at present")
    /// A packet that cannot have come from where it is said to.
    static let unknown = Failure(EINVAL, "the packet was not taken from this reader")
}

/// Nanoseconds that only ever go forward.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
