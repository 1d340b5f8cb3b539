// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

// Rings of a running instance, read in place; several of them are merged in order of time.
//
//   lane 0   pending packet, time t0            the earliest pending packet is next, unless a silent lane may still
//   lane 1   pending packet, time t1            bring an earlier one: what it may bring is told by `timeThrough`, and
//   lane 2   silent, nothing before T comes     for a lane that says nothing the others wait a bounded time
//
// From a lane that was chosen, packets are taken up to the time at which another lane must be looked at: one
// comparison per packet.

/// One ring as a tap reads it.
struct TapLane: ~Copyable {
    let attached: AttachedBuffer
    var reader: DescriptorReader
    /// A packet that was taken and whose turn has not come.
    var pending: Descriptor?
    var interfaces: [String] = []

    init(_ attached: AttachedBuffer, coalescing: Coalescing) throws(BufferError) {
        self.attached = attached
        reader = try DescriptorReader(attached.buffer)
        reader.coalescing = coalescing
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

/// Reads rings of a running instance on this machine.
struct LocalTapSource: TapSource, ~Copyable {
    private var lanes: OwnedArray<TapLane>
    private let coalescing: Coalescing
    /// How long a lane that says nothing holds up the others.
    private let patience: Duration
    /// The lane that packets are taken from, and up to when.
    private var current = -1
    private var bound = Timestamp.zero
    /// Since when the earliest packet has been waiting for a silent lane, and what that lane has said.
    private var waiting: (since: ContinuousClock.Instant, through: Timestamp)?

    /// Attaches to rings.
    ///
    /// - Parameters:
    ///   - attachments: At least one.
    ///   - coalescing: How the tap is woken.
    ///   - patience: How long a silent queue holds up the others.
    /// - Throws: ``BufferError`` if a producer waits for as many readers as it can.
    init(
        _ attachments: [AttachedBuffer],
        coalescing: Coalescing,
        patience: Duration = .milliseconds(250)
    ) throws(BufferError) {
        lanes = OwnedArray(capacity: attachments.count)
        for attachment in attachments { lanes.append(try TapLane(attachment, coalescing: coalescing)) }
        self.coalescing = coalescing
        self.patience = patience
    }

    var ringCount: Int { lanes.count }

    func linkType(of ring: Int) -> LinkType { lanes[ring].attached.buffer.linkType }

    mutating func interfaceName(of packet: TapPacket) -> String {
        let index = Int(packet.descriptor.interface)
        if index >= lanes[packet.ring].interfaces.count {
            lanes[packet.ring].interfaces = lanes[packet.ring].attached.buffer.interfaces
        }
        let names = lanes[packet.ring].interfaces
        return index < names.count ? names[index] : lanes[packet.ring].attached.buffer.name
    }

    mutating func next() -> TapPacket? {
        if current >= 0 {
            if lanes[current].pending == nil { lanes[current].pending = lanes[current].reader.next() }
            if let descriptor = lanes[current].pending, descriptor.time <= bound {
                return take(current, descriptor)
            }
        }
        guard choose(), let descriptor = lanes[current].pending else { return nil }
        return take(current, descriptor)
    }

    private mutating func take(_ lane: Int, _ descriptor: Descriptor) -> TapPacket {
        lanes[lane].pending = nil
        return TapPacket(ring: lane, descriptor: descriptor)
    }

    /// Chooses the lane whose packet is earliest, and up to when it may be taken from without looking again.
    private mutating func choose() -> Bool {
        guard lanes.count > 1 else {
            _ = lanes[0].look()
            (current, bound) = (0, .distantFuture)
            return lanes[0].pending != nil
        }
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
        guard first >= 0 else { return false }
        if silentThrough >= firstTime {
            waiting = nil
        } else if !hasWaitedEnough(first, for: silentThrough) {
            return false
        }
        // A lane that is waited for no longer has no say until the next look.
        (current, bound) = (first, max(firstTime, min(limit, silentThrough)))
        return true
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

    func withBytes<Result>(of packet: TapPacket, _ body: (RawSpan) -> Result) -> Result {
        lanes[packet.ring].reader.memory.withPacket(packet.descriptor, body)
    }

    mutating func wasWhole(_ packet: TapPacket) -> Bool {
        if lanes[packet.ring].reader.memory.isWhole(packet.descriptor.position) { return true }
        lanes[packet.ring].reader.giveBackLapped()
        return false
    }

    mutating func wait(nanoseconds: Int64) {
        if lanes.count == 1 { return lanes[0].reader.wait(nanoseconds: nanoseconds) }
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
        waitForAny(of: places, coalescing: coalescing, nanoseconds: limit)
    }

    mutating func state() -> TapState {
        var gone: [String] = []
        for index in 0..<lanes.count {
            if lanes[index].pending != nil { return .running }
            if lanes[index].reader.isAtEnd { continue }
            guard lanes[index].attached.owner == .gone, !lanes[index].reader.hasMore else { return .running }
            gone.append("\(lanes[index].attached.buffer.name) (process \(lanes[index].attached.process))")
        }
        return gone.isEmpty
            ? .ended : .broken("no longer shared, its capture died: " + gone.joined(separator: ", "))
    }

    var ledgers: [TapLedger] {
        (0..<lanes.count).map { index in
            lanes[index].reader.release()
            return TapLedger(
                ring: lanes[index].attached.buffer.name,
                published: lanes[index].reader.published,
                read: lanes[index].reader.read,
                lost: lanes[index].reader.lost
            )
        }
    }
}

extension DescriptorReader {
    /// Whether something is published that was not taken.
    fileprivate var hasMore: Bool { memory.tailOrdinal != ordinal }
}
