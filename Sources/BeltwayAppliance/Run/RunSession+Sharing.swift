// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Foundation
internal import Synchronization

// Other processes attach to the rings of a run through sockets in `run/` of its data directory. The run goes on
// whatever happens there: what cannot be shared is said once, and counted nowhere.

/// Shares rings as they are opened, whichever thread opens them.
final class RingSharing: Sendable {
    private let server: BufferServer
    private let policy: AccessPolicy
    private let console: Console
    private let hasComplained = Atomic<Bool>(false)

    init(_ server: BufferServer, _ policy: AccessPolicy, _ console: Console) {
        self.server = server
        self.policy = policy
        self.console = console
    }

    /// Opens the ring's socket.
    ///
    /// Strangers are never waited for: not even capture files are.
    func share(_ ring: DataBuffer) {
        do {
            try server.share(ring, policy: policy)
        } catch {
            guard !hasComplained.exchange(true, ordering: .relaxed) else { return }
            console.note("\(error); other processes cannot attach to ring \(ring.name)")
        }
    }
}

extension RunSession {
    /// Whether the run keeps a data directory only so that others can attach: live capture does.
    var wantsSharing: Bool {
        configuration.sharing.isOn && (!configuration.isOffline || configuration.data != nil)
    }

    /// Starts the server of the sockets, after removing those of a run that crashed: the lock says that it is gone.
    func openSharing() {
        guard plan.isShared, let data else { return }
        let folder = data.path + "/run"
        BufferServer.removeStaleSockets(in: folder)
        let (consumers, process, user) = (localConsumers, getpid(), geteuid())
        do {
            let server = try BufferServer(folder: folder) {
                consumers.all.map { consumer in
                    ReaderStatus(
                        name: consumer.name,
                        process: process,
                        user: user,
                        published: consumer.published,
                        read: consumer.read,
                        lost: consumer.lost,
                        lag: consumer.lag.packets,
                        lagInBytes: UInt64(clamping: consumer.lag.bytes)
                    )
                }
            }
            sharing = server
            ringSharing = RingSharing(server, configuration.sharing.policy, console)
        } catch {
            console.note("\(error); other processes cannot attach to this run")
        }
    }

    /// Hangs up on every reader and removes the sockets.
    ///
    /// The readers see the end in the rings themselves, and go when they have read what is left; for a moment they are
    /// waited for, so that their ledgers in the summary are whole.
    func closeSharing() {
        guard let sharing else { return }
        var patience = 100
        while patience > 0, !sharing.readers.isEmpty {
            usleep(10_000)
            patience -= 1
        }
        sharing.stop()
    }

    /// Ledgers of readers in other processes: one `tap.<pid>` for each process, its rings added up.
    var attachedConsumers: [RunSummary.Consumer] {
        var consumers: [RunSummary.Consumer] = []
        var places: [Int32: Int] = [:]
        for ledger in sharing?.ledgers ?? [] {
            let status = ledger.status
            if let place = places[status.process] {
                consumers[place].published += status.published
                consumers[place].read += status.read
                consumers[place].lost += status.lost
            } else {
                places[status.process] = consumers.count
                consumers.append(
                    RunSummary.Consumer(
                        name: "tap.\(status.process)",
                        published: status.published,
                        read: status.read,
                        lost: status.lost
                    )
                )
            }
        }
        return consumers
    }
}

/// The consumers of this process, for the thread that tells other processes about them.
final class LocalConsumers: Sendable {
    private let counters = Mutex<[ConsumerCounters]>([])

    /// Replaces the list.
    func show(_ list: [ConsumerCounters]) { counters.withLock { $0 = list } }

    var all: [ConsumerCounters] { counters.withLock { $0 } }
}
