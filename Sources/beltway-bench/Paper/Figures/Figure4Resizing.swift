// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

// Figure 4: rings that change their size, in rounds of resizing, against rings that keep it.

extension PaperFigure {
    static var resizing: PaperFigure {
        PaperFigure(
            number: 4,
            title: "Resizing buffers for different rounds of resizing",
            section: "section 4.2.1",
            measure: { try ResizingBenchmark.figure($0) }
        )
    }
}

/// A producer and a consumer that stay close together, on rings that are far too large at first.
///
///     round    0        1        2   ...  10
///     length   64 MiB   32 MiB   16       64 KiB      resized rings; a static ring of each of these lengths
enum ResizingBenchmark {
    static let statics = "static, of this size"
    static let largest = "static, never resized"
    static let replacing = "resizing (replaced memory)"
    static let pseudo = "pseudo-resizing"
    static let controlled = "pseudo-resizing, by its controller"

    /// Bytes of a block: a full packet.
    private static let block = 1514
    /// Below this the blocks in flight would not fit.
    private static let least = 65_536

    static func figure(_ effort: Effort) throws -> FigureResult {
        let greatest = effort.isQuick ? 1 << 20 : 64 << 20
        let lengths = Array(sequence(first: greatest) { $0 > least ? $0 / 2 : nil })
        var runs = Rounds(lengths: lengths)
        // One course to warm up; each course makes its rings anew and goes through all sizes.
        for counted in 0...effort.rounds {
            try course(lengths, effort.secondsPerCell, into: &runs, counts: counted > 0)
        }
        let sizes = PlotPanel(
            name: "a",
            title: "Size of the buffers",
            x: PlotAxis(name: "Round of resizing"),
            y: PlotAxis(name: "Bytes in use", scale: .powersOfTwo, format: .bytes),
            series: runs.series(runs.sizes)
        )
        let speeds = PlotPanel(
            name: "b",
            title: "Throughput of 1514-byte packets, written and read",
            x: PlotAxis(name: "Round of resizing"),
            y: PlotAxis(name: "Throughput", unit: "Gbit/s"),
            series: runs.series(runs.speeds)
        )
        return FigureResult(
            paper: paper,
            method: method,
            panels: [sizes, speeds],
            claims: claims(speeds, lengths)
        )
    }

    /// What each contestant had in each round of each course.
    private struct Rounds {
        let lengths: [Int]
        var names: [String] = []
        var speeds: [String: [[Double]]] = [:]
        var sizes: [String: [[Double]]] = [:]

        init(lengths: [Int]) { self.lengths = lengths }

        mutating func add(_ name: String, round: Int, speed: Double, size: Int) {
            if !names.contains(name) {
                names.append(name)
                speeds[name] = Array(repeating: [], count: lengths.count)
                sizes[name] = Array(repeating: [], count: lengths.count)
            }
            speeds[name]?[round].append(speed)
            sizes[name]?[round].append(Double(size))
        }

        func series(_ values: [String: [[Double]]]) -> [PlotSeries] {
            names.map { name in
                PlotSeries(
                    name: name,
                    points: (values[name] ?? []).enumerated().map {
                        PlotPoint(x: Double($0.offset), y: Sample(values: $0.element))
                    },
                    isReference: name == ResizingBenchmark.largest
                )
            }
        }
    }

    private static func course(
        _ lengths: [Int],
        _ seconds: Double,
        into runs: inout Rounds,
        counts: Bool
    ) throws {
        let greatest = lengths[0]
        func queue(
            _ length: Int,
            _ resizing: Resizing,
            controller: ResizeController? = nil
        ) throws -> ResizedQueue {
            try ResizedQueue(
                RingOptions(
                    kind: .marked,
                    policy: .slowReader,
                    capacity: length,
                    resizing: resizing,
                    minimumLength: resizing == .fixed ? nil : least
                ),
                block: block,
                controller: controller
            )
        }
        var unchanged = try queue(greatest, .fixed)
        var replaced = try queue(greatest, .replacing)
        var partial = try queue(greatest, .partial)
        var own = try queue(
            greatest,
            .partial,
            controller: ResizeController(least: least, greatest: greatest)
        )
        for (round, length) in lengths.enumerated() {
            replaced.resize(to: length)
            partial.resize(to: length)
            var fresh = try queue(length, .fixed)
            let results = [
                (statics, try fresh.gigabits(seconds), fresh.length),
                (largest, try unchanged.gigabits(seconds), unchanged.length),
                (replacing, try replaced.gigabits(seconds), replaced.length),
                (pseudo, try partial.gigabits(seconds), partial.length),
                (controlled, try own.gigabits(seconds), own.length),
            ]
            guard counts else { continue }
            for (name, speed, size) in results { runs.add(name, round: round, speed: speed, size: size) }
        }
    }

