// SPDX-License-Identifier: Apache-2.0

// A d-DBuf for blocks of any kind (paper, 4.2.2: "a double ring buffer"): the headers lie out of band in a ring of
// entries, the blocks in a ring of bytes. Seeking reads headers, 2 to a cache line, and a lapped reader knows exactly
// how many blocks it has lost.
//
//      headers    |p len|p len|p len|p len|            32-byte entries, each with position and length
//                    |     `-----------.
//      bodies     |block|blockblock|blo|ck ...         contiguous by a mirrored mapping
//
// ``DataBuffer`` is the d-DBuf of packets: the same shape, with chunks, times and pcapng around it, so that a region goes
// to disk as it stands. This one can be resized, each of its two rings for itself.

/// Where blocks lie one after the other and somebody else knows where each begins.
///
/// Safe as every layout is: a reader is given no position that its header's ring has not published.
public enum BodyLayout: BlockLayout {
    /// As ``BlockLayout`` has it.
    @inlinable public static func serves(_ kind: BufferKind) -> Bool { kind == .stream }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isMirrored: Bool { true }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isSplittable: Bool { false }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always)
    public static func footprint(_ length: Int, _ shape: RingShape) -> Int { (length &+ 7) & ~7 }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) public static func count(_ length: Int) -> UInt64 {
        UInt64((length &+ 7) & ~7)
    }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func write(_ block: RawSpan, at address: UnsafeMutableRawPointer) {
        unsafe StreamLayout.write(block, at: address)
    }
    /// As ``BlockLayout`` has it.
    @inlinable public static var headerLength: Int { 0 }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func mark(_ length: Int, at address: UnsafeMutableRawPointer) {}

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func find(
        at address: UnsafeRawPointer,
        available: UInt64,
        limit: Int,
        _ shape: RingShape
    ) -> FoundBlock {
        unsafe StreamLayout.find(at: address, available: available, limit: limit, shape)
    }
}

/// A ring of headers beside a ring of blocks.
public final class DescribedRing: Sendable {
    /// One entry for each block.
    public let headers: Ring
    /// The blocks.
    public let bodies: Ring

    /// Makes both rings.
    ///
    /// - Parameters:
    ///   - name: Of the pair; the headers' ring has `.headers` appended.
    ///   - options: Those of the bodies; the headers take half as much memory, one for 64 bytes.
    ///   - generation: Differs between runs of a producer.
    /// - Throws: ``BufferError``.
    public init(name: String, options: RingOptions, generation: UInt64 = 1) throws(BufferError) {
        guard options.kind == .described else {
            throw .invalidRing("headers out of band are asked for with the kind `described`")
        }
        var bodies = options
        bodies.kind = .stream
        var headers = options
        headers.kind = .index
        headers.capacity = max(4096, options.capacity / 2)
        headers.initialLength = max(4096, options.initialLength / 2)
        headers.minimumLength = max(4096, options.minimumLength / 2)
        self.bodies = try Ring(name: name, options: bodies, generation: generation)
        self.headers = try Ring(name: name + ".headers", options: headers, generation: generation)
    }

    /// Joins two rings that were attached one by one.
    ///
    /// - Throws: ``BufferError/notABuffer(_:)`` if they are no such pair.
    public init(headers: Ring, bodies: Ring) throws(BufferError) {
        guard headers.kind == .index, bodies.kind == .stream, headers.policy == bodies.policy else {
            throw .notABuffer("headers and blocks do not belong together")
        }
        self.headers = headers
        self.bodies = bodies
    }

    /// The one handle that writes.
    ///
    /// - Returns: The producer. It is a programmer error to ask twice.
    public func makeProducer() -> DescribedProducer {
        DescribedProducer(
            headers: headers.makeProducer(EntryLayout.self),
            bodies: bodies.makeProducer(BodyLayout.self)
        )
    }
}

/// The handle that writes a ring with headers out of band.
public struct DescribedProducer: ~Copyable, Sendable {
    /// Writes the headers.
    public var headers: RingProducer<EntryLayout>
    /// Writes the blocks.
    public var bodies: RingProducer<BodyLayout>
    /// Blocks that found no room and were given up.
    public var dropped: UInt64 = 0

    init(headers: consuming RingProducer<EntryLayout>, bodies: consuming RingProducer<BodyLayout>) {
        self.headers = headers
        self.bodies = bodies
    }

