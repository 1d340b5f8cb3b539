// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Copy once (paper, 4.4): everything is moved, in stretches of the ring as large as a message holds, without being
/// asked for; each access is then local.
///
/// The server sends ahead as far as the channel takes it, so that nothing is ever waited for but the next record, and
/// a consumer that is slower than the ring is lapped *there*: what it lost shows as a jump of ordinals. Packets are
/// read in place in the message that brought them. For consumers that look at everything.
public struct CopyOnceReader<Channel: RemoteChannel & ~Copyable>: ~Copyable, RecordReader {
    @usableFromInline var link: RemoteLink<Channel>
    /// The message at hand: where its descriptors and its bytes of the ring lie, and which those are.
    @usableFromInline let store: ByteStore
    @usableFromInline var table = 0
    @usableFromInline var bytes = 0
    @usableFromInline var start: UInt64 = 0
    @usableFromInline var stretch: UInt64 = 0
    @usableFromInline var index = 0
    @usableFromInline var count = 0
    @usableFromInline var ledger: RecordLedger
    private var end: UInt64
    private var hasEnded = false
    /// No packet earlier than this comes after those that were taken.
    public private(set) var timeThrough = Timestamp.zero

    /// Attaches at the tail of a ring on another host.
    ///
    /// - Parameters:
    ///   - channel: Connected to a server.
    ///   - options: Which ring, and the limits.
    /// - Throws: ``RemoteError`` if the server refuses, is silent, or does not speak the protocol.
    public init(
        _ channel: consuming Channel,
        options: RemoteReaderOptions = RemoteReaderOptions()
    ) throws(RemoteError) {
        var link = try RemoteLink(channel, options)
        link.stream.outgoing.begin(.wantRecords)
        link.stream.finish()
        _ = link.send()
        store = link.stream.incoming.store
        ledger = RecordLedger(at: link.ring.ordinal)
        end = 0
        self.link = link
    }

    /// Tells the server that nobody reads any more.
    public mutating func close() { link.leave() }

    /// What the server said of the ring.
    public var ring: RemoteRing { link.ring }
    /// What went over the channel.
    public var counters: RemoteCounters { link.stream.counters }
    /// Packets taken and not given back.
    @inlinable public var read: UInt64 { ledger.read }
    /// Packets overwritten before they could be sent.
    @inlinable public var lost: UInt64 { ledger.lost }
    /// Ordinal of the next packet.
    @inlinable public var ordinal: UInt64 { ledger.ordinal }
    /// Packets offered since the reader attached.
    public var published: UInt64 { ledger.published }
    /// Why the connection ended, if it ended before the ring did.
    public var failure: RemoteError? { link.failure }
    /// Whether nothing is left and nothing will come.
    public var isAtEnd: Bool { index == count && (hasEnded || link.failure != nil) }

    /// Takes the next packet's descriptor; nil if nothing more has come.
    @inlinable
    public mutating func next() -> Descriptor? {
        if index == count {
            guard turn(nanoseconds: 0) else { return nil }
        }
        let descriptor = store.descriptor(table &+ index &* 32)
        index &+= 1
        ledger.take()
        return descriptor
    }

    /// Runs `body` on a part of the packet that ``next()`` returned last, in the message that brought it.
    @inlinable
    public mutating func withBytes<Result>(
        of descriptor: Descriptor,
        offset: Int,
        length: Int,
        _ body: (RawSpan) -> Result
    ) throws(Lapped) -> Result {
        let part = clipped(offset, length, to: descriptor)
        let place = descriptor.position.bytes &- start
        // Only the descriptor of another message fails this: those of this one were compared with it.
        guard place < stretch, UInt64(descriptor.recordLength) <= stretch &- place else {
            giveBackLapped()
            throw Lapped()
        }
        return store.withBytes(
            bytes &+ Int(place) &+ RecordLayout.headerLength &+ part.offset,
            part.length,
            body
        )
    }

    /// Counts the packet taken last as lost.
    @inlinable
    public mutating func giveBackLapped() { ledger.giveBack() }

    /// Waits for the next message.
    public mutating func wait(nanoseconds: Int64) {
        guard index == count, !hasEnded, link.failure == nil else { return }
        link.stream.counters.waits &+= 1
        _ = turn(nanoseconds: nanoseconds)
    }

    /// Goes on to the next message that has records; false if none has come.
    @usableFromInline
    mutating func turn(nanoseconds: Int64) -> Bool {
        while !hasEnded, let header = link.receive(nanoseconds: nanoseconds) {
            (index, count, stretch) = (0, 0, 0)
            guard header.type == .records else {
                link.fail(.unexpected(type: header.type.rawValue))
                return false
            }
            do throws(MalformedMessage) {
                if try begin() { return true }
            } catch {
                link.fail(error)
                return false
            }
            if nanoseconds > 0 { return false }
        }
        return false
    }

    private mutating func begin() throws(MalformedMessage) -> Bool {
        let incoming = link.stream.incoming
        let message = try incoming.withBody { body throws(MalformedMessage) in
            try RecordsMessage(parsing: body)
        }
        guard message.head.firstOrdinal >= ledger.ordinal else {
            throw .value("an ordinal that was sent before", message.head.firstOrdinal)
        }
        let from = message.start
        guard from >= end || message.head.count == 0 else { throw .value("a position sent before", from) }
        let stop = from + UInt64(message.length)
        guard stop <= message.head.tailPosition else { throw .value("the end of a stretch", stop) }
        let last = try link.settle(
            store,
            incoming.body + RecordsMessage.descriptors,
            count: message.head.count,
            from: from,
            tail: stop
        )
        guard message.head.count == 0 || last == stop else { throw .value("the end of a record", last) }
        ledger.skip(to: message.head.firstOrdinal)
        hasEnded = message.head.isClosed
        timeThrough = hasEnded ? .distantFuture : Timestamp(nanoseconds: message.head.timeThrough)
        guard message.head.count > 0 else { return false }
        table = incoming.body + RecordsMessage.descriptors
        bytes = incoming.body + message.bytes
        (start, stretch, end) = (from, UInt64(message.length), stop)
        count = message.head.count
        link.stream.counters.ringBytesReceived &+= UInt64(message.length)
        link.stream.counters.hits &+= UInt64(count)
        return true
    }
}
