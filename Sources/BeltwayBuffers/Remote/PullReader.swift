// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Reads a ring of another host by asking for what it touches: zero-copy, cached copy and copy on demand.
///
///     descriptors   come in batches of up to 1,024, the next one asked for before this one is used up
///     bytes         come in answers to requests of up to 1,024 ranges; at most two requests are open
///
/// So that a round trip is paid per batch and not per record, an access that is not served from the replica asks for
/// the same part of all the records of the batch that follow (`Habit`), and a batch's first bytes are asked for when
/// the batch comes in. Zero-copy alone pays for every access: that is what it is.
///
/// Invariant: at most one batch and two requests are under way, so neither end ever has more to send than the other
/// has room for; an answer that nobody asked for ends the connection.
public struct PullReader<Channel: RemoteChannel & ~Copyable, Plan: FetchPlan>: ~Copyable, RecordReader {
    @usableFromInline var link: RemoteLink<Channel>
    @usableFromInline let replica: Replica
    @usableFromInline let plan: Plan
    /// Two batches of descriptors by turns: the one that is used and the one that comes.
    @usableFromInline let batches: ByteStore
    @usableFromInline var base = 0
    @usableFromInline var index = 0
    @usableFromInline var count = 0
    @usableFromInline var half = Int.max
    @usableFromInline var habit: Habit
    @usableFromInline var ledger: RecordLedger
    private var coming = Coming.nothing
    private var requests: (older: RangeRequest, newer: RangeRequest)
    private var lastTag: UInt32 = 0
    private var batchTag: UInt32 = 0
    private var end: UInt64
    private var hasEnded = false
    /// No packet earlier than this comes after those that were taken.
    public private(set) var timeThrough = Timestamp.zero

    /// What is known of the next batch.
    private enum Coming {
        case nothing
        case asked
        case here(BatchHead)
    }

    private static var batchLength: Int { RemoteWire.maximumBatch * RemoteWire.descriptorLength }
    /// How long the server may keep a request for a batch, if nothing is published.
    private static var patience: UInt32 { 250 }

    /// Attaches at the tail of a ring on another host.
    ///
    /// - Parameters:
    ///   - channel: Connected to a server.
    ///   - options: Which ring, how much memory, and the limits.
    /// - Throws: ``RemoteError`` if the server refuses, is silent, or does not speak the protocol.
    public init(
        _ channel: consuming Channel,
        options: RemoteReaderOptions = RemoteReaderOptions()
    ) throws(RemoteError) {
        let plan = Plan(options)
        let store = try ByteStore(capacity: 2 * Self.batchLength)
        let empty = (try RangeRequest(), try RangeRequest())
        let link = try RemoteLink(channel, options)
        let replica = try Replica(
            of: link.ring.geometry,
            limit: plan.replicaCapacity(options),
            blockLength: plan.blockLength(options)
        )
        self.plan = plan
        batches = store
        requests = empty
        habit = Habit(least: options.headerLength > 0 ? RecordLayout.headerLength + options.headerLength : 0)
        self.replica = replica
        ledger = RecordLedger(at: link.ring.ordinal)
        end = 0
        self.link = link
        askForBatch()
    }

    /// Tells the server that nobody reads any more.
    public mutating func close() { link.leave() }

    /// What the server said of the ring.
    public var ring: RemoteRing { link.ring }
    /// What went over the channel.
    public var counters: RemoteCounters { link.stream.counters }
    /// Packets taken and not given back.
    @inlinable public var read: UInt64 { ledger.read }
    /// Packets overwritten before they, or their bytes, could be had.
    @inlinable public var lost: UInt64 { ledger.lost }
    /// Ordinal of the next packet.
    @inlinable public var ordinal: UInt64 { ledger.ordinal }
    /// Packets offered since the reader attached.
    public var published: UInt64 { ledger.published }
    /// Why the connection ended, if it ended before the ring did.
    public var failure: RemoteError? { link.failure }
    /// Whether nothing is left and nothing will come.
    public var isAtEnd: Bool {
        guard index == count else { return false }
        if case .here = coming { return false }
        return hasEnded || link.failure != nil
    }

    /// Takes the next packet's descriptor; nil if nothing more has come.
    @inlinable
    public mutating func next() -> Descriptor? {
        if index == count {
            guard turn() else { return nil }
        }
        if index == half { lookAhead() }
        let descriptor = batches.descriptor(base &+ index &* 32)
        index &+= 1
        ledger.take()
        habit.nextRecord()
        return descriptor
    }

