// SPDX-License-Identifier: Apache-2.0

/// One reader, as the owner shows it to `beltway status`.
///
/// What a reader of another process says of itself (`read`, `lost`) is shown only as far as it can be true.
public struct ReaderStatus: Equatable, Sendable {
    /// What it calls itself: `tap`, `worker.0`.
    public var name: String
    /// Its process.
    public var process: Int32
    /// Its user.
    public var user: UInt32
    /// When it attached, in nanoseconds since 1970; 0 if it was there from the start.
    public var since: UInt64
    /// Packets offered to it.
    public var published: UInt64
    /// Packets it took.
    public var read: UInt64
    /// Packets that were overwritten before it could take them.
    public var lost: UInt64
    /// Packets published that it has neither taken nor lost yet.
    public var lag: UInt64
    /// Bytes between it and the tail.
    public var lagInBytes: UInt64

    /// Makes a status.
    public init(
        name: String,
        process: Int32,
        user: UInt32,
        since: UInt64 = 0,
        published: UInt64 = 0,
        read: UInt64 = 0,
        lost: UInt64 = 0,
        lag: UInt64 = 0,
        lagInBytes: UInt64 = 0
    ) {
        self.name = name
        self.process = process
        self.user = user
        self.since = since
        self.published = published
        self.read = read
        self.lost = lost
        self.lag = lag
        self.lagInBytes = lagInBytes
    }
}

/// What happened on the sockets of an owner since it opened them.
public struct SharingCounters: Equatable, Sendable {
    /// Connections accepted.
    public var accepted: UInt64 = 0
    /// Readers attached.
    public var attached: UInt64 = 0
    /// Connections and requests that a policy refused.
    public var notAllowed: UInt64 = 0
    /// Messages that were none.
    public var malformed: UInt64 = 0
    /// Connections whose hello did not come in time.
    public var tooLate: UInt64 = 0
    /// Connections refused, or given up, because there were too many.
    public var tooMany: UInt64 = 0
    /// Connections given up because the peer did not take its answers.
    public var notTaken: UInt64 = 0
    /// Requests that could not be served for want of memory or descriptors.
    public var unavailable: UInt64 = 0

    /// Makes zeros.
    public init() {}
}

/// What an owner says of one of its rings.
public struct RingDescription: Equatable, Sendable {
    /// Its name: `eth0.0`.
    public var name: String
    /// What index entries call it.
    public var number: UInt16
    /// What kind of buffer it is.
    public var kind: UInt8
    /// Who gives way.
    public var policy: UInt8
    /// Link type of its records.
    public var linkType: UInt16
    /// Differs between runs of the owner.
    public var generation: UInt64
    /// The owner's process.
    public var process: Int32
    /// Bytes that it holds.
    public var capacity: UInt64
    /// Bytes published.
    public var tail: UInt64
    /// Packets published.
    public var packets: UInt64
    /// Packets that the kernel or the interface dropped before they could be captured.
    public var dropped: UInt64 = 0
    /// Whether its producer has ended.
    public var isClosed: Bool
    /// Who may attach, in a few words.
    public var access: String
    /// What happened on the owner's sockets.
    public var counters: SharingCounters
    /// Readers in all; more than ``readers`` holds if they do not fit in one answer.
    public var readerCount: UInt32
    /// Readers, from the one on that was asked for.
    public var readers: [ReaderStatus]

    /// The most readers that one answer carries.
    public static let greatestReaderCount = 256
}

extension MessageWriter {
    mutating func put(_ ring: RingDescription) {
        put(name: ring.name)
        put(ring.number)
        put(ring.kind)
        put(ring.policy)
        put(ring.linkType)
        put(ring.generation)
        put(UInt32(bitPattern: ring.process))
        put(ring.capacity)
        put(ring.tail)
        put(ring.packets)
        put(ring.dropped)
        put(UInt8(ring.isClosed ? 1 : 0))
        put(text: ring.access, limit: 64)
        for counter in [
            ring.counters.accepted, ring.counters.attached, ring.counters.notAllowed, ring.counters.malformed,
            ring.counters.tooLate, ring.counters.tooMany, ring.counters.notTaken, ring.counters.unavailable,
        ] { put(counter) }
        put(ring.readerCount)
        put(UInt16(clamping: ring.readers.count))
        for reader in ring.readers {
            put(name: reader.name)
            put(UInt32(bitPattern: reader.process))
            put(reader.user)
            for value in [
                reader.since, reader.published, reader.read, reader.lost, reader.lag, reader.lagInBytes,
            ] { put(value) }
        }
    }
}

extension MessageReader {
    mutating func ringDescription() throws(MessageError) -> RingDescription {
        var ring = RingDescription(
            name: try name(),
            number: try take(),
            kind: try take(),
            policy: try take(),
            linkType: try take(),
            generation: try take(),
            process: Int32(bitPattern: try take()),
            capacity: try take(),
            tail: try take(),
            packets: try take(),
            dropped: try take(),
            isClosed: try flag(),
            access: try text(),
            counters: try sharingCounters(),
            readerCount: try take(),
            readers: []
        )
        let count: UInt16 = try take()
        guard Int(count) <= RingDescription.greatestReaderCount else { throw .field("\(count) readers") }
        for _ in 0..<count { ring.readers.append(try readerStatus()) }
        return ring
    }

    private mutating func flag() throws(MessageError) -> Bool {
        let value: UInt8 = try take()
        guard value <= 1 else { throw .field("a flag of \(value)") }
        return value == 1
    }

    private mutating func sharingCounters() throws(MessageError) -> SharingCounters {
        var counters = SharingCounters()
        counters.accepted = try take()
        counters.attached = try take()
        counters.notAllowed = try take()
        counters.malformed = try take()
        counters.tooLate = try take()
        counters.tooMany = try take()
        counters.notTaken = try take()
        counters.unavailable = try take()
        return counters
    }

    private mutating func readerStatus() throws(MessageError) -> ReaderStatus {
        var reader = ReaderStatus(
            name: try name(),
            process: Int32(bitPattern: try take()),
            user: try take()
        )
        reader.since = try take()
        reader.published = try take()
        reader.read = try take()
        reader.lost = try take()
        reader.lag = try take()
        reader.lagInBytes = try take()
        return reader
    }
}
