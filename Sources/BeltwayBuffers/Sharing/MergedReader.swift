// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// Rings of a running instance, read in place; several of them are merged in order of time.
//
//   lane 0   pending packet, time t0            the earliest pending packet is next, unless a silent lane may still
//   lane 1   pending packet, time t1            bring an earlier one: what it may bring is told by `timeThrough`, and
//   lane 2   silent, nothing before T comes     for a lane that says nothing the others wait a bounded time
//
// From a lane that was chosen, packets are taken up to the time at which another lane must be looked at: one
// comparison per packet.

/// One packet that a ``MergedReader`` was offered.
@frozen public struct MergedPacket: BitwiseCopyable, Sendable {
    /// The ring, an index into the reader's rings.
    public var ring: Int
    /// Where it is and what is known of it.
    public var descriptor: Descriptor

    /// Makes a packet.
    @inlinable public init(ring: Int, descriptor: Descriptor) {
        self.ring = ring
        self.descriptor = descriptor
    }
}

/// What has become of what a ``MergedReader`` reads.
public enum MergedState: Equatable, Sendable {
    /// More may come.
    case running
    /// Every producer has ended and everything was taken.
    case ended
    /// Everything was taken, and these ended without saying so: names and processes of their owners.
    case broken([String])
}

/// What one ring offered to a reader, and what became of it: `published == read + lost`.
public struct MergedLedger: Equatable, Sendable {
    /// The ring's name.
    public var ring: String
    /// Packets offered since the reader attached.
    public var published: UInt64
    /// Packets taken.
    public var read: UInt64
    /// Packets that were overwritten before, or while, they were read.
    public var lost: UInt64
}

/// One ring of several.
@usableFromInline struct MergedLane: ~Copyable {
    @usableFromInline let attached: AttachedBuffer
    @usableFromInline var reader: DescriptorReader
    /// A packet that was taken and whose turn has not come.
    @usableFromInline var pending: Descriptor?

    init(_ attached: AttachedBuffer) throws(BufferError) {
        self.attached = attached
        reader = try DescriptorReader(attached.buffer)
    }

    /// Fills `pending`; without a packet, gives the time before which none will come.
    mutating func look() -> Timestamp? {
        if pending != nil { return nil }
        // The bound before the look: what is published after it is later than the bound.
        let through = reader.memory.isClosed ? .distantFuture : reader.memory.timeThrough
        pending = reader.next()
        return pending == nil ? through : nil
    }
}

/// Reads one ring or several of a running instance, in order of time.
///
/// A packet is taken, its bytes are used in place, and then it is asked whether they were whole: only then does the
/// result count. Budget: 4 ns per packet beside the ring's own reader.
public struct MergedReader: ~Copyable {
    @usableFromInline var lanes: OwnedArray<MergedLane>
    /// The lane that packets are taken from, and up to when.
    @usableFromInline var current = -1
    @usableFromInline var bound = Timestamp.zero
    /// Whether there is nothing to merge.
    @usableFromInline let isAlone: Bool
    private let coalescing: Coalescing
    /// How long a lane that says nothing holds up the others.
    private let patience: Duration
    /// Since when the earliest packet has been waiting for a silent lane, and what that lane has said.
    private var waiting: (since: ContinuousClock.Instant, through: Timestamp)?

    /// Attaches to rings, from their tails on.
    ///
    /// - Parameters:
    ///   - attachments: At least one; one reader each.
    ///   - coalescing: How the reader is woken by ``wait(nanoseconds:)``.
    ///   - patience: How long a silent queue holds up the others.
    /// - Throws: ``BufferError`` if a producer waits for as many readers as it can.
    public init(
        _ attachments: [AttachedBuffer],
        coalescing: Coalescing = .immediate,
        patience: Duration = .milliseconds(250)
    ) throws(BufferError) {
        precondition(!attachments.isEmpty, "a reader of no ring")
        var lanes = OwnedArray<MergedLane>(capacity: attachments.count)
        for attachment in attachments { lanes.append(try MergedLane(attachment)) }
        self.lanes = lanes
        isAlone = attachments.count == 1
        self.coalescing = coalescing
        self.patience = patience
    }

