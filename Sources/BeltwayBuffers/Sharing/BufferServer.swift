// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

// The owner's side of attaching: one UNIX socket per ring, all served by one thread that is not on the data plane.
//
//      run/eth0.0   run/eth0.1   ...        listening sockets, mode and owner by each ring's policy
//          |            |
//      [ service thread: poll ]             who? (SO_PEERCRED) > allowed? > hello? > descriptors (SCM_RIGHTS)
//          |
//      one connection per reader            hang-up = the reader has gone
//
// Invariant 1. No descriptor leaves before the policy of its buffer has let the peer in.
// Invariant 2. What a peer sends, or does not send, costs a bounded amount of memory, descriptors and time.
// Invariant 3. The producer's thread never waits for this one: all they share is the registry of readers.

/// Shares buffers with other processes through sockets in a folder.
public final class BufferServer: Sendable {
    /// The folder of the sockets.
    public let folder: String
    private let sockets: SocketFolder
    private let limits: SharingLimits
    private let state: SharingStateBox
    private let ended: PollSignal

    /// Starts the service thread; no buffer is shared yet.
    ///
    /// - Parameters:
    ///   - folder: An existing folder, usually `run` of a data directory that this process has locked.
    ///   - limits: What is refused.
    ///   - localReaders: The readers of this process, for `beltway status`; called by the service thread.
    /// - Throws: ``SharingError`` if the folder cannot be opened or the thread not be had.
    public init(
        folder: String,
        limits: SharingLimits = SharingLimits(),
        localReaders: @escaping @Sendable () -> [ReaderStatus] = { [] }
    ) throws(SharingError) {
        self.folder = folder
        self.limits = limits
        sockets = try SocketFolder(folder)
        state = try SharingStateBox()
        ended = try PollSignal()
        let (state, ended) = (state, ended)
        let code = startThread(named: "sharing") {
            var service = SharingService(state: state, limits: limits, localReaders: localReaders)
            service.run()
            ended.raise()
        }
        guard code == 0 else { throw .system(call: "pthread_create", path: folder, errno: code) }
    }

    deinit { stop() }

    /// Removes the sockets that a process left behind that crashed: those at which nobody listens.
    ///
    /// - Parameter folder: Where they lie; whoever calls this holds the folder's lock.
    public static func removeStaleSockets(in folder: String) {
        guard let sockets = try? SocketFolder(folder) else { return }
        for name in sockets.sockets() where isStale(name, sockets) { sockets.remove(name) }
    }

    private static func isStale(_ name: String, _ sockets: SocketFolder) -> Bool {
        do {
            _ = try sockets.connect(name, milliseconds: 100)
            return false
        } catch {
            if case .nobodyListens = error { return true }
            return false
        }
    }

    /// Opens a socket for a buffer; whom its policy lets in can attach from then on.
    ///
    /// - Parameters:
    ///   - buffer: What is shared, under its own name.
    ///   - policy: Who may attach.
    ///   - waitsForReaders: Whether readers of other processes may hold the buffer, where its policy protects readers.
    /// - Throws: ``SharingError`` if the name cannot be a socket's, or is taken, or the system refuses.
    public func share(
        _ buffer: DataBuffer,
        policy: AccessPolicy,
        waitsForReaders: Bool = false
    ) throws(SharingError) {
        try share(buffer, as: buffer.name, policy: policy, waitsForReaders: waitsForReaders)
    }

    /// Opens a socket for a ring of any kind, under its own name.
    ///
    /// - Parameters:
    ///   - ring: What is shared.
    ///   - naming: For an index ring: the buffers of other owners that its entries name, as this process has attached
    ///     to them. They are not handed on: a reader asks their owners, whose policies decide.
    ///   - policy: Who may attach.
    ///   - waitsForReaders: Whether readers of other processes may hold the ring, where its policy protects readers.
    /// - Throws: ``SharingError`` if the name cannot be a socket's, or is taken, or the system refuses.
    public func share(
        _ ring: Ring,
        naming: [DataBuffer] = [],
        policy: AccessPolicy,
        waitsForReaders: Bool = true
    ) throws(SharingError) {
        guard naming.count < SharingMessage.greatestBufferCount else {
            throw .buffer(.tooManyBuffers(SharingMessage.greatestBufferCount))
        }
        let targets = naming.map { buffer in
            NamedTarget(number: buffer.number, place: .elsewhere(buffer.sharedEntry))
        }
        try share(
            ring,
            as: ring.name,
            targets: { targets },
            policy: policy,
            waitsForReaders: waitsForReaders
        )
    }

