// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayStore
internal import Synchronization

/// The packet loggers of a run: one per ring, each in a thread of its own; one ledger, one budget for all.
final class PacketLoggers: Sendable {
    private struct State {
        var threads: [DataPlaneThread] = []
        var loggers: [(ring: DataBuffer, counters: LoggerCounters)] = []
        var problems: [String] = []
    }

    private let budget: StorageBudget?
    private let configuration: PacketLogger.Configuration
    private let console: Console
    private let state = Mutex(State())

    /// Makes the loggers of a run, none of which exists before its ring does.
    ///
    /// - Parameters:
    ///   - data: The data directory; nil if no packets are stored.
    ///   - run: Quota, floor and segment length.
    ///   - console: Where to say that storing pauses or goes on.
    init(data: String?, run: RunConfiguration, console: Console) {
        budget = data.map {
            StorageBudget(
                folder: $0 + "/packets",
                quota: run.packetQuota.map { UInt64($0) },
                floor: run.freeFloor.map { UInt64($0) }
            )
        }
        var configuration = PacketLogger.Configuration()
        if let length = run.segmentLength { configuration.segmentLength = UInt64(length) }
        self.configuration = configuration
        self.console = console
    }

    /// Starts the logger of a ring; call it before the ring's first packet, so that none is missed.
    func attach(to ring: DataBuffer) throws(BufferError) {
        guard let budget else { return }
        let counters = LoggerCounters()
        let reader = try RegionReader(ring)
        let logger = PacketLogger(
            reader: reader,
            budget: budget,
            configuration: configuration,
            counters: counters
        ) {
            [weak self] report in
            switch report {
            case .paused(_, let error):
                self?.note("packets are not stored: \(error)")
            case .resumed(let ring, let passedOver):
                self?.console.note("packets of \(ring) are stored again; \(passedOver) were passed over")
            }
        }
        let parcel = Parcel(logger)
        let thread: DataPlaneThread
        do {
            thread = try DataPlaneThread(name: "log \(ring.name)") {
                var logger = parcel.open()
                while true {
                    // Before the drain: what came in between is taken by the next turn.
                    let isAtEnd = logger.isAtEnd
                    if !logger.drain() {
                        if isAtEnd { break }
                        logger.wait(nanoseconds: 20_000_000)
                    }
                }
                logger.close()
            }
        } catch {
            throw .system(call: "pthread_create for the packet logger", errno: error.code)
        }
        state.withLock {
            $0.threads.append(thread)
            $0.loggers.append((ring, counters))
        }
    }

    private func note(_ problem: String) {
        state.withLock { state in
            if state.problems.count < 16, !state.problems.contains(problem) { state.problems.append(problem) }
        }
        console.note(problem)
    }

    /// Waits until every logger has written what there is.
    func finish() {
        for thread in state.withLock({ $0.threads }) { thread.join() }
    }

    /// What was read, over all rings, whether or not it could be stored; see ``passedOver``.
    var counters: [ConsumerCounters] {
        let loggers = state.withLock { $0.loggers }
        guard budget != nil else { return [] }
        let sum = ConsumerCounters("logger")
        var (read, lost): (UInt64, UInt64) = (0, 0)
        var lag = ConsumerLag()
        for (ring, logger) in loggers {
            read +=
                logger.packetsWritten.load(ordering: .relaxed)
                + logger.packetsPassedOver.load(ordering: .relaxed)
            lost += logger.packetsLost.load(ordering: .relaxed)
            // It takes whole regions, so what is in the one being filled counts as not yet taken.
            let published = ring.memory.tailOrdinal
            lag.packets += published - min(published, logger.published.load(ordering: .relaxed))
        }
        sum.store(read: read, lost: lost, lag: lag)
        return [sum]
    }

    /// Packets that were read and could not be stored.
    var passedOver: UInt64 {
        state.withLock { $0.loggers }.reduce(0) {
            $0 + $1.counters.packetsPassedOver.load(ordering: .relaxed)
        }
    }

    /// What went wrong, each thing once; it was said when it happened.
    var problems: [String] { state.withLock { $0.problems } }

    /// Bytes that all segments take, if older ones had to be deleted to make room; nil otherwise.
    var remainingBytes: UInt64? {
        guard let status = budget?.status, status.deleted > 0 else { return nil }
        return status.used
    }

    /// Bytes written to segments.
    var storedBytes: UInt64 {
        state.withLock { $0.loggers }.reduce(0) { $0 + $1.counters.bytesWritten.load(ordering: .relaxed) }
    }
}
