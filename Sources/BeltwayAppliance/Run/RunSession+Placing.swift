// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow

// What the plan has the capture thread call, and what gets a thread of its own (`PipelinePlan`).

extension RunSession {
    /// The worker that a capture thread calls, with what it shows of itself; nothing where workers have threads.
    struct CalledWorker: ~Copyable {
        var workers = OwnedArray<Worker<FactProducer>>(capacity: 1)
        var progress: ConsumerCounters?
        var flows: FlowTableCounters?
    }

    /// Makes the worker that the one capture thread calls, if the plan has it so.
    func placeWorker() -> CalledWorker {
        var called = CalledWorker()
        guard plan.worker.isCalled else { return called }
        let counters = ConsumerCounters("worker.0")
        consumerCounters.append(counters)
        called.workers.append(makeWorker(0, share: 1))
        called.progress = counters
        called.flows = addFlowTable()
        return called
    }

    /// Where one more producer shows what it did with fragments that may carry tunnels.
    func addTunnelCounters() -> ReassemblyCounters {
        let counters = ReassemblyCounters()
        tunnelCounters.append(counters)
        return counters
    }

    /// How a producer puts together fragments that may carry tunnels: the memory is that of all producers together.
    var tunnelFragments: FragmentConfiguration {
        var fragments = configuration.flow.fragments
        fragments.budget = max(
            min(fragments.budget, 256 << 10),
            fragments.budget / max(1, plan.producers.count)
        )
        return fragments
    }

    /// The statistics that a capture thread calls; or, where they have a thread, whereby that gets its readers.
    struct PlacedStatistics: ~Copyable {
        var called = OwnedArray<StatisticsStage>(capacity: 1)
        var inbox: ReaderInbox?
    }

    /// Makes the statistics, and starts their thread if the plan gives them one.
    func placeStatistics() throws(ApplianceError) -> PlacedStatistics {
        let counters = ConsumerCounters("statistics")
        consumerCounters.append(counters)
        let stage = StatisticsStage(board: board, counters: counters, isLive: !plan.isOffline)
        var placed = PlacedStatistics()
        if plan.statistics.isCalled {
            placed.called.append(stage)
            return placed
        }
        let inbox = ReaderInbox()
        placed.inbox = inbox
        let parcel = Parcel(StatisticsThread(stage: stage, inbox: inbox))
        consumerThreads.append(
            try start("statistics") {
                var thread = parcel.open()
                thread.run()
            }
        )
        return placed
    }
}
