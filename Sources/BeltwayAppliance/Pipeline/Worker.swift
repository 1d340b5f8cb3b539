// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayDetect
internal import BeltwayFlow
internal import BeltwayWire

// A worker: the stages that own a share of the flows, called one after the other on each packet.
//
//     headers (a value) -> flow tracker -> parsers -> detector (payload, in place) -> facts
//
// It is fed in one of two ways. Called directly by the capture thread, what it reads cannot change. Fed through an
// index buffer, it reads memory that the producer may overwrite (live): headers are decoded to a value, re-checked,
// and only then applied; alerts are staged and recorded only if the record is still whole when matching has ended.

/// The flow tracker, the parsers and the detector of one share of the flows.
struct Worker<Sink: FactSink & ~Copyable>: ~Copyable, EntryConsumer {
    var tracker: FlowTracker
    var fragments: FragmentReassembler
    /// None or one. (An optional would be asked by a call per packet.)
    var detectors: OwnedArray<Detector>
    /// Where facts leave.
    var outlet: StreamStage<WorkerOutlet<Sink>>
    /// Whether payload is looked at, by parsers or rules.
    let readsPayload: Bool
    /// Whether payload is parsed.
    let parses: Bool
    /// Whether a packet's number in its ring means something: over files.
    let numbersPackets: Bool
    /// Whether anomalies of packets are told.
    private(set) var judges = false
    /// Whether these are those of segments too, and of any packet.
    private(set) var judgesSegments = false
    private(set) var judgesAll = false
    /// Whether packets with wrong checksums are left out of streams and parsers.
    private(set) var leavesOutDamaged = false
    /// Packets whose headers were tracked but whose payload was passed over, for want of headroom or lapped.
    var payloadSkipped: UInt64 = 0
    var alerts: UInt64 = 0
    var latest = Timestamp.zero
    var flows: FlowStatistics { tracker.statistics }
    var parsed: ApplicationTally? { parses ? outlet.consumer.applications[0].tally : nil }
    func showReassembly(_ counters: ReassemblyCounters) {
        counters.store(fragments.statistics, outlet.reassembler.statistics)
    }
    var staged: [UInt32] = []
    private var chunk: UInt64 = .max
    private var chunkBuffer: UInt16 = .max

    init(
        tracker: consuming FlowTracker,
        applications: consuming ApplicationStage?,
        detector: consuming Detector?,
        facts: consuming Sink,
        numbersPackets: Bool,
        streams: StreamConfiguration = StreamConfiguration(),
        hosts: HostPolicies = HostPolicies()
    ) {
        fragments = FragmentReassembler(
            tracker.configuration.fragments,
            vlansSeparateFlows: tracker.configuration.vlansSeparateFlows,
            hosts: hosts
        )
        self.tracker = tracker
        self.numbersPackets = numbersPackets
        detectors = OwnedArray(capacity: 1)
        if let detector { detectors.append(detector) }
        outlet = StreamStage(
            TCPReassembler(streams, hosts: hosts),
            consumer: WorkerOutlet(facts: facts, applications: applications)
        )
        parses = outlet.consumer.applications.count > 0
        readsPayload = detectors.count > 0 || parses
        staged.reserveCapacity(64)
        if parses {
            judgesSegments = outlet.consumer.applications[0].tellsSegments
            judgesAll = outlet.consumer.applications[0].tellsChecksums
            judges = judgesSegments
            leavesOutDamaged = outlet.consumer.applications[0].leavesOutDamaged
        }
    }

