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
        var sources: [(socket: PacketSocket, ring: DataBuffer)] = []
        for name in configuration.interfaces {
            for socket in try openSockets(name) {
                let ring = try openRing("\(name).\(socket.queue)", socket.interface.linkType)
                sources.append((socket, ring))
            }
        }
        try startStatistics(sources.map(\.ring))
        let lanes = makeLanes(producers: sources.count)
        for worker in 0..<plan.workers {
            var inputs = OwnedArray<WorkerLane>(capacity: sources.count)
            for producer in sources.indices {
                let lane = lanes[producer][worker]
                do { try lane.holds.add(sources[producer].ring) } catch { throw .failure("\(error)") }
                inputs.append(WorkerLane(lane.index, holds: lane.holds, isLive: true))
            }
            startWorker(worker, lanes: inputs, isLive: true)
        }
        if plan.hasTracer {
            var inputs = OwnedArray<WorkerLane>(capacity: sources.count)
            for producer in sources.indices {
                let lane = lanes[producer][plan.workers]
                do { try lane.holds.add(sources[producer].ring) } catch { throw .failure("\(error)") }
                inputs.append(WorkerLane(lane.index, holds: lane.holds, isLive: true))
            }
            try startTracer(lanes: inputs, isLive: true)
        }
        for (producer, source) in sources.enumerated() {
            try startCapturing(source.socket, source.ring, lanes[producer], number: producer)
        }
        console.note("capturing on \(configuration.interfaces.joined(separator: ", ")); Ctrl-C ends it")
    }

    private func openSockets(_ name: String) throws(ApplianceError) -> [PacketSocket] {
        do {
            let interface = try CaptureInterface(named: name)
            var options = PacketSocketOptions()
            options.queues = configuration.queueCount
            options.isPromiscuous = configuration.promiscuous
            if let expression = configuration.filter, !interface.isCooked {
                // The kernel of a cooked socket shows a filter no link header: there, it runs in our thread instead.
                options.filter = try Filter(expression: expression, linkType: interface.linkType).instructions.map {
                    KernelInstruction(code: $0.code, jumpTrue: $0.jt, jumpFalse: $0.jf, operand: $0.k)
                }
            }
            return try PacketSocket.open(interface, options)
        } catch let error as LiveCaptureError {
            throw .failure("\(error)")
        } catch let error as FilterError {
            throw .usage("\(error)")
        } catch {
            throw .failure("\(error)")
        }
    }

    private func openRing(_ name: String, _ linkType: LinkType) throws(ApplianceError) -> DataBuffer {
        do {
            let ring = try rings.open { (number) throws(BufferError) in
                try DataBuffer(
                    name: name, number: number, linkType: linkType, capacity: configuration.ringCapacity,
                    policy: .fastReader, generation: UInt64(Date().timeIntervalSince1970 * 1e6))
            }
            try loggers.attach(to: ring)
            return ring
        } catch {
            throw .failure("ring \(name): \(error)")
        }
    }

    private func startStatistics(_ rings: [DataBuffer]) throws(ApplianceError) {
        let counters = ConsumerCounters("statistics")
        consumerCounters.append(counters)
        var readers = OwnedArray<DescriptorReader>(capacity: rings.count)
        for ring in rings {
            do { readers.append(try DescriptorReader(ring)) } catch { throw .failure("\(error)") }
        }
        let parcel = Parcel(
            StatisticsThread(stage: StatisticsStage(board: board, counters: counters), readers: readers))
        consumerThreads.append(
            DataPlaneThread(name: "statistics") {
                var thread = parcel.open()
                thread.run()
            })
    }

    /// One index buffer per producer and consumer: the workers', then the tracer's.
    private func makeLanes(producers: Int) -> [[(index: IndexBuffer, holds: LaneHolds)]] {
        let names = (0..<plan.workers).map { "worker.\($0)" } + (plan.hasTracer ? ["tracer"] : [])
        let capacity = max(16_384, configuration.ringCapacity / 1024)
        return (0..<producers).map { _ in
            names.map { (IndexBuffer(name: $0, capacity: capacity, policy: .fastReader), LaneHolds()) }
        }
    }

    private func startCapturing(
        _ socket: PacketSocket, _ ring: DataBuffer, _ lanes: [(index: IndexBuffer, holds: LaneHolds)], number: Int
    ) throws(ApplianceError) {
        var producers = OwnedArray<IndexBufferProducer>(capacity: lanes.count)
        for lane in lanes { producers.append(IndexBufferProducer(lane.index)) }
        let stage = CaptureStage<FactProducer>(
            classifier: makeClassifier(), workers: OwnedArray(capacity: 0), workerProgress: nil, statistics: nil,
            lanes: producers, hasTracer: plan.hasTracer)
        let filter = socket.interface.isCooked ? configuration.filter : nil
        let parcel: Parcel<PacketSocketProducer<CaptureStage<FactProducer>, CaptureFilter>>
        do {
            parcel = Parcel(
                try PacketSocketProducer(
                    socket: socket, buffer: ring, filter: CaptureFilter(filter), stage: stage, counters: counters,
                    stop: stop, padsToPages: plan.hasLogger))
        } catch {
            throw .failure("ring \(ring.name): \(error)")
        }
        let (console, outcome) = (console, outcome)
        let processor = configuration.pinned.count > number ? configuration.pinned[number] : nil
        producerThreads.append(
            DataPlaneThread(name: ring.name, processor: processor) {
                var producer = parcel.open()
                switch producer.run() {
                case .stopped: break
                case .interfaceVanished(let name):
                    console.note("interface \(name) is gone; capture on it ends")
                    outcome.fail()
                case .failed(let error):
                    console.note("\(error)")
                    outcome.fail()
                }
            })
    }
}
