// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

// Where the next block may go: reservations, what readers still need, and changes of size.
// Safe because only what `limit` allows is announced, and only what was announced is written.

extension RingProducer {
    /// Bytes announced at a time: large enough that the fence is rare, small enough to waste little headroom.
    private var step: UInt64 { min(65_536, space.length / 8) }

    /// Announces that the next `footprint` bytes may change.
    ///
    /// - Parameters:
    ///   - footprint: Bytes, at most half of the ring's least length.
    ///   - known: What was found to be the oldest place needed when the first part of this block was written, so that
    ///     nothing may refuse the rest. (Under medium reader preference it goes back as well as forth.)
    /// - Returns: False if readers still need that room, or the batch itself does; or if a stream has to be split.
    @usableFromInline mutating func reserve(_ footprint: Int, rest known: UInt64? = nil) -> Bool {
        let isRest = known != nil
        let oldest = known ?? oldestNeeded
        letGoOfOldArea(oldest)
        if !isRest, let wanted = controller?.length(used: tail &- oldest, of: space.length) {
            resize(to: wanted)
        }
        var stop = UInt64.max
        if pendingLength != nil, mayChange(oldest) {
            if ring.resizing == .replacing || tail == wrapEnd {
                changeSize()
            } else if Layout.isSplittable || tail &+ UInt64(footprint) <= wrapEnd {
                stop = wrapEnd
            } else {
                // The block would cross the wrap at which the size is to change: padding takes its place.
                guard padToWrap(oldest) else { return refuse(wrapEnd) }
                return reserve(footprint)
            }
        }
        let needed = tail &+ UInt64(footprint)
        var limit = min(stop, self.limit(oldest, in: space, previousWindow: previousWindow))
        if avoidance != nil, !isRest { limit = avoiding(limit) }
        let end = min(max(needed, tail &+ step), limit)
        guard end >= needed else { return refuse(needed) }
        announce(end)
        return true
    }

    /// Where the policy drops instead of waiting, this is when a reader that does not move is noticed.
    private mutating func refuse(_ needed: UInt64) -> Bool {
        refusedRoom = needed &- tail
        if ring.policy == .slowReader || ring.policy == .mediumReader {
            dropStalled(before: needed)
        }
        return false
    }

    private func dropStalled(before end: UInt64) {
        let needed = end &- min(end, space.length)
        ring.coordination.dropStalled(before: (needed, 0), length: space.length)
    }

    private mutating func announce(_ end: UInt64) {
        reservedTail = max(reservedTail, end)
        refusedRoom = 0
        unsafe ring.word(ControlLayout.intent).pointee.store(reservedTail, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)  // partner: the acquire fence in RingReader.isWhole
    }

    /// Everything from here on is still needed: by readers, or because a batch must not overwrite itself.
    private var oldestNeeded: UInt64 {
        guard ring.policy != .fastReader else { return publishedTail }
        return ring.coordination.oldestProtected((publishedTail, publishedOrdinal)).position
    }

    /// How far the producer may write without overwriting `oldest` or anything after it.
    private func limit(_ oldest: UInt64, in space: RingSpace, previousWindow: UInt64) -> UInt64 {
        guard oldest < space.start else { return oldest &+ space.length }
        return min(oldest &+ previousWindow, space.start &+ space.length)
    }

    /// Sleeps until a reader lets go of something, at most ten milliseconds; publish before.
    public mutating func waitForRoom() {
        guard ring.policy == .blocking else { return }
        // A quarter of the ring, so that a slow reader is not asked again for every block; more for a long one.
        let wanted = Int(min(space.length, max(space.length / 4, refusedRoom)))
        guard !hasRoom(wanted) else { return }
        let needed = tail &+ UInt64(wanted)
        dropStalled(before: needed)
        let room = ring.coordination.room
        room.wait(nanoseconds: 10_000_000) { hasRoom(wanted) }
    }

    /// Whether readers have let go of so many bytes beyond the tail.
    func hasRoom(_ wanted: Int) -> Bool {
        let oldest = ring.coordination.oldestProtected((publishedTail, publishedOrdinal)).position
        return limit(oldest, in: space, previousWindow: previousWindow) >= tail &+ UInt64(wanted)
    }

    /// Bytes that the ring reports as free: with exhaustion avoidance, fewer than there are.
    public mutating func reportedRoom() -> Int {
        let oldest = oldestNeeded
        var limit = self.limit(oldest, in: space, previousWindow: previousWindow)
        if avoidance != nil { limit = avoiding(limit) }
        return Int(clamping: limit > tail ? limit &- tail : 0)
    }

    private mutating func avoiding(_ limit: UInt64) -> UInt64 {
        guard limit > tail, var avoidance else { return limit }
        let reported = avoidance.report(free: limit &- tail, of: space.length)
        self.avoidance = avoidance
        return max(tail &+ reported, reservedTail)
    }
}

// MARK: Changes of size

extension RingProducer {
    /// Asks for another length: at once if memory is replaced, at the next wrap if a part of it is used.
    ///
    /// - Parameter length: Bytes, a power of two; brought into the range that the ring was opened with. Nothing
    ///   happens in a ring of fixed size.
    public mutating func resize(to length: Int) {
        guard ring.resizing != .fixed else { return }
        var power = shape.minimumLength
        while power < length, power < ring.capacity { power *= 2 }
        pendingLength = power == Int(space.length) ? nil : power
        // Nothing more is written beyond the wrap without asking.
        if pendingLength != nil { reservedTail = min(reservedTail, max(tail, wrapEnd)) }
    }