    /// How many rings there are; it never changes.
    public var ringCount: Int { lanes.count }

    /// One of the rings, as it was attached.
    public func attachment(_ ring: Int) -> AttachedBuffer { lanes[ring].attached }

    /// Takes the next packet in order of time; nil if none is there, or an earlier one may still come.
    @inlinable
    public mutating func next() -> MergedPacket? {
        if isAlone {
            guard let descriptor = lanes[0].reader.next() else { return nil }
            return MergedPacket(ring: 0, descriptor: descriptor)
        }
        if current >= 0 {
            if lanes[current].pending == nil { lanes[current].pending = lanes[current].reader.next() }
            if let descriptor = lanes[current].pending, descriptor.time <= bound {
                lanes[current].pending = nil
                return MergedPacket(ring: current, descriptor: descriptor)
            }
        }
        return choose()
    }

    /// Takes from the lane whose packet is earliest, and settles up to when it may be taken from without another look.
    @usableFromInline mutating func choose() -> MergedPacket? {
        var (first, firstTime, limit) = (-1, Timestamp.distantFuture, Timestamp.distantFuture)
        var silentThrough = Timestamp.distantFuture
        for index in 0..<lanes.count {
            if let through = lanes[index].look() { silentThrough = min(silentThrough, through) }
            guard let time = lanes[index].pending?.time else { continue }
            if first < 0 || time < firstTime {
                if first >= 0 { limit = min(limit, firstTime) }
                (first, firstTime) = (index, time)
            } else {
                limit = min(limit, time)
            }
        }
        current = -1
        guard first >= 0 else { return nil }
        if silentThrough >= firstTime {
            waiting = nil
        } else if !hasWaitedEnough(first, for: silentThrough) {
            return nil
        }
        // A lane that is waited for no longer has no say until the next look.
        (current, bound) = (first, max(firstTime, min(limit, silentThrough)))
        guard let descriptor = lanes[first].pending.take() else { return nil }
        return MergedPacket(ring: first, descriptor: descriptor)
    }

    /// Whether the packet that is next has been held up long enough, or is about to be overwritten.
    private mutating func hasWaitedEnough(_ lane: Int, for silentThrough: Timestamp) -> Bool {
        let buffer = lanes[lane].attached.buffer
        if lanes[lane].reader.lagInBytes > buffer.geometry.capacity / 4 { return true }
        let now = ContinuousClock.now
        // A lane that has told the time meanwhile is alive: it is worth another wait.
        guard let waiting, waiting.through == silentThrough else {
            self.waiting = (now, silentThrough)
            return false
        }
        return now - waiting.since >= patience
    }

    /// Lends the packet's captured bytes, which may change meanwhile.
    @inlinable
    public func withBytes<Result>(of packet: MergedPacket, _ body: (RawSpan) -> Result) -> Result {
        lanes[packet.ring].reader.memory.withPacket(packet.descriptor, body)
    }

    /// Whether the bytes just used were the packet's; if not, it is counted as lost.
    @inlinable
    public mutating func wasWhole(_ packet: MergedPacket) -> Bool {
        if lanes[packet.ring].reader.memory.isWhole(packet.descriptor.position) { return true }
        lanes[packet.ring].reader.giveBackLapped()
        return false
    }

    /// Whether a packet was taken from a ring whose turn has not come.
    public var holdsPacket: Bool {
        for index in 0..<lanes.count where lanes[index].pending != nil { return true }
        return false
    }

