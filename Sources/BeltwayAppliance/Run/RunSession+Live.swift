// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayWire
internal import Foundation

// Live capture: one producer thread, one ring and one classifier per queue; every worker has one index buffer per
// queue. Everything that reads is attached before the first packet, so nothing is missed at the start.

extension RunSession {
    /// Opens the interfaces and starts every thread.
    func startLive() throws(ApplianceError) {
        var sources: [(source: LiveSource, ring: DataBuffer)] = []
        for name in configuration.interfaces {
            for source in try openSources(name) {
                sources.append((source, try openRing(source.ringName, source.linkType)))
            }
        }
        plan.producers = sources.map(\.ring.name)
        let statistics = try placeStatistics()
        if let inbox = statistics.inbox {
            for source in sources { try attach(inbox, to: source.ring) }
            inbox.close()
        }
        let lanes = try makeLanes(producers: sources.count)
        for producer in sources.indices {
            for lane in lanes[producer] { try hold(sources[producer].ring, for: lane.holds) }
        }
        let signalled = plan.worker.isCalled ? 0 : plan.workers
        for worker in 0..<signalled {
            try startWorker(worker, lanes: inputs(of: worker, lanes), isLive: true)
        }
        if plan.hasTracer { try startTracer(lanes: inputs(of: signalled, lanes), isLive: true) }
        // The plan has nothing called where there are several capture threads: the first takes what there is.
        var called = Optional(placeWorker())
        var counting = Optional(statistics)
        for (number, entry) in sources.enumerated() {
            try startCapturing(
                entry.source,
                entry.ring,
                lanes[number],
                called.take() ?? CalledWorker(),
                counting.take() ?? PlacedStatistics(),
                number: number
            )
        }
        console.note("capturing on \(configuration.interfaces.joined(separator: ", ")); Ctrl-C ends it")
    }

    private func attach(_ inbox: ReaderInbox, to ring: DataBuffer) throws(ApplianceError) {
        do { try inbox.add(ring) } catch { throw .failure("ring \(ring.name): \(error)") }
    }

    private func hold(_ ring: DataBuffer, for lane: LaneHolds) throws(ApplianceError) {
        do { try lane.add(ring) } catch { throw .failure("ring \(ring.name): \(error)") }
    }

    /// One consumer's end of every producer's index buffer for it.
    private func inputs(
        of consumer: Int,
        _ lanes: [[(index: IndexBuffer, holds: LaneHolds)]]
    ) -> OwnedArray<WorkerLane> {
        var inputs = OwnedArray<WorkerLane>(capacity: lanes.count)
        for producer in lanes {
            inputs.append(WorkerLane(producer[consumer].index, holds: producer[consumer].holds, isLive: true))
        }
        return inputs
    }

    private func openSources(_ name: String) throws(ApplianceError) -> [LiveSource] {
        if configuration.usesLibpcap { return [try openThroughLibpcap(name)] }
        let interface: CaptureInterface
        do { interface = try CaptureInterface(named: name) } catch { throw .failure("\(error)") }
        var options = socketOptions
        options.filter = try kernelFilter(for: interface)
        options.letsTaggedPass = true
        let failure: LiveCaptureError
        do {
            return try PacketSocket.open(interface, options).map { LiveSource(socket: $0) }
        } catch {
            failure = error
        }
        guard case .noPacketSockets = failure else { throw .failure("\(failure)") }
        console.note("no packet sockets here; capturing on \(name) through libpcap")
        return [try openThroughLibpcap(name)]
    }

    /// The filter as the kernel runs it.
    ///
    /// Not on tagged packets, which it shows without their outer tag: these come to the producer's own filter. On a cooked
    /// socket it would see no link header: there, the producer filters alone.
    private func kernelFilter(for interface: CaptureInterface) throws(ApplianceError) -> [KernelInstruction] {
        guard let expression = configuration.filter, !interface.isCooked else { return [] }
        do {
            return try Filter(expression: expression, linkType: interface.linkType).instructions.map {
                KernelInstruction(code: $0.code, jumpTrue: $0.jt, jumpFalse: $0.jf, operand: $0.k)
            }
        } catch {
            throw .usage("\(error)")
        }
    }

    private var socketOptions: PacketSocketOptions {
        var options = PacketSocketOptions()
        options.queues = configuration.queueCount
        options.isPromiscuous = configuration.promiscuous
        return options
    }

