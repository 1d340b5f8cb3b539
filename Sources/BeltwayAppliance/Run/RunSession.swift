// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayDetect
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire
internal import Foundation
internal import Synchronization

// One run of the appliance: wires the plan, watches it, sums it up.
//
//   threads:  producers (one per queue, one for all files) | workers | statistics | loggers | tracer | writer
//   this one: signals, progress, `stats` events every 8 s, and the order in which everything ends:
//             producers -> workers, statistics, tracer, loggers -> last `stats` event -> writer

/// Runs the appliance once.
public final class RunSession {
    let configuration: RunConfiguration
    let console = Console()
    let stop = StopFlag()
    let rings = RingTable()
    let outbox = EventOutbox()
    let writerProgress = WriterProgress()
    let board = SnapshotBoard()
    let counters = CaptureCounters()
    /// Live, each queue counts by itself: its ring's name, and what it has counted.
    var queueCounters: [(name: String, counters: CaptureCounters)] = []
    /// What all producers have counted.
    var captured: CaptureCounts {
        var counts = counters.counts
        for queue in queueCounters { counts.add(queue.counters.counts) }
        return counts
    }
    let reading = ReadingProgress()
    var ruleSet: RuleSet?
    var rulesLoaded = 0
    var rulesFailed = 0
    var data: DataDirectory?
    var plan: PipelinePlan
    var queues: [FactQueue] = []
    var consumerCounters: [ConsumerCounters] = []
    var flowTables: [FlowTableCounters] = []
    /// What producers did with fragments that may carry tunnels.
    var tunnelCounters: [ReassemblyCounters] = []
    let compression = CompressionCounters()
    var loggers: PacketLoggers
    var consumerThreads: [DataPlaneThread] = []
    var producerThreads: [DataPlaneThread] = []
    /// All threads of the data plane, in the order in which they were started.
    var threads: [DataPlaneThread] = []
    let outcome = RunOutcome()
    /// Where workers put the files that are stored, and the thread that writes them; nil if none are.
    var fileQueue: FileQueue?
    var fileThread: DataPlaneThread?
    /// Shares the rings with other processes; nil without a data directory, or if that failed.
    var sharing: BufferServer?
    var ringSharing: RingSharing?
    let localConsumers = LocalConsumers()
    /// Of every ring of this run: readers of an earlier one notice.
    let generation = UInt64(Date().timeIntervalSince1970 * 1e6)
    /// Salt of flow ids in live capture; files have a fixed one.
    var flowSalt: FlowIDSalt?

    private init(_ configuration: RunConfiguration) throws(ApplianceError) {
        self.configuration = configuration
        plan = try PipelinePlan(configuration, hasDetector: false)
        loggers = PacketLoggers(data: nil, run: configuration, console: console)
    }

    /// Runs as configured, until the files end or somebody stops it.
    ///
    /// - Parameter configuration: What to do; it is validated first.
    /// - Returns: Exit status: 0 only if all went well.
    public static func run(_ configuration: RunConfiguration) -> Int32 {
        do throws(ApplianceError) {
            try configuration.validate()
            return try RunSession(configuration).run()
        } catch {
            Console().note(error.description)
            return error.exitStatus
        }
    }

    private func run() throws(ApplianceError) -> Int32 {
        let started = Date()
        try checkFilter()
        try checkTrace()
        try checkCaptures()
        let filtersInKernel = try checkInterfaces()
        try loadRules()
        plan = try PipelinePlan(configuration, hasDetector: ruleSet != nil)
        plan.filterIsInKernel = plan.filterIsInKernel && filtersInKernel
        if let form = configuration.explanation {
            let graph = PipelineGraph(plan)
            switch form {
            case .all: console.print(graph.text + "\n\n" + graph.dot)
            case .text: console.print(graph.text)
            case .dot: console.print(graph.dot)
            }
            return 0
        }
        let signals = StopSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        try openData()

        if configuration.storesPackets {
            loggers = PacketLoggers(data: data?.path, run: configuration, console: console)
        }
        let writer = try startWriter()
        try startFiles()
        openSharing()
        do throws(ApplianceError) {
            if configuration.isOffline { try startOffline() } else { try startLive() }
        } catch {
            // Nothing will come for it: it must not wait for ever.
            finishFiles()
            throw error
        }
        watch(since: started)
        for thread in producerThreads { thread.join() }
        for thread in consumerThreads { thread.join() }
        loggers.finish()
        finishFiles()
        board.request()
        sendStatistics(isLast: true)
        outbox.close()
        writer.join()
        console.clearBar()
        reportProblems()

        closeSharing()
        let summary = summarise(since: started)
        console.print(configuration.summaryAsJSON ? summary.json : summary.table)
        if !configuration.summaryAsJSON { suggestNext() }
        return outcome.hasFailed ? 1 : 0
    }

