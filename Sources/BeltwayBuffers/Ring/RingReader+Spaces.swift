// SPDX-License-Identifier: Apache-2.0

// How a reader follows the tail, changes of size, and a producer that lapped it.

extension RingReader {
    /// Looks at the tail and for a new space, and enters it when the old one is finished.
    ///
    /// - Returns: Whether there is something to read at `position`.
    @usableFromInline mutating func advance() -> Bool {
        seenTail = ring.tail.bytes
        // After the tail: a space is stated before the first tail that lies in it.
        if ring.acquire(ControlLayout.epochCount) != seenEpochCount { look() }
        if position >= spaceEnd { enterNextSpace() }
        return position < min(seenTail, spaceEnd)
    }

    /// Moves on to a block that a header elsewhere names.
    ///
    /// - Returns: Whether all of it is published, and whole so far.
    @inlinable
    public mutating func seek(to block: Block) -> Bool {
        let start = block.position.bytes
        let end = start &+ UInt64(truncatingIfNeeded: block.length)
        guard start >= position, block.length >= 0, UInt64(block.length) <= space.length, end >= start,
            ring.isBlockStart(start)
        else { return false }
        if end > min(seenTail, spaceEnd) {
            position = start
            _ = advance()
        }
        guard start >= space.start, end <= min(seenTail, spaceEnd), isWhole(start) || isWholeAfterAll(start)
        else {
            return false
        }
        position = start &+ UInt64(Layout.footprint(block.length, shape))
        return true
    }

    /// Takes the end and window of the present space anew.
    private mutating func look() {
        seenEpochCount = ring.acquire(ControlLayout.epochCount)
        guard spaceEnd == .max, ring.newestEpochNumber > epochNumber else { return }
        guard let now = ring.epoch(epochNumber), let next = ring.epoch(epochNumber &+ 1) else {
            // Its row is gone, and with it where it ended: what comes next does not lie here, however whole it looks.
            spaceEnd = position
            return
        }
        spaceEnd = max(next.start, now.start)
        space.end(now, before: next)
    }

    private mutating func enterNextSpace() {
        // Several at once, if nothing was written in between.
        while position >= spaceEnd {
            guard let next = ring.space(epochNumber &+ 1) else {
                // Its row or its memory is gone: a reader that the producer does not wait for came too late.
                resume(jump: .max)
                return
            }
            (space, spaceEnd, area, epochNumber) = (next.space, next.end, next.area, next.number)
        }
    }

    /// Whether the block is whole by a window that grew since this reader looked; the reader stays as it is.
    @usableFromInline func isWholeByNow(_ position: UInt64) -> Bool {
        guard ring.acquire(ControlLayout.epochCount) != seenEpochCount, spaceEnd == .max,
            ring.newestEpochNumber > epochNumber, let now = ring.epoch(epochNumber),
            let next = ring.epoch(epochNumber &+ 1)
        else { return false }
        var space = space
        space.end(now, before: next)
        return ring.isWhole(position, in: space)
    }

    /// Whether the block is whole by a window that grew since this reader looked; the reader takes note of it.
    @usableFromInline mutating func isWholeAfterAll(_ position: UInt64) -> Bool {
        guard ring.acquire(ControlLayout.epochCount) != seenEpochCount else { return false }
        look()
        return isWhole(position)
    }

    /// Resumes a step beyond the oldest block that is left; at the end where markers alone tell where blocks begin, and
    /// for a reader that was lapped again and again.
    @usableFromInline mutating func skipWhatWasLapped(all: Bool) {
        let unit = UInt64(max(shape.slotLength, 64))
        let limit = max(1, space.length / unit / 2)
        let jump = step.miss(at: position / unit, limit: limit) &* unit
        resume(jump: all ? .max : jump)
    }

    @usableFromInline mutating func skipToEnd() { resume(jump: .max) }

    private mutating func resume(jump: UInt64) {
        var end = ring.agreedEnd
        var mapped = end.flatMap { ring.space(holding: $0.position) }
        for _ in 0..<8 where mapped == nil && end != nil {
            // The producer has gone on so far since that its row or its memory is gone.
            end = ring.agreedEnd
            mapped = end.flatMap { ring.space(holding: $0.position) }
        }
        guard let end, let mapped, end.position >= position, end.ordinal >= ordinal,
            ring.isBlockStart(end.position)
        else {
            // The producer stands between two stores, or takes back its tail, or its memory cannot be had: nothing is
            // read until it says something that can be.
            seenTail = position
            return
        }
        (space, spaceEnd, area, epochNumber) = (mapped.space, mapped.end, mapped.area, mapped.number)
        var target = (position: end.position, ordinal: end.ordinal)
        if Layout.serves(.stream) || shape.slotLength > 0, jump != .max {
            // Positions alone tell where a block begins, and how many were passed over.
            let unit = UInt64(max(shape.slotLength, 1))
            let intent = ring.relaxed(ControlLayout.intent)
            var oldest = max(space.start, intent &- min(intent, space.length))
            oldest = (oldest &+ unit &- 1) / unit &* unit &+ jump
            let here = max(min(oldest, end.position), min(position, end.position))
            target = (here, ordinal &+ (here &- min(position, here)) / unit)
        }
        skipped &+= target.ordinal &- ordinal
        (position, ordinal) = target
        seenTail = end.position
    }
}

extension Ring {
    /// The space that holds a position, if its row is still there.
    func space(holding position: UInt64) -> MappedSpace? {
        var number = newestEpochNumber
        for _ in 0..<ControlLayout.epochRowCount {
            guard let epoch = epoch(number) else { return nil }
            if epoch.start <= position { return space(number) }
            guard number > 0 else { return nil }
            number -= 1
        }
        return nil
    }
}