    /// Copies one block into the ring; invisible until ``publish()``.
    ///
    /// - Parameters:
    ///   - block: At most ``maximumBlock`` bytes (a programmer error otherwise).
    ///   - classification: Kept beside it, for readers that decide without touching the block.
    /// - Returns: False if there is no room; nothing was appended then.
    @inlinable @inline(__always)
    public mutating func append(_ block: RawSpan, classification: Classification = .other) -> Bool {
        // The header's room first: after that nothing can fail half-way.
        if headers.tail &+ 32 > headers.reservedTail {
            guard headers.reserve(32) else { return false }
        }
        guard bodies.append(block) else { return false }
        let footprint = BodyLayout.footprint(block.byteCount, bodies.shape)
        return headers.append(
            IndexEntry(
                position: Position(bodies.tail &- UInt64(footprint)),
                flowHash: 0,
                ordinal: UInt32(truncatingIfNeeded: headers.ordinal),
                length: UInt32(truncatingIfNeeded: block.byteCount),
                buffer: 0,
                interface: 0,
                classification: classification
            )
        )
    }

    /// Makes everything appended so far readable: blocks first, then their headers, which readers wait for.
    @inlinable
    public mutating func publish() {
        bodies.publish()
        headers.publish()
    }

    /// Asks for another length of both rings; see ``RingProducer/resize(to:)``.
    public mutating func resize(to length: Int) {
        bodies.resize(to: length)
        headers.resize(to: length / 2)
    }

    /// Ends both rings.
    public mutating func close() {
        bodies.close()
        headers.close()
    }
}

extension DescribedProducer: BlockProducer {
    /// Bytes of the longest block that can be appended.
    @inlinable public var maximumBlock: Int { bodies.maximumBlock - 8 }
    /// See ``append(_:classification:)``.
    @inlinable @inline(__always)
    public mutating func appendBlock(_ block: RawSpan) -> Bool { append(block) }
    /// See ``publish()``.
    @inlinable public mutating func publishBlocks() { publish() }
    /// Sleeps until readers let go of something, at most ten milliseconds of each ring.
    public mutating func waitForRoom() {
        headers.waitForRoom()
        bodies.waitForRoom()
    }
    /// Whether the policy is to wait for readers.
    @inlinable public var waitsForReaders: Bool { bodies.waitsForReaders }
}

/// A consumer of a ring with headers out of band.
///
/// Invariant: `published == read + lost`, in blocks, since it attached.
public struct DescribedReader: ~Copyable, Sendable {
    @usableFromInline var headers: RingReader<EntryLayout>
    @usableFromInline var bodies: RingReader<BodyLayout>
    /// How this reader is woken.
    public var coalescing: Coalescing {
        get { headers.coalescing }
        set { headers.coalescing = newValue }
    }

    /// Attaches at the tail: what is published from now on is offered.
    ///
    /// - Throws: ``BufferError/tooManyReaders``; ``BufferError/notABuffer(_:)`` if the memory cannot be had.
    public init(_ ring: DescribedRing, holding: Bool = true) throws(BufferError) {
        // The blocks first: a header that is offered then has its block held.
        let bodies = try RingReader(ring.bodies, as: BodyLayout.self, holding: holding)
        let headers = try RingReader(ring.headers, as: EntryLayout.self, holding: holding)
        self.bodies = bodies
        self.headers = headers
    }

    /// Taken and not given back.
    @inlinable public var read: UInt64 { headers.read }
    /// Overwritten before or while it was read.
    @inlinable public var lost: UInt64 { headers.lost }
    /// Offered since the reader attached.
    public var published: UInt64 { headers.published }
    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { headers.isAtEnd }
}

extension DescribedReader: BlockReader {
    /// Takes the next block; nil if nothing more is published.
    @inlinable
    public mutating func nextBlock(atMost limit: Int) -> Block? {
        while let header = headers.next() {
            let entry = headers.withBytes(of: header) { unsafe $0.unsafeLoad(as: IndexEntry.self) }
            let block = Block(
                position: entry.position,
                header: 0,
                length: Int(entry.length),
                ordinal: header.ordinal
            )
            if headers.isWhole(header), bodies.seek(to: block) { return block }
            headers.giveBackLapped(header)
        }
        return nil
    }

    /// Hands out a block's bytes, in place.
    @inlinable @inline(__always)
    public func withBytes<Result>(of block: Block, _ body: (RawSpan) -> Result) -> Result {
        bodies.withBytes(of: block, body)
    }

    /// Whether no byte of the block taken last has been overwritten so far.
    @inlinable @inline(__always)
    public func isWhole(_ block: Block) -> Bool { bodies.isWhole(block) }

    /// Counts the block taken last as lost.
    @inlinable
    public mutating func giveBackLapped(_ block: Block) {
        headers.taken &-= 1
        headers.skipped &+= 1
    }

    /// Lets a producer that waits, or drops, for this reader overwrite everything taken so far.
    public func release() {
        bodies.release()
        headers.release()
    }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    public func wait(nanoseconds: Int64) {
        bodies.release()
        headers.wait(nanoseconds: nanoseconds)
    }
}
