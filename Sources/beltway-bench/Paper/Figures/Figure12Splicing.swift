// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

// Figure 12(a): reading blocks of a cache and writing them to a transmit index buffer, with and without splicing.

extension PaperFigure {
    static var splicing: PaperFigure {
        PaperFigure(
            number: 12,
            title: "Reading, writing and multiple consumers",
            section: "section 6",
            measure: { try SplicingBenchmark.figure($0) }
        )
    }
}

/// A file server's loop: a block is read from a buffer that caches a file, and written to the network.
enum SplicingBenchmark {
    /// The paper's names, in its order.
    enum Method: String, CaseIterable {
        case peekOnly = "peek only (p/o)"
        case fastPeek = "fast peek/write"
        case readOnly = "read only (r/o)"
        case fastRead = "fast read/write"
        case peek = "peek/write"
        case read = "read/write"

        var peeks: Bool { self == .peekOnly || self == .fastPeek || self == .peek }
        var writes: Bool { self != .peekOnly && self != .readOnly }
        /// How the cache is opened: whether what was read, or shown, may be passed on without a copy.
        var flags: BufferFlags {
            switch self {
            case .fastRead: [.reading, .splices]
            case .peek: [.reading, .modifies]
            case .peekOnly, .fastPeek, .readOnly, .read: .reading
            }
        }
    }

    /// Bytes of a block; a packet's, a page's, and what servers read at a time.
    static let blocks = [512, 1500, 4096, 16_384, 65_536]
    /// The goal's least block.
    private static let leastOfGoal = 1500.0
    private static let cache = 16 << 20

    static func figure(_ effort: Effort) throws -> FigureResult {
        var cells: [Cell] = []
        for block in effort.steps(blocks) {
            for method in Method.allCases {
                cells.append(
                    Cell(series: method.rawValue, x: Double(block)) { seconds in
                        let server = try FileServer(
                            cache: effort.isQuick ? cache / 8 : cache,
                            block: block,
                            method: method
                        )
                        return try server.gigabytesPerSecond(seconds)
                    }
                )
            }
        }
        let panel = PlotPanel(
            name: "a",
            title: "From a cached file to a transmit buffer",
            x: PlotAxis(name: "Block", scale: .powersOfTwo, format: .bytes),
            y: PlotAxis(name: "Throughput", unit: "GB/s", scale: .logarithmic),
            series: try measureInTurn(cells, effort)
        )
        return FigureResult(
            paper: paper,
            method: method,
            panels: [panel],
            claims: claims(panel),
            findings: findings(panel)
        )
    }

    private static func claims(_ panel: PlotPanel) -> [Claim] {
        func worst(_ a: Method, _ b: Method) -> (ratio: Double, block: Double)? {
            (panel[a.rawValue]?.points ?? []).filter { $0.x >= leastOfGoal }.compactMap { point in
                panel.sample(b.rawValue, at: point.x).map { (point.y.ratio(to: $0), point.x) }
            }.min { $0.0 < $1.0 }
        }
        func claim(
            _ text: String,
            _ a: Method,
            _ b: Method,
            paper: String,
            goal: Double,
            most: Double = .infinity
        )
            -> Claim
        {
            let found = worst(a, b)
            return Claim(
                text: "\(text), blocks of 1.5 KB and more, the worst",
                paper: paper,
                goal: most.isFinite
                    ? "\(numberLabel(goal))x to \(numberLabel(most))x" : "\(numberLabel(goal))x and more",
                measured: found.map { "\(numberLabel($0.ratio))x at \(byteLabel($0.block))" } ?? "-",
                holds: found.map { $0.ratio >= goal && $0.ratio <= most },
                remark: found.map { $0.ratio >= goal } == true ? "" : shares(a, b, found?.block)
            )
        }
        /// What the block takes on both sides.
        func shares(_ a: Method, _ b: Method, _ block: Double?) -> String {
            guard let block, let own = panel.sample(a.rawValue, at: block),
                let other = panel.sample(b.rawValue, at: block)
            else { return "" }
            return
                "A block takes \(numberLabel(block / own.median)) ns one way and \(numberLabel(block / other.median)) "
                + "the other; each write ends with a publication, whose fence is not to be had for less."
        }
        return [
            claim(
                "peek and fast splice against read and write",
                .fastPeek,
                .read,
                paper: "over an order of magnitude",
                goal: 10
            ),
            claim(
                "peek and fast splice against reading only",
                .fastPeek,
                .readOnly,
                paper: "an order of magnitude",
                goal: 10
            ),
            claim(
                "read and fast splice against read and write",
                .fastRead,
                .read,
                paper: "3x (throughput drops to a third)",
                goal: 1.5
            ),
        ]
    }

    /// Where a packet's time goes: calls cost the same whatever the block, copies grow with it.
    private static func findings(_ panel: PlotPanel) -> [String] {
        let parts = [Method.peekOnly, .fastPeek, .readOnly, .fastRead, .peek, .read].compactMap { method in
            panel.sample(method.rawValue, at: leastOfGoal).map {
                "\(method.rawValue) \(numberLabel(leastOfGoal / $0.median)) ns"
            }
        }
        guard !parts.isEmpty else { return [] }
        return [
            "A block of 1500 bytes takes: \(parts.joined(separator: ", ")). What touches no data costs the same for every block, "
                + "so the factor grows with the block's size."
        ]
    }

