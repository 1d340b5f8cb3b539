// SPDX-License-Identifier: Apache-2.0

/// A copy of a ring in this process, filled as it is used (paper, 4.4: cached copy).
///
///     position p of the original lies at p modulo the replica's capacity
///     blocks      of equal length, a power of two; unrelated to records
///     coverage    per block, 16 bytes: first and last position that it holds, as one stretch
///
/// Invariant 1. Bytes inside a block's stretch are what was published at those positions: positions never wrap and
///              published bytes never change, so nothing in the replica goes stale. A block is invalid for the
///              positions of the next lap, and replaced when one of them is fetched.
/// Invariant 2. The capacity is a power of two of at least the original's chunk, which no record crosses: so every
///              record lies in one piece.
@usableFromInline struct Replica {
    @usableFromInline let bytes: ByteStore
    @usableFromInline let coverage: ByteStore
    @usableFromInline let mask: UInt64
    @usableFromInline let blockShift: UInt64
    /// Bytes of a block.
    let blockLength: Int

    /// Makes an empty replica; its memory is touched as it is filled.
    ///
    /// - Parameters:
    ///   - geometry: Of the original.
    ///   - limit: Most bytes, if that is less than the original has.
    ///   - blockLength: A power of two from 16 to 65,536; another is rounded up to the next.
    /// - Throws: ``RemoteError/system(call:errno:)`` if there is no memory.
    init(of geometry: BufferGeometry, limit: Int, blockLength: Int) throws(RemoteError) {
        var capacity = geometry.capacity
        while capacity > max(limit, geometry.chunkLength) { capacity /= 2 }
        var shift: UInt64 = 4
        while shift < 16, 1 << Int(shift) < min(blockLength, geometry.chunkLength) { shift += 1 }
        blockShift = shift
        self.blockLength = 1 << Int(shift)
        mask = UInt64(capacity - 1)
        bytes = try ByteStore(capacity: capacity)
        coverage = try ByteStore(capacity: (capacity >> Int(shift)) * 16)
    }

    @inlinable @inline(__always)
    func slot(_ position: UInt64) -> Int {
        Int(truncatingIfNeeded: (position & mask) >> blockShift) &* 16
    }

    /// Whether all bytes from `position` on are here.
    @inlinable @inline(__always)
    func holds(_ position: UInt64, _ length: Int) -> Bool {
        var start = position
        let end = position &+ UInt64(truncatingIfNeeded: length)
        while start < end {
            let stop = min(end, ((start >> blockShift) &+ 1) << blockShift)
            let entry = slot(start)
            guard coverage.word(entry) <= start, stop <= coverage.word(entry &+ 8) else { return false }
            start = stop
        }
        return true
    }

    /// Hands out bytes that are here, which do not cross the replica's end.
    @inlinable @inline(__always)
    func withBytes<Result>(_ position: UInt64, _ length: Int, _ body: (RawSpan) -> Result) -> Result {
        bytes.withBytes(Int(truncatingIfNeeded: position & mask), length, body)
    }

    /// Stores what was fetched of the original.
    ///
    /// - Parameters:
    ///   - span: The bytes; at most the capacity.
    ///   - position: Where they lie in the original.
    func store(_ span: RawSpan, at position: UInt64) {
        var start = position
        let end = position + UInt64(span.byteCount)
        while start < end {
            let stop = min(end, ((start | mask) &+ 1))
            let from = Int(start - position)
            bytes.copy(span.extracting(from..<from + Int(stop - start)), to: Int(start & mask))
            start = stop
        }
        cover(from: position, to: end)
    }

    /// Notes which positions are here; a stretch that touches what its block has already joins it.
    private func cover(from position: UInt64, to end: UInt64) {
        var start = position
        while start < end {
            let stop = min(end, ((start >> blockShift) + 1) << blockShift)
            let entry = slot(start)
            let (low, high) = (coverage.word(entry), coverage.word(entry + 8))
            let joins =
                low < high && low >> blockShift == start >> blockShift && start <= high && low <= stop
            coverage.storeWord(joins ? min(low, start) : start, entry)
            coverage.storeWord(joins ? max(high, stop) : stop, entry + 8)
            start = stop
        }
    }

    /// The parts of a range that are not here, in whole blocks.
    ///
    /// - Parameters:
    ///   - position: Where the range starts.
    ///   - length: Bytes.
    ///   - missing: Called for each stretch of missing blocks, with positions that are multiples of a block.
    func forEachMissingBlock(_ position: UInt64, _ length: Int, _ missing: (UInt64, UInt64) -> Void) {
        var block = position >> blockShift
        let last = (position + UInt64(length) - 1) >> blockShift
        var run: UInt64?
        while block <= last {
            let start = max(block << blockShift, position)
            let stop = min((block + 1) << blockShift, position + UInt64(length))
            let entry = slot(start)
            if coverage.word(entry) <= start, stop <= coverage.word(entry + 8) {
                if let from = run { missing(from << blockShift, block << blockShift) }
                run = nil
            } else if run == nil {
                run = block
            }
            block += 1
        }
        if let from = run { missing(from << blockShift, block << blockShift) }
    }
}
