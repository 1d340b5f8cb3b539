// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// How a server treats its clients.
public struct RemoteServerLimits: Sendable {
    /// Seconds until the first message must have come.
    public var helloSeconds = 5
    /// Seconds without a message after which a client is taken for gone.
    public var idleSeconds = 120
    /// Seconds that a client may take nothing of what is sent to it.
    public var sendSeconds = 30
    /// Most bytes of the ring in one message of `records`.
    public var recordBytes = 262_144
    /// Order of the numbers in descriptors: this machine's, or, to stand for a machine of the other kind, the other.
    public var descriptorOrder = RemoteWire.nativeOrder

    /// Makes limits that suit a server for strangers' analyzers.
    public init() {}
}

/// How the service of one client ended.
public struct RemoteSessionReport: Sendable {
    /// The ring that was read; empty if it did not come to that.
    public var ring = ""
    /// Records whose descriptors, or bytes, were handed over.
    public var read: UInt64 = 0
    /// Records overwritten before they could be.
    public var lost: UInt64 = 0
    /// What went over the channel.
    public var counters = RemoteCounters()
    /// Why it ended; nil if the client said goodbye.
    public var error: RemoteError?
}

/// Serves one ring to one client: a loop in a thread of its own.
///
/// Invariant: it holds one store for messages in and one for messages out, whatever the client sends; each wait has a
/// limit; the producer is never waited for, nor made to wait.
public struct RemoteSession<Channel: RemoteChannel & ~Copyable>: ~Copyable {
    private var stream: MessageStream<Channel>
    private let limits: RemoteServerLimits
    private var report = RemoteSessionReport()
    private var pending: (tag: UInt32, count: Int, deadline: Int64)?
    private var isStreaming = false
    private var lastSent: Int64 = 0

    /// What a server finds for a name.
    public enum Lookup {
        /// The ring, and the names of all there are.
        case ring(DataBuffer, names: [String] = [])
        /// There is none of this name; these there are.
        case none(known: [String])
    }

    /// Takes over a channel.
    ///
    /// - Throws: ``RemoteError/system(call:errno:)`` if there is no memory for messages.
    public init(_ channel: consuming Channel, limits: RemoteServerLimits = RemoteServerLimits())
        throws(RemoteError)
    {
        stream = try MessageStream(channel, sendSeconds: limits.sendSeconds)
        self.limits = limits
    }

    /// Serves until the client leaves, errs or falls silent, the ring ends, or `stop` says so.
    ///
    /// - Parameters:
    ///   - stop: Asked at least every 50 ms while nothing goes on.
    ///   - isGone: Whether the ring's producer has died without an end; asked while there is nothing to send.
    ///   - find: Finds the ring of a name; an empty one asks for the first.
    /// - Returns: What was done, and why it ended.
    public mutating func run(
        stop: () -> Bool,
        isGone: () -> Bool = { false },
        find: (String) -> Lookup
    ) -> RemoteSessionReport {
        do throws(RemoteError) {
            if let (buffer, names) = try greet(stop: stop, find: find) {
                try serve(buffer, names, stop: stop, isGone: isGone)
            }
        } catch {
            report.error = error
            if case .malformed(let message) = error { refuse(.badRequest, message.description) }
            if case .timedOut = error { refuse(.idle, "") }
        }
        report.counters = stream.counters
        return report
    }

    /// Tells a client that it is not served, and ends the connection.
    public mutating func turnAway(_ reason: RemoteRefusal) {
        report.error = .refused(reason, "")
        refuse(reason, "")
    }

    private mutating func greet(
        stop: () -> Bool,
        find: (String) -> Lookup
    ) throws(RemoteError) -> (DataBuffer, [String])? {
        let deadline = monotonicNanoseconds() + Int64(limits.helloSeconds) * 1_000_000_000
        while true {
            if let header = try stream.receive(nanoseconds: 50_000_000) {
                guard header.type == .hello else {
                    throw .malformed(.unexpected(type: header.type.rawValue))
                }
                break
            }
            if stop() {
                refuse(.stopping, "")
                return nil
            }
            if monotonicNanoseconds() > deadline { throw .timedOut("hello", seconds: limits.helloSeconds) }
        }
        let hello = try parsed { body throws(MalformedMessage) in try HelloMessage(parsing: body) }
        switch find(hello.ring) {
        case .ring(let buffer, let names): return (buffer, names)
        case .none(let known):
            let text = known.isEmpty ? "no rings" : known.joined(separator: ", ")
            report.error = .refused(.noSuchRing, text)
            refuse(.noSuchRing, text)
            return nil
        }
    }