    private func startWriter() throws(ApplianceError) -> DataPlaneThread {
        var store: FlowStore?
        if configuration.storesFlows, let data {
            do { store = try FlowStore(directory: data.path) } catch { noteFailure("\(error)") }
        }
        var file: EVEFile?
        if configuration.writesEvents, let data {
            do { file = try EVEFile(path: data.path + "/eve.json") } catch { noteFailure("\(error)") }
        }
        var zeek: ZeekLogs?
        if let form = configuration.zeek, let data {
            do { zeek = try ZeekLogs(format: form, folder: data.path) } catch { noteFailure("\(error)") }
        }
        let workers = plan.workers
        var consumers = OwnedArray<FactConsumer>(capacity: workers)
        for _ in 0..<workers {
            let queue = FactQueue(capacity: 8192)
            queues.append(queue)
            consumers.append(queue.makeConsumer())
        }
        let output = FactOutput(
            store: store,
            file: file,
            zeek: zeek,
            rings: rings,
            signatures: ruleSet?.signatures ?? [],
            outbox: outbox,
            progress: writerProgress,
            settings: configuration.events
        )
        let parcel = Parcel(FactWriter(queues: consumers, output: output))
        return try start("writer") {
            var writer = parcel.open()
            writer.run()
        }
    }

    /// Starts a thread of this run.
    func start(
        _ name: String,
        processor: Int? = nil,
        _ body: @escaping @Sendable () -> Void
    ) throws(ApplianceError) -> DataPlaneThread {
        do {
            let thread = try DataPlaneThread(name: name, processor: processor, body)
            threads.append(thread)
            return thread
        } catch {
            throw error.asFailure
        }
    }

    func noteFailure(_ text: String) {
        console.note(text)
        outcome.fail()
    }

    // MARK: While it runs

    private func watch(since started: Date) {
        var nextStatistics = Date().addingTimeInterval(8)
        var asked = false
        while !producerThreads.allSatisfy(\.hasEnded) {
            if sharing != nil { localConsumers.show(allConsumers) }
            usleep(asked ? 100_000 : 20_000)
            let seconds = Date().timeIntervalSince(started)
            if seconds > 0.5 {
                asked = true
                console.progress(
                    done: configuration.isOffline ? reading.bytesRead : captured.bytes,
                    of: configuration.isOffline ? reading.bytesTotal : 0,
                    packets: captured.received,
                    seconds: seconds
                )
            }
            if Date() >= nextStatistics.addingTimeInterval(-0.5) { board.request() }
            if Date() >= nextStatistics {
                nextStatistics.addTimeInterval(8)
                sendStatistics(isLast: false)
            }
        }
    }

    private func sendStatistics(isLast: Bool) {
        guard var snapshot = board.snapshot else { return }
        let counts = captured
        snapshot.progress.capture.received = counts.received
        snapshot.progress.capture.dropped = counts.dropped
        snapshot.progress.capture.truncated = counts.truncated
        for table in flowTables {
            table.add(to: &snapshot.progress.flows)
            snapshot.progress.applications.add(table.applications)
            table.reassembly.add(to: &snapshot.progress.reassembly)
        }
        for counters in tunnelCounters { counters.add(to: &snapshot.progress.reassembly) }
        snapshot.progress.compression = compression.statistics
        snapshot.progress.fileStore = fileQueue?.counters
        snapshot.progress.detection.alerts = writerProgress.alerts.load(ordering: .relaxed)
        snapshot.progress.detection.rulesLoaded = UInt64(rulesLoaded)
        snapshot.progress.detection.rulesFailed = UInt64(rulesFailed)
        snapshot.progress.factsDropped = queues.reduce(0) { $0 + $1.dropped }
        snapshot.progress.consumers = allConsumers.map { counters in
            ConsumerProgress(
                name: counters.name,
                published: counters.published,
                read: counters.read,
                lost: counters.lost,
                behindInBytes: UInt64(counters.lag.bytes),
                behindInPackets: counters.lag.packets,
                behindNanoseconds: counters.lag.nanoseconds
            )
        }
        outbox.send(snapshot)
    }

    var allConsumers: [ConsumerCounters] { consumerCounters + loggers.counters }
}
