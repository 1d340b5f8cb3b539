// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

// The thread behind a server's sockets.
//
//   accepted --policy: no--> refused (told when it has asked, or when its time is over)
//      |
//   silent, until a deadline --hello--> attached --hang-up--> gone
//      `--describe--> (stays silent)        `--buffer N--> answered

/// One connection.
private final class Connection {
    let socket: UnixSocket
    let peer: PeerIdentity
    let ring: SharedRing
    /// Until when it must have said hello; nil once it is attached.
    var deadline: ContinuousClock.Instant?
    /// Why it will be refused whatever it says.
    var refusal: (reason: RefusalReason, text: String)?
    var reader: AttachedReader?
    /// Whether it has been given the buffer's memory, as a reader or to follow entries.
    var isAttached = false
    var isOver = false

    init(_ socket: UnixSocket, _ peer: PeerIdentity, _ ring: SharedRing, deadline: ContinuousClock.Instant) {
        self.socket = socket
        self.peer = peer
        self.ring = ring
        self.deadline = deadline
    }
}

/// Serves the sockets until it is told to stop.
struct SharingService {
    private let state: SharingStateBox
    private let limits: SharingLimits
    private let localReaders: @Sendable () -> [ReaderStatus]
    private var rings: [SharedRing] = []
    private var version: UInt64 = 0
    private var connections: [Connection] = []
    private var windowStart = ContinuousClock.now
    private var eventsInWindow = 0
    /// Accepting rests until then: the process is out of descriptors.
    private var acceptsAgain = ContinuousClock.now

    init(
        state: SharingStateBox,
        limits: SharingLimits,
        localReaders: @escaping @Sendable () -> [ReaderStatus]
    ) {
        self.state = state
        self.limits = limits
        self.localReaders = localReaders
    }

    mutating func run() {
        while refresh() {
            var set = [pollfd(fd: state.signal.descriptor, events: Int16(POLLIN), revents: 0)]
            let now = ContinuousClock.now
            let accepts = now >= acceptsAgain
            for ring in rings {
                set.append(
                    pollfd(fd: accepts ? ring.listener.descriptor : -1, events: Int16(POLLIN), revents: 0)
                )
            }
            for connection in connections {
                set.append(pollfd(fd: connection.socket.descriptor, events: Int16(POLLIN), revents: 0))
            }
            _ = waitForEvents(&set, milliseconds: patience(now, accepts))
            if set[0].revents != 0 { state.signal.clear() }
            // Connections first: those that are accepted now are not in the set.
            for (index, connection) in connections.enumerated() {
                let events = set[1 + rings.count + index].revents
                if events != 0 { serve(connection, events) }
            }
            for (index, ring) in rings.enumerated() where set[1 + index].revents != 0 { accept(on: ring) }
            endOverdue()
            connections.removeAll { $0.isOver }
            rest()
        }
        for connection in connections { end(connection) }
    }

    /// Takes what the server's callers have changed; false when it is time to stop.
    private mutating func refresh() -> Bool {
        let seen = version
        let change = state.look { state in
            state.version == seen ? nil : (state.rings, state.version, state.isStopping)
        }
        guard let change else { return true }
        (rings, version) = (change.0, change.1)
        for connection in connections where !rings.contains(where: { $0 === connection.ring }) {
            end(connection)
        }
        connections.removeAll { $0.isOver }
        return !change.2
    }

    /// Milliseconds until something is due by itself; -1 if nothing is.
    private func patience(_ now: ContinuousClock.Instant, _ accepts: Bool) -> Int32 {
        var due: ContinuousClock.Instant? = accepts ? nil : acceptsAgain
        for connection in connections {
            if let deadline = connection.deadline { due = min(due ?? deadline, deadline) }
        }
        guard let due else { return -1 }
        let left = (due - now).components
        let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1
        return Int32(clamping: max(0, milliseconds))
    }

    /// After too much in one window, sleeps until it ends: a flood of connections may not take a processor.
    private mutating func rest() {
        let now = ContinuousClock.now
        let window = Duration.milliseconds(limits.windowMilliseconds)
        if now - windowStart >= window {
            (windowStart, eventsInWindow) = (now, 0)
        } else if eventsInWindow >= limits.eventsPerWindow {
            let left = (window - (now - windowStart)).components.attoseconds / 1_000_000_000
            beltway_sleep(left)
            (windowStart, eventsInWindow) = (ContinuousClock.now, 0)
        }
    }

