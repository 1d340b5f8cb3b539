// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

// Figure 6: a byte stream (c-DBuf) by the size of its ring and the bytes of a call.

extension PaperFigure {
    static var streamSizes: PaperFigure {
        PaperFigure(
            number: 6,
            title: "Impact of ring size and block size",
            section: "section 4.2.2",
            measure: { try StreamBenchmark.figure($0) }
        )
    }
}

/// A c-DBuf that is filled and emptied again, by calls of a size.
enum StreamBenchmark {
    /// Bytes of the rings: as in the paper, from the least that a mirrored mapping allows.
    static let rings = stride(from: 12, through: 26, by: 2).map { 1 << $0 }
    /// Bytes of a call: 64 bytes to 64 MiB.
    static let calls = stride(from: 6, through: 26, by: 2).map { 1 << $0 }
    /// The longest block written at once, so that the producer's own memory does not take the cache.
    private static let longestWrite = 65_536

    static func figure(_ effort: Effort) throws -> FigureResult {
        let greatest = effort.isQuick ? 4 << 20 : rings.max() ?? 0
        var cells: [Cell] = []
        for ring in effort.steps(rings) where ring <= greatest {
            for call in effort.steps(calls) where call <= ring {
                cells.append(
                    Cell(series: "ring of \(byteLabel(Double(ring)))", x: Double(call)) { seconds in
                        try gigabytesPerSecond(ring: ring, call: call, seconds: seconds)
                    }
                )
            }
        }
        let panel = PlotPanel(
            title: "Throughput of a c-DBuf, written and read in place",
            x: PlotAxis(name: "Bytes per call", scale: .powersOfTwo, format: .bytes),
            y: PlotAxis(name: "Throughput", unit: "GB/s", scale: .logarithmic),
            series: try measureInTurn(cells, effort)
        )
        return FigureResult(paper: paper, method: method, panels: [panel], claims: claims(panel))
    }

    private static func gigabytesPerSecond(ring: Int, call: Int, seconds: Double) throws -> Double {
        var queue = try StreamLap(ring: ring, write: min(call, ring / 2, longestWrite), read: call)
        // The first lap faults every page in.
        var isRight = queue.run(laps: 1)
        let nanoseconds = nanosecondsPerStep(seconds: seconds, from: max(1, 65_536 / ring)) { laps in
            isRight = queue.run(laps: laps) && isRight
        }
        guard isRight else { throw FigureTrouble(description: "a stream was not read as it was written") }
        return Double(ring) / nanoseconds
    }

    private static func claims(_ panel: PlotPanel) -> [Claim] {
        // What fits the caches against what does not, at the call size where each is best.
        func best(_ series: PlotSeries) -> PlotPoint? { series.points.max { $0.y.median < $1.y.median } }
        let peaks = panel.series.compactMap(best)
        guard let fastest = peaks.max(by: { $0.y.median < $1.y.median }), let largest = peaks.last,
            let fastestSeries = panel.series.first(where: { best($0)?.y.median == fastest.y.median }),
            let slowCalls = fastestSeries.points.first
        else { return [] }
        let cache = fastest.y.ratio(to: largest.y)
        let call = fastest.y.ratio(to: slowCalls.y)
        return [
            Claim(
                text: "the influence of the caches: the best ring against the largest, each at its best call",
                paper: "\"clear\" (no number)",
                goal: "1.5x and more",
                measured: "\(numberLabel(cache))x (\(fastestSeries.name))",
                holds: cache >= 1.5,
                remark: cache >= 1.5
                    ? ""
                    : "Prefetching brings a ring that is read in order to the processor almost as fast as a cache does."
            ),
            Claim(
                text: "the influence of the call: the best ring at its best call against calls of 64 bytes",
                paper: "throughput grows with the block",
                goal: "2x and more",
                measured: "\(numberLabel(call))x",
                holds: call >= 2
            ),
        ]
    }

    private static let paper = [
        "Buffer size and per-call block size against throughput of a c-DBuf, both from 64 bytes to 64 MB; other kinds are alike. "
            + "Buffers below 16 KB coincide with that of 16 KB; a call cannot be larger than its buffer, hence the cut-offs to "
            + "the right. \"The influence of cache sizes on throughput is clear.\""
    ]

    private static let method = [
        "One thread writes until the ring is full, each call followed by its publication, then reads all of it in place (peek), "
            + "each call taking as many bytes as it asks for, and adds the bytes up. So every byte of the ring is written and "
            + "read once per lap. Rings start at one page, below which memory cannot be mapped twice in a row. Writes "
            + "are cut at 64 KiB, from a block that stays in the cache, and at half of the ring."
    ]
}

/// A ring and the loop that fills and empties it.
private struct StreamLap: ~Copyable {
    private var producer: RingProducer<StreamLayout>
    private var reader: RingReader<StreamLayout>
    private let block: [UInt8]
    private let calls: Int
    private let read: Int
    private let expected: UInt64

    init(ring size: Int, write: Int, read: Int) throws {
        let ring = try Ring(
            name: "bench.0",
            options: RingOptions(kind: .stream, policy: .slowReader, capacity: size)
        )
        reader = try RingReader(ring, as: StreamLayout.self)
        producer = ring.makeProducer(StreamLayout.self)
        let block = blockOfBytes(write)
        calls = size / write
        self.block = block
        self.read = read
        expected = block.rawSpan.sumOfBytes &* UInt64(calls)
    }

    mutating func run(laps: Int) -> Bool {
        let block = block
        var sum: UInt64 = 0
        for _ in 0..<laps {
            for _ in 0..<calls {
                guard producer.append(block.rawSpan) else { return false }
                producer.publish()
            }
            while let block = reader.next(atMost: read) {
                sum &+= reader.withBytes(of: block) { $0.sumOfBytes }
            }
            reader.release()
        }
        return sum == expected &* UInt64(laps)
    }
}
