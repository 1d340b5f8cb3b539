// SPDX-License-Identifier: Apache-2.0

/// A consumer of a ring, in this process or an attached one.
///
/// Invariant: `published == read + lost`, in blocks (bytes in a stream), since it attached. Where the policy protects
/// readers it holds the ring up to its last ``release()``; under fast reader preference, and where a process that does
/// not hold it was let in, it may be lapped at any time.
///
/// Safe because a block's extent is checked against what is published before it is handed out, and because `area` keeps
/// the memory of `space` mapped.
public struct RingReader<Layout: BlockLayout>: ~Copyable, @unchecked Sendable {
    /// The ring that is read.
    public let ring: Ring
    /// How this reader is woken.
    public var coalescing = Coalescing.immediate
    @usableFromInline let shape: RingShape
    @usableFromInline var space: RingSpace
    /// First position of the space after `space`, as far as is known.
    @usableFromInline var spaceEnd: UInt64
    @usableFromInline var position: UInt64
    @usableFromInline var ordinal: UInt64
    /// The tail as last seen.
    @usableFromInline var seenTail: UInt64
    @usableFromInline var taken: UInt64 = 0
    @usableFromInline var skipped: UInt64 = 0
    @usableFromInline var seenEpochCount: UInt64
    /// Whether nothing that this reader has not released can be overwritten.
    ///
    /// The producer, in this process, waits or drops for it whatever happens: no check is needed then.
    @usableFromInline var isProtected: Bool
    var epochNumber: UInt64
    var area: RingArea
    var step = OverwriteStep()
    var first: UInt64
    private let slot: Int?

    /// Attaches at the ring's tail: what is published from now on is offered.
    ///
    /// In a process that attached it begins where the owner holds the ring for it.
    ///
    /// - Parameters:
    ///   - ring: The ring to read; of a kind that the layout serves (a programmer error otherwise).
    ///   - layout: The layout of the ring's kind.
    ///   - holding: Whether a producer whose policy protects readers waits, or drops, for this one.
    /// - Throws: ``BufferError/tooManyReaders``; ``BufferError/notABuffer(_:)`` if the memory cannot be had.
    public init(_ ring: Ring, as layout: Layout.Type, holding: Bool = true) throws(BufferError) {
        precondition(Layout.serves(ring.kind), "the layout is that of another kind of ring")
        let coordination = ring.coordination
        let epochCount = ring.acquire(ControlLayout.epochCount)
        var slot: Int?
        var place: (position: UInt64, ordinal: UInt64)
        if holding, ring.policy.protectsReaders {
            let reader = try coordination.addReader(at: { coordination.heldFrom ?? ring.beginning })
            slot = reader.slot
            place = (reader.position, reader.ordinal)
        } else {
            place = ring.beginning
        }
        var mapped = ring.space(holding: place.position)
        for _ in 0..<8 where mapped == nil && slot == nil {
            // The producer has gone on so far since that its row or its memory is gone.
            place = ring.beginning
            mapped = ring.space(holding: place.position)
        }
        guard let mapped, ring.isBlockStart(place.position) else {
            if let slot { coordination.removeReader(slot) }
            throw .notABuffer("its memory cannot be had")
        }
        self.ring = ring
        self.slot = slot
        shape = ring.shape
        isProtected = slot != nil && coordination.cursor == nil && ring.policy != .mediumReader
        position = place.position
        ordinal = place.ordinal
        first = place.ordinal
        seenTail = place.position
        seenEpochCount = epochCount
        (space, spaceEnd, area, epochNumber) = (mapped.space, mapped.end, mapped.area, mapped.number)
    }

    /// Takes the place that was kept for the one consumer of a ring of fixed size since it was made.
    init(adopting slot: Int?, of ring: Ring) {
        guard let mapped = ring.newestSpace() else { preconditionFailure("an own ring has its memory") }
        self.ring = ring
        self.slot = slot
        shape = ring.shape
        isProtected = slot != nil && ring.policy != .mediumReader
        position = 0
        ordinal = 0
        first = 0
        seenTail = 0
        seenEpochCount = ring.acquire(ControlLayout.epochCount)
        (space, spaceEnd, area, epochNumber) = (mapped.space, mapped.end, mapped.area, mapped.number)
    }

    deinit { if let slot { ring.coordination.removeReader(slot) } }

    /// Taken and not given back.
    @inlinable public var read: UInt64 { taken }
    /// Overwritten before or while it was read.
    @inlinable public var lost: UInt64 { skipped }
    /// Offered since the reader attached.
    public var published: UInt64 { ordinal &- first }
    /// Published and not yet taken, in bytes.
    public var lagInBytes: Int { Int(clamping: ring.tail.bytes &- min(ring.tail.bytes, position)) }

    /// Takes the next block; nil if nothing more is published.
    ///
    /// - Parameter limit: Bytes wanted at most; honoured by streams.
    /// - Returns: The block, valid until the next one is taken.
    @inlinable @inline(__always)
    public mutating func next(atMost limit: Int = .max) -> Block? {
        if let block = nextAtHand(atMost: limit) { return block }
        return nextAfterLook(atMost: limit)
    }

    /// Takes the next block if it is whole and before the tail as last seen; the usual case, to be inlined.
    @inlinable @inline(__always)
    mutating func nextAtHand(atMost limit: Int) -> Block? {
        let end = min(seenTail, spaceEnd)
        guard position < end else { return nil }
        let found = unsafe Layout.find(
            at: UnsafeRawPointer(space.address(position)),
            available: end &- position,
            limit: limit,
            shape
        )
        // The first check: what was found counts only if nothing of it was overwritten meanwhile.
        guard isWhole(position), found.footprint > 0, !found.isPadding,
            UInt64(found.footprint) <= min(end &- position, space.length)
        else { return nil }
        return take(found)
    }

