// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayTrace
internal import Synchronization

/// What a worker shows of its flow table and its parsers: stored once per batch, read at leisure.
final class FlowTableCounters: Sendable {
    private let total = Atomic<UInt64>(0)
    private let active = Atomic<UInt64>(0)
    private let tcp = Atomic<UInt64>(0)
    private let udp = Atomic<UInt64>(0)
    private let icmp = Atomic<UInt64>(0)
    private let evicted = Atomic<UInt64>(0)
    private let memory = Atomic<UInt64>(0)
    private let parsed = Mutex(ApplicationTally())
    /// Of the same worker.
    let reassembly = ReassemblyCounters()

    func store(_ flows: FlowStatistics, _ parsed: ApplicationTally?) {
        if let parsed {
            self.parsed.withLock { known in
                if known.changes != parsed.changes || known.cut != parsed.cut { known = parsed }
            }
        }
        total.store(flows.total, ordering: .relaxed)
        active.store(UInt64(flows.active), ordering: .relaxed)
        tcp.store(flows.begun[Int(FlowProtocol.tcp.rawValue)], ordering: .relaxed)
        udp.store(flows.begun[Int(FlowProtocol.udp.rawValue)], ordering: .relaxed)
        icmp.store(flows.begun[Int(FlowProtocol.icmp.rawValue)], ordering: .relaxed)
        evicted.store(flows.evicted, ordering: .relaxed)
        memory.store(UInt64(flows.memoryBytes), ordering: .relaxed)
    }

    /// Adds this table to the sum over all workers.
    func add(to progress: inout FlowProgress) {
        progress.total += total.load(ordering: .relaxed)
        progress.active += active.load(ordering: .relaxed)
        progress.tcp += tcp.load(ordering: .relaxed)
        progress.udp += udp.load(ordering: .relaxed)
        progress.icmp += icmp.load(ordering: .relaxed)
        progress.evicted += evicted.load(ordering: .relaxed)
        progress.memoryInBytes += memory.load(ordering: .relaxed)
    }

    /// What its parsers did.
    var applications: ApplicationTally { parsed.withLock { $0 } }

    var evictions: UInt64 { evicted.load(ordering: .relaxed) }
}
