// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

// Serves rings to other hosts.
//
//     listener (event loop) > TLS, client's certificate checked > a thread per client: RemoteSession on a ring
//
// Bounded: so many clients are served; as many more may be shaking hands, for ten seconds; who comes beyond that is
// closed at once. A client is served by a reader of its own, so one that is slow is lapped alone.

/// What a server knows of a ring that a client asks for.
protocol RingProvider: Sendable {
    /// Attaches to the ring of a name; an empty one means the first.
    func attach(_ name: String) -> ProvidedRing
}

/// An attached ring, or why there is none.
enum ProvidedRing {
    /// The ring; `isGone` tells whether its producer has died.
    case ring(DataBuffer, names: [String], isGone: @Sendable () -> Bool)
    /// There is none; these there are.
    case none(known: [String])
}

/// A listening server of rings.
final class RingServer: Sendable {
    private let provider: any RingProvider
    private let identity: TLSIdentity
    private let limits: RemoteServerLimits
    private let maximumClients: Int
    private let console: Console
    private let stop: StopFlag
    private let counts = Mutex(Counts())
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    /// What has happened so far.
    struct Counts: Equatable, Sendable {
        /// Connections accepted.
        var connections = 0
        /// Connections open now, and those among them that are served.
        var open = 0
        var serving = 0
        /// Clients served to their end.
        var served = 0
        /// Connections refused because there were too many.
        var turnedAway = 0
        /// Connections that failed in TLS.
        var untrusted = 0
        /// Clients that broke the protocol.
        var malformed = 0
        /// Bytes sent to clients.
        var bytesSent: UInt64 = 0
    }

    init(
        _ provider: any RingProvider,
        identity: TLSIdentity,
        maximumClients: Int,
        limits: RemoteServerLimits = RemoteServerLimits(),
        console: Console,
        stop: StopFlag
    ) {
        self.provider = provider
        self.identity = identity
        self.maximumClients = maximumClients
        self.limits = limits
        self.console = console
        self.stop = stop
    }

    /// What has happened so far.
    var numbers: Counts { counts.withLock { $0 } }

    /// Opens the port.
    ///
    /// - Returns: The address that is listened on, as people write it.
    /// - Throws: ``ApplianceError`` if it is taken or not ours.
    func listen(host: String, port: Int) throws(ApplianceError) -> (text: String, port: Int) {
        do {
            let opened = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.backlog, value: 64)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(.writeBufferWaterMark, value: .init(low: 262_144, high: 1 << 20))
                .childChannelInitializer { channel in self.welcome(channel) }
                .bind(host: host, port: port).wait()
            channel.withLock { $0 = opened }
            let found = opened.localAddress?.port ?? port
            return (host.contains(":") ? "[\(host)]:\(found)" : "\(host):\(found)", found)
        } catch {
            let text = (error as? IOError).map { systemText($0.errnoCode) } ?? "\(error)"
            throw .failure("cannot listen on \(host):\(port): \(text)")
        }
    }

    /// Closes the port, and waits until the clients have been told, at most so long.
    func close(seconds: Int) {
        try? channel.withLock { $0 }?.close().wait()
        for _ in 0..<seconds * 100 where numbers.serving > 0 { sleepBriefly() }
    }

    // MARK: On the event loop

    private func welcome(_ channel: any Channel) -> EventLoopFuture<Void> {
        let isTaken = counts.withLock { counts in
            counts.connections += 1
            guard counts.open < 2 * maximumClients else {
                counts.turnedAway += 1
                return false
            }
            counts.open += 1
            return true
        }
        guard isTaken else { return channel.close() }
        channel.closeFuture.whenComplete { _ in self.counts.withLock { $0.open -= 1 } }
        let place = channel.remoteAddress.map { $0.ipAddress ?? "\($0)" } ?? "?"
        let context = identity.context
        return channel.eventLoop.makeCompletedFuture {
            let limit = channel.eventLoop.scheduleTask(in: .seconds(10)) {
                channel.close(promise: nil)  // shook no hands in time
            }
            let isReady = ReadyFlag()
            let bridge = ChannelBridge(
                channel,
                explain: { error in
                    let trouble = TLSTrouble.explain(error, ofClient: place)
                    if !isReady.value.load(ordering: .relaxed) { self.noteUntrusted(trouble, place) }
                    return trouble
                },
                whenReady: { bridge in
                    isReady.value.store(true, ordering: .relaxed)
                    limit.cancel()
                    self.start(bridge, place)
                }
            )
            channel.closeFuture.whenComplete { _ in limit.cancel() }
            try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), bridge])
        }
    }

    private func noteUntrusted(_ trouble: RemoteError, _ place: String) {
        counts.withLock { $0.untrusted += 1 }
        console.note(trouble == .closed ? "client \(place) hung up before TLS was established" : "\(trouble)")
    }

    private func start(_ bridge: ChannelBridge, _ place: String) {
        let isServed = counts.withLock { counts in
            counts.serving += 1
            return counts.serving <= maximumClients
        }
        do throws(ThreadError) {
            _ = try DataPlaneThread(name: "serve") {
                self.serve(bridge, place, turningAway: !isServed)
            }
        } catch {
            counts.withLock { $0.serving -= 1 }
            console.note("\(error.asFailure)")
            bridge.close()
        }
    }

    // MARK: In the client's thread

    private func serve(_ bridge: ChannelBridge, _ place: String, turningAway: Bool) {
        defer { counts.withLock { $0.serving -= 1 } }
        var session: RemoteSession<TLSChannel>
        do throws(RemoteError) {
            session = try RemoteSession(TLSChannel(bridge), limits: limits)
        } catch {
            return console.note("client \(place): \(error)")
        }
        if turningAway {
            counts.withLock { $0.turnedAway += 1 }
            session.turnAway(.tooManyClients)
            return console.note("client \(place) turned away: \(maximumClients) are served already")
        }
        let found = Mutex<(@Sendable () -> Bool)?>(nil)
        let report = session.run(
            stop: { stop.isRequested },
            isGone: { found.withLock { $0 }?() ?? false },
            find: { name in
                switch provider.attach(name) {
                case .ring(let buffer, let names, let isGone):
                    found.withLock { $0 = isGone }
                    console.note("client \(place) reads \(buffer.name)")
                    return .ring(buffer, names: names)
                case .none(let known): return .none(known: known)
                }
            }
        )
        counts.withLock { counts in
            counts.served += 1
            counts.bytesSent += report.counters.bytesSent
            if case .malformed? = report.error { counts.malformed += 1 }
        }
        let ended = report.error.map { $0 == .closed ? "" : ": \($0)" } ?? ""
        let sent = humanBytes(report.counters.bytesSent)
        console.note(
            "client \(place) left \(report.ring.isEmpty ? "without a ring" : report.ring)"
                + " (\(report.read) sent, \(report.lost) lost, \(sent))\(ended)"
        )
    }
}

/// Whether a connection's TLS is established; shared by its closures.
private final class ReadyFlag: Sendable {
    let value = Atomic<Bool>(false)
}

/// How long who waits for a stop sleeps between looks at it.
func sleepBriefly() { usleep(10_000) }