    private static let paper = [
        "A file server's loop, head to head: data is read from the page cache and written to an index buffer for network "
            + "transmission. p/o is peek, which touches no data and is faster than the bus permits; fast peek/write adds the fast "
            + "splice optimisation of section 3.9: a write of what was just peeked copies an index element instead of data; then "
            + "read only, fast read/write, peek/write and read/write.",
        "Fast peek/write is barely slower than peek alone. What copies once (read only, fast read/write) is an order of magnitude "
            + "slower; what writes the data out drops to a third of that, and peek/write and read/write are equally fast.",
    ]

    private static let method = [
        "The same six through the file interface (open, read, peek, write, lseek by descriptors). The cached file is a c-DBuf "
            + "of 16 MiB (the paper's file server keeps data in c-DBufs too), nearly full, asked for a block at a time and read from end to end again and again, so that it does not fit the "
            + "second-level cache. The transmit buffer is an index buffer of 64 KiB under fast reader preference, so that nobody "
            + "waits; a write that cannot be spliced copies the block into the ring of 4 MiB beside it and writes an entry "
            + "for that. peek/write opens the cache with the flag for consumers that modify, which turns splicing off; fast "
            + "read/write with the flag that lets copies made by read be spliced.",
        "Before it is timed, each method sends a block to a reader of the transmit buffer, which must get it as it was. "
            + "Panel (b) of the paper, many tcpdumps at once, stands below.",
    ]
}

/// The loop, and its two buffers.
private final class FileServer {
    private let files = BufferFiles()
    private let method: SplicingBenchmark.Method
    private let source: Int32
    private let target: Int32
    private let check: Int32
    private let block: [UInt8]
    private let count: Int
    /// What read copies into.
    private var memory: [UInt8]

    init(cache: Int, block length: Int, method: SplicingBenchmark.Method) throws {
        self.method = method
        let block = blockOfBytes(length)
        let sink = try files.open("cache", [.writing, .stream, .slowReader], size: cache)
        source = try files.open("cache", method.flags)
        target = try files.open("transmit", [.writing, .index, .fastReader], size: 65_536)
        check = try files.open("transmit", .reading)
        count = (cache - 131_072) / length
        for _ in 0..<count {
            guard try files.write(sink, block.rawSpan) == length else {
                throw FigureTrouble(description: "the cache does not take a block of \(length) bytes")
            }
        }
        self.block = block
        memory = [UInt8](repeating: 0, count: length)
        try trySending()
    }

    /// One block all the way, and its bytes compared.
    private func trySending() throws {
        guard method.writes else { return }
        try Self.run(files, source, target, method, &memory, 1)
        let block = block
        let sent = try files.withPeeked(check) {
            $0.byteCount == block.count && $0.sumOfBytes == block.rawSpan.sumOfBytes
        }
        guard sent == true else {
            throw FigureTrouble(description: "\(method.rawValue) does not send what it has read")
        }
    }

    func gigabytesPerSecond(_ seconds: Double) throws -> Double {
        let (files, source, target, method, count) = (files, source, target, method, count)
        var memory = memory
        let nanoseconds = try nanosecondsPerStep(seconds: seconds, from: 1) { laps in
            for _ in 0..<laps {
                try files.lseek(source, 0, .start)
                try Self.run(files, source, target, method, &memory, count)
            }
        }
        return Double(count * block.count) / nanoseconds
    }

    @inline(__always)
    private static func read(
        _ files: BufferFiles,
        _ source: Int32,
        _ memory: inout [UInt8]
    ) throws -> Int {
        try unsafe memory.withUnsafeMutableBytes { bytes throws(BufferFileError) in
            try unsafe files.read(source, into: bytes)
        }
    }

    /// The loop that is measured; the switch is outside of it.
    @inline(never)
    private static func run(
        _ files: BufferFiles,
        _ source: Int32,
        _ target: Int32,
        _ method: SplicingBenchmark.Method,
        _ memory: inout [UInt8],
        _ count: Int
    ) throws {
        let length = memory.count
        var bytes = 0
        switch (method.peeks, method.writes) {
        case (true, false): for _ in 0..<count { bytes &+= try files.peek(source, atMost: length).length }
        case (true, true):
            for _ in 0..<count {
                let shown = try files.peek(source, atMost: length)
                bytes &+= try files.write(target, unsafe shown.bytes.bytes)
            }
        case (false, false):
            for _ in 0..<count { bytes &+= try read(files, source, &memory) }
        case (false, true):
            for _ in 0..<count {
                let got = try read(files, source, &memory)
                bytes &+= try files.write(target, memory.rawSpan.extracting(0..<got))
            }
        }
        guard bytes == count * memory.count else {
            throw FigureTrouble(description: "\(bytes) bytes went through instead of \(count * memory.count)")
        }
    }
}
