// SPDX-License-Identifier: Apache-2.0
public import Synchronization

/// The handle that writes a ring: appends blocks, publishes them in batches.
///
///     published tail      tail (local)         reserved = intent
///          |   appended     |     reserved       |
///     -----+================+~~~~~~~~~~~~~~~~~~~~+------
///
/// `append` writes inside what was reserved; `reserve` announces more in steps (intent, release fence), so that the
/// fence and the look at the readers are paid per step and not per block (`beltway-bench ring`).
///
/// Safe because what is written lies inside the reserved stretch, which is at most the ring's present length.
@safe public struct RingProducer<Layout: BlockLayout>: ~Copyable, @unchecked Sendable {
    /// The ring that this handle writes.
    public let ring: Ring
    @usableFromInline let shape: RingShape
    /// The ring's control page, at hand: reached through the ring it is looked up after each store.
    @usableFromInline let control: UnsafeMutableRawPointer
    @usableFromInline var space: RingSpace
    @usableFromInline var tail: UInt64 = 0
    @usableFromInline var ordinal: UInt64 = 0
    @usableFromInline var reservedTail: UInt64 = 0
    @usableFromInline var publishedTail: UInt64 = 0
    @usableFromInline var publishedOrdinal: UInt64 = 0
    /// Blocks (calls, in a stream) that found no room and were given up.
    public var dropped: UInt64 = 0

    @usableFromInline var watch: ReaderWatch
    var area: RingArea
    var epochNumber: UInt64 = 0
    /// Window of positions before the present space.
    var previousWindow: UInt64 = 0
    /// The length that was asked for and is not in use yet.
    var pendingLength: Int?
    var avoidance: ExhaustionAvoidance?
    /// Grows and shrinks the ring with use, if set.
    public var controller: ResizeController?
    /// Bytes that the last refused block needed.
    var refusedRoom: UInt64 = 0
    var isClosed = false

    init(_ ring: Ring) {
        guard let mapped = ring.newestSpace() else { preconditionFailure("an own ring has its memory") }
        self.ring = ring
        shape = ring.shape
        unsafe control = ring.control
        space = mapped.space
        area = mapped.area
        watch = ReaderWatch(publication: ring.publication, coordination: ring.coordination)
        avoidance = ring.avoidance
    }

    deinit {
        guard !isClosed else { return }
        ring.store(ControlLayout.closed, 1)
        watch.wakeAll()
    }

    /// Bytes of the longest block that can be appended.
    @inlinable public var maximumBlock: Int { shape.maximumBlock }

    /// Copies one block into the ring; invisible until ``publish()``.
    ///
    /// - Parameter block: At most ``maximumBlock`` bytes; 32 in an index ring (a programmer error otherwise).
    /// - Returns: False if there is no room: readers still need it, or what was appended since the last ``publish()``
    ///   fills the ring. Nothing was appended then.
    @inlinable @inline(__always)
    public mutating func append(_ block: RawSpan) -> Bool {
        precondition(block.byteCount <= shape.maximumBlock, "a block is longer than the ring takes")
        let footprint = Layout.footprint(block.byteCount, shape)
        if tail &+ UInt64(footprint) > reservedTail {
            guard reserve(footprint) else { return splitsAtWrap && appendInParts(block) }
        }
        // Safe: [tail, tail + footprint) is reserved, and contiguous by a mirrored mapping or by whole slots.
        unsafe Layout.write(block, at: space.address(tail))
        tail &+= UInt64(footprint)
        ordinal &+= Layout.count(block.byteCount)
        return true
    }

    /// Makes everything appended so far readable, and wakes who sleeps for it.
    @inlinable
    public mutating func publish() {
        guard tail != publishedTail else { return }
        storeTail()
        watch.wake(tail: tail)
    }

    /// Makes everything appended so far readable, and leaves it to the caller to wake who sleeps for it.
    @inlinable
    mutating func storeTail() {
        publishedTail = tail
        publishedOrdinal = ordinal
        // `before`, fence, tail, ordinal: a reader that finds both ordinals equal has the tail that belongs to them.
        unsafe word(ControlLayout.tailOrdinalBefore).pointee.store(ordinal, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)  // partner: the acquire fence in Ring.end
        // Partners: Ring.tail and Ring.tailOrdinal.
        unsafe word(ControlLayout.tail).pointee.store(tail, ordering: .releasing)
        unsafe word(ControlLayout.tailOrdinal).pointee.store(ordinal, ordering: .releasing)
    }

    @inlinable @inline(__always)
    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable @inline(__always)
    mutating func wakeReaders() { watch.wake(tail: tail) }

    /// Ends the ring: publishes, then stores `closed`.
    public mutating func close() {
        guard !isClosed else { return }
        publish()
        isClosed = true
        ring.store(ControlLayout.closed, 1)  // after the last tail; partner: Ring.isClosed
        watch.wakeAll()
    }
}

extension RingProducer: BlockProducer {
    /// See ``append(_:)-(RawSpan)``.
    @inlinable @inline(__always)
    public mutating func appendBlock(_ block: RawSpan) -> Bool { append(block) }
    /// See ``publish()``.
    @inlinable public mutating func publishBlocks() { publish() }
    /// Whether the policy is to wait for readers.
    @inlinable public var waitsForReaders: Bool { ring.policy == .blocking }
}

extension RingProducer where Layout == EntryLayout {
    /// Appends an index entry.
    ///
    /// - Returns: False if there is no room.
    @inlinable @inline(__always)
    public mutating func append(_ entry: IndexEntry) -> Bool {
        if tail &+ 32 > reservedTail {
            guard reserve(32) else { return false }
        }
        unsafe space.address(tail).storeBytes(of: entry, as: IndexEntry.self)
        tail &+= 32
        ordinal &+= 1
        return true
    }
}
