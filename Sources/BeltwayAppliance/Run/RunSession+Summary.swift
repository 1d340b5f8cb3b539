// SPDX-License-Identifier: Apache-2.0
internal import BeltwayCapture
internal import BeltwayFlow
internal import BeltwayTrace
internal import BeltwayWire
internal import Foundation
internal import Synchronization

// What is said when a run has ended: troubles, the summary, and what to try next.

extension RunSession {
    func reportProblems() {
        for problem in writerProgress.notedProblems { noteFailure(problem) }
        if !loggers.problems.isEmpty { outcome.fail() }
    }

    func summarise(since started: Date) -> RunSummary {
        var summary = RunSummary()
        let counts = captured
        summary.packets = counts.received
        summary.bytes = counts.bytes
        summary.truncated = counts.truncated
        summary.filtered = counts.filtered
        summary.isOffline = configuration.isOffline
        if let decoder = board.snapshot?.decoder {
            summary.undecoded = decoder.count(.unsupportedLinkType) + decoder.count(.unsupportedNetwork)
        }
        summary.received = counts.received
        summary.dropped = counts.dropped
        summary.queues = queueCounters.map {
            let counts = $0.counters.counts
            return RunSummary.Queue(
                name: $0.name,
                received: counts.received,
                dropped: counts.dropped,
                filtered: counts.filtered
            )
        }
        summary.flows = writerProgress.flows.load(ordering: .relaxed)
        summary.alerts = writerProgress.alerts.load(ordering: .relaxed)
        summary.factsDropped = queues.reduce(0) { $0 + $1.dropped }
        summary.rowsLost = writerProgress.rowsLost.load(ordering: .relaxed)
        summary.eventsLost = writerProgress.eventsLost.load(ordering: .relaxed)
        summary.seconds = Date().timeIntervalSince(started)
        summary.consumers =
            allConsumers.map {
                RunSummary.Consumer(
                    name: $0.name,
                    published: $0.published,
                    read: $0.read,
                    lost: $0.lost,
                    payloadSkipped: $0.payloadSkipped
                )
            } + attachedConsumers
        let use = ResourceUse.now
        summary.cpuSeconds = use.cpuSeconds
        summary.peakRSSInBytes = use.peakRSSInBytes
        summary.threads = threads.map { .init(name: $0.name, cpuSeconds: $0.processorSeconds) }
        summary.storedBytes = loggers.storedBytes
        summary.remainingBytes = loggers.remainingBytes
        summary.notStored = loggers.passedOver
        for table in flowTables { summary.applications.add(table.applications) }
        for counters in flowTables.map(\.reassembly) + tunnelCounters {
            counters.add(to: &summary.reassembly)
        }
        summary.compression = compression.statistics
        summary.flowsEvicted = flowTables.reduce(0) { $0 + $1.evictions }
        summary.fileStore = fileQueue?.counters
        summary.data = data?.path
        return summary
    }

    func suggestNext() {
        guard let data else { return }
        let option = configuration.data == nil ? "" : " --data \(shellWord(data.path))"
        let folder = FileManager.default.currentDirectoryPath + "/"
        var program = CommandLine.arguments.first ?? "beltway"
        if program.hasPrefix(folder) { program = String(program.dropFirst(folder.count)) }
        program = shellWord(program)
        var commands: [String] = []
        if configuration.storesFlows {
            commands.append("\(program) query\(option) --limit 10 flows")
            commands.append("\(program) query\(option) alerts")
        }
        if configuration.storesPackets {
            commands.append("\(program) extract\(option) -w out.pcapng 'port == 443'")
        }
        if !configuration.storesFlows, configuration.writesEvents {
            commands.append("tail -n 3 \(shellWord(data.path + "/eve.json"))")
        }
        guard !commands.isEmpty else { return }
        console.print("\nTry next:\n" + commands.map { "  " + $0 }.joined(separator: "\n"))
    }
}
