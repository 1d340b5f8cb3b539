// SPDX-License-Identifier: Apache-2.0

internal import BeltwayBuffers

// Figure 5 once more, by how many blocks lie between producer and consumer: the same number on both sides. With one, the
// allocator gives out the block that was just freed, still in the first cache; with many, what was freed last is as
// far away as what a ring overwrites.

extension RingKindBenchmark {
    static let depths = [1, 32, 1024, 8192]
    private static let depthLengths = [64, 1514]

    /// How many times as fast as malloc a v-DBuf is that holds the same number of blocks.
    static func depthPanel(_ effort: Effort) throws -> PlotPanel {
        var cells: [Cell] = []
        for depth in effort.steps(depths) {
            for length in depthLengths {
                cells.append(
                    Cell(series: "\(marked) \(length)", x: Double(depth)) { seconds in
                        let queue = try RingQueue(
                            RingOptions(
                                kind: .marked,
                                policy: .fastReader,
                                capacity: ringLength(holding: depth, of: length)
                            ),
                            as: MarkedLayout.self
                        )
                        var run = BlockQueueRun(queue, length: length, inFlight: depth)
                        return try run.nanosecondsPerBlock(seconds: seconds)
                    }
                )
                cells.append(
                    Cell(series: "\(allocator) \(length)", x: Double(depth)) { seconds in
                        let queue = AllocatedQueue(distance: depth, length: length, slotsPerAllocation: 1)
                        var run = BlockQueueRun(queue, length: length, inFlight: depth)
                        return try run.nanosecondsPerBlock(seconds: seconds)
                    }
                )
            }
        }
        let times = try measureInTurn(cells, effort)
        func points(_ name: String) -> [PlotPoint] { times.first { $0.name == name }?.points ?? [] }
        let series = depthLengths.map { length in
            let pairs = zip(points("\(marked) \(length)"), points("\(allocator) \(length)"))
            return PlotSeries(
                name: "\(marked), blocks of \(length) bytes",
                points: pairs.map { own, other in
                    let ratios = zip(other.y.values, own.y.values).map { $0 / $1 }
                    return PlotPoint(x: own.x, y: Sample(values: ratios))
                }
            )
        }
        return PlotPanel(
            name: "e",
            title: "By the number of blocks in flight, the same for both; one thread",
            x: PlotAxis(name: "Blocks in flight", scale: .powersOfTwo),
            y: PlotAxis(name: "Times as fast as malloc"),
            series: series
        )
    }

    /// The least ring that holds so many blocks, what its producer announces ahead, and as much again.
    private static func ringLength(holding blocks: Int, of length: Int) -> Int {
        var capacity = 65_536
        while capacity < 2 * blocks * (length + 16) { capacity *= 2 }
        return capacity
    }
}
