// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

// Figure 10: a stream's bytes handed to their reader where they lie in the ring, against a copy into one buffer per stream.

extension PaperFigure {
    static var reassembly: PaperFigure {
        PaperFigure(
            number: 10,
            title: "TCP reassembly, in place and by copying",
            section: "section 5.4",
            measure: { try ReassemblyBenchmark.figure($0) }
        )
    }
}

/// Puts one stream of equal segments in order by both methods; the reader adds up all bytes.
enum ReassemblyBenchmark {
    static let inPlace = "in place"
    static let copying = "copying"
    static let reading = "reading alone"

    static func figure(_ effort: Effort) throws -> FigureResult {
        let capture = SegmentCapture(bytes: effort.isQuick ? 1 << 20 : 16 << 20)
        var cells: [Cell] = []
        for length in effort.steps([64, 128, 256, 512, 1024, 4096, 16_384, 65_536]) {
            cells.append(
                Cell(series: inPlace, x: Double(length)) { capture.inPlace(length, seconds: $0) }
            )
            cells.append(
                Cell(series: copying, x: Double(length)) { capture.copying(length, seconds: $0) }
            )
            cells.append(
                Cell(series: reading, x: Double(length)) { capture.reading(length, seconds: $0) }
            )
        }
        var series = try measureInTurn(cells, effort)
        for index in series.indices where series[index].name == reading { series[index].isReference = true }
        let panel = PlotPanel(
            title: "Putting a segment in order and reading it",
            x: PlotAxis(name: "Segment", unit: "bytes", scale: .logarithmic),
            y: PlotAxis(name: "Time per segment", unit: "ns", scale: .logarithmic),
            series: series
        )
        return FigureResult(paper: paper, method: method, panels: [panel], claims: [claim(panel)])
    }

    private static var paper: [String] {
        [
            "Reassembly as an index of entries whose offset is the payload, so that a stream is read where its packets lie, "
                + "against reassembly that copies each segment into a buffer of the stream."
        ]
    }

    private static var method: [String] {
        [
            "One direction of one connection, segments in order, payload spread over 16 MiB as in a ring. In place: "
                + "Beltway's reassembler as it runs in the appliance. Copying: one contiguous window per stream, `memcpy`, "
                + "and the reader reads from the window at once, while it is in the cache; it knows nothing but the order, so "
                + "it does less per segment than the other. Both readers add up all bytes, eight at a time.",
            "Reading alone: the same bytes added up where they lie, without any reassembly: what neither can go below.",
        ]
    }

    private static func claim(_ panel: PlotPanel) -> Claim {
        var worst: Double?
        for length in panel.abscissae where length >= 256 {
            guard let own = panel.sample(inPlace, at: length), let other = panel.sample(copying, at: length)
            else {
                continue
            }
            worst = min(worst ?? .infinity, other.ratio(to: own))
        }
        return Claim(
            text: "copying against in place, 256 B segments and larger, the least advantage",
            paper: "in place wins",
            goal: "more than 1x",
            measured: worst.map { "\(numberLabel($0))x" } ?? "-",
            holds: worst.map { $0 > 1 }
        )
    }
}

/// Payload in memory as large as a ring, and a connection whose segments lie in it.
private struct SegmentCapture {
    private let bytes: [UInt8]
    private static var headerLength: Int { 54 }
    private static var start: UInt32 { 1000 }

    init(bytes count: Int) { bytes = blockOfBytes(count) }

    func inPlace(_ length: Int, seconds: Double) -> Double {
        var tracker = FlowTracker()
        var reassembler = TCPReassembler()
        var reader = SummingReader()
        var headers = PacketHeaders()
        headers.layers = [.link, .ip, .tcp]
        headers.ipVersion = 4
        headers.source = IPAddress(v4: 0x0a00_0001)
        headers.destination = IPAddress(v4: 0x0a00_0002)
        (headers.sourcePort, headers.destinationPort) = (40_000, 80)
        headers.transportProtocol = IPProtocol.tcp
        headers.tcpFlags = TCPFlag.ack
        headers.sequence = SegmentCapture.start
        headers.payloadOffset = UInt16(SegmentCapture.headerLength)
        (headers.payloadLength, headers.capturedPayloadLength) = (UInt32(length), UInt32(length))
        let flow = tracker.track(
            headers,
            hash: 1,
            time: .zero,
            originalLength: UInt32(length),
            ordinal: 0,
            buffer: 0,
            interface: 0,
            facts: &reader
        )
        guard let flow else { return .nan }
        let step = SegmentCapture.headerLength + length
        let source = bytes.rawSpan
        return nanosecondsPerStep(seconds: seconds) { count in
            var at = 0
            for _ in 0..<count {
                if at &+ step > source.byteCount { at = 0 }
                reassembler.segment(
                    headers,
                    packet: source.extracting(at..<(at &+ step)),
                    at: .nowhere,
                    time: .zero,
                    flow: flow,
                    tracker: &tracker,
                    consumer: &reader
                )
                headers.sequence &+= UInt32(length)
                at &+= step
            }
            consume(reader.sum)
        }
    }

    func copying(_ length: Int, seconds: Double) -> Double {
        var stream = CopyingStream(from: SegmentCapture.start, capacity: 256 << 10)
        var sequence = SegmentCapture.start
        return eachSegment(length, seconds: seconds) { payload in
            defer { sequence &+= UInt32(length) }
            return stream.take(payload, at: sequence)
        }
    }

    func reading(_ length: Int, seconds: Double) -> Double {
        eachSegment(length, seconds: seconds) { $0.sumOfBytes }
    }

    @inline(__always)
    private func eachSegment(_ length: Int, seconds: Double, _ body: (RawSpan) -> UInt64) -> Double {
        let step = SegmentCapture.headerLength + length
        let source = bytes.rawSpan
        return nanosecondsPerStep(seconds: seconds) { count in
            var at = 0
            var sum: UInt64 = 0
            for _ in 0..<count {
                if at &+ step > source.byteCount { at = 0 }
                sum &+= body(source.extracting((at &+ SegmentCapture.headerLength)..<(at &+ step)))
                at &+= step
            }
            consume(sum)
        }
    }
}

/// Adds up what it is handed.
private struct SummingReader: StreamConsumer, FactSink {
    var sum: UInt64 = 0

    @inline(__always) mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        sum &+= bytes.sumOfBytes
    }
    mutating func gap(_ length: UInt64, of stream: StreamView) {}
    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {}
    mutating func closed(slot: UInt32, flowID: UInt64) {}
    mutating func record(_ fact: Fact) {}
}
