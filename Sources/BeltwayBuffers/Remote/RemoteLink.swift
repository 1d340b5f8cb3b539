// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// How a reader treats its server, and how much memory it gives it.
public struct RemoteReaderOptions: Sendable {
    /// Name of the ring; empty for the first that the server has.
    public var ring = ""
    /// Seconds until the server must have answered the first message.
    public var helloSeconds = 10
    /// Seconds without a sign of life after which the server is taken for gone.
    public var silenceSeconds = 20
    /// Seconds that the server may take nothing of what is sent to it.
    public var sendSeconds = 30
    /// Most bytes of a replica: smaller than the original, it keeps the newest of what was fetched.
    public var replicaCapacity = 256 << 20
    /// Bytes of a block of the cache (cached copy), a power of two from 16 to 65,536; unrelated to records.
    public var blockLength = 64
    /// Bytes of each packet that are asked for ahead, before the consumer asks; 0: what it turns out to use.
    public var headerLength = 0
    /// First bytes of a packet that copy on demand touches over the channel; who wants more gets the whole record.
    public var demandLength = 256

    /// Makes the default options.
    public init() {}
}

/// A connection to a server of rings, as all strategies use it.
///
/// Errors are kept: once ``failure`` is set nothing is sent or received any more.
@usableFromInline struct RemoteLink<Channel: RemoteChannel & ~Copyable>: ~Copyable {
    @usableFromInline var stream: MessageStream<Channel>
    @usableFromInline var ring: RemoteRing
    @usableFromInline var failure: RemoteError?
    private let silence: Int64
    private let silenceSeconds: Int
    private var lastSent: Int64
    /// Since when nothing was heard although it was listened for; nil after every message.
    private var quietSince: Int64?
    /// When it was listened last: while the consumer is busy elsewhere nobody is silent.
    private var lastListened: Int64

    /// Says hello and waits for the answer.
    init(_ channel: consuming Channel, _ options: RemoteReaderOptions) throws(RemoteError) {
        var stream = try MessageStream(channel, sendSeconds: options.sendSeconds)
        stream.outgoing.begin(.hello)
        stream.outgoing.append64(RemoteWire.magic)
        stream.outgoing.append16(RemoteWire.version)
        let name = options.ring.utf8.prefix(RemoteWire.maximumNameLength)
        stream.outgoing.append16(UInt16(name.count))
        stream.outgoing.append(text: options.ring, limit: RemoteWire.maximumNameLength)
        stream.finish()
        try stream.flush()
        ring = try Self.awaitWelcome(&stream, seconds: options.helloSeconds)
        self.stream = stream
        silenceSeconds = options.silenceSeconds
        silence = Int64(options.silenceSeconds) * 1_000_000_000
        lastSent = monotonicNanoseconds()
        lastListened = lastSent
    }

    private static func awaitWelcome(
        _ stream: inout MessageStream<Channel>,
        seconds: Int
    ) throws(RemoteError) -> RemoteRing {
        let deadline = monotonicNanoseconds() + Int64(seconds) * 1_000_000_000
        while true {
            let left = deadline - monotonicNanoseconds()
            guard left > 0 else { throw .timedOut("welcome of the server", seconds: seconds) }
            guard let header = try stream.receive(nanoseconds: min(left, 1_000_000_000)) else { continue }
            let incoming = stream.incoming
            var refusal: RemoteError?
            do throws(MalformedMessage) {
                switch header.type {
                case .welcome:
                    return try incoming.withBody { body throws(MalformedMessage) in
                        try RemoteRing(parsing: body)
                    }
                case .refusal:
                    refusal = try incoming.withBody { body throws(MalformedMessage) in
                        try RefusalMessage.parse(body)
                    }
                default: throw .unexpected(type: header.type.rawValue)
                }
            } catch {
                throw .malformed(error)
            }
            if let refusal { throw refusal }
        }
    }

