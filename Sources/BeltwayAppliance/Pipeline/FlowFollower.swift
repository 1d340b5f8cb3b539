// SPDX-License-Identifier: Apache-2.0
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire

/// Tracker and tracer together: from packets to lines about the flows that an expression selects.
///
/// It tracks flows by itself, so that it can run anywhere; with a worker's configuration and packets its flow ids are
/// that worker's. It sees every packet that belongs to a flow, since an expression may come true at any of them
/// (`bytes > 1M`).
struct FlowFollower: ~Copyable {
    private var tracker: FlowTracker
    private var fragments: FragmentReassembler
    private var compressed = CompressedPackets()
    private let classifier: PacketClassifier
    private(set) var tracer: Tracer
    private let expression: QueryExpression
    private var ended = EndedFlows()
    private let show: @Sendable (borrowing TextBuffer) -> Void

    /// Flows that ended while a packet was tracked.
    private struct EndedFlows: FactSink {
        var records: [FlowRecord] = []
        mutating func record(_ fact: Fact) {
            if case .flow(let record) = fact { records.append(record) }
        }
    }

    /// A packet, as the stage before knows it.
    struct Packet {
        var hash: UInt32
        var time: Timestamp
        var originalLength: UInt32
        var ordinal: UInt64
        var buffer: UInt16
        var interface: UInt16
    }

    init(
        flow: FlowConfiguration,
        expression: QueryExpression,
        form: TraceForm = TraceForm(),
        flowLimit: Int = 1024,
        show: @escaping @Sendable (borrowing TextBuffer) -> Void
    ) {
        tracker = FlowTracker(flow)
        fragments = FragmentReassembler(flow.fragments, vlansSeparateFlows: flow.vlansSeparateFlows)
        classifier = PacketClassifier(vlansSeparateFlows: flow.vlansSeparateFlows, workers: 1)
        self.expression = expression
        self.show = show
        tracer = Tracer(form, flowLimit: flowLimit)
    }

    var flows: FlowStatistics { tracker.statistics }

    /// Takes a packet whose bytes were whole when they were decoded.
    ///
    /// - Parameters:
    ///   - headers: What was decoded.
    ///   - packet: What else is known of it.
    ///   - excerpt: The beginning of its payload.
    ///   - bytes: Its bytes, if it is one that ``needsCopy(_:)``: what was whole may be overwritten by now.
    ///   - interface: The name of its interface; asked only where the expression needs it.
    mutating func take(
        _ headers: borrowing PacketHeaders,
        _ packet: Packet,
        excerpt: PayloadExcerpt,
        copy bytes: [UInt8],
        interface: () -> String
    ) {
        if headers.transportProtocol == IPProtocol.compression, !headers.isFragment,
            takeCompressed(copy headers, packet, bytes, interface)
        {
            return
        }
        guard !headers.isFragment else {
            let frame = FragmentFrame(
                headers: copy headers,
                hash: packet.hash,
                time: packet.time,
                originalLength: packet.originalLength,
                ordinal: packet.ordinal,
                buffer: packet.buffer,
                interface: packet.interface
            )
            bytes.withPacket { fragments.take(frame, packet: $0) }
            fragments.settle()
            takeDatagrams(interface)
            return
        }
        takePlain(headers, packet, excerpt, interface)
    }

    /// Whether a packet is more than its headers say: it is put together, or inflated, first.
    static func needsCopy(_ headers: borrowing PacketHeaders) -> Bool {
        if headers.isFragment { return true }
        return headers.transportProtocol == IPProtocol.compression
    }

    /// Takes a compressed packet (IPComp) as what it holds; false if it cannot be inflated.
    private mutating func takeCompressed(
        _ headers: PacketHeaders,
        _ packet: Packet,
        _ bytes: [UInt8],
        _ interface: () -> String
    ) -> Bool {
        var inflated: [UInt8]?
        bytes.withPacket { inflated = compressed.inflate(headers, in: $0) }
        guard let inflated else { return false }
        var inside = PacketHeaders()
        inflated.withPacket { PacketDecoder.decode(reassembled: $0, of: headers, into: &inside) }
        var packet = packet
        packet.hash = inflated.withPacket { classifier.classify(inside, packet: $0).flowHash }
        // A fragment inside is one of another datagram; it is not compressed again.
        guard !inside.isFragment else {
            take(
                inside,
                packet,
                excerpt: inflated.withPacket { PayloadExcerpt(inside, of: $0) },
                copy: inflated,
                interface: interface
            )
            return true
        }
        takePlain(inside, packet, inflated.withPacket { PayloadExcerpt(inside, of: $0) }, interface)
        return true
    }

