// SPDX-License-Identifier: Apache-2.0

// A d-DBuf for blocks of any kind (paper, 4.2.2: "a double ring buffer"): the headers lie out of band in a ring of
// entries, the blocks in a ring of bytes. Seeking reads headers, 2 to a cache line, and a lapped reader knows exactly
// how many blocks it has lost.
//
//      headers    |p len|p len|p len|p len|            32-byte entries, each with position and length
//                    |     `-----------.
//      bodies     |block|blockblock|blo|ck ...         contiguous by a mirrored mapping
//
// Invariant. A reader is offered no header whose block it does not hold. Blocks are published before their headers, so
// it must not begin at the blocks' published end: it begins at `describedThrough`, which the producer stores after the
// headers' tail and before the fence of ``ReaderWatch``. Who loads it, then loads the headers' tail, finds every header
// before that place published already. The hold is not too late either (``Coordination/addReader(at:)``): whenever the
// producer looks for readers, which it never does between two tails, `describedThrough` is the blocks' published end.
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
    public static func footprint(_ length: Int, _ shape: RingShape) -> Int {
        (length &+ shape.granularity &- 1) & ~(shape.granularity &- 1)
    }
    /// As ``BlockLayout`` has it; of no consequence, since blocks are counted by their headers.
    @inlinable @inline(__always) public static func count(_ length: Int) -> UInt64 { UInt64(length) }
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
        self.bodies.store(ControlLayout.describedOffset, 1)
        self.headers = try Ring(name: name + ".headers", options: headers, generation: generation)
    }

    /// Joins two rings that were attached one by one.
    ///
    /// - Throws: ``BufferError/notABuffer(_:)`` if they are no such pair.
    public init(headers: Ring, bodies: Ring) throws(BufferError) {
        guard headers.kind == .index, bodies.kind == .stream, headers.policy == bodies.policy,
            bodies.isDescribed
        else {
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
        return describe(block.byteCount, classification)
    }

    /// Writes the header of the block that was appended last; there is room for it.
    @inlinable @inline(__always)
    mutating func describe(_ length: Int, _ classification: Classification) -> Bool {
        let footprint = BodyLayout.footprint(length, bodies.shape)
        return headers.append(
            IndexEntry(
                position: Position(bodies.tail &- UInt64(footprint)),
                flowHash: 0,
                ordinal: UInt32(truncatingIfNeeded: headers.ordinal),
                length: UInt32(truncatingIfNeeded: length),
                buffer: 0,
                interface: 0,
                classification: classification
            )
        )
    }

    /// Lends room for one block, which `body` fills in place; see
    /// ``RingProducer/appendInPlace(atMost:_:)``.
    ///
    /// - Returns: What `body` returned, or nil if there is no room and it was not called.
    /// - Throws: What `body` throws; nothing is appended then.
    @unsafe
    public mutating func appendInPlace<Failure: Error>(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int? {
        if headers.tail &+ 32 > headers.reservedTail {
            guard headers.reserve(32) else { return nil }
        }
        guard let filled = try unsafe bodies.appendInPlace(atMost: min(length, maximumBlock), body) else {
            return nil
        }
        if filled > 0 { _ = describe(filled, .other) }
        return filled
    }

    /// Whether a block of `length` bytes could be appended now, or one soon if `length` is the part of each ring that
    /// is worth waiting for.
    func hasRoom(headers entries: Int, bodies bytes: Int) -> Bool {
        headers.hasRoom(entries) && bodies.hasRoom(bytes)
    }

    /// Makes everything appended so far readable: blocks first, then their headers, which readers wait for.
    @inlinable
    public mutating func publish() {
        guard headers.tail != headers.publishedTail else { return }
        // Readers sleep for headers alone: one fence, and one look at who sleeps, for both rings.
        bodies.storeTail()
        headers.storeTail()
        bodies.ring.store(ControlLayout.describedThrough, bodies.tail)  // releasing; partner: Ring.beginning
        headers.wakeReaders()
    }

    /// Asks for another length of both rings; see ``RingProducer/resize(to:)``.
    public mutating func resize(to length: Int) {
        bodies.resize(to: length)
        headers.resize(to: length / 2)
    }

    /// Ends both rings.
    public mutating func close() {
        publish()
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

extension Ring {
    /// The entry at a position, if it is published and whole; in rings of entries.
    ///
    /// Safe because it is loaded from a space that holds its position, which is that of a slot.
    func entry(at position: UInt64) -> IndexEntry? {
        guard kind == .index, position & 31 == 0, position < tail.bytes,
            let mapped = space(holding: position)
        else { return nil }
        return withExtendedLifetime(mapped) {
            let entry = unsafe UnsafeRawPointer(mapped.space.address(position)).load(as: IndexEntry.self)
            return isWhole(position, in: mapped.space) ? entry : nil
        }
    }
}
