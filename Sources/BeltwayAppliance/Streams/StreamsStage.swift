// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayWire

/// What `beltway streams` does with the streams of a capture.
protocol StreamOutput: StreamConsumer, FactSink, ~Copyable {
    /// A TCP flow has begun; nothing else was told of it.
    mutating func began(_ flow: FlowView, _ headers: borrowing PacketHeaders)
    /// Everything has been told.
    mutating func finish()
    /// What could not be done, once.
    var trouble: String? { get }
}

/// Tracker and reassembler in the thread that reads the file: what waits lies in the ring until half of it has passed.
struct StreamsStage<Output: StreamOutput & ~Copyable>: ~Copyable, BatchStage {
    private let classifier = PacketClassifier(share: .addressPair, vlansSeparateFlows: true, workers: 1)
    private var tracker: FlowTracker
    private var fragments = FragmentReassembler()
    private var compressed = CompressedPackets()
    var streams: StreamStage<Output>
    private var latest = Timestamp.zero

    init(_ configuration: StreamConfiguration, output: consuming Output) {
        // A stream lasts as long as the capture: no pause in it ends a connection.
        var flow = FlowConfiguration()
        let patient = FlowConfiguration.Timeouts(new: .max, established: .max, closed: .max)
        flow.tcp = patient
        flow.silenceAfterReset = .max
        flow.capacity = 1 << 22
        tracker = FlowTracker(flow)
        streams = StreamStage(TCPReassembler(configuration), consumer: output)
    }

    mutating func open(_ buffer: DataBuffer) { streams.reassembler.adopt(buffer) }

    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        let memory = buffer.memory
        let linkType = buffer.linkType
        let number = buffer.number
        let classifier = self.classifier
        var headers = PacketHeaders()
        memory.forEachPacket(in: batch) { descriptor, ordinal, packet in
            PacketDecoder.decode(packet, linkType: linkType, into: &headers)
            if headers.isFragment || headers.transportProtocol == IPProtocol.compression {
                take(headers, packet, descriptor, ordinal, number)
                return
            }
            guard headers.layers.contains(.tcp) else { return }
            if descriptor.time > latest { latest = descriptor.time }
            let flow = tracker.track(
                headers,
                hash: classifier.classify(headers, packet: packet).flowHash,
                time: descriptor.time,
                originalLength: descriptor.originalLength,
                ordinal: ordinal,
                buffer: number,
                interface: descriptor.interface,
                facts: &streams
            )
            guard let flow else { return }
            if flow.isFirstPacket { streams.consumer.began(flow, headers) }
            streams.segment(
                headers,
                packet: packet,
                at: SegmentPlace(position: descriptor.position, buffer: number),
                time: descriptor.time,
                flow: flow,
                tracker: &tracker
            )
        }
        streams.reassembler.secure(keeping: memory.geometry.capacity / 2)
    }

    /// Takes a packet that is more than its headers say: put together, or inflated, it may be one of a stream, and lies in no
    /// ring then.
    @inline(never)
    private mutating func take(
        _ headers: borrowing PacketHeaders,
        _ packet: RawSpan,
        _ descriptor: Descriptor,
        _ ordinal: UInt64,
        _ buffer: UInt16
    ) {
        var frame = FragmentFrame(copy headers, hash: 0, descriptor, ordinal: ordinal, buffer: buffer)
        if headers.isFragment {
            fragments.take(frame, packet: packet)
            fragments.settle()
        } else if let bytes = compressed.inflate(copy headers, in: packet) {
            let own = copy headers
            bytes.withPacket { PacketDecoder.decode(reassembled: $0, of: own, into: &frame.headers) }
            if frame.headers.isFragment {
                bytes.withPacket { fragments.take(frame, packet: $0) }
                fragments.settle()
            } else {
                follow(frame, bytes)
            }
        }
        while let datagram = fragments.next() {
            guard datagram.isWhole else { continue }
            frame.headers = datagram.headers
            follow(frame, datagram.bytes)
        }
    }

    /// Takes a packet that lies in no ring.
    private mutating func follow(_ frame: FragmentFrame, _ bytes: [UInt8]) {
        guard frame.headers.layers.contains(.tcp), !frame.headers.isFragment else { return }
        if frame.time > latest { latest = frame.time }
        var frame = frame
        frame.hash = bytes.withPacket { classifier.classify(frame.headers, packet: $0).flowHash }
        guard let flow = tracker.track(frame, facts: &streams) else { return }
        if flow.isFirstPacket { streams.consumer.began(flow, frame.headers) }
        bytes.withPacket { packet in
            streams.segment(
                frame.headers,
                packet: packet,
                at: .nowhere,
                time: frame.time,
                flow: flow,
                tracker: &tracker
            )
        }
    }

    mutating func idle(through time: Timestamp) {}

    mutating func finish() {
        tracker.finish(at: latest, facts: &streams)
        streams.consumer.finish()
    }
}
