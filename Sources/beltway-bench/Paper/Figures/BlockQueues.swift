// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

// What Figure 5 compares: ways to bring a block from a producer to a consumer that comes much later.

/// A queue of blocks between a producer and a consumer of the same thread, which take turns.
protocol BlockQueue: ~Copyable {
    /// The producer's part: room is found, the block is written.
    mutating func put(_ block: RawSpan)
    /// Makes what was put visible to the consumer, where that takes a step.
    mutating func publish()
    /// The consumer's part: the oldest block is found, all of its bytes are read, its room is given back.
    ///
    /// - Returns: The sum of its bytes; zero if there is none, which is a mistake of the measurement.
    mutating func take() -> UInt64
    /// Blocks that were overwritten before they were taken; none, or the measurement is wrong.
    var lost: UInt64 { get }
}

/// Blocks per turn of the producer, and of the consumer.
let blocksPerTurn = 32

/// The time per block of a queue that always holds the same number of blocks.
struct BlockQueueRun<Queue: BlockQueue & ~Copyable>: ~Copyable {
    var queue: Queue
    let block: [UInt8]
    /// Blocks that each side handles before it is the other's turn.
    private var turn = blocksPerTurn

    /// - Parameters:
    ///   - queue: Empty.
    ///   - length: Bytes of a block.
    ///   - distance: Blocks between producer and consumer.
    init(_ queue: consuming Queue, length: Int, distance: Int) {
        let block = blockOfBytes(length)
        var queue = queue
        for count in 1...max(1, distance) {
            queue.put(block.rawSpan)
            if count % blocksPerTurn == 0 { queue.publish() }
        }
        queue.publish()
        self.block = block
        self.queue = queue
    }

    /// - Parameters:
    ///   - queue: Empty.
    ///   - length: Bytes of a block.
    ///   - inFlight: Blocks that were put and not yet taken, at most: those of the producer's turn included.
    init(_ queue: consuming Queue, length: Int, inFlight: Int) {
        let block = blockOfBytes(length)
        let turn = min(blocksPerTurn, inFlight)
        var queue = queue
        for _ in 0..<inFlight - turn { queue.put(block.rawSpan) }
        queue.publish()
        self.block = block
        self.turn = turn
        self.queue = queue
    }

    /// Nanoseconds per block: writing it, handing it over, reading it.
    mutating func nanosecondsPerBlock(seconds: Double) throws -> Double {
        var wrong = false
        let (block, turn) = (block, turn)
        let expected = block.rawSpan.sumOfBytes
        let taken = nanosecondsPerStep(seconds: seconds) { count in
            let turns = max(1, count / turn)
            let sum = Self.run(&queue, block.rawSpan, turns, of: turn)
            if sum != expected &* UInt64(turns * turn) { wrong = true }
        }
        guard !wrong, queue.lost == 0 else {
            throw FigureTrouble(
                description:
                    "a consumer did not read what was written: \(Queue.self), blocks of \(block.count) bytes, \(queue.lost) lost"
            )
        }
        return taken
    }

    @inline(never)
    private static func run(_ queue: inout Queue, _ block: RawSpan, _ turns: Int, of turn: Int) -> UInt64 {
        var sum: UInt64 = 0
        for _ in 0..<turns {
            for _ in 0..<turn { queue.put(block) }
            queue.publish()
            for _ in 0..<turn { sum &+= queue.take() }
        }
        return sum
    }
}

/// The d-DBuf: descriptors out of band, records that are pcapng blocks.
struct DescribedQueue: BlockQueue, ~Copyable {
    private var producer: DataBufferProducer
    private var reader: DescriptorReader

    init(capacity: Int) throws {
        let buffer = try DataBuffer(
            name: "bench.0",
            number: 0,
            linkType: .ethernet,
            capacity: capacity,
            policy: .fastReader
        )
        reader = try DescriptorReader(buffer)
        producer = buffer.makeProducer()
    }

    @inline(__always) mutating func put(_ block: RawSpan) {
        let length = UInt32(truncatingIfNeeded: block.byteCount)
        guard !append(block, length) else { return }
        // The batch fills the ring. Refused again, the block is missed where it should be taken.
        producer.publish()
        _ = append(block, length)
    }

    @inline(__always) private mutating func append(_ block: RawSpan, _ length: UInt32) -> Bool {
        producer.append(
            block,
            time: Timestamp(nanoseconds: 1_700_000_000_000_000_000),
            originalLength: length,
            interface: 0,
            flags: []
        )
    }

    @inline(__always) mutating func publish() { producer.publish() }
    var lost: UInt64 { reader.lost }

    @inline(__always) mutating func take() -> UInt64 {
        guard let descriptor = reader.next() else { return 0 }
        return (try? reader.packet(descriptor) { $0.sumOfBytes }) ?? 0
    }
}