    // MARK: Connections

    /// Takes a few connections; others get their turn in between.
    private mutating func accept(on ring: SharedRing) {
        for _ in 0..<16 {
            switch ring.listener.accept() {
            case .success(let socket):
                eventsInWindow += 1
                add(socket, ring)
            case .failure(let failure):
                if [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(failure.errno) {
                    acceptsAgain = ContinuousClock.now + .milliseconds(100)
                    state.note { $0.counters.unavailable += 1 }
                }
                return
            }
        }
    }

    private mutating func add(_ socket: UnixSocket, _ ring: SharedRing) {
        guard let peer = socket.peer() else {
            state.note { $0.counters.unavailable += 1 }
            return
        }
        giveUpSilent()
        let connection = Connection(
            socket,
            peer,
            ring,
            deadline: ContinuousClock.now + .milliseconds(limits.helloMilliseconds)
        )
        if !ring.policy.allows(peer) {
            connection.refusal = (.notAllowed, notAllowed(peer, ring.name, ring.policy))
            state.note { $0.counters.notAllowed += 1 }
        } else if isTooMany(peer) {
            connection.refusal = (
                .tooMany, "too many connections; \(limits.connections) are served at one time"
            )
            state.note { $0.counters.tooMany += 1 }
        }
        state.note { $0.counters.accepted += 1 }
        connections.append(connection)
    }

    /// Makes room for one that may say hello: those that are refused whatever they say go first, then the oldest one of
    /// the user who has most, so that nobody's silence ends another's connection.
    private mutating func giveUpSilent() {
        let silent = connections.filter { $0.deadline != nil && !$0.isOver }
        guard silent.count >= limits.silentConnections else { return }
        state.note { $0.counters.tooMany += 1 }
        if let refused = silent.first(where: { $0.refusal != nil }), let refusal = refused.refusal {
            return refuse(refused, refusal.reason, refusal.text, request: 0)
        }
        let counts = Dictionary(grouping: silent, by: \.peer.user).mapValues(\.count)
        let most = counts.values.max() ?? 0
        if let oldest = silent.first(where: { counts[$0.peer.user] == most }) { end(oldest) }
    }

    private func isTooMany(_ peer: PeerIdentity) -> Bool {
        let served = connections.filter { $0.refusal == nil && !$0.isOver }
        if served.count >= limits.connections { return true }
        guard peer.user != 0, peer.user != geteuid() else { return false }
        return served.count { $0.peer.user == peer.user } >= limits.connectionsPerUser
    }

    private func notAllowed(_ peer: PeerIdentity, _ name: String, _ policy: AccessPolicy) -> String {
        "user \(peer.user) may not read ring \(name) (its policy is \(policy.summary)); "
            + "ask for membership of group \(policy.group)"
    }

    private mutating func end(_ connection: Connection) {
        guard !connection.isOver else { return }
        connection.isOver = true
        guard let reader = connection.reader else { return }
        reader.detach()
        state.note { $0.forget(reader, keeping: limits.formerReaders) }
    }

    private mutating func endOverdue() {
        let now = ContinuousClock.now
        for connection in connections {
            guard !connection.isOver, let deadline = connection.deadline, deadline <= now else { continue }
            if let refusal = connection.refusal {
                refuse(connection, refusal.reason, refusal.text, request: 0)
            } else {
                state.note { $0.counters.tooLate += 1 }
                refuse(connection, .tooLate, "no hello within \(limits.helloMilliseconds) ms", request: 0)
            }
        }
    }

    // MARK: Requests

    private mutating func serve(_ connection: Connection, _ events: Int16) {
        guard !connection.isOver else { return }
        eventsInWindow += 1
        guard events & Int16(POLLHUP | POLLERR | POLLNVAL) == 0 else { return end(connection) }
        switch connection.socket.receive(limit: SharingMessage.greatestRequestLength) {
        case .nothing: return
        case .ended, .failed: end(connection)
        case .tooLong:
            refuse(
                connection,
                malformed: "a request has at most \(SharingMessage.greatestRequestLength) bytes"
            )
        case .message(let bytes, _):
            if let refusal = connection.refusal {
                return refuse(connection, refusal.reason, refusal.text, request: 0)
            }
            do throws(MessageError) {
                let (request, number) = try SharingRequest.parse(bytes.span)
                answer(connection, request, number)
            } catch .version(let found) {
                state.note { $0.counters.malformed += 1 }
                let text = "it speaks version \(SharingMessage.version) of the protocol, not \(found)"
                refuse(connection, .version, text, request: 0)
            } catch {
                refuse(connection, malformed: error.description)
            }
        }
    }

    private mutating func answer(_ connection: Connection, _ request: SharingRequest, _ number: UInt32) {
        switch request {
        case .hello(let hello): attach(connection, hello, number)
        case .describe(let first):
            send(.description(describe(connection.ring, from: Int(first))), to: connection, request: number)
        case .buffer(let wanted): hand(wanted, to: connection, request: number)
        case .area(let wanted, let ring): hand(area: wanted, of: ring, to: connection, request: number)
        }
    }

    private mutating func attach(_ connection: Connection, _ hello: SharingRequest.Hello, _ number: UInt32) {
        guard !connection.isAttached else { return refuse(connection, malformed: "a second hello") }
        let ring = connection.ring
        if hello.follows {
            (connection.isAttached, connection.deadline) = (true, nil)
            return send(ring.buffer.sharedParts.map { Part($0) }, to: connection, request: number)
        }
        let reader: AttachedReader
        do {
            reader = try AttachedReader(
                ring: ring,
                hello: hello,
                peer: connection.peer,
                since: beltway_wall_clock()
            )
        } catch {
            state.note { state in
                if error == .tooManyReaders {
                    state.counters.tooMany += 1
                } else {
                    state.counters.unavailable += 1
                }
            }
            let reason: RefusalReason = error == .tooManyReaders ? .tooMany : .unavailable
            return refuse(connection, reason, error.description, request: number)
        }
        connection.reader = reader
        (connection.isAttached, connection.deadline) = (true, nil)
        state.note { state in
            state.counters.attached += 1
            state.readers.append(reader)
        }
        let holds = hello.holds && ring.mayHold
        var parts = zip(ring.buffer.sharedParts, reader.cursorDescriptors).map {
            Part($0, $0.sharedAreas(holds: holds) + [(.cursor, $1)])
        }
        // Preloaded: what its entries name so far, as far as one message carries it (paper, 3.5).
        var elsewhere: [SharedBufferEntry] = []
        for target in ring.targets() where parts.count + elsewhere.count < SharingMessage.greatestBufferCount
        {
            switch target.place {
            case .here(let buffer, let policy):
                guard policy.allows(connection.peer) else { continue }
                parts.append(Part(buffer, number: target.number))
            case .elsewhere(let entry): elsewhere.append(entry)
            }
        }
        send(parts, elsewhere: elsewhere, to: connection, request: number)
    }

    /// What entries of the connection's ring call `wanted`, if the peer may have it; else it is told why not.
    private mutating func target(
        _ wanted: UInt16,
        for connection: Connection,
        request number: UInt32
    ) -> NamedTarget.Place? {
        guard connection.isAttached else {
            refuse(connection, malformed: "a request for a buffer before the hello")
            return nil
        }
        let named = connection.ring.targets().first { $0.number == wanted }
        guard let found = named ?? state.look({ $0.buffer(wanted) }) else {
            let text = "no buffer is called \(wanted)"
            send(.refusal(.unknownBuffer, text), to: connection, request: number)
            return nil
        }
        if case .here(let buffer, let policy) = found.place, !policy.allows(connection.peer) {
            state.note { $0.counters.notAllowed += 1 }
            let text = notAllowed(connection.peer, buffer.sharedEntry.name, policy)
            send(.refusal(.notAllowed, text), to: connection, request: number)
            return nil
        }
        return found.place
    }

    /// A buffer that an index entry has named (paper, 3.5); its own policy decides.
    private mutating func hand(_ wanted: UInt16, to connection: Connection, request number: UInt32) {
        switch target(wanted, for: connection, request: number) {
        case .here(let buffer, _):
            send([Part(buffer, number: wanted)], to: connection, request: number)
        case .elsewhere(let entry): send([], elsewhere: [entry], to: connection, request: number)
        case nil: return
        }
    }

    /// An area of a ring that the peer has been given.
    private mutating func hand(
        area wanted: UInt64,
        of number: UInt16,
        to connection: Connection,
        request: UInt32
    ) {
        guard connection.isAttached else {
            return refuse(connection, malformed: "a request for an area before the hello")
        }
        let parts = connection.ring.buffer.sharedParts
        var ring: (any SharedBuffer)?
        switch number {
        case SharingRequest.ownRing: ring = parts[0]
        case SharingRequest.ownHeaders: ring = parts.count > 1 ? parts[1] : nil
        default:
            guard let place = target(number, for: connection, request: request) else { return }
            if case .here(let buffer, _) = place { ring = buffer }
        }
        guard let ring, let file = ring.areaFile(wanted) else {
            let text = "ring \(connection.ring.name) has no area \(wanted)"
            return send(.refusal(.unknownBuffer, text), to: connection, request: request)
        }
        send([Part(ring, [(.data, file.number)])], to: connection, request: request)
        withExtendedLifetime(file) {}
    }

    private func describe(_ ring: SharedRing, from first: Int) -> RingDescription {
        let (readers, counters) = state.look { ($0.readers, $0.counters) }
        let all = localReaders() + readers.filter { $0.ring === ring }.map(\.status)
        let entry = ring.buffer.sharedEntry
        let progress = ring.buffer.sharedProgress
        return RingDescription(
            name: ring.name,
            number: entry.number,
            kind: entry.kind,
            policy: entry.policy,
            linkType: entry.linkType,
            generation: ring.buffer.generation,
            process: getpid(),
            capacity: entry.capacity,
            tail: progress.bytes,
            packets: progress.ordinal,
            dropped: progress.dropped,
            isClosed: progress.isClosed,
            access: ring.policy.summary,
            counters: counters,
            readerCount: UInt32(clamping: all.count),
            readers: Array(all.dropFirst(first).prefix(RingDescription.greatestReaderCount))
        )
    }

    // MARK: Answers

    /// A buffer of an answer, with the areas that go with it.
    private struct Part {
        let buffer: any SharedBuffer
        let areas: [(area: SharedArea, descriptor: Int32)]
        /// What entries call it, if that is not what it calls itself.
        var number: UInt16?

        init(
            _ buffer: any SharedBuffer,
            _ areas: [(area: SharedArea, descriptor: Int32)]? = nil,
            number: UInt16? = nil
        ) {
            self.buffer = buffer
            self.areas = areas ?? buffer.sharedAreas(holds: false)
            self.number = number
        }
    }

    private mutating func send(
        _ parts: [Part],
        elsewhere: [SharedBufferEntry] = [],
        to connection: Connection,
        request number: UInt32
    ) {
        let attachment = SharedAttachment(
            generation: parts.first?.buffer.generation ?? 0,
            process: getpid(),
            buffers: parts.map { part in
                var entry = part.buffer.sharedEntry
                entry.areas = part.areas.map(\.area)
                if let number = part.number { entry.number = number }
                return entry
            } + elsewhere
        )
        send(
            .attachment(attachment),
            parts.flatMap { $0.areas.map(\.descriptor) },
            to: connection,
            request: number
        )
    }

    /// Sends an answer; a peer that has not taken the last one, or cannot be sent this one, is given up.
    private mutating func send(
        _ answer: SharingAnswer,
        _ descriptors: [Int32] = [],
        to connection: Connection,
        request number: UInt32
    ) {
        guard connection.socket.isTaken else {
            state.note { $0.counters.notTaken += 1 }
            return end(connection)
        }
        let code = connection.socket.send(answer.encoded(number: number), descriptors: descriptors)
        guard code != 0 else { return }
        state.note { $0.counters.notTaken += 1 }
        end(connection)
    }

    private mutating func refuse(_ connection: Connection, malformed text: String) {
        state.note { $0.counters.malformed += 1 }
        refuse(connection, .malformed, text, request: 0)
    }

    private mutating func refuse(
        _ connection: Connection,
        _ reason: RefusalReason,
        _ text: String,
        request number: UInt32
    ) {
        _ = connection.socket.send(SharingAnswer.refusal(reason, text).encoded(number: number))
        end(connection)
    }
}