    /// Packets that all rings together have lost so far.
    public var lost: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<lanes.count { sum &+= lanes[index].reader.lost }
        return sum
    }

    /// What each ring offered, and what became of it; the owner is shown it too.
    public var ledgers: [MergedLedger] {
        (0..<lanes.count).map { index in
            lanes[index].reader.release()
            return MergedLedger(
                ring: lanes[index].attached.buffer.name,
                published: lanes[index].reader.published,
                read: lanes[index].reader.read,
                lost: lanes[index].reader.lost
            )
        }
    }

    /// Shows the owners how far this reader has come; waiting does it too.
    public func release() {
        for index in 0..<lanes.count { lanes[index].reader.release() }
    }

    // MARK: Waiting

    /// Sleeps until more may be there, at most so long; releases first.
    ///
    /// A reader that coalesces sleeps its delay, or until its batch is there; only one that then has nothing at all asks to
    /// be woken by the next packet. So while packets come it is woken once per delay or batch, whichever ends first.
    public mutating func wait(nanoseconds: Int64) {
        var nanoseconds = nanoseconds
        if coalescing.delayNanoseconds > 0 {
            let delay = min(coalescing.delayNanoseconds, nanoseconds)
            // What is held until another queue tells its time: look again soon.
            let nap = holdsPacket ? min(delay, 5_000_000) : delay
            let batch = coalescing.bytes > 1 ? Int(clamping: coalescing.bytes) : .max
            wait(forBytes: batch, unless: nil, nanoseconds: nap)
            nanoseconds -= nap
            if nanoseconds <= 0 || hasMore { return }
        }
        if isAlone { return lanes[0].reader.wait(nanoseconds: nanoseconds) }
        var places: [ReadingPlace] = []
        var holdsPacket = false
        for index in 0..<lanes.count {
            lanes[index].reader.release()
            if lanes[index].pending != nil { holdsPacket = true }
            if !lanes[index].reader.isAtEnd {
                places.append(
                    ReadingPlace(lanes[index].attached.buffer, ordinal: lanes[index].reader.ordinal)
                )
            }
        }
        // What a silent lane will not bring is not announced by a wake-up: look again soon.
        let limit = holdsPacket ? min(nanoseconds, 5_000_000) : nanoseconds
        waitForAny(of: places, coalescing: .immediate, nanoseconds: limit)
    }

    /// Whether a look would find anything new: a packet, or the end of a ring.
    private var hasMore: Bool {
        for index in 0..<lanes.count {
            let memory = lanes[index].reader.memory
            if memory.isClosed || memory.tailOrdinal > lanes[index].reader.ordinal { return true }
        }
        return false
    }

    /// Sleeps until a batch is there, a producer has ended, somebody interrupts, a signal was handled, or the time is
    /// over; releases first.
    ///
    /// - Parameters:
    ///   - bytes: What makes a batch; a quarter of a ring at most, so that nothing is lost by waiting for it.
    ///   - call: What ends the sleep early.
    ///   - nanoseconds: At most so long.
    public mutating func wait(forBytes bytes: Int, unless call: WakeCall?, nanoseconds: Int64) {
        var places: [BatchPlace] = []
        var batch = max(1, bytes)
        for index in 0..<lanes.count {
            batch = min(batch, lanes[index].attached.buffer.geometry.capacity / 4)
        }
        for index in 0..<lanes.count {
            lanes[index].reader.release()
            if lanes[index].reader.isAtEnd { continue }
            let buffer = lanes[index].attached.buffer
            let tail = buffer.memory.tail.bytes
            let taken = tail &- min(tail, UInt64(lanes[index].reader.lagInBytes))
            // Multiples of the batch: readers of one ring wake at the same place, and what the first of them fetches
            // into a processor's cache the others still find there.
            let mark = (taken / UInt64(batch) &+ 1) &* UInt64(batch)
            places.append(BatchPlace(buffer, wakeAt: Position(mark)))
        }
        waitForBytes(in: places, unless: call, nanoseconds: nanoseconds)
    }

    /// What has become of the producers; call it when ``next()`` gave nothing.
    ///
    /// One system call for each ring that has not ended.
    public mutating func state() -> MergedState {
        var gone: [String] = []
        for index in 0..<lanes.count {
            if lanes[index].pending != nil { return .running }
            if lanes[index].reader.isAtEnd { continue }
            let attached = lanes[index].attached
            guard attached.owner == .gone, lanes[index].reader.backlog == 0 else { return .running }
            gone.append("\(attached.buffer.name) (process \(attached.process))")
        }
        return gone.isEmpty ? .ended : .broken(gone)
    }
}
