// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Glibc

// The two ends of what Figure 11 compares, with copy semantics: write copies from the caller's memory, read into it.

/// The end that bytes go into.
protocol PipeWriter: ~Copyable {
    /// Writes all of a block; waits where there is no room.
    mutating func write(_ block: RawSpan) throws
    /// Ends the stream.
    mutating func close()
}

/// The end that bytes come out of.
protocol PipeReader: ~Copyable {
    /// Reads at most as many bytes as the memory holds; waits for the first.
    ///
    /// - Returns: How many; 0 at the end.
    mutating func read(into memory: CallMemory) -> Int
    var lost: UInt64 { get }
}

/// The memory that a reader reads into.
///
/// Safe: copies are cut to its length.
@safe final class CallMemory {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ length: Int) {
        unsafe bytes = .allocate(byteCount: length, alignment: 64)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe bytes.deallocate() }

    var count: Int { unsafe bytes.count }
    var first: UInt64 { UInt64(unsafe bytes[0]) }

    @inline(__always) func fill(from span: RawSpan) -> Int {
        let length = unsafe min(span.byteCount, bytes.count)
        unsafe span.withUnsafeBytes { source in
            unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<length]))
        }
        return length
    }
}

/// A pipe or socket of the kernel.
struct KernelPipe: PipeWriter, PipeReader, ~Copyable {
    let descriptor: Int32
    var lost: UInt64 { 0 }

    @inline(__always) mutating func write(_ block: RawSpan) throws {
        var done = 0
        while done < block.byteCount {
            let wrote = unsafe block.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
            }
            guard wrote > 0 else { throw FigureTrouble(description: "write: errno \(errno)") }
            done += wrote
        }
    }

    mutating func close() { Glibc.close(descriptor) }

    @inline(__always) mutating func read(into memory: CallMemory) -> Int {
        max(0, unsafe Glibc.read(descriptor, memory.bytes.baseAddress, memory.bytes.count))
    }
}

/// A c-DBuf's producer; each write is published when it returns.
struct StreamWriter: PipeWriter, ~Copyable {
    private var producer: RingProducer<StreamLayout>

    init(_ ring: Ring) { producer = ring.makeProducer(StreamLayout.self) }

    @inline(__always) mutating func write(_ block: RawSpan) throws {
        if block.byteCount <= producer.maximumBlock {
            guard producer.write(block) else {
                throw FigureTrouble(description: "a ring that waits has dropped")
            }
        } else {
            try writeInParts(block)
        }
        producer.publish()
    }

    /// A block that is longer than half of the ring.
    private mutating func writeInParts(_ block: RawSpan) throws {
        var done = 0
        while done < block.byteCount {
            let length = min(producer.maximumBlock, block.byteCount - done)
            guard producer.write(block.extracting(done..<(done + length))) else {
                throw FigureTrouble(description: "a ring that waits has dropped")
            }
            done += length
        }
    }

    mutating func close() { producer.close() }
}

/// A c-DBuf's reader in another process.
///
/// It lets go of what it read once that is a quarter of the ring, and when it has to wait; and it sleeps until a
/// quarter of the ring is there, or a millisecond has passed, so that both sides switch as seldom as the ring allows.
struct StreamReader: PipeReader, ~Copyable {
    private var reader: RingReader<StreamLayout>
    private var unreleased = 0
    private let quarter: Int
    var lost: UInt64 { reader.lost }

    init(_ ring: Ring) throws {
        reader = try RingReader(ring, as: StreamLayout.self)
        quarter = ring.capacity / 4
        reader.coalescing = Coalescing(bytes: UInt64(quarter))
    }

    @inline(__always) mutating func read(into memory: CallMemory) -> Int {
        while true {
            if let block = reader.next(atMost: memory.count) {
                let length = reader.withBytes(of: block) { memory.fill(from: $0) }
                unreleased &+= length
                if unreleased >= quarter {
                    unreleased = 0
                    reader.release()
                }
                return length
            }
            if reader.isAtEnd { return 0 }
            unreleased = 0
            reader.wait(nanoseconds: 1_000_000)
        }
    }
}