    /// Takes a packet in the thread of its producer.
    @inline(__always)
    mutating func consume(
        _ headers: borrowing PacketHeaders,
        hash: UInt32,
        _ descriptor: Descriptor,
        ordinal: UInt64,
        buffer: UInt16,
        memory: RingMemory,
        packet: RawSpan
    ) {
        if headers.isFragment {
            takeFragment(headers, hash, descriptor, ordinal: ordinal, buffer: buffer, packet: packet)
            return
        }
        if leavesOutDamaged, ApplicationStage.isDamaged(copy headers, packet) {
            let own = copy headers
            let frame = FragmentFrame(own, hash: hash, descriptor, ordinal: ordinal, buffer: buffer)
            takeDamaged(frame, packet: packet)
            return
        }
        let flow = tracker.track(
            headers,
            hash: hash,
            time: descriptor.time,
            originalLength: descriptor.originalLength,
            ordinal: ordinal,
            buffer: buffer,
            interface: descriptor.interface,
            facts: &outlet
        )
        guard readsPayload else { return }
        judge(
            headers,
            packet: packet,
            flow: flow,
            time: descriptor.time,
            ordinal: ordinal,
            buffer: buffer,
            interface: descriptor.interface
        )
        if let flow {
            parse(
                headers,
                packet: packet,
                flow: flow,
                time: descriptor.time,
                ordinal: ordinal,
                buffer: buffer,
                interface: descriptor.interface
            )
            outlet.consumer.commit()
        } else if judges {
            outlet.consumer.commit()
        }
        guard detectors.count > 0 else { return }
        inspect(headers, packet: packet, flow: flow)
        if !staged.isEmpty {
            recordStaged(
                headers,
                flow,
                time: descriptor.time,
                ordinal: ordinal,
                buffer: buffer,
                interface: descriptor.interface
            )
        }
    }

    @inline(__always)
    mutating func consume(
        _ entry: IndexEntry,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool {
        if isLive { followClock(entry.position, entry.buffer, memory) }
        var decoded = PacketHeaders()
        var record = RecordHead()
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            record = RecordHead(bytes)
            PacketDecoder.decode(record.packet(in: bytes), linkType: linkType, into: &decoded)
        }
        if isLive, !memory.isWhole(entry.position) { return false }
        // Lent as it is to everyone that follows: of a variable each of them would get a copy.
        let headers = decoded
        latest = record.time
        if headers.isFragment {
            takeFragment(headers, entry, record, ordinal: ordinal, memory: memory, isLive: isLive)
            return true
        }
        if leavesOutDamaged,
            takeIfDamaged(headers, entry, record, ordinal: ordinal, memory: memory, isLive: isLive)
        {
            return true
        }
        let flow = tracker.track(
            headers,
            hash: entry.flowHash,
            time: record.time,
            originalLength: record.originalLength,
            ordinal: ordinal,
            buffer: entry.buffer,
            interface: entry.interface,
            facts: &outlet
        )
        guard readsPayload else { return true }
        if isLive, memory.headroom(of: entry.position) <= memory.geometry.capacity / 2 {
            payloadSkipped &+= 1
            return true
        }
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            judge(
                headers,
                packet: record.packet(in: bytes),
                flow: flow,
                time: record.time,
                ordinal: ordinal,
                buffer: entry.buffer,
                interface: entry.interface
            )
            if let flow {
                parse(
                    headers,
                    packet: record.packet(in: bytes),
                    flow: flow,
                    time: record.time,
                    ordinal: ordinal,
                    buffer: entry.buffer,
                    interface: entry.interface
                )
            }
            if detectors.count > 0 { inspect(headers, packet: record.packet(in: bytes), flow: flow) }
        }
        if isLive, !memory.isWhole(entry.position) {
            payloadSkipped &+= 1
            staged.removeAll(keepingCapacity: true)
            if let flow { overwritten(headers, flow) } else { outlet.consumer.discard() }
            return true
        }
        outlet.consumer.commit()
        if !staged.isEmpty {
            recordStaged(
                headers,
                flow,
                time: record.time,
                ordinal: ordinal,
                buffer: entry.buffer,
                interface: entry.interface
            )
        }
        return true
    }

    mutating func batchEnded() {}

    /// Ends what has been silent for too long.
    mutating func idle(through time: Timestamp) {
        expireFragments(through: time)
        tracker.expire(through: time, facts: &outlet)
    }

    /// Ends every flow.
    mutating func finish(at clock: Timestamp) {
        finishFragments()
        tracker.finish(at: clock, facts: &outlet)
    }

    /// Moves the tracker's clock when a packet enters a new chunk: to the greatest time of all earlier chunks.
    ///
    /// Live only; over files the capture stage tells the time.
    @inline(__always)
    mutating func followClock(_ position: Position, _ buffer: UInt16, _ memory: RingMemory) {
        let now = position.bytes / UInt64(memory.geometry.chunkLength)
        if now == chunk && buffer == chunkBuffer { return }
        chunk = now
        chunkBuffer = buffer
        if let clock = memory.clock(before: position) { idle(through: clock) }
    }
}