    private func openThroughLibpcap(_ name: String) throws(ApplianceError) -> LiveSource {
        if configuration.queueCount > 1 { throw .usage("libpcap captures by one queue; leave --queues out") }
        let options = socketOptions
        do {
            return LiveSource(handle: try LibpcapHandle(name, options), options: options)
        } catch {
            throw .failure("\(error)")
        }
    }

    private func openRing(_ name: String, _ linkType: LinkType) throws(ApplianceError) -> DataBuffer {
        do {
            let ring = try rings.open { (number) throws(BufferError) in
                try DataBuffer(
                    name: name,
                    number: number,
                    linkType: linkType,
                    capacity: configuration.ringCapacity,
                    policy: .fastReader,
                    generation: generation
                )
            }
            try loggers.attach(to: ring)
            ringSharing?.share(ring)
            return ring
        } catch {
            throw .failure("ring \(name): \(error)")
        }
    }

    /// One index buffer per producer and consumer that is signalled: the workers', then the tracer's.
    private func makeLanes(
        producers: Int
    ) throws(ApplianceError) -> [[(index: IndexBuffer, holds: LaneHolds)]] {
        let workers = plan.worker.isCalled ? [] : (0..<plan.workers).map { "worker.\($0)" }
        let names = workers + (plan.hasTracer ? ["tracer"] : [])
        return try (0..<producers).map { _ throws(ApplianceError) in
            try names.map { name throws(ApplianceError) in
                let capacity = laneCapacity(sharedBy: name == "tracer" ? 1 : workers.count)
                return (try makeIndex(name, capacity: capacity, .fastReader), LaneHolds())
            }
        }
    }

    /// Entries of one consumer's index buffer, a power of two.
    ///
    /// One for every 256 bytes of the ring, so that packets of that length lap the ring as soon as their entries do; of
    /// several consumers that share the packets each gets half as many more than its part. At a million
    /// packets a second that is a quarter of a second's patience with a worker.
    private func laneCapacity(sharedBy consumers: Int) -> Int {
        var capacity = 16_384
        while capacity < configuration.ringCapacity / 256 * 3 / max(3, 2 * consumers) { capacity *= 2 }
        return capacity
    }

    /// An index buffer, whose memory may be refused like any other.
    func makeIndex(
        _ name: String,
        capacity: Int,
        _ policy: BufferPolicy
    ) throws(ApplianceError) -> IndexBuffer {
        do { return try IndexBuffer(name: name, capacity: capacity, policy: policy) } catch {
            throw .failure("index buffer \(name): \(error)")
        }
    }

    private func startCapturing(
        _ source: LiveSource,
        _ ring: DataBuffer,
        _ lanes: [(index: IndexBuffer, holds: LaneHolds)],
        _ worker: consuming CalledWorker,
        _ statistics: consuming PlacedStatistics,
        number: Int
    ) throws(ApplianceError) {
        var producers = OwnedArray<IndexBufferProducer>(capacity: lanes.count)
        for lane in lanes { producers.append(IndexBufferProducer(lane.index)) }
        let stage = CaptureStage(
            classifier: makeClassifier(),
            workers: worker.workers,
            workerProgress: worker.progress,
            workerFlows: worker.flows,
            statistics: statistics.called,
            lanes: producers,
            carried: lanes.map(\.holds.carried),
            hasTracer: plan.hasTracer,
            fragments: tunnelFragments,
            tunnelCounters: addTunnelCounters(),
            compression: compression,
            hosts: configuration.hosts,
            isOffline: false
        )
        let run: @Sendable () -> LiveCaptureEnd
        let counters = CaptureCounters()
        queueCounters.append((ring.name, counters))
        do {
            run = try source.prepare(
                ring: ring,
                stage: stage,
                filter: configuration.filter,
                counters: counters,
                stop: stop,
                padsToPages: plan.hasLogger
            )
        } catch {
            throw .failure("ring \(ring.name): \(error)")
        }
        let (console, outcome) = (console, outcome)
        let processor = configuration.pinned.count > number ? configuration.pinned[number] : nil
        producerThreads.append(
            try start(ring.name, processor: processor) {
                switch run() {
                case .stopped: break
                case .interfaceVanished(let name):
                    outcome.fail(saying: "interface \(name) is gone; capture on it ends", on: console)
                case .failed(let error):
                    outcome.fail(saying: "\(error)", on: console)
                }
            }
        )
    }
}
