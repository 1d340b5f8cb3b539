// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// Messages on their way out, one after another in one store.
///
/// Invariant: `end` never passes the store's capacity, which is that of the longest message and a little more; who
/// fills a message asks ``room`` first.
@usableFromInline struct MessageBuilder {
    let store: ByteStore
    private(set) var end = 0
    private(set) var start = 0

    init() throws(RemoteError) { store = try ByteStore(capacity: RemoteWire.maximumMessageLength + 65_536) }

    /// Bytes that the message which was begun may still take.
    var room: Int { RemoteWire.maximumMessageLength - (end - start) }
    var isEmpty: Bool { end == 0 }
    /// Bytes of the message so far.
    var length: Int { end - start }

    mutating func begin(_ type: MessageType, tag: UInt32 = 0) {
        if end + RemoteWire.maximumMessageLength > store.capacity, end > 65_536 {
            preconditionFailure("messages are flushed before the next large one is begun")
        }
        start = end
        end += RemoteWire.headerLength
        store.store32(0, start)
        store.store32(UInt32(type.rawValue) << 24, start + 4)
        store.store32(tag, start + 8)
        store.store32(0, start + 12)
    }

    /// Writes the length of the message that was begun.
    mutating func finish() { store.store32(UInt32(end - start), start) }
    /// Takes back the message that was begun.
    mutating func abandon() { end = start }
    mutating func clear() {
        end = 0
        start = 0
    }

    mutating func append8(_ value: UInt8) {
        store.store8(value, end)
        end += 1
    }
    mutating func append16(_ value: UInt16) {
        store.store16(value, end)
        end += 2
    }
    mutating func append32(_ value: UInt32) {
        store.store32(value, end)
        end += 4
    }
    mutating func append64(_ value: UInt64) {
        store.store64(value, end)
        end += 8
    }
    mutating func append(_ descriptor: Descriptor) {
        store.store(descriptor, end)
        end += RemoteWire.descriptorLength
    }
    mutating func append(_ bytes: RawSpan) {
        store.copy(bytes, to: end)
        end += bytes.byteCount
    }
    /// Appends a text's first bytes, at most `limit` of them, without its length.
    mutating func append(text: String, limit: Int) {
        for byte in text.utf8.prefix(limit) { append8(byte) }
    }
    /// Leaves room for bytes that are written later, and says where.
    mutating func reserve(_ length: Int) -> Int {
        defer { end += length }
        return end
    }
    /// Takes bytes out of the message; what follows them moves down.
    mutating func remove(_ count: Int, at offset: Int) {
        store.move(from: offset + count, to: offset, count: end - offset - count)
        end -= count
    }
}

/// Messages as they come in: whole ones are handed out in place, a part of one waits for the rest.
@usableFromInline struct MessageQueue {
    @usableFromInline let store: ByteStore
    private var begin = 0
    private var end = 0
    /// Bytes of the message handed out last; they are let go when the next one is asked for.
    private var current = 0
    /// Where the body of the message handed out last starts, and its length.
    @usableFromInline private(set) var body = 0
    @usableFromInline private(set) var bodyLength = 0

    init() throws(RemoteError) { store = try ByteStore(capacity: 2 * RemoteWire.maximumMessageLength) }

    /// Lets go of the last message and hands out the next one, if it is there as a whole.
    mutating func next() throws(MalformedMessage) -> MessageHeader? {
        begin += current
        current = 0
        bodyLength = 0
        if begin == end { (begin, end) = (0, 0) }
        let header = try store.withBytes(begin, end - begin) {
            bytes throws(MalformedMessage) in try MessageHeader(parsing: bytes)
        }
        guard let header, header.length <= end - begin else { return nil }
        current = header.length
        body = begin + RemoteWire.headerLength
        bodyLength = header.length - RemoteWire.headerLength
        return header
    }

    /// Free room at the end, at least that of a message; call it when ``next()`` has returned nil.
    mutating func makeRoom() -> (offset: Int, length: Int) {
        if store.capacity - end < RemoteWire.maximumMessageLength / 2, begin > 0 {
            store.move(from: begin, to: 0, count: end - begin)
            (begin, end) = (0, end - begin)
        }
        return (end, store.capacity - end)
    }

    mutating func received(_ count: Int) { end += count }

    /// Whether a part of a message waits for the rest.
    var isMidMessage: Bool { end > begin }

    /// The body of the message handed out last.
    func withBody<Result, Failure: Error>(
        _ use: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try store.withBytes(body, bodyLength, use)
    }
}

/// Both directions over one channel, with counters; what reader and server have in common.
@usableFromInline struct MessageStream<Channel: RemoteChannel & ~Copyable>: ~Copyable {
    @usableFromInline var channel: Channel
    @usableFromInline var incoming: MessageQueue
    var outgoing: MessageBuilder
    @usableFromInline var counters = RemoteCounters()
    let sendLimit: Int64

    init(_ channel: consuming Channel, sendSeconds: Int) throws(RemoteError) {
        let (queue, builder) = (try MessageQueue(), try MessageBuilder())
        incoming = queue
        outgoing = builder
        sendLimit = Int64(sendSeconds) * 1_000_000_000
        self.channel = channel
    }

    /// Sends every finished message.
    mutating func flush() throws(RemoteError) {
        guard !outgoing.isEmpty else { return }
        let count = outgoing.end
        let limit = sendLimit
        outgoing.clear()
        try outgoing.store.withBytes(0, count) { bytes throws(RemoteError) in
            try channel.send(bytes, nanoseconds: limit)
        }
        counters.bytesSent &+= UInt64(count)
    }

    /// Finishes the message that was begun and counts it.
    mutating func finish() {
        outgoing.finish()
        counters.messagesSent &+= 1
    }

    /// The next message; its body is in `incoming` until the next call.
    ///
    /// - Parameter nanoseconds: How long to wait for bytes; it may return nil before, when only a part has come.
    /// - Returns: Nil if no whole message is there.
    /// - Throws: ``RemoteError``; `malformed` for a header that no message has.
    mutating func receive(nanoseconds: Int64) throws(RemoteError) -> MessageHeader? {
        if let header = try take() { return header }
        let room = incoming.makeRoom()
        let count = try incoming.store.withMutableBytes(room.offset, room.length) {
            bytes throws(RemoteError) in
            try channel.receive(into: &bytes, nanoseconds: nanoseconds)
        }
        guard count > 0 else { return nil }
        incoming.received(min(count, room.length))
        counters.bytesReceived &+= UInt64(count)
        return try take()
    }

    private mutating func take() throws(RemoteError) -> MessageHeader? {
        do throws(MalformedMessage) {
            guard let header = try incoming.next() else { return nil }
            counters.messagesReceived &+= 1
            return header
        } catch {
            throw .malformed(error)
        }
    }
}
