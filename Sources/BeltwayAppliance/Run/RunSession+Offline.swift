// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayDetect
internal import BeltwayFlow
internal import BeltwayTrace
internal import BeltwayWire

extension RunSession {
    /// Starts the one producer thread that reads all files, and the workers if they have threads of their own.
    func startOffline() throws(ApplianceError) {
        let worker = placeWorker()
        var lanes = OwnedArray<IndexBufferProducer>(capacity: plan.workers + 1)
        var holds: [LaneHolds] = []
        if !plan.worker.isCalled {
            for worker in 0..<plan.workers {
                let lane = LaneHolds()
                holds.append(lane)
                let index = try makeIndex("worker.\(worker)", capacity: 16_384, .blocking)
                lanes.append(IndexBufferProducer(index))
                var inputs = OwnedArray<WorkerLane>(capacity: 1)
                inputs.append(WorkerLane(index, holds: lane, isLive: false))
                try startWorker(worker, lanes: inputs, isLive: false)
            }
        }
        if plan.hasTracer {
            let lane = LaneHolds()
            holds.append(lane)
            let index = try makeIndex("tracer", capacity: 16_384, .blocking)
            lanes.append(IndexBufferProducer(index))
            var inputs = OwnedArray<WorkerLane>(capacity: 1)
            inputs.append(WorkerLane(index, holds: lane, isLive: false))
            try startTracer(lanes: inputs, isLive: false)
        }
        let statistics = try placeStatistics()
        let stage = CaptureStage(
            classifier: makeClassifier(),
            workers: worker.workers,
            workerProgress: worker.progress,
            workerFlows: worker.flows,
            statistics: statistics.called,
            lanes: lanes,
            carried: holds.map(\.carried),
            hasTracer: plan.hasTracer,
            fragments: tunnelFragments,
            tunnelCounters: addTunnelCounters(),
            compression: compression,
            hosts: configuration.hosts,
            isOffline: true
        )
        try startReading(stage, holds, statistics.inbox)
    }

    private func startReading(
        _ stage: consuming CaptureStage,
        _ holds: [LaneHolds],
        _ inbox: ReaderInbox?
    ) throws(ApplianceError) {
        let parcel = Parcel(stage)
        let (configuration, rings, loggers) = (configuration, rings, loggers)
        let (counters, reading, stop, console) = (counters, reading, stop, console)
        let (ringSharing, generation) = (ringSharing, generation)
        let outcome = self.outcome
        let processor = configuration.pinned.first
        @Sendable func openRing(_ name: String, _ linkType: LinkType) throws(BufferError) -> DataBuffer {
            let ring = try rings.open { (number) throws(BufferError) in
                try DataBuffer(
                    name: name,
                    number: number,
                    linkType: linkType,
                    capacity: configuration.ringCapacity,
                    policy: .blocking,
                    generation: generation
                )
            }
            for hold in holds { try hold.add(ring) }
            try inbox?.add(ring)
            try loggers.attach(to: ring)
            ringSharing?.share(ring)
            return ring
        }
        @Sendable func read(_ filter: some PacketFilter & SendableMetatype) -> [CaptureFileReport] {
            var producer = FileProducer(
                paths: configuration.captures,
                filter: filter,
                stage: parcel.open(),
                counters: counters,
                progress: reading,
                stop: stop,
                openBuffer: openRing
            )
            return producer.run()
        }
        let thread = try start("file.0", processor: processor) {
            defer { inbox?.close() }
            // Without a filter nothing is asked per packet.
            let reports =
                configuration.filter == nil
                ? read(AcceptEverything()) : read(CaptureFilter(configuration.filter))
            for report in reports {
                switch report.ending {
                case .whole, .stopped: break
                case .cut, .failed:
                    console.note(report.description)
                    outcome.fail()
                }
            }
        }
        producerThreads.append(thread)
    }

    // MARK: Parts of any run

    func makeClassifier() -> PacketClassifier {
        PacketClassifier(
            share: configuration.share,
            vlansSeparateFlows: configuration.vlansSeparateFlows,
            workers: max(1, plan.workers)
        )
    }

