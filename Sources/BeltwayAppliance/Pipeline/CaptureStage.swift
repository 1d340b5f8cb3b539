// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayTrace
internal import BeltwayWire

// What runs in a producer's thread after each batch.
//
//     batch -> decode -> classify -+-> worker            (where the plan has it called)
//                                  +-> statistics        (where the plan has them called)
//                                  +-> index buffers     (one per worker in another thread, one for the tracer)
//
// Classifying is inlined; decoder, tracker, detector and statistics are direct calls (`CallCodeTests` looks).
// Budget: 40 ns per packet without a worker (decode 15, classify 5, entry 5, statistics 15).

/// The classifier of one producer thread, with whatever else the pipeline has placed there.
///
/// Not generic, on purpose: Capture calls it through its protocol, so only what is concrete here is specialised.
struct CaptureStage: ~Copyable, BatchStage {
    let classifier: PacketClassifier
    /// The worker that this thread calls directly; none or one.
    var workers: OwnedArray<Worker<FactProducer>>
    private let workerProgress: ConsumerCounters?
    private let workerFlows: FlowTableCounters?
    /// The statistics, if this thread calls them; none or one. (An optional would be asked by a call per packet.)
    private var statistics: OwnedArray<StatisticsStage>
    /// Index buffers of workers in other threads, then the tracer's.
    private var lanes: OwnedArray<IndexBufferProducer>
    private let hasTracer: Bool
    /// Beside `lanes`: packets that are in no ring.
    let carried: [CarriedQueue]
    /// Tunnels that come in fragments.
    var tunnels: TunnelFragments
    private let tunnelCounters: ReassemblyCounters
    /// What of them has been shown.
    private var tunnelsShown: UInt64 = 0
    /// Compressed datagrams.
    var compressed = CompressedPackets()
    private let compression: CompressionCounters
    private var rings: [DataBuffer] = []
    private var packets: UInt64 = 0
    /// Whether packets come from files: their lanes get time marks, since facts must not depend on who is called.
    let isOffline: Bool
    /// Whether somebody here needs to be told the time: over files everybody, live the worker that is called.
    private let tellsTime: Bool
    /// Greatest time of the packets so far, whatever ring they are in.
    private var clock = Timestamp.zero
    /// The clock when tunnels' fragments were last looked through, where nobody is told the time.
    private var expired = Timestamp.zero
    /// The chunk that each ring's last packet was in, by its place in `rings`.
    private var chunks: [UInt64] = []

    init(
        classifier: PacketClassifier,
        workers: consuming OwnedArray<Worker<FactProducer>>,
        workerProgress: ConsumerCounters?,
        workerFlows: FlowTableCounters?,
        statistics: consuming OwnedArray<StatisticsStage>,
        lanes: consuming OwnedArray<IndexBufferProducer>,
        carried: [CarriedQueue],
        hasTracer: Bool,
        fragments: FragmentConfiguration,
        tunnelCounters: ReassemblyCounters,
        compression: CompressionCounters,
        hosts: HostPolicies = HostPolicies(),
        isOffline: Bool
    ) {
        self.classifier = classifier
        self.workers = workers
        self.workerProgress = workerProgress
        self.workerFlows = workerFlows
        self.statistics = statistics
        self.lanes = lanes
        self.hasTracer = hasTracer
        self.carried = carried
        self.tunnelCounters = tunnelCounters
        tunnels = TunnelFragments(
            fragments,
            vlansSeparateFlows: classifier.vlansSeparateFlows,
            hosts: hosts
        )
        self.compression = compression
        self.isOffline = isOffline
        tellsTime = isOffline || self.workers.count > 0
    }

