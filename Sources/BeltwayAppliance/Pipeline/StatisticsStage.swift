// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayTrace
internal import BeltwayWire
internal import Foundation
internal import Synchronization

/// Where a snapshot of the statistics is asked for and laid down: the counting thread looks at a flag once per batch.
final class SnapshotBoard: Sendable {
    private let isWanted = Atomic<Bool>(false)
    private let latest = Mutex<StatisticsSnapshot?>(nil)

    /// Asks for a fresh snapshot; it comes with the next batch.
    func request() { isWanted.store(true, ordering: .relaxed) }

    /// The last snapshot that was laid down.
    var snapshot: StatisticsSnapshot? { latest.withLock { $0 } }

    fileprivate func takeRequest() -> Bool {
        guard isWanted.load(ordering: .relaxed) else { return false }
        return isWanted.exchange(false, ordering: .relaxed)
    }

    fileprivate func lay(_ snapshot: StatisticsSnapshot) { latest.withLock { $0 = snapshot } }
}

/// The statistics consumer, in whatever thread the plan has placed it.
struct StatisticsStage: ~Copyable {
    private var statistics: Statistics
    private let board: SnapshotBoard
    private let counters: ConsumerCounters
    private let isLive: Bool
    private var latest = Timestamp.zero

    init(board: SnapshotBoard, counters: ConsumerCounters, isLive: Bool) {
        statistics = Statistics()
        self.isLive = isLive
        self.board = board
        self.counters = counters
    }

    /// Says which link type the packets from here on have.
    mutating func select(_ linkType: LinkType) { statistics.select(linkType) }

    /// Counts one packet.
    @inline(__always)
    mutating func account(_ headers: borrowing PacketHeaders, originalLength: UInt32, time: Timestamp) {
        statistics.account(headers, originalLength: originalLength, time: time)
        if time > latest { latest = time }
    }

    /// Shows progress after a batch, and a snapshot if somebody wants one.
    ///
    /// - Parameters:
    ///   - lost: Packets that were overwritten before they could be counted.
    ///   - lag: How far this consumer is behind; its time is worked out here.
    ///   - through: Up to what time packets are published.
    mutating func showProgress(
        lost: UInt64 = 0,
        lag: ConsumerLag = ConsumerLag(),
        through: Timestamp = .zero
    ) {
        var lag = lag
        if lag.packets > 0 { lag.nanoseconds = through.nanoseconds(since: latest) }
        counters.store(read: statistics.packets, lost: lost, lag: lag)
        if board.takeRequest() { lay() }
    }

    /// Lays down the last snapshot.
    mutating func finish() { lay() }

    private mutating func lay() {
        // A live capture's seconds go by without packets; a file's time is that of its packets.
        let now = isLive ? max(latest, Timestamp.now) : latest
        board.lay(statistics.snapshot(at: now, progress: PipelineProgress()))
    }
}

extension Timestamp {
    /// The wall clock's time; only for what is not about a packet.
    static var now: Timestamp {
        Timestamp(nanoseconds: UInt64(max(0, Date().timeIntervalSince1970) * 1e9))
    }
}