    /// A worker that owns one of `share` shares of the flows.
    func makeWorker(_ number: Int, share: Int) -> Worker<FactProducer> {
        let facts = queues[number].makeProducer(plan.isOffline ? .blocking : .dropping)
        let tracker = FlowTracker(flowConfiguration(share: share))
        let parses =
            configuration.parsesProtocols
            && (configuration.writesEvents || configuration.storesFlows || configuration.zeek != nil
                || fileQueue != nil)
        var files = configuration.files
        files.queue = fileQueue
        return Worker(
            tracker: tracker,
            applications: parses
                ? ApplicationStage(
                    wantsDetails: configuration.zeek != nil,
                    files: files,
                    events: configuration.events
                ) : nil,
            detector: ruleSet.map { Detector($0) },
            facts: facts,
            numbersPackets: plan.isOffline,
            streams: configuration.streams,
            hosts: configuration.hosts
        )
    }

    /// Counters of one more flow table, which the statistics add up.
    func addFlowTable() -> FlowTableCounters {
        let counters = FlowTableCounters()
        flowTables.append(counters)
        return counters
    }

    /// Configuration of one of `share` flow tables: the capacity is that of all together.
    func flowConfiguration(share: Int) -> FlowConfiguration {
        var flow = configuration.flow
        flow.vlansSeparateFlows = configuration.vlansSeparateFlows
        if let flowSalt { flow.salt = flowSalt }
        flow.capacity = max(1024, flow.capacity / share)
        return flow
    }

    func startWorker(_ number: Int, lanes: consuming OwnedArray<WorkerLane>, isLive: Bool)
        throws(ApplianceError)
    {
        let progress = ConsumerCounters("worker.\(number)")
        consumerCounters.append(progress)
        let parcel = Parcel(
            WorkerThread(
                worker: makeWorker(number, share: plan.workers),
                lanes: lanes,
                progress: progress,
                flows: addFlowTable(),
                isLive: isLive
            )
        )
        let pinned = configuration.pinned
        let processor =
            pinned.count > number + plan.producers.count ? pinned[number + plan.producers.count] : nil
        consumerThreads.append(
            try start("worker.\(number)", processor: processor) {
                var thread = parcel.open()
                thread.run()
            }
        )
    }
}

/// Compiles a filter for every link type it may make sense for.
///
/// Some expressions make sense for some link types only (`wlan ...`): one that compiles for any is accepted.
///
/// - Throws: ``FilterError`` of the first, if none takes it.
func checkFilterExpression(_ expression: String) throws(FilterError) {
    let wireless = [LinkType(rawValue: 105), LinkType(rawValue: 127)]
    var problem: FilterError?
    for linkType in [LinkType.ethernet, .raw, .linuxCooked, .ppp] + wireless {
        do {
            _ = try Filter(expression: expression, linkType: linkType)
            return
        } catch {
            problem = problem ?? error
        }
    }
    if let problem { throw problem }
}

/// The filter of `--filter` as a producer wants it: compiled once per link type.
struct CaptureFilter: PacketFilter {
    private let expression: String?
    private var compiled: [(linkType: LinkType, filter: CompiledFilter?)] = []

    init(_ expression: String?) { self.expression = expression }

    mutating func accepts(_ packet: RawSpan, originalLength: UInt32, linkType: LinkType) -> Bool {
        guard let expression else { return true }
        if let known = compiled.first(where: { $0.linkType == linkType }) {
            return known.filter?.filter.matches(packet, originalLength: originalLength) ?? false
        }
        // An expression that libpcap does not compile for this link type matches none of its packets.
        let filter = try? CompiledFilter(expression, linkType)
        compiled.append((linkType, filter))
        return filter?.filter.matches(packet, originalLength: originalLength) ?? false
    }
}

/// A filter that can be kept in an array.
final class CompiledFilter {
    let filter: Filter
    init(_ expression: String, _ linkType: LinkType) throws(FilterError) {
        filter = try Filter(expression: expression, linkType: linkType)
    }
}