    /// Runs `body` on a part of the packet that ``next()`` returned last, fetching what is not here.
    @inlinable
    public mutating func withBytes<Result>(
        of descriptor: Descriptor,
        offset: Int,
        length: Int,
        _ body: (RawSpan) -> Result
    ) throws(Lapped) -> Result {
        let part = clipped(offset, length, to: descriptor)
        let from = RecordLayout.headerLength &+ part.offset
        let start = descriptor.position.bytes &+ UInt64(truncatingIfNeeded: from)
        if part.length > 0 {
            habit.touched = max(habit.touched, from &+ part.length)
            if Plan.keeps, replica.holds(start, part.length) {
                link.stream.counters.hits &+= 1
            } else {
                guard fetch(descriptor, from..<from &+ part.length) else {
                    giveBackLapped()
                    throw Lapped()
                }
            }
        }
        return replica.withBytes(start, part.length, body)
    }

    /// Counts the packet taken last as lost.
    @inlinable
    public mutating func giveBackLapped() { ledger.giveBack() }

    /// Waits for the next batch.
    public mutating func wait(nanoseconds: Int64) {
        guard index == count, !hasEnded, link.failure == nil else { return }
        if case .here = coming { return }
        let deadline = monotonicNanoseconds() &+ nanoseconds
        link.stream.counters.waits &+= 1
        while case .asked = coming {
            guard absorb(nanoseconds: max(0, deadline - monotonicNanoseconds())) else { return }
        }
    }

    // MARK: Batches

    private mutating func nextTag() -> UInt32 {
        lastTag &+= 1
        return lastTag
    }

    private mutating func askForBatch() {
        guard !hasEnded, case .nothing = coming else { return }
        batchTag = nextTag()
        link.stream.outgoing.begin(.wantBatch, tag: batchTag)
        link.stream.outgoing.append32(UInt32(RemoteWire.maximumBatch))
        link.stream.outgoing.append32(Self.patience)
        link.stream.finish()
        if link.send() { coming = .asked }
    }

    /// Takes what has come, without waiting.
    @usableFromInline
    mutating func lookAhead() {
        while case .asked = coming, absorb(nanoseconds: 0) {}
    }

    /// Goes on to the next batch; false if none has come.
    @usableFromInline
    mutating func turn() -> Bool {
        lookAhead()
        guard case .here(let head) = coming else { return false }
        coming = .nothing
        base = Self.batchLength - base
        (index, count, half) = (0, head.count, head.count / 2)
        ledger.skip(to: head.firstOrdinal)
        habit.nextBatch()
        askForBatch()
        return count > 0
    }

    /// Receives one message and does what it says; false if none came in time, or the link failed.
    private mutating func absorb(nanoseconds: Int64) -> Bool {
        guard let header = link.receive(nanoseconds: nanoseconds) else { return false }
        let incoming = link.stream.incoming
        do throws(MalformedMessage) {
            switch header.type {
            case .batch:
                guard case .asked = coming, header.tag == batchTag else {
                    throw .unexpected(type: header.type.rawValue)
                }
                let head = try incoming.withBody { body throws(MalformedMessage) in
                    try BatchHead(parsingBatch: body)
                }
                try arrive(head, at: incoming.body + RemoteWire.batchHeadLength)
            case .bytes:
                guard requests.older.isOpen, header.tag == requests.older.tag else {
                    throw .unexpected(type: header.type.rawValue)
                }
                let replica = self.replica
                let brought = try incoming.withBody { body throws(MalformedMessage) in
                    try requests.older.take(body, into: replica)
                }
                link.stream.counters.ringBytesReceived &+= UInt64(brought)
                if !requests.older.isOpen, requests.newer.isOpen {
                    (requests.older, requests.newer) = (requests.newer, requests.older)
                    requests.newer.clear()
                }
            default: throw .unexpected(type: header.type.rawValue)
            }
        } catch {
            link.fail(error)
            return false
        }
        return true
    }

    private mutating func arrive(_ head: BatchHead, at offset: Int) throws(MalformedMessage) {
        let expected = ledger.ordinal + UInt64(count - index)
        guard head.firstOrdinal >= expected else {
            throw .value("an ordinal that was sent before", head.firstOrdinal)
        }
        let store = link.stream.incoming.store
        end = try link.settle(store, offset, count: head.count, from: end, tail: head.tailPosition)
        hasEnded = head.isClosed
        timeThrough = hasEnded ? .distantFuture : Timestamp(nanoseconds: head.timeThrough)
        coming = .nothing
        if head.count == 0, head.firstOrdinal == expected {
            askForBatch()
            return
        }
        let target = Self.batchLength - base
        store.withBytes(offset, head.count * RemoteWire.descriptorLength) { batches.copy($0, to: target) }
        coming = .here(head)
        if Plan.readsAhead, habit.expected > 0, requests.newer.isOpen == false, head.count > 0 {
            request(nil, ahead: habit.expected, base: target, from: 0, count: head.count)
        }
    }

