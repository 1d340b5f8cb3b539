// SPDX-License-Identifier: Apache-2.0

internal import BeltwayBuffers
internal import BeltwayWire

// Figure 5: kinds of ring against the general allocator, by packet size.

extension PaperFigure {
    static var ringImplementations: PaperFigure {
        PaperFigure(
            number: 5,
            title: "Ring implementations against the general allocator",
            section: "section 4.2.2",
            measure: { try RingKindBenchmark.figure($0) }
        )
    }
}

/// Blocks from a producer to a consumer that comes 15.5 MiB later.
enum RingKindBenchmark {
    static let slotted = "p-DBuf"
    static let marked = "v-DBuf"
    static let described = "d-DBuf"
    static let allocator = "malloc"
    static let tenfold = "10malloc"

    /// Packet sizes of the paper, and blocks beyond.
    static let lengths = [64, 128, 256, 512, 1024, 1514, 4096, 9000, 16_384]
    /// The longest packet.
    static let longestPacket = 1514

    static func figure(_ effort: Effort) throws -> FigureResult {
        let capacity = effort.isQuick ? 2 << 20 : 16 << 20
        // All but 128 KiB: rings announce what they will write 64 KiB ahead.
        let memory = capacity - 131_072
        var cells: [Cell] = []
        for length in effort.steps(lengths) {
            // No record crosses the end of a chunk; in each of the eight up to one record's room stays empty.
            let record = RecordLayout.recordLength(capturedLength: length, needsFlags: false)
            cells.append(
                cell(described, length, blocks(memory - 8 * record, record)) {
                    try DescribedQueue(capacity: capacity)
                }
            )
            let slot = slotLength(for: length)
            cells.append(
                cell(slotted, length, blocks(memory, slot)) {
                    try RingQueue(
                        RingOptions(
                            kind: .slots,
                            policy: .fastReader,
                            capacity: capacity,
                            slotLength: slot
                        ),
                        as: SlotLayout.self
                    )
                }
            )
            cells.append(
                cell(marked, length, blocks(memory, (length + 8 + 7) & ~7)) {
                    try RingQueue(
                        RingOptions(kind: .marked, policy: .fastReader, capacity: capacity),
                        as: MarkedLayout.self
                    )
                }
            )
            for (name, slots) in [(allocator, 1), (tenfold, 10)] {
                let taken = AllocatedQueue.bytesPerBlock(length, slotsPerAllocation: slots)
                let distance = blocks(memory, taken)
                cells.append(
                    cell(name, length, distance) {
                        AllocatedQueue(distance: distance, length: length, slotsPerAllocation: slots)
                    }
                )
            }
        }
        let alone = try measureInTurn(cells, effort)
        let together = try measureInTurn(
            effort.steps(lengths).flatMap { twoThreads($0, capacity, memory) },
            effort
        )
        let panels = [
            throughput("a", "One thread that writes, hands over and reads", alone),
            relative("b", "The same, by malloc and free per block", alone),
            throughput("c", "A thread that writes and one that reads", together),
            relative("d", "The same, by malloc in one thread and free in the other", together),
            try depthPanel(effort),
        ]
        return FigureResult(
            paper: paper,
            method: method,
            panels: panels,
            claims: claims(panels[1], "one thread", alone) + claims(panels[3], "two threads", together)
        )
    }

