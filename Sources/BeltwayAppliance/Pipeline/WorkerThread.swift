// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

/// A worker in a thread of its own, fed by one index buffer per producer thread.
///
/// One lane (a capture file, one queue) is taken as it comes. Several lanes (queues of live capture) are merged by
/// time, with a bounded wait for a lane that is silent: what it may still bring is told by `timeThrough`.
struct WorkerThread<Consumer: EntryConsumer & ~Copyable>: ~Copyable {
    var worker: Consumer
    var lanes: OwnedArray<WorkerLane>
    let progress: ConsumerCounters
    /// Where a worker shows its flow table; nil for the tracer, whose flows are theirs.
    let flows: FlowTableCounters?
    let isLive: Bool

    /// Entries that are taken between two looks at anything else.
    private static var batch: Int { 256 }
    /// How long a silent lane may hold up the others, and how long an idle worker sleeps.
    private static var patienceNanoseconds: Int64 { 2_000_000 }

    /// Runs until every producer has ended and everything was taken; then ends all flows.
    mutating func run() {
        while !isAtEnd {
            let taken = lanes.count == 1 ? lanes[0].drain(limit: Self.batch, into: &worker) : drainMerged()
            worker.batchEnded()
            showProgress()
            if taken == 0 { sleep() }
        }
        var clock = Timestamp.zero
        for index in 0..<lanes.count { clock = max(clock, lanes[index].clock) }
        worker.finish(at: clock)
        worker.batchEnded()
        showProgress()
    }

    private var isAtEnd: Bool {
        for index in 0..<lanes.count where !lanes[index].reader.isAtEnd { return false }
        return true
    }

    /// Takes from the lane whose next packet is earliest, up to where another lane's next packet comes first.
    ///
    /// A silent lane that may still bring an earlier one is waited for, once and for a bounded time.
    private mutating func drainMerged() -> Int {
        var next = look()
        if next.lane >= 0, next.silentLane >= 0, next.silentThrough < next.time {
            lanes[next.silentLane].reader.wait(nanoseconds: Self.patienceNanoseconds)
            next = look()
        }
        guard next.lane >= 0 else { return 0 }
        return lanes[next.lane].drain(limit: Self.batch, bound: next.bound, into: &worker)
    }

    /// What the lanes have to offer.
    private struct Outlook {
        /// The lane whose next packet is earliest, and that packet's time; -1 if there is none.
        var lane = -1
        var time = Timestamp.distantFuture
        /// Time of the next packet of any other lane.
        var bound = Timestamp.distantFuture
        /// The silent lane that may bring the earliest packet, and how early; -1 without one.
        var silentLane = -1
        var silentThrough = Timestamp.distantFuture
    }

    private mutating func look() -> Outlook {
        var outlook = Outlook()
        for index in 0..<lanes.count {
            if let time = lanes[index].nextTime() {
                if outlook.lane < 0 || time < outlook.time {
                    if outlook.lane >= 0 { outlook.bound = min(outlook.bound, outlook.time) }
                    (outlook.lane, outlook.time) = (index, time)
                } else {
                    outlook.bound = min(outlook.bound, time)
                }
            } else {
                let through = lanes[index].timeThrough()
                if through < outlook.silentThrough {
                    (outlook.silentLane, outlook.silentThrough) = (index, through)
                }
            }
        }
        return outlook
    }

    /// Sleeps until something comes; on a quiet line, time passes all the same.
    private mutating func sleep() {
        if isLive {
            var through = Timestamp.distantFuture
            for index in 0..<lanes.count { through = min(through, lanes[index].timeThrough()) }
            if through != .distantFuture, through != .zero { worker.idle(through: through) }
        }
        // One lane wakes it; the others are looked at when its patience ends. Not one that has ended (an interface
        // that is gone): there is nothing to wait for, so no sleep.
        var lane = 0
        while lane < lanes.count - 1, lanes[lane].reader.isAtEnd { lane += 1 }
        lanes[lane].reader.wait(nanoseconds: Self.patienceNanoseconds)
    }

    private mutating func showProgress() {
        var read: UInt64 = 0
        var lost: UInt64 = 0
        var lag = ConsumerLag()
        var through = Timestamp.zero
        for index in 0..<lanes.count {
            read += lanes[index].reader.read
            lost += lanes[index].reader.lost
            lag.bytes += lanes[index].lagInBytes
            lag.packets += lanes[index].reader.backlog
            if lanes[index].reader.backlog > 0 { through = max(through, lanes[index].timeThrough()) }
        }
        // Bytes beyond the last entry are other workers' packets.
        lag = lag.packets > 0 ? lag : ConsumerLag()
        if lag.packets > 0 { lag.nanoseconds = through.nanoseconds(since: worker.latest) }
        progress.store(read: read, lost: lost, lag: lag, payloadSkipped: worker.payloadSkipped)
        if let flows {
            flows.store(worker.flows, worker.parsed)
            worker.showReassembly(flows.reassembly)
        }
    }
}