    private static func claims(_ panel: PlotPanel, _ lengths: [Int]) -> [Claim] {
        guard let statics = panel[statics], let pseudo = panel[pseudo], let controlled = panel[controlled],
            let best = statics.points.max(by: { $0.y.median < $1.y.median })
        else { return [] }
        let round = Int(best.x)
        let size = byteLabel(Double(lengths[round]))
        let against = pseudo.points[round].y.ratio(to: best.y)
        var claims = [
            Claim(
                text: "pseudo-resizing to the best size against a static ring of that size",
                paper: "up to 10 % slower, not optimised",
                goal: "within 10 %",
                measured: "\(numberLabel(against))x (\(size))",
                holds: against >= 0.9
            )
        ]
        // Sixteen times too large: four rounds before; at the start of a course that is too short for it.
        let before = max(0, round - 4)
        let times = lengths[before] / lengths[round]
        let faster = pseudo.points[round].y.ratio(to: statics.points[before].y)
        claims.append(
            Claim(
                text: "pseudo-resizing against a static ring 16 times too large",
                paper: "\"sudden hike\" when it fits the cache",
                goal: "faster",
                measured: "\(numberLabel(faster))x (\(size) against \(byteLabel(Double(lengths[before]))))",
                holds: times == 16 ? faster > 1 : nil,
                remark: times == 16
                    ? ""
                    : "The best static ring is only \(times) times smaller than the largest that was measured."
            )
        )
        if let first = controlled.points.first, let last = controlled.points.last {
            let gain = last.y.ratio(to: best.y)
            claims.append(
                Claim(
                    text: "a ring left to its controller, at the end, against a static ring of the best size",
                    paper: "buffers adapt to cache sizes by themselves",
                    goal: "within 10 %",
                    measured: "\(numberLabel(gain))x; it gained \(numberLabel(last.y.ratio(to: first.y)))x",
                    holds: gain >= 0.9
                )
            )
        }
        return claims
    }

    private static let paper = [
        "A ring that is much larger than what lies between producer and consumer spoils the cache: every block is written to "
            + "memory that was not touched for a whole lap. Two rings that change their size: one replaces its memory (the old "
            + "area is probed until nobody refers to it), one uses only a part of it, as a deck of cards is cut "
            + "(pseudo-resizing). The left plot shows the sizes, the right one the throughput, in consecutive rounds.",
        "It finds a \"sudden hike\" where the ring fits a cache; and, compiled without optimisation, up to 10 % slowdown "
            + "against the static ring for large buffers.",
    ]

    private static let method = [
        "v-DBufs of 64 MiB, halved from round to round down to 64 KiB by resize(to:), under slow reader preference. One thread "
            + "writes 32 packets of 1514 bytes, publishes, takes them, reads all of their bytes, and releases. In each round "
            + "the same is done by a static ring of 64 MiB, by a static ring made at the size of the round, and by a "
            + "pseudo-resizing ring whose controller decides for itself, by use. All of them in turn, the whole course once per "
            + "counted round; a resized ring has gone round at its new size once before it is timed."
    ]
}

/// A ring in use by one thread that plays both parts.
private struct ResizedQueue: ~Copyable {
    private var queue: RingQueue<MarkedLayout>
    private let block: [UInt8]

    init(_ options: RingOptions, block length: Int, controller: ResizeController?) throws {
        queue = try RingQueue(options, as: MarkedLayout.self, controller: controller)
        block = blockOfBytes(length)
    }

    mutating func resize(to length: Int) { queue.resize(to: length) }
    var length: Int { queue.length }

    /// Bits of packets per nanosecond.
    mutating func gigabits(_ seconds: Double) throws -> Double {
        let block = block
        let expected = block.rawSpan.sumOfBytes
        // Round once, or to the wrap at which a part of the memory is taken; and the cache gets used to it.
        var isRight = Self.run(&queue, block.rawSpan, max(8, queue.length / block.count / 16), expected)
        let nanoseconds = nanosecondsPerStep(seconds: seconds) { turns in
            isRight = Self.run(&queue, block.rawSpan, turns, expected) && isRight
        }
        guard isRight else { throw FigureTrouble(description: "a packet was lost while a ring was resized") }
        return Double(32 * block.count * 8) / nanoseconds
    }

    @inline(never)
    private static func run(
        _ queue: inout RingQueue<MarkedLayout>,
        _ block: RawSpan,
        _ turns: Int,
        _ expected: UInt64
    ) -> Bool {
        var sum: UInt64 = 0
        for _ in 0..<turns {
            for _ in 0..<32 { queue.put(block) }
            queue.publish()
            for _ in 0..<32 { sum &+= queue.take() }
            queue.release()
        }
        return sum == expected &* UInt64(32 * turns)
    }
}