    /// The contestants with a thread for each side: the same memory, filled by whoever is faster, waiting for room.
    private static func twoThreads(_ length: Int, _ capacity: Int, _ memory: Int) -> [Cell] {
        func ring<Layout: BlockLayout>(_ name: String, _ kind: BufferKind, _ layout: Layout.Type) -> Cell {
            Cell(series: name, x: Double(length)) { seconds in
                let ring = try Ring(
                    name: "bench.0",
                    options: RingOptions(
                        kind: kind,
                        policy: .blocking,
                        capacity: capacity,
                        slotLength: slotLength(for: length)
                    )
                )
                let source = RingSource(try RingReader(ring, as: layout))
                let sink = RingSink(ring.makeProducer(layout))
                return try TwoThreads.nanosecondsPerBlock(sink, source, length: length, seconds: 2 * seconds)
            }
        }
        let packets = Cell(series: described, x: Double(length)) { seconds in
            let buffer = try DataBuffer(
                name: "bench.0",
                number: 0,
                linkType: .ethernet,
                capacity: capacity,
                policy: .blocking
            )
            let source = RingSource(try DescriptorReader(buffer))
            let sink = RingSink(buffer.makeProducer())
            return try TwoThreads.nanosecondsPerBlock(sink, source, length: length, seconds: 2 * seconds)
        }
        let allocated = Cell(series: allocator, x: Double(length)) { seconds in
            var entries = 128
            while entries * 2 * AllocatedQueue.bytesPerBlock(length, slotsPerAllocation: 1) <= memory {
                entries *= 2
            }
            let ring = try Ring(
                name: "bench.0",
                options: RingOptions(kind: .index, policy: .blocking, capacity: entries * 32)
            )
            let source = AllocatedSource(try RingReader(ring, as: EntryLayout.self))
            let sink = AllocatedSink(ring.makeProducer(EntryLayout.self))
            return try TwoThreads.nanosecondsPerBlock(sink, source, length: length, seconds: 2 * seconds)
        }
        return [
            packets, ring(slotted, .slots, SlotLayout.self), ring(marked, .marked, MarkedLayout.self),
            allocated,
        ]
    }

    /// A cell whose queue is made anew for each round, so that only one takes memory at a time.
    private static func cell<Queue: BlockQueue & ~Copyable>(
        _ series: String,
        _ length: Int,
        _ distance: Int,
        _ make: @escaping () throws -> Queue
    ) -> Cell {
        Cell(series: series, x: Double(length)) { seconds in
            var run = BlockQueueRun(try make(), length: length, distance: distance)
            return try run.nanosecondsPerBlock(seconds: seconds)
        }
    }

    /// Blocks that lie between producer and consumer when the consumer's turn is over.
    private static func blocks(_ memory: Int, _ each: Int) -> Int { memory / each - blocksPerTurn }

    /// Slots that hold the longest packet, as in the paper; beyond that the next power of two.
    private static func slotLength(for length: Int) -> Int {
        var slot = 2048
        while slot < length + 8 { slot *= 2 }
        return slot
    }

    private static func throughput(_ name: String, _ title: String, _ times: [PlotSeries]) -> PlotPanel {
        PlotPanel(
            name: name,
            title: title,
            x: PlotAxis(name: "Block", scale: .powersOfTwo, format: .bytes),
            y: PlotAxis(name: "Throughput", unit: "Gbit/s", scale: .logarithmic),
            series: times.map { series in
                series.mapping { length, nanoseconds in length * 8 / nanoseconds }
            }
        )
    }

    /// Each contestant's speed by that of malloc, round by round.
    private static func relative(_ name: String, _ title: String, _ times: [PlotSeries]) -> PlotPanel {
        let reference = times.first { $0.name == allocator }
        return PlotPanel(
            name: name,
            title: title,
            x: PlotAxis(name: "Block", scale: .powersOfTwo, format: .bytes),
            y: PlotAxis(name: "Times as fast as malloc"),
            series: times.filter { $0.name != allocator }.map { series in
                var series = series
                for index in series.points.indices {
                    guard let base = reference?.points.first(where: { $0.x == series.points[index].x }) else {
                        continue
                    }
                    series.points[index].y.values = zip(base.y.values, series.points[index].y.values).map {
                        $0 / $1
                    }
                }
                return series
            }
        )
    }

    private static func claims(_ relative: PlotPanel, _ threads: String, _ times: [PlotSeries]) -> [Claim] {
        relative.series.filter { $0.name != tenfold }.flatMap { series -> [Claim] in
            [("packets of 64 to 1514 bytes", true), ("blocks beyond", false)].compactMap { name, isPacket in
                let points = series.points.filter { ($0.x <= Double(longestPacket)) == isPacket }
                guard let worst = points.min(by: { $0.y.median < $1.y.median }) else { return nil }
                return Claim(
                    text:
                        "\(series.name) against malloc and free per block, \(threads), \(name), the worst size",
                    paper: isPacket ? "about twice as fast" : "-",
                    goal: "2x and more",
                    measured: "\(numberLabel(worst.y.median))x at \(byteLabel(worst.x))",
                    holds: worst.y.median >= 2,
                    remark: worst.y.median >= 2 ? "" : shares(series.name, worst.x, times)
                )
            }
        }
    }

