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

/// What an index buffer feeds in a thread of its own: a worker, or the tracer.
protocol EntryConsumer: ~Copyable {
    /// Stores what it has put together, for the statistics.
    func showReassembly(_ counters: ReassemblyCounters)
    /// Packets whose headers were used but whose payload was passed over.
    var payloadSkipped: UInt64 { get }
    /// Time of the last packet it took.
    var latest: Timestamp { get }
    /// Its flow table, for the statistics.
    var flows: FlowStatistics { get }
    /// What its parsers did, if it has any.
    var parsed: ApplicationTally? { get }
    /// Takes a packet by its entry, in memory that may be overwritten meanwhile.
    ///
    /// - Returns: False if the record was overwritten before its headers were decoded: nothing was applied.
    mutating func consume(
        _ entry: IndexEntry,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool
    /// Takes one of the headers outside the tunnel that a packet is in, by its entry.
    ///
    /// - Returns: False if the record was overwritten before they were decoded: nothing was applied.
    mutating func carry(
        _ entry: IndexEntry,
        layer: UInt8,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool
    /// Takes a packet whose tunnel came in fragments, nil if it had to be left out, after so many that were missed.
    mutating func take(_ packet: CarriedPacket?, missed: UInt32)
    /// Everything that was there has been taken.
    mutating func batchEnded()
    /// No packet earlier than `time` will come.
    mutating func idle(through time: Timestamp)
    /// Everything has ended; `clock` is the greatest time of the capture.
    mutating func finish(at clock: Timestamp)
}

extension EntryConsumer where Self: ~Copyable {
    var parsed: ApplicationTally? { nil }
    func showReassembly(_ counters: ReassemblyCounters) {}
    mutating func carry(
        _ entry: IndexEntry,
        layer: UInt8,
        ordinal: UInt64,
        memory: RingMemory,
        linkType: LinkType,
        isLive: Bool
    ) -> Bool { true }
    mutating func take(_ packet: CarriedPacket?, missed: UInt32) {}
}

/// The flow tracker, the parsers and the detector of one share of the flows.
struct Worker<Sink: FactSink & ~Copyable>: ~Copyable, EntryConsumer {
    var tracker: FlowTracker
    var fragments: FragmentReassembler
    /// None or one. (An optional would be asked by a call per packet.)
    private(set) var detectors: OwnedArray<Detector>
    /// Where facts leave.
    var outlet: StreamStage<WorkerOutlet<Sink>>
    /// Whether payload is looked at, by parsers or rules.
    let readsPayload: Bool
    /// Whether payload is parsed.
    private let parses: Bool
    /// Whether a packet's number in its ring means something: over files.
    let numbersPackets: Bool
    /// Whether anomalies of packets are told.
    private(set) var judges = false
    /// Packets whose headers were tracked but whose payload was passed over, for want of headroom or lapped.
    var payloadSkipped: UInt64 = 0
    private(set) var alerts: UInt64 = 0
    private(set) var latest = Timestamp.zero
    var flows: FlowStatistics { tracker.statistics }
    var parsed: ApplicationTally? { parses ? outlet.consumer.applications[0].tally : nil }
    func showReassembly(_ counters: ReassemblyCounters) {
        counters.store(fragments.statistics, outlet.reassembler.statistics)
    }
    private(set) var staged: [UInt32] = []
    private var chunk: UInt64 = .max
    private var chunkBuffer: UInt16 = .max

    init(
        tracker: consuming FlowTracker,
        applications: consuming ApplicationStage?,
        detector: consuming Detector?,
        facts: consuming Sink,
        numbersPackets: Bool,
        streams: StreamConfiguration = StreamConfiguration()
    ) {
        fragments = FragmentReassembler(
            tracker.configuration.fragments,
            vlansSeparateFlows: tracker.configuration.vlansSeparateFlows
        )
        self.tracker = tracker
        self.numbersPackets = numbersPackets
        detectors = OwnedArray(capacity: 1)
        if let detector { detectors.append(detector) }
        outlet = StreamStage(
            TCPReassembler(streams),
            consumer: WorkerOutlet(facts: facts, applications: applications)
        )
        parses = outlet.consumer.applications.count > 0
        readsPayload = detectors.count > 0 || parses
        staged.reserveCapacity(64)
        if parses { judges = outlet.consumer.applications[0].tellsPackets }
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
        var headers = PacketHeaders()
        var record = RecordHead()
        memory.withBytes(at: entry.position, offset: 0, length: Int(entry.length)) { bytes in
            record = RecordHead(bytes)
            PacketDecoder.decode(record.packet(in: bytes), linkType: linkType, into: &headers)
        }
        if isLive, !memory.isWhole(entry.position) { return false }
        latest = record.time
        if headers.isFragment {
            takeFragment(headers, entry, record, ordinal: ordinal, memory: memory, isLive: isLive)
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

    @inline(__always)
    mutating func inspect(_ headers: borrowing PacketHeaders, packet: RawSpan, flow: FlowView?) {
        detectors[0].inspect(headers, packet: packet, flow: flow) { staged.append($0) }
    }

    /// Hands payload to the parsers: a datagram's at once, a segment's through the reassembler.
    @inline(__always)
    mutating func parse(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        flow: FlowView,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        guard parses else { return }
        let place = PacketPlace(
            time: time,
            number: numbersPackets ? ordinal &+ 1 : 0,
            buffer: buffer,
            interface: interface
        )
        if headers.layers.contains(.tcp) {
            guard outlet.consumer.applications[0].wantsStream(flow) else { return }
            outlet.consumer.applications[0].beginSegment(headers, flow: flow, packet: place)
            // What is out of order is copied: nothing of it stays in the ring.
            outlet.segment(headers, packet: packet, at: .nowhere, time: time, flow: flow, tracker: tracker)
            return
        }
        guard headers.capturedPayloadLength > 0, !headers.isFragment, headers.layers.contains(.udp) else {
            return
        }
        let start = Int(headers.payloadOffset)
        let end = start + Int(headers.capturedPayloadLength)
        guard end <= packet.byteCount else { return }
        outlet.consumer.applications[0].datagram(
            packet.extracting(start..<end),
            headers: headers,
            flow: flow,
            packet: place
        )
    }

    /// The packet was overwritten while it was looked at: what it gave is forgotten.
    private mutating func overwritten(_ headers: borrowing PacketHeaders, _ flow: FlowView) {
        guard parses else { return }
        outlet.consumer.discard()
        if headers.layers.contains(.tcp) { outlet.overwritten(flow) }
    }

    @inline(never)
    mutating func recordStaged(
        _ headers: borrowing PacketHeaders,
        _ flow: FlowView?,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        if let flow { tracker.noteAlert(slot: flow.slot) }
        for signature in staged {
            alerts &+= 1
            outlet.record(
                .alert(
                    AlertRecord(
                        signature: signature,
                        headers: headers,
                        flow: flow,
                        time: time,
                        ordinal: ordinal,
                        buffer: buffer,
                        interface: interface
                    )
                )
            )
        }
        staged.removeAll(keepingCapacity: true)
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

/// The fixed part of a record, read where the record lies (RecordLayout).
struct RecordHead {
    var time = Timestamp.zero
    var originalLength: UInt32 = 0
    var capturedLength = 0

    init() {}

    @inline(__always)
    init(_ record: RawSpan) {
        guard record.byteCount >= RecordLayout.overhead else { return }
        time = Timestamp(
            nanoseconds: UInt64(record.littleEndian32(at: 12)) << 32 | UInt64(record.littleEndian32(at: 16))
        )
        originalLength = record.littleEndian32(at: 24)
        // Never trusted beyond the entry's own length.
        capturedLength = min(Int(record.littleEndian32(at: 20)), record.byteCount - RecordLayout.overhead)
    }

    @inline(__always) @_lifetime(copy record)
    func packet(in record: RawSpan) -> RawSpan {
        capturedLength == 0
            ? record.extracting(first: 0)
            : record.extracting(RecordLayout.headerLength..<(RecordLayout.headerLength + capturedLength))
    }
}
