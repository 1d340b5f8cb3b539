// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Glibc

// Figure 5 with a thread for each side: what is allocated in one is freed in the other, as with every pipeline.

/// The producer's side; waits where there is no room.
protocol BlockSink: ~Copyable {
    mutating func put(_ block: RawSpan)
    mutating func publish()
    mutating func close()
}

/// The consumer's side.
protocol BlockSource: ~Copyable, SendableMetatype {
    /// Takes the oldest block and reads all of its bytes.
    ///
    /// - Returns: Their sum; nil if nothing is published.
    mutating func take() -> UInt64?
    /// Gives back the room of what was taken.
    mutating func release()
    /// Sleeps until more is published; releases first.
    mutating func wait()
    var isAtEnd: Bool { get }
}

/// A producer of any kind of ring.
struct RingSink<Producer: BlockProducer & ~Copyable>: BlockSink, ~Copyable {
    private var producer: Producer
    init(_ producer: consuming Producer) { self.producer = producer }

    @inline(__always) mutating func put(_ block: RawSpan) { _ = producer.write(block) }
    @inline(__always) mutating func publish() { producer.publishBlocks() }
    mutating func close() { producer.close() }
}

/// A reader of any kind of ring.
struct RingSource<Reader: BlockReader & ~Copyable>: BlockSource, ~Copyable {
    private var reader: Reader
    init(_ reader: consuming Reader) { self.reader = reader }

    @inline(__always) mutating func take() -> UInt64? {
        guard let block = reader.nextBlock(atMost: .max) else { return nil }
        return reader.withBytes(of: block) { $0.sumOfBytes }
    }
    mutating func release() { reader.release() }
    mutating func wait() { reader.wait(nanoseconds: 10_000_000) }
    var isAtEnd: Bool { reader.isAtEnd }
}

/// Blocks of `malloc`, whose addresses go through an index ring, so that both contestants wait in the same way.
///
/// Safe: an address is put into the ring once and taken out once; the ring is private to the two.
struct AllocatedSink: BlockSink, ~Copyable {
    private var producer: RingProducer<EntryLayout>
    init(_ producer: consuming RingProducer<EntryLayout>) { self.producer = producer }

    @inline(__always) mutating func put(_ block: RawSpan) {
        guard let address = unsafe malloc(block.byteCount) else {
            preconditionFailure("no memory for a block")
        }
        unsafe block.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress {
                unsafe address.copyMemory(from: source, byteCount: bytes.count)
            }
        }
        var entry = IndexEntry.packet(Int(bitPattern: address))
        entry.length = UInt32(truncatingIfNeeded: block.byteCount)
        while !producer.append(entry) {
            producer.publish()
            producer.waitForRoom()
        }
    }
    @inline(__always) mutating func publish() { producer.publish() }
    mutating func close() { producer.close() }
}

/// The other end of ``AllocatedSink``: reads and frees.
struct AllocatedSource: BlockSource, ~Copyable {
    private var reader: RingReader<EntryLayout>
    init(_ reader: consuming RingReader<EntryLayout>) { self.reader = reader }

    @inline(__always) mutating func take() -> UInt64? {
        guard let entry = reader.nextEntry(),
            let address = unsafe UnsafeMutableRawPointer(bitPattern: UInt(entry.position.bytes))
        else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: address, count: Int(entry.length))
        let sum = unsafe bytes.bytes.sumOfBytes
        unsafe free(address)
        return sum
    }
    mutating func release() { reader.release() }
    mutating func wait() { reader.wait(nanoseconds: 10_000_000) }
    var isAtEnd: Bool { reader.isAtEnd }
}

/// Runs both sides at full speed.
enum TwoThreads {
    /// Nanoseconds that pass per block.
    static func nanosecondsPerBlock<Sink: BlockSink & ~Copyable, Source: BlockSource & ~Copyable>(
        _ sink: consuming Sink,
        _ source: consuming Source,
        length: Int,
        seconds: Double
    ) throws -> Double {
        let block = blockOfBytes(length)
        let place = Handover(source)
        let peer = PeerThread {
            var source = place.take()
            let (count, sum) = drain(&source)
            return (count, sum, wallSeconds())
        }
        let start = wallSeconds()
        let count = fill(&sink, block.rawSpan, until: start + seconds)
        let (taken, sum, end) = peer.join()
        guard taken == count, sum == block.rawSpan.sumOfBytes &* UInt64(count) else {
            throw FigureTrouble(description: "\(count) blocks of \(length) bytes were written, \(taken) read")
        }
        return (end - start) * 1e9 / Double(count)
    }

    @inline(never)
    private static func fill<Sink: BlockSink & ~Copyable>(
        _ sink: inout Sink,
        _ block: RawSpan,
        until end: Double
    ) -> Int {
        var count = 0
        repeat {
            for _ in 0..<16 {
                for _ in 0..<blocksPerTurn { sink.put(block) }
                sink.publish()
            }
            count &+= 16 &* blocksPerTurn
        } while wallSeconds() < end
        sink.close()
        return count
    }

    @inline(never)
    private static func drain<Source: BlockSource & ~Copyable>(_ source: inout Source) -> (Int, UInt64) {
        var (count, sum) = (0, UInt64(0))
        while !source.isAtEnd {
            while let bytes = source.take() {
                sum &+= bytes
                count &+= 1
                if count % blocksPerTurn == 0 { source.release() }
            }
            source.wait()
        }
        return (count, sum)
    }
}