    /// Opens a socket for a ring with headers out of band, under its own name: one socket for both of its rings.
    ///
    /// - Throws: As ``share(_:naming:policy:waitsForReaders:)``.
    public func share(
        _ ring: DescribedRing,
        policy: AccessPolicy,
        waitsForReaders: Bool = true
    ) throws(SharingError) {
        try share(ring, as: ring.bodies.name, policy: policy, waitsForReaders: waitsForReaders)
    }

    // A buffer of any kind; the service thread asks `targets` for the buffers that its entries name so far.
    func share(
        _ buffer: any SharedBuffer,
        as name: String,
        targets: @escaping @Sendable () -> [NamedTarget] = { [] },
        policy: AccessPolicy,
        waitsForReaders: Bool
    ) throws(SharingError) {
        let listener = try listen(name, policy)
        buffer.setPatience(nanoseconds: UInt64(max(0, limits.patienceMilliseconds)) * 1_000_000)
        let ring = SharedRing(
            name: name,
            buffer: buffer,
            targets: targets,
            policy: policy,
            mayHold: waitsForReaders,
            listener: listener,
            inode: sockets.inode(of: name)
        )
        state.update { state in
            state.rings.append(ring)
            state.version += 1
        }
    }

    /// Listens under a name; what a dead process left there is removed first.
    private func listen(_ name: String, _ policy: AccessPolicy) throws(SharingError) -> UnixSocket {
        do {
            return try sockets.listen(name, policy, backlog: 128)
        } catch {
            guard case .system(_, let path, EADDRINUSE) = error else { throw error }
            guard sockets.isSocket(name) == true else { throw .notASocket(path: path) }
            guard Self.isStale(name, sockets) else { throw .alreadyServed(path: path) }
            sockets.remove(name)
            return try sockets.listen(name, policy, backlog: 128)
        }
    }

    /// Closes the socket of a ring and hangs up on its readers; what they have mapped stays theirs.
    public func withdraw(_ name: String) {
        let gone = state.update { state in
            let gone = state.rings.filter { $0.name == name }
            state.rings.removeAll { $0.name == name }
            state.version += 1
            return gone
        }
        for ring in gone { removeSocket(of: ring) }
    }

    /// Names of the rings that are shared.
    public var rings: [String] { state.look { $0.rings.map(\.name) } }

    /// Readers that are attached now.
    public var readers: [ReaderLedger] {
        state.look(\.readers).map { ReaderLedger(ring: $0.ring.name, status: $0.status, isAttached: true) }
    }

    /// Ledgers of all readers: those that have gone, oldest first, then those that are attached.
    public var ledgers: [ReaderLedger] { state.look(\.former) + readers }

    /// What happened on the sockets so far.
    public var counters: SharingCounters { state.look(\.counters) }

    /// Hangs up on every reader, removes the sockets and ends the thread; returns when it has ended.
    public func stop() {
        let rings = state.update { state in
            let rings = state.rings
            state.rings = []
            state.version += 1
            state.isStopping = true
            return rings
        }
        for ring in rings { removeSocket(of: ring) }
        var one = [pollfd(fd: ended.descriptor, events: Int16(POLLIN), revents: 0)]
        _ = waitForEvents(&one, milliseconds: 5_000)
    }

    private func removeSocket(of ring: SharedRing) {
        if let inode = ring.inode, sockets.inode(of: ring.name) == inode { sockets.remove(ring.name) }
    }
}

/// The shared state with its lock, and the signal that tells the service thread to look at it again.
final class SharingStateBox: Sendable {
    private let state = Mutex(SharingState())
    let signal: PollSignal

    init() throws(SharingError) { signal = try PollSignal() }

    /// Reads something.
    func look<Result>(_ body: (SharingState) -> sending Result) -> sending Result {
        state.withLock { body($0) }
    }

    /// Changes something and tells the service thread.
    func update<Result>(_ body: (inout SharingState) -> sending Result) -> sending Result {
        let result = state.withLock { body(&$0) }
        signal.raise()
        return result
    }

    /// Changes something that the service thread need not be told of.
    func note(_ body: (inout SharingState) -> Void) { state.withLock { body(&$0) } }
}