    @inlinable @inline(__always)
    mutating func take(_ found: FoundBlock) -> Block {
        let block = Block(
            position: Position(position),
            header: found.header,
            length: found.length,
            ordinal: ordinal
        )
        let count = Layout.count(found.length)
        position &+= UInt64(found.footprint)
        ordinal &+= count
        taken &+= count
        return block
    }

    /// Looks at the tail, passes over padding, and resumes where a reader that was lapped can.
    @inlinable @inline(never)
    mutating func nextAfterLook(atMost limit: Int) -> Block? {
        // What is looked at in vain: lapped blocks, markers that cannot be, padding. Of that an honest producer leaves
        // little in one place; a lying one does not keep us here.
        var vain = 0
        while vain < 16 {
            if position >= min(seenTail, spaceEnd) {
                guard advance() else { return nil }
            }
            let available = min(seenTail, spaceEnd) &- position
            let found = unsafe Layout.find(
                at: UnsafeRawPointer(space.address(position)),
                available: available,
                limit: limit,
                shape
            )
            guard isWhole(position) || isWholeAfterAll(position) else {
                vain &+= 1
                skipWhatWasLapped(all: vain > 4)
                continue
            }
            guard found.footprint > 0, UInt64(found.footprint) <= min(available, space.length) else {
                // A marker that no producer of ours writes, or a request for no bytes.
                if limit == 0 { return nil }
                vain &+= 1
                skipToEnd()
                continue
            }
            guard found.isPadding else { return take(found) }
            position &+= UInt64(found.footprint)
            vain &+= 1
        }
        return nil
    }

    /// Hands out a block's bytes, in place: the one taken last.
    ///
    /// A block that somebody made up may get other bytes of the ring, or none, but never what lies outside.
    @inlinable @inline(__always)
    public func withBytes<Result>(of block: Block, _ body: (RawSpan) -> Result) -> Result {
        let offset = space.offset(block.position.bytes)
        let room = UInt(space.length) &* (Layout.isMirrored ? 2 : 1) &- UInt(bitPattern: offset)
        let header = UInt(bitPattern: block.header)
        let isInside = header <= room && UInt(bitPattern: block.length) <= room &- header
        let bytes = unsafe UnsafeRawBufferPointer(
            start: space.base + (isInside ? offset &+ block.header : 0),
            count: isInside ? block.length : 0
        )
        return unsafe body(bytes.bytes)
    }

    /// Whether no byte of the block taken last has been overwritten so far.
    @inlinable @inline(__always)
    public func isWhole(_ block: Block) -> Bool {
        isWhole(block.position.bytes) || isWholeByNow(block.position.bytes)
    }

    /// Call it after reading; see ``Ring/isWhole(_:in:)``.
    @inlinable @inline(__always)
    func isWhole(_ position: UInt64) -> Bool { isProtected || ring.isWhole(position, in: space) }

    /// Counts the block taken last as lost: it was overwritten while it was used.
    @inlinable
    public mutating func giveBackLapped(_ block: Block) {
        let count = Layout.count(block.length)
        taken &-= count
        skipped &+= count
    }

    /// Lets a producer that waits, or drops, for this reader overwrite everything taken so far.
    public func release() {
        ring.coordination.report(read: taken, lost: skipped)
        guard let slot else { return }
        ring.coordination.release(slot, position: position, ordinal: ordinal)
    }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    ///
    /// - Parameter nanoseconds: At most so long.
    public func wait(nanoseconds: Int64) {
        release()
        let (ring, position) = (ring, position)
        ring.publication.wait(nanoseconds: nanoseconds, coalescing: coalescing, tail: ring.tail.bytes) {
            ring.isClosed || ring.tail.bytes > position
        }
    }

    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { ring.isClosed && ring.tail.bytes <= position }
}

extension RingReader: BlockReader {
    /// See ``next(atMost:)``.
    @inlinable public mutating func nextBlock(atMost limit: Int) -> Block? { next(atMost: limit) }
}

extension RingReader where Layout == EntryLayout {
    /// Takes the next index entry; nil if nothing more is published.
    @inlinable
    public mutating func nextEntry() -> IndexEntry? {
        var vain = 0
        while vain < 16 {
            if position >= min(seenTail, spaceEnd) {
                guard advance() else { return nil }
            }
            let entry = unsafe UnsafeRawPointer(space.address(position)).load(as: IndexEntry.self)
            guard isWhole(position) || isWholeAfterAll(position) else {
                vain &+= 1
                skipWhatWasLapped(all: vain > 4)
                continue
            }
            position &+= 32
            ordinal &+= 1
            taken &+= 1
            return entry
        }
        return nil
    }

    /// Shows entries that follow, as far as they were published when the reader looked last.
    ///
    /// They may be overwritten meanwhile: what is shown may be anything, and serves as a guess only.
    @inline(__always)
    func forEachEntry(from first: UInt64, to last: UInt64, _ body: (IndexEntry) -> Void) {
        let end = min(seenTail, spaceEnd, position &+ last &* 32)
        var place = position &+ first &* 32
        while place < end {
            body(unsafe UnsafeRawPointer(space.address(place)).load(as: IndexEntry.self))
            place &+= 32
        }
    }

    /// Undoes the last ``nextEntry()``.
    @inlinable
    mutating func putBackEntry() {
        position &-= 32
        ordinal &-= 1
        taken &-= 1
    }

    /// Counts the entry taken last as lost: what it points to was overwritten while it was used.
    @inlinable
    public mutating func giveBackEntry() {
        taken &-= 1
        skipped &+= 1
    }
}