    mutating func open(_ buffer: DataBuffer) {
        rings.append(buffer)
        chunks.append(0)
    }

    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        let memory = buffer.memory
        let linkType = buffer.linkType
        let number = buffer.number
        let classifier = self.classifier
        let hasWorker = workers.count > 0
        let hasStatistics = statistics.count > 0
        let workerLanes = lanes.count - (hasTracer ? 1 : 0)
        guard hasWorker || hasStatistics || lanes.count > 0 else {
            // Nobody here wants a packet: others read the ring.
            buffer.storeClassifiedThrough(batch.end, ordinal: batch.endOrdinal)
            return
        }
        if hasStatistics { statistics[0].select(linkType) }
        let place = tellsTime ? rings.lastIndex { $0.number == number } : nil
        let chunkLength = UInt64(memory.geometry.chunkLength)
        var chunkEnd = place.map { (chunks[$0] &+ 1) &* chunkLength } ?? .max
        // One variable for all packets, decoded in place: returning it costs a copy per packet.
        var headers = PacketHeaders()
        memory.forEachPacket(in: batch) { descriptor, ordinal, packet in
            if descriptor.position.bytes >= chunkEnd {
                chunkEnd = (descriptor.position.bytes / chunkLength &+ 1) &* chunkLength
                tellTime()
            }
            if descriptor.time > clock { clock = descriptor.time }
            PacketDecoder.decode(packet, linkType: linkType, into: &headers)
            let verdict = classifier.classify(headers, packet: packet)
            // One comparison for all, none of which most packets are.
            let isFragment: UInt8 = verdict.classification == .fragment ? 1 : 0
            let isCompressed: UInt8 = headers.transportProtocol == IPProtocol.compression ? 1 : 0
            var isHandedOver = false
            if headers.tunnelDepth | isFragment | isCompressed != 0, hasWorker || workerLanes > 0 {
                if headers.tunnelDepth != 0 {
                    carry(
                        packet,
                        linkType,
                        headers.tunnelDepth,
                        headers.tunnelKind,
                        descriptor,
                        ordinal,
                        number
                    )
                }
                if isFragment != 0 {
                    join(headers, verdict.flowHash, packet, descriptor, ordinal, number)
                } else if isCompressed != 0 {
                    isHandedOver = inflate(headers, packet, descriptor, ordinal, number)
                }
            }
            if hasWorker, !isHandedOver {
                workers[0].consume(
                    headers,
                    hash: verdict.flowHash,
                    descriptor,
                    ordinal: ordinal,
                    buffer: number,
                    memory: memory,
                    packet: packet
                )
            }
            if workerLanes > 0 || hasTracer {
                let entry = IndexEntry(
                    of: descriptor,
                    ordinal,
                    buffer: number,
                    flowHash: verdict.flowHash,
                    classification: verdict.classification
                )
                if workerLanes > 0, !isHandedOver { push(entry, to: Int(verdict.worker)) }
                if hasTracer, verdict.classification != .other { push(entry, to: lanes.count - 1) }
            }
            if hasStatistics {
                statistics[0].account(
                    headers,
                    originalLength: descriptor.originalLength,
                    time: descriptor.time
                )
            }
        }
        if let place { chunks[place] = chunkEnd / chunkLength &- 1 }
        if !tellsTime, clock.nanoseconds(since: expired) > 1_000_000_000 {
            expired = clock
            tunnels.expire(through: clock)
        }
        if let done = compressed.takeStatistics() { compression.add(done) }
        if let done = tunnels.takeCompression() { compression.add(done) }
        packets &+= batch.endOrdinal &- batch.firstOrdinal
        for lane in 0..<lanes.count { lanes[lane].publish() }
        // After the tails of all index buffers: a consumer whose buffer is empty may let go up to here.
        buffer.storeClassifiedThrough(batch.end, ordinal: batch.endOrdinal)
        wakeIdleConsumers(batch, memory)
        workerProgress?.store(
            read: packets,
            lost: 0,
            payloadSkipped: hasWorker ? workers[0].payloadSkipped : 0
        )
        if hasWorker { showWorker() }
        if hasStatistics { statistics[0].showProgress() }
        if tunnels.changes != tunnelsShown { showTunnels() }
    }

    @inline(never)
    private mutating func showTunnels() {
        tunnelsShown = tunnels.changes
        tunnelCounters.store(tunnels: tunnels.statistics)
    }

    private func showWorker() {
        guard let workerFlows else { return }
        workerFlows.store(workers[0].flows, workers[0].parsed)
        workers[0].showReassembly(workerFlows.reassembly)
    }

    /// Over files the clock follows the capture alone (``tellTime()``), not the silence of a pipe.
    mutating func idle(through time: Timestamp) {
        if !isOffline, workers.count > 0, time != .zero {
            workers[0].idle(through: time)
            showWorker()
        }
        if statistics.count > 0 { statistics[0].showProgress() }
    }

    mutating func finish() {
        tunnels.finish()
        showTunnels()
        for lane in 0..<lanes.count { lanes[lane].close() }
        if statistics.count > 0 { statistics[0].finish() }
        if workers.count > 0 {
            workers[0].finish(at: finalClock(of: rings))
            showWorker()
        }
    }

    /// A consumer that got nothing sleeps and holds the ring where it fell asleep: it is woken each quarter of the ring,
    /// so that it lets go before the producer has to wait for it.
    private mutating func wakeIdleConsumers(_ batch: PublishedBatch, _ memory: RingMemory) {
        let quarter = UInt64(memory.geometry.capacity / 4)
        guard batch.start.bytes / quarter != batch.end.bytes / quarter else { return }
        for lane in 0..<lanes.count { lanes[lane].wakeConsumer() }
    }

    /// Tells every consumer the time at the same place in the order of packets: when any ring begins a chunk.
    ///
    /// Live, consumers in threads of their own follow their rings' clocks themselves, and a mark could be lapped.
    ///
    /// The greatest time of all packets so far is the same in every run over a capture. A ring's own chunk table would
    /// not do: which rings a worker has looked at depends on its share, and so on the number of workers.
    @inline(never)
    private mutating func tellTime() {
        if workers.count > 0 { workers[0].idle(through: clock) }
        tunnels.expire(through: clock)
        guard isOffline else { return }
        for lane in 0..<lanes.count { push(mark: .timeMark(clock), to: lane) }
    }

    /// Appends what is no packet's entry, and counts as none.
    @inline(never)
    mutating func push(mark entry: IndexEntry, to lane: Int) {
        while !lanes[lane].append(mark: entry) {
            lanes[lane].publish()
            lanes[lane].waitForRoom()
        }
    }

    @inline(__always)
    mutating func push(_ entry: IndexEntry, to lane: Int) {
        while !lanes[lane].append(entry) {
            lanes[lane].publish()
            lanes[lane].waitForRoom()
        }
    }
}

extension IndexEntry {
    /// The entry of the record that a descriptor is of.
    @inline(__always)
    init(
        of descriptor: Descriptor,
        _ ordinal: UInt64,
        buffer: UInt16,
        flowHash: UInt32,
        classification: Classification
    ) {
        self.init(
            position: descriptor.position,
            flowHash: flowHash,
            ordinal: UInt32(truncatingIfNeeded: ordinal),
            length: descriptor.recordLength,
            buffer: buffer,
            interface: descriptor.interface,
            classification: classification
        )
    }
}
