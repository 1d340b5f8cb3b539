// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

// The table of spaces in the control page: sixteen rows, each a seqlock whose version is the space's number.
// Safe because a row's offset is reduced modulo the number of rows, all of them inside the page.

extension Ring {
    /// States a new space.
    ///
    /// Producer only; before the tail that first lies in it.
    func storeEpoch(_ epoch: RingEpoch, number: UInt64) {
        let row = ControlLayout.epochRow(number)
        unsafe word(row).pointee.store(.max, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)  // partner: the acquire fence in `epoch`
        unsafe word(row + 8).pointee.store(epoch.start, ordering: .relaxed)
        unsafe word(row + 16).pointee.store(epoch.origin, ordering: .relaxed)
        unsafe word(row + 24).pointee.store(epoch.length, ordering: .relaxed)
        unsafe word(row + 32).pointee.store(epoch.area, ordering: .relaxed)
        store(row, number)  // releasing; partner: the acquiring load in `epoch`
        store(ControlLayout.epochCount, number &+ 1)
    }

    /// The space of a number; nil if its row is used by a later one, or states sizes that this ring cannot have.
    func epoch(_ number: UInt64) -> RingEpoch? {
        let row = ControlLayout.epochRow(number)
        guard acquire(row) == number else { return nil }
        let epoch = RingEpoch(
            start: relaxed(row + 8),
            origin: relaxed(row + 16),
            length: relaxed(row + 24),
            area: relaxed(row + 32)
        )
        atomicMemoryFence(ordering: .acquiring)
        guard relaxed(row) == number else { return nil }
        guard epoch.length & (epoch.length &- 1) == 0, epoch.length >= UInt64(shape.minimumLength),
            epoch.length <= UInt64(capacity), epoch.origin <= epoch.start,
            isBlockStart(epoch.origin), isBlockStart(epoch.start)
        else { return nil }
        return epoch
    }

    /// Whether a block may begin at a position: one that lies elsewhere would reach beyond the memory's end.
    @inlinable func isBlockStart(_ position: UInt64) -> Bool { position & UInt64(shape.alignment &- 1) == 0 }

    /// Number of the newest space.
    var newestEpochNumber: UInt64 { acquire(ControlLayout.epochCount) &- 1 }

    /// The newest space; nil only if the owner is lying, or fast beyond belief.
    func newestEpoch() -> RingEpoch? {
        for _ in 0..<64 {
            if let epoch = epoch(newestEpochNumber) { return epoch }
        }
        return nil
    }

    /// The memory of a space, and where the next one begins, if there is one.
    func space(_ number: UInt64) -> MappedSpace? {
        guard let epoch = epoch(number), let area = area(epoch.area, length: epoch.length),
            let base = unsafe area.base(of: Int(epoch.length))
        else { return nil }
        var space = unsafe RingSpace(
            base: base,
            origin: epoch.origin,
            length: Int(epoch.length),
            start: epoch.start
        )
        var end = UInt64.max
        if newestEpochNumber > number {
            guard let next = self.epoch(number &+ 1), next.start >= epoch.start else { return nil }
            end = next.start
            space.end(epoch, before: next)
        }
        return MappedSpace(number: number, space: space, end: end, area: area)
    }

    /// The newest space, mapped.
    func newestSpace() -> MappedSpace? {
        for _ in 0..<64 {
            let number = newestEpochNumber
            if let space = space(number) { return space }
            if newestEpochNumber == number { return nil }
        }
        return nil
    }
}

/// A space with the memory that it lies in.
struct MappedSpace {
    /// Counted from 0.
    var number: UInt64
    /// Where positions lie.
    var space: RingSpace
    /// First position of the next space; the greatest number if there is none.
    var end: UInt64
    /// Keeps the memory mapped.
    var area: RingArea
}