    /// Why the factor is what it is: what both sides do alike, and what the ring saves.
    private static func shares(_ name: String, _ length: Double, _ times: [PlotSeries]) -> String {
        func nanoseconds(_ name: String) -> Double? {
            times.first { $0.name == name }?.points.first { $0.x == length }?.y.median
        }
        guard let own = nanoseconds(name), let allocated = nanoseconds(allocator) else { return "" }
        let saved = allocated - own
        return
            "A block takes \(numberLabel(own)) ns there, with malloc \(numberLabel(allocated)) ns. Writing and reading its "
            + "bytes is in both; "
            + (saved > 0
                ? "the ring saves \(numberLabel(saved)) ns a block, and twice as fast would need half of malloc's time."
                : "the ring saves nothing: its producer writes to memory that is farther away than what was freed last.")
    }

    private static let paper = [
        "A producer and a consumer read packets at maximum rates, by packet size, through p-, v- and d-DBufs; for reference "
            + "through blocks of the general allocator (dlmalloc), one at a time and ten at a time. The distance between "
            + "consumer and producer is kept large enough that caching does not skew the results; sizes are powers of two.",
        "Rings are about twice as fast as the allocator. Allocating ten at a time helps small blocks and does not raise the "
            + "maximum. p-DBufs waste what packets leave of their slots, up to 30 % of throughput; v- and d-DBuf are on par.",
    ]

    private static let method = [
        "First one thread plays both parts in turn, 32 blocks each, so that what is measured is the work of both sides and "
            + "neither scheduler nor cache coherence. The producer copies a block of bytes (itself in the first cache) into the queue; "
            + "the consumer takes the oldest block and reads all of its bytes, by the same function for every contestant.",
        "Every contestant has the same memory, 16 MiB, and keeps all but 128 KiB of it full of blocks with what it puts round "
            + "them, so that blocks have left the second-level cache when they are read, as the paper wants it, and nobody keeps more memory "
            + "warm than another: a ring's producer writes where the consumer was 128 KiB ago, the allocator gives out "
            + "what was freed last, a turn ago and hot. malloc is that of the C library (see above), with its defaults; free is called by the "
            + "consumer. Its queue is an array of addresses and lengths. Memory of the rings is asked for in huge pages, as the "
            + "appliance does; the allocator's is what it gets.",
        "Then each side has a thread, and the faster one waits for the other in the same way with every contestant: rings under "
            + "the blocking policy; for malloc an index ring of the same policy brings the addresses, with as many entries as "
            + "blocks lie in 16 MiB, rounded down to a power of two. Now blocks are allocated in one thread and freed in another, as "
            + "in every pipeline; that is what the allocator's caches are not made for. How many blocks lie between the two is "
            + "up to who is faster. Time is what passes.",
        "How much that matters shows the last plot: a v-DBuf and malloc with the same number of blocks in flight, from one, "
            + "which the allocator has just had back and the ring publishes by itself, up to 8192; with fewer than 32 the two sides "
            + "take turns as short.",
        "The p-DBuf has slots of 2048 bytes, which hold the longest packet (the next power of two for blocks beyond), so "
            + "with small packets it holds fewer of them, on as many lines of the cache as there are bytes. The v-DBuf has a "
            + "marker of 8 bytes. The records of the d-DBuf are whole pcapng blocks (32 bytes and padding round each packet) with time and lengths, and a "
            + "descriptor of 32 bytes: more work than the paper's, and more than malloc's side does.",
    ]
}

extension PlotSeries {
    /// The same series with each value of each round worked out anew from x and itself.
    func mapping(_ change: (_ x: Double, _ value: Double) -> Double) -> PlotSeries {
        var result = self
        for index in points.indices {
            result.points[index].y.values = points[index].y.values.map { change(points[index].x, $0) }
        }
        return result
    }
}
