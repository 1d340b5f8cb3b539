// SPDX-License-Identifier: Apache-2.0

// A reader's place is its own: it may go back and forth in the window of what is published and not yet overwritten
// (paper, 3.6: "only part of the stream, the sliding window, can be accessed at any time").

extension Ring {
    /// Positions that can be read now, from the oldest that is whole to the published end.
    ///
    /// The lower end moves on at any time unless the ring is held.
    public var window: Range<UInt64> {
        let end = tail.bytes
        guard let newest = newestSpace() else { return end..<end }
        var oldest = oldestWhole(newest.space)
        if oldest == newest.space.start, newest.number > 0, let before = space(newest.number - 1) {
            oldest = min(oldest, oldestWhole(before.space))
        }
        let unit = UInt64(max(shape.slotLength, 1))
        oldest = (oldest &+ unit &- 1) / unit &* unit
        return min(oldest, end)..<end
    }

    private func oldestWhole(_ space: RingSpace) -> UInt64 {
        let intent = relaxed(ControlLayout.intent)
        return max(space.start, space.floor, intent &- min(intent, space.window))
    }
}

extension RingReader {
    /// Where the next block is looked for.
    public var place: Position { Position(position) }

    /// Gives a block back that was taken last: it will be taken again.
    mutating func takeBack(_ block: Block) {
        guard block.position.bytes >= space.start else { return }
        let count = Layout.count(block.length)
        position = block.position.bytes
        ordinal = block.ordinal
        taken &-= min(taken, count)
    }

    /// Goes to another position in the window; what is passed over counts as read, what is gone back over does not.
    ///
    /// - Parameter target: A position at which a block begins. Where markers alone tell blocks apart (v-DBuf), one
    ///   ahead of this place is reached by walking, and none behind it.
    /// - Returns: False, and nothing changes, if no block that is whole begins there.
    public mutating func seek(to target: Position) -> Bool {
        let goal = target.bytes
        if goal == position { return true }
        let end = ring.end
        guard goal <= end.position else { return false }
        if Layout.serves(.marked) { return walk(to: goal, end) }
        let unit = UInt64(max(shape.slotLength, 1))
        guard goal % unit == 0, let mapped = ring.space(holding: goal) else { return false }
        // An acquire fence inside; a position at the end has nothing yet that could be overwritten.
        guard goal == end.position || ring.isWhole(goal, in: mapped.space) else { return false }
        (space, spaceEnd, area, epochNumber) = (mapped.space, mapped.end, mapped.area, mapped.number)
        // What was let go of is held no more: from now on every block is checked.
        if goal < position { isProtected = false }
        position = goal
        seenTail = end.position
        count(upTo: goal / unit)
        return true
    }

    /// Goes back to where the owner began to hold the ring for this process; what is gone already counts as lost.
    mutating func seekBack(to held: (position: UInt64, ordinal: UInt64)) -> Bool {
        guard held.position < position else { return false }
        guard let mapped = ring.space(holding: held.position) else { return false }
        (space, spaceEnd, area, epochNumber) = (mapped.space, mapped.end, mapped.area, mapped.number)
        (position, ordinal, first) = (held.position, held.ordinal, held.ordinal)
        return true
    }

    /// Walks over blocks; the end is reached at once.
    private mutating func walk(to goal: UInt64, _ end: (position: UInt64, ordinal: UInt64)) -> Bool {
        guard goal > position else { return false }
        if goal == end.position, let mapped = ring.newestSpace() {
            (space, spaceEnd, area, epochNumber) = (mapped.space, mapped.end, mapped.area, mapped.number)
            position = goal
            seenTail = end.position
            count(upTo: end.ordinal)
            return true
        }
        // Tried first: a copy of the numbers is all that has to be put back.
        let before = (space, spaceEnd, area, epochNumber, position, ordinal, taken, skipped)
        while position < goal, next() != nil {}
        if position == goal { return true }
        (space, spaceEnd, area, epochNumber, position, ordinal, taken, skipped) = before
        return false
    }

    /// Keeps `published == read + lost` at a new ordinal.
    private mutating func count(upTo newOrdinal: UInt64) {
        if newOrdinal >= ordinal {
            taken &+= newOrdinal &- ordinal
        } else {
            var back = ordinal &- newOrdinal
            let unread = min(back, taken)
            taken &-= unread
            back &-= unread
            let unlost = min(back, skipped)
            skipped &-= unlost
            // What is left lies before the place where it attached.
            first &-= back &- unlost
        }
        ordinal = newOrdinal
    }
}