    /// The next position, after `tail`, that lies at the first byte of the memory; `tail` itself if it does.
    var wrapEnd: UInt64 {
        let offset = (tail &- space.origin) & space.mask
        return offset == 0 ? tail : tail &+ (space.length &- offset)
    }

    /// Whether the only thing in the way of a block is the wrap at which the size changes.
    @usableFromInline var splitsAtWrap: Bool {
        Layout.isSplittable && pendingLength != nil && ring.resizing == .partial
    }

    /// Starts the space that was asked for, if this is the place and the time for it.
    private mutating func changeSize() {
        guard let wanted = pendingLength else { return }
        let number = epochNumber &+ 1
        let length = UInt64(wanted)
        let before = RingEpoch(
            start: space.start,
            origin: space.origin,
            length: space.length,
            area: area.number
        )
        var after = RingEpoch(start: tail, origin: tail, length: length, area: area.number)
        if ring.resizing == .partial {
            // Growing, the producer goes on behind what is there; shrinking, it begins again at the first byte.
            // (At position 0 there is nothing yet to be behind.)
            if length > space.length, tail >= space.length { after.origin = tail &- space.length }
            guard let base = unsafe area.base(of: wanted) else { return }
            unsafe space = RingSpace(base: base, origin: after.origin, length: wanted, start: tail)
        } else {
            // Without memory for it the ring stays as it is.
            guard let new = try? ring.makeArea(number: area.number &+ 1, length: wanted),
                let base = unsafe new.base(of: wanted)
            else {
                pendingLength = nil
                return
            }
            after.area = new.number
            let kept = area.number
            ring.keep(new, dropping: { $0 < kept && !ring.policy.protectsReaders })
            area = new
            unsafe space = RingSpace(base: base, origin: tail, length: wanted, start: tail)
        }
        previousWindow = after.window(after: before)
        epochNumber = number
        pendingLength = nil
        reservedTail = tail
        ring.storeEpoch(after, number: number)
    }

    /// No byte may be older than the space before the present one, nor any reader further back than the table goes.
    private func mayChange(_ oldest: UInt64) -> Bool {
        // Who attaches begins at what is published: its memory is the present space's, or the one's before.
        if publishedTail < space.start { return false }
        // Nor is there a space without a byte, through which a reader would have to pass.
        if epochNumber > 0, tail == space.start { return false }
        if epochNumber > 0, previousWindow != RingSpace.unlimited {
            guard tail &- space.start >= previousWindow else { return false }
        }
        guard ring.policy.protectsReaders, epochNumber >= ControlLayout.epochRowCount - 2 else { return true }
        guard let far = ring.epoch(epochNumber &- (ControlLayout.epochRowCount - 3)) else { return true }
        return oldest >= far.start
    }

    /// Frees the memory that was replaced, as soon as nobody needs what lies in it.
    private mutating func letGoOfOldArea(_ oldest: UInt64) {
        guard ring.resizing == .replacing, previousWindow == RingSpace.unlimited else { return }
        let nobodyNeedsIt =
            ring.policy.protectsReaders ? oldest >= space.start : tail &- space.start > space.length
        if nobodyNeedsIt { ring.dropAreas(before: area.number) }
    }

    /// Fills the stretch before the wrap with a marker that no reader is told of.
    private mutating func padToWrap(_ oldest: UInt64) -> Bool {
        let length = wrapEnd &- tail
        guard length > 0, limit(oldest, in: space, previousWindow: previousWindow) >= wrapEnd else {
            return false
        }
        announce(wrapEnd)
        unsafe space.address(tail).storeBytes(
            of: MarkedLayout.padding | (length &- UInt64(MarkedLayout.headerLength)),
            as: UInt64.self
        )
        tail = wrapEnd
        return true
    }

    /// A stream's bytes up to the wrap, then the change of size, then the rest: all of them or none.
    @usableFromInline mutating func appendInParts(_ block: RawSpan) -> Bool {
        let first = Int(truncatingIfNeeded: wrapEnd &- tail)
        guard let wanted = pendingLength, first < block.byteCount else { return false }
        let oldest = oldestNeeded
        guard limit(oldest, in: space, previousWindow: previousWindow) >= wrapEnd else { return false }
        let end = tail &+ UInt64(block.byteCount)
        let after = RingEpoch(start: wrapEnd, origin: wrapEnd, length: UInt64(wanted), area: area.number)
        let window = max(UInt64(wanted), space.length)
        let room =
            oldest < after.start
            ? min(oldest &+ window, after.start &+ after.length) : oldest &+ after.length
        guard end <= room, end <= limit(oldest, in: space, previousWindow: previousWindow) else {
            return false
        }
        announce(wrapEnd)
        unsafe Layout.write(block.extracting(first: first), at: space.address(tail))
        tail &+= UInt64(first)
        ordinal &+= Layout.count(first)
        let rest = block.extracting(droppingFirst: first)
        guard reserve(rest.byteCount, rest: oldest) else {
            preconditionFailure("room that was counted is there")
        }
        unsafe Layout.write(rest, at: space.address(tail))
        tail &+= UInt64(rest.byteCount)
        ordinal &+= Layout.count(rest.byteCount)
        return true
    }
}
