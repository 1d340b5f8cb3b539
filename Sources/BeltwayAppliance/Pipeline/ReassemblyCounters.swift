// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayTrace
internal import Synchronization

/// What a worker shows of its reassembly of fragments and streams, or a producer of tunnels' fragments: stored once per
/// batch, read at leisure.
final class ReassemblyCounters: Sendable {
    private let values = Mutex(ReassemblyProgress())

    func store(_ fragments: FragmentStatistics, _ streams: StreamStatistics) {
        var progress = ReassemblyProgress()
        progress.fragments = fragments.fragments
        progress.datagrams = fragments.reassembled
        progress.timedOut = fragments.timedOut
        progress.evicted = fragments.evicted
        progress.overlappingFragments = fragments.overlapping
        progress.invalid = fragments.tooMany + fragments.tooLong + fragments.malformed
        progress.streams = streams.flows
        progress.bytes = streams.bytes
        progress.gaps = streams.gaps
        progress.gapBytes = streams.gapBytes
        progress.waited = streams.waited
        progress.copiedBytes = streams.copiedBytes
        progress.overlaps = streams.overlaps
        progress.lost = streams.totalBudgetLosses + streams.overwritten
        let stored = progress
        values.withLock { $0 = stored }
    }

    /// Stores what a producer did with fragments that may carry tunnels, all of which a worker counts too.
    func store(tunnels: FragmentStatistics) {
        values.withLock { progress in
            progress.tunnels = tunnels.reassembled
            progress.tunnelsTimedOut = tunnels.timedOut
            progress.tunnelsEvicted = tunnels.evicted
        }
    }

    /// Adds these to the sum over all workers and producers.
    func add(to sum: inout ReassemblyProgress) {
        let own = values.withLock { $0 }
        sum.fragments += own.fragments
        sum.datagrams += own.datagrams
        sum.timedOut += own.timedOut
        sum.evicted += own.evicted
        sum.overlappingFragments += own.overlappingFragments
        sum.invalid += own.invalid
        sum.tunnels += own.tunnels
        sum.tunnelsTimedOut += own.tunnelsTimedOut
        sum.tunnelsEvicted += own.tunnelsEvicted
        sum.streams += own.streams
        sum.bytes += own.bytes
        sum.gaps += own.gaps
        sum.gapBytes += own.gapBytes
        sum.waited += own.waited
        sum.copiedBytes += own.copiedBytes
        sum.overlaps += own.overlaps
        sum.lost += own.lost
    }
}
