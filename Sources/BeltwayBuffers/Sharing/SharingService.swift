// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

// The thread behind a server's sockets.
//
//   accepted --policy: no--> refused (told when it has asked, or when its time is over)
//      |
//   silent, until a deadline --hello--> attached --hang-up--> gone
//      `--describe--> (stays silent)        `--buffer N--> answered

/// Serves the sockets until it is told to stop.
struct SharingService {
    let state: SharingStateBox
    let limits: SharingLimits
    let localReaders: @Sendable () -> [ReaderStatus]
    private var rings: [SharedRing] = []
    private var version: UInt64 = 0
    private var connections: [ServedConnection] = []
    private var windowStart = ContinuousClock.now
    var eventsInWindow = 0
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
        let connection = ServedConnection(
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

    func notAllowed(_ peer: PeerIdentity, _ name: String, _ policy: AccessPolicy) -> String {
        "user \(peer.user) may not read ring \(name) (its policy is \(policy.summary)); "
            + "ask for membership of group \(policy.group)"
    }

    mutating func end(_ connection: ServedConnection) {
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
}