    // MARK: Bytes

    /// Fetches a part of a record, and what the next ones will need; false if the original no longer has it.
    @usableFromInline
    mutating func fetch(_ descriptor: Descriptor, _ access: Range<Int>) -> Bool {
        let start = descriptor.position.bytes + UInt64(access.lowerBound)
        if Plan.keeps {
            // What was asked for ahead may bring it.
            while requests.older.isOpen {
                link.stream.counters.waits &+= 1
                guard awaitMessage() else { return false }
                if replica.holds(start, access.count) {
                    link.stream.counters.hits &+= 1
                    return true
                }
            }
        }
        link.stream.counters.misses &+= 1
        let ahead = Plan.readsAhead ? habit.expected(wanting: access.upperBound) : 0
        let extent = plan.extent(of: access, recordLength: Int(descriptor.recordLength))
        request((descriptor.position.bytes, extent), ahead: ahead, base: base, from: index, count: count)
        guard awaitAnswers() else { return false }
        if replica.holds(start, access.count) { return true }
        // All came, yet something else took the place: asked for alone it stays.
        guard !requests.older.isCut else { return false }
        request((descriptor.position.bytes, extent), ahead: 0, base: base, from: index, count: count)
        return awaitAnswers() && replica.holds(start, access.count)
    }

    private mutating func awaitAnswers() -> Bool {
        link.stream.counters.waits &+= 1
        while requests.older.isOpen {
            guard awaitMessage() else { return false }
        }
        return true
    }

    /// Waits for one message, as long as the link allows; false if the link failed.
    private mutating func awaitMessage() -> Bool {
        while !absorb(nanoseconds: 1_000_000_000) {
            if link.failure != nil { return false }
        }
        return true
    }

    /// Asks for a part of one record, if any, and for the first bytes of the ones that follow it in a batch.
    private mutating func request(
        _ record: (position: UInt64, extent: Range<Int>)?,
        ahead: Int,
        base: Int,
        from index: Int,
        count: Int
    ) {
        var request = requests.older.isOpen ? requests.newer : requests.older
        request.clear()
        if let record { _ = add(record.position, record.extent, to: &request) }
        var next = index
        // Nothing is fetched into the place of what is still to be read: a replica may be smaller than the original.
        var oldest = record?.position ?? current
        while ahead > 0, next < count, request.bytes < Self.mostBytesAhead {
            let descriptor = batches.descriptor(base + next * RemoteWire.descriptorLength)
            if oldest == nil { oldest = descriptor.position.bytes }
            let span = descriptor.position.bytes + UInt64(descriptor.recordLength) - (oldest ?? 0)
            guard span + UInt64(2 * replica.blockLength) <= replica.mask else { break }
            let wanted = min(ahead, RecordLayout.headerLength + Int(descriptor.capturedLength))
            let access = RecordLayout.headerLength..<max(RecordLayout.headerLength, wanted)
            let extent = plan.extent(of: access, recordLength: Int(descriptor.recordLength))
            guard access.isEmpty || add(descriptor.position.bytes, extent, to: &request) else { break }
            next += 1
        }
        guard request.count > 0 else { return }
        request.tag = nextTag()
        request.append(to: &link.stream.outgoing)
        link.stream.finish()
        link.stream.counters.rangesRequested &+= UInt64(request.count)
        guard link.send() else { return }
        if requests.older.isOpen { requests.newer = request } else { requests.older = request }
    }

    /// Most bytes that are asked for before the consumer wants them.
    private static var mostBytesAhead: Int { 1 << 20 }

    /// Position of the record that was taken last, while the batch is used.
    private var current: UInt64? {
        guard index > 0, index <= count else { return nil }
        return batches.descriptor(base + (index - 1) * RemoteWire.descriptorLength).position.bytes
    }

    private func add(_ record: UInt64, _ extent: Range<Int>, to request: inout RangeRequest) -> Bool {
        let (start, mask) = (record + UInt64(extent.lowerBound), replica.mask)
        guard Plan.keeps else {
            return request.add(from: start, to: start + UInt64(extent.count), mask: mask)
        }
        var fits = true
        replica.forEachMissingBlock(start, extent.count) { from, to in
            fits = fits && request.add(from: from, to: to, mask: mask)
        }
        return fits
    }
}