    /// The next message that is not the link's own business, its body in `stream.incoming`; nil if none came in time,
    /// or the link has failed.
    mutating func receive(nanoseconds: Int64) -> MessageHeader? {
        guard failure == nil else { return nil }
        do throws(RemoteError) {
            return try listen(nanoseconds: nanoseconds)
        } catch {
            failure = error
            return nil
        }
    }

    private mutating func listen(nanoseconds: Int64) throws(RemoteError) -> MessageHeader? {
        let deadline = monotonicNanoseconds() &+ nanoseconds
        if deadline - nanoseconds - lastListened > Self.pingInterval { quietSince = nil }
        var left = nanoseconds
        while true {
            let header = try stream.receive(nanoseconds: min(left, Self.pingInterval))
            let now = monotonicNanoseconds()
            lastListened = now
            if let header {
                quietSince = nil
                if try !isOwnBusiness(header) { return header }
            } else {
                let since = quietSince ?? now
                quietSince = since
                if now - since > silence {
                    throw .timedOut("sign of life of the server", seconds: silenceSeconds)
                }
                if now - lastSent > Self.pingInterval { try ping() }
                if now >= deadline { return nil }
            }
            left = max(0, deadline - now)
        }
    }

    private static var pingInterval: Int64 { 5_000_000_000 }

    private mutating func ping() throws(RemoteError) {
        stream.outgoing.begin(.ping)
        stream.finish()
        try flush()
    }

    private mutating func isOwnBusiness(_ header: MessageHeader) throws(RemoteError) -> Bool {
        var refusal: RemoteError?
        do throws(MalformedMessage) {
            let incoming = stream.incoming
            switch header.type {
            case .pong: return true
            case .interfaces:
                ring.interfaces = try incoming.withBody { body throws(MalformedMessage) in
                    try InterfacesMessage.parse(body)
                }
                return true
            case .refusal:
                refusal = try incoming.withBody { body throws(MalformedMessage) in
                    try RefusalMessage.parse(body)
                }
            default: return false
            }
        } catch {
            throw .malformed(error)
        }
        if let refusal { throw refusal }
        return true
    }

    private mutating func flush() throws(RemoteError) {
        try stream.flush()
        lastSent = monotonicNanoseconds()
    }

    /// Sends the messages that were built; false if the link has failed.
    mutating func send() -> Bool {
        guard failure == nil else { return false }
        do throws(RemoteError) {
            try flush()
            return true
        } catch {
            failure = error
            return false
        }
    }

    /// Ends the link because of what the other end sent.
    mutating func fail(_ message: MalformedMessage) {
        if failure == nil { failure = .malformed(message) }
    }

    /// Tells the server that nobody reads any more; whether it hears it does not matter.
    mutating func leave() {
        guard failure == nil else { return }
        stream.outgoing.clear()
        stream.outgoing.begin(.goodbye)
        stream.finish()
        try? stream.flush()
    }

    /// Checks the descriptors of a batch, in place: turned into this machine's order, plausible in the ring, one after
    /// another.
    ///
    /// - Parameters:
    ///   - store: What they lie in.
    ///   - offset: Where.
    ///   - count: How many there are.
    ///   - start: The position that the first may have at least.
    ///   - tail: The position that none passes.
    /// - Returns: Where the last one ends.
    /// - Throws: ``MalformedMessage`` for the first that cannot be.
    func settle(
        _ store: ByteStore,
        _ offset: Int,
        count: Int,
        from start: UInt64,
        tail: UInt64
    ) throws(MalformedMessage) -> UInt64 {
        let swaps = ring.byteOrder != RemoteWire.nativeOrder
        var end = start
        for index in 0..<count {
            let place = offset + index * RemoteWire.descriptorLength
            var descriptor = store.descriptor(place)
            if swaps { descriptor = descriptor.byteSwapped }
            guard descriptor.isPlausible(in: ring.geometry), descriptor.position.bytes >= end else {
                throw .value("the place of a record", descriptor.position.bytes)
            }
            end = descriptor.position.bytes + UInt64(descriptor.recordLength)
            guard end <= tail else { throw .value("the end of a record", end) }
            if swaps { store.store(descriptor, place) }
        }
        return end
    }
}