    private mutating func takePlain(
        _ headers: borrowing PacketHeaders,
        _ packet: Packet,
        _ excerpt: PayloadExcerpt,
        _ interface: () -> String
    ) {
        let flow = tracker.track(
            headers,
            hash: packet.hash,
            time: packet.time,
            originalLength: packet.originalLength,
            ordinal: packet.ordinal,
            buffer: packet.buffer,
            interface: packet.interface,
            facts: &ended
        )
        showEnded()
        guard let flow else { return }
        tracer.packet(
            headers,
            flow: flow,
            originalLength: packet.originalLength,
            time: packet.time,
            excerpt: excerpt
        ) {
            expression.matches(tracker.record(slot: flow.slot), interface: interface())
        }
    }

    /// Takes datagrams that came in fragments and are done; one that is whole is a packet like any other, and so is what
    /// it carries.
    private mutating func takeDatagrams(_ interface: () -> String) {
        while let datagram = fragments.next() {
            let flow = tracker.track(datagram, facts: &ended)
            showEnded()
            guard let last = datagram.frames.last else { continue }
            let carries = datagram.isWhole && datagram.carries != .none
            if let flow {
                let headers = carries ? datagram.own : datagram.isWhole ? datagram.headers : last.headers
                let excerpt = datagram.bytes.withPacket { PayloadExcerpt(headers, of: $0) }
                tracer.packet(
                    headers,
                    flow: flow,
                    originalLength: datagram.frames.reduce(0) { $0 &+ $1.originalLength },
                    time: last.time,
                    excerpt: excerpt
                ) {
                    expression.matches(tracker.record(slot: flow.slot), interface: interface())
                }
            }
            if carries { takeCarried(datagram, last, interface) }
        }
    }

    /// Takes the innermost packet of a tunnel whose datagram came in fragments, as of the packet that completed it.
    private mutating func takeCarried(
        _ datagram: FragmentedDatagram,
        _ last: FragmentFrame,
        _ interface: () -> String
    ) {
        var frame = last
        frame.headers = datagram.headers
        frame.hash = datagram.bytes.withPacket { classifier.classify(datagram.headers, packet: $0).flowHash }
        let before = datagram.first.map { datagram.frames[$0].headers.networkOffset } ?? 0
        frame.originalLength = UInt32(before) + UInt32(datagram.bytes.count)
        guard !frame.headers.isFragment else {
            // One of another datagram: the caller's loop comes to it.
            datagram.bytes.withPacket { fragments.take(frame, packet: $0) }
            fragments.settle()
            return
        }
        let excerpt = datagram.bytes.withPacket { PayloadExcerpt(frame.headers, of: $0) }
        takePlain(frame.headers, Packet(frame), excerpt, interface)
    }

    /// Copies a packet.
    static func copy(_ packet: RawSpan) -> [UInt8] {
        (0..<packet.byteCount).map { packet.byte(at: $0) }
    }

    /// Shows what there is to show.
    mutating func flush() {
        guard !tracer.lines.isEmpty else { return }
        show(tracer.lines)
        tracer.lines.removeAll()
    }

    /// Ends what has been silent for too long.
    mutating func expire(through time: Timestamp) {
        fragments.expire(through: time)
        takeDatagrams { "" }
        tracker.expire(through: time, facts: &ended)
        showEnded()
    }

    /// Ends every flow.
    mutating func finish(at clock: Timestamp) {
        fragments.finish()
        takeDatagrams { "" }
        tracker.finish(at: clock, facts: &ended)
        showEnded()
        flush()
    }

    private mutating func showEnded() {
        guard !ended.records.isEmpty else { return }
        for record in ended.records {
            tracer.ended(record)
            // The last flows of a run end all at once: their lines must not overflow the buffer.
            if tracer.lines.count > 1 << 19 { flush() }
        }
        ended.records.removeAll(keepingCapacity: true)
    }
}

extension FlowFollower.Packet {
    fileprivate init(_ frame: FragmentFrame) {
        self.init(
            hash: frame.hash,
            time: frame.time,
            originalLength: frame.originalLength,
            ordinal: frame.ordinal,
            buffer: frame.buffer,
            interface: frame.interface
        )
    }
}