    private mutating func serve(
        _ buffer: DataBuffer,
        _ names: [String],
        stop: () -> Bool,
        isGone: () -> Bool
    ) throws(RemoteError) {
        var source: RingSource
        do throws(BufferError) {
            source = try RingSource(buffer, order: limits.descriptorOrder)
        } catch {
            throw .transport("\(error)")
        }
        report.ring = buffer.name
        defer { (report.read, report.lost) = source.ledger }
        source.appendWelcome(to: &stream.outgoing, rings: names)
        stream.finish()
        try sendInterfaces(of: &source)
        try flush()
        var lastHeard = monotonicNanoseconds()
        var pause: Int64 = 0
        while true {
            if stop() { return refuse(.stopping, "") }
            var isIdle = true
            if let header = try stream.receive(nanoseconds: pause) {
                lastHeard = monotonicNanoseconds()
                isIdle = false
                if header.type == .goodbye { return }
                try handle(header, &source)
            }
            let now = monotonicNanoseconds()
            if try push(from: &source, now) { isIdle = false }
            if isIdle {
                if !source.hasNews, isGone(), !source.hasNews { return refuse(.gone, "") }
                if now - lastHeard > Int64(limits.idleSeconds) * 1_000_000_000 {
                    throw .timedOut("message of the client", seconds: limits.idleSeconds)
                }
                // Who waits for records is looked after every 2 ms: signals are coalesced (BASELINES: waking).
                pause =
                    isStreaming || pending != nil
                    ? min(max(2 * pause, 125_000), 2_000_000) : 50_000_000
            } else {
                pause = 0
            }
        }
    }

    /// Sends what the client waits for; false if there is nothing to send.
    private mutating func push(from source: inout RingSource, _ now: Int64) throws(RemoteError) -> Bool {
        if let want = pending, source.hasNews || source.isAtEnd || now >= want.deadline {
            pending = nil
            try sendInterfaces(of: &source)
            do throws(MalformedMessage) {
                try source.appendBatch(to: &stream.outgoing, count: want.count, tag: want.tag)
            } catch {
                stream.outgoing.abandon()
                throw .malformed(error)
            }
            stream.finish()
            try flush()
            return true
        }
        // A record, or the news that there is none, once a second; and the end, once.
        let isEnd = source.isAtEnd
        guard isStreaming, source.hasNews || isEnd || now - lastSent > 1_000_000_000 else { return false }
        try sendInterfaces(of: &source)
        do throws(MalformedMessage) {
            guard try source.appendRecords(to: &stream.outgoing, bytes: limits.recordBytes) else {
                return true
            }
        } catch {
            stream.outgoing.abandon()
            throw .malformed(error)
        }
        stream.finish()
        try flush()
        if isEnd { isStreaming = false }
        return true
    }

    private mutating func handle(
        _ header: MessageHeader,
        _ source: inout RingSource
    ) throws(RemoteError) {
        switch header.type {
        case .wantBatch:
            guard pending == nil, !isStreaming else {
                throw .malformed(.unexpected(type: header.type.rawValue))
            }
            let want = try parsed { body throws(MalformedMessage) in try WantBatchMessage(parsing: body) }
            let deadline = monotonicNanoseconds() + Int64(want.milliseconds) * 1_000_000
            pending = (header.tag, want.count, deadline)
        case .wantBytes:
            let count = try parsed { body throws(MalformedMessage) in try WantBytesMessage.count(in: body) }
            var index = 0
            while index < count {
                let incoming = stream.incoming
                do throws(MalformedMessage) {
                    try incoming.withBody { body throws(MalformedMessage) in
                        try source.appendBytes(
                            to: &stream.outgoing,
                            from: &index,
                            of: count,
                            request: body,
                            tag: header.tag
                        )
                    }
                } catch {
                    stream.outgoing.abandon()
                    throw .malformed(error)
                }
                stream.finish()
                try flush()
            }
        case .wantRecords:
            guard !isStreaming, pending == nil else {
                throw .malformed(.unexpected(type: header.type.rawValue))
            }
            isStreaming = true
        case .ping:
            stream.outgoing.begin(.pong, tag: header.tag)
            stream.finish()
            try flush()
        default: throw .malformed(.unexpected(type: header.type.rawValue))
        }
    }

    private mutating func sendInterfaces(of source: inout RingSource) throws(RemoteError) {
        if source.appendInterfaces(to: &stream.outgoing) {
            stream.finish()
            try flush()
        }
    }

    private mutating func flush() throws(RemoteError) {
        try stream.flush()
        lastSent = monotonicNanoseconds()
    }

    /// Says why the server hangs up; whether it arrives does not matter any more.
    private mutating func refuse(_ reason: RemoteRefusal, _ text: String) {
        stream.outgoing.clear()
        stream.outgoing.begin(.refusal)
        stream.outgoing.append16(reason.rawValue)
        stream.outgoing.append16(UInt16(text.utf8.prefix(RemoteWire.maximumTextLength).count))
        stream.outgoing.append(text: text, limit: RemoteWire.maximumTextLength)
        stream.finish()
        try? stream.flush()
    }

    private func parsed<Value>(
        _ parse: (RawSpan) throws(MalformedMessage) -> Value
    ) throws(RemoteError) -> Value {
        do throws(MalformedMessage) {
            return try stream.incoming.withBody(parse)
        } catch {
            throw .malformed(error)
        }
    }
}
