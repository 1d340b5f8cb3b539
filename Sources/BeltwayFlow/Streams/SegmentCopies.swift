// SPDX-License-Identifier: Apache-2.0

/// Bytes of segments that were copied out of the ring, each kept as long as some waiting segment names it.
///
/// Safe because a copy is named by a number, which is checked against the count; because what a number names is either
/// nothing (an empty span) or a block of its own whose length is kept beside it; and because a span over it does not
/// outlive the closure that gets it. Blocks are freed when their last user lets go, or with the store.
@safe @usableFromInline struct SegmentCopies: ~Copyable {
    @safe private struct Block {
        var bytes: UnsafeMutableRawBufferPointer
        var users: UInt32
        var nextFree: Int
    }

    private var blocks: [Block] = []
    private var firstFree = -1
    /// Bytes that all copies hold.
    private(set) var heldBytes = 0

    // Inlinable, since the compiler (6.3.1) puts it into inlinable code of other modules and stops if it may not.
    @inlinable
    deinit { freeAll() }

    @usableFromInline
    func freeAll() {
        for index in blocks.indices { unsafe blocks[index].bytes.deallocate() }
    }

    /// Copies bytes.
    ///
    /// - Returns: The copy's number, with one user.
    mutating func copy(_ bytes: RawSpan) -> Int {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.byteCount, alignment: 8)
        unsafe bytes.withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
        heldBytes += bytes.byteCount
        if firstFree >= 0 {
            let index = firstFree
            firstFree = blocks[index].nextFree
            unsafe blocks[index] = Block(bytes: memory, users: 1, nextFree: -1)
            return index
        }
        unsafe blocks.append(Block(bytes: memory, users: 1, nextFree: -1))
        return blocks.count - 1
    }

    /// Adds a user, where an overlap has left two parts of one segment.
    mutating func retain(_ index: Int) {
        blocks[index].users += 1
    }

    /// Lets go; the last user frees the bytes.
    mutating func release(_ index: Int) {
        blocks[index].users -= 1
        guard blocks[index].users == 0 else { return }
        heldBytes -= unsafe blocks[index].bytes.count
        unsafe blocks[index].bytes.deallocate()
        unsafe blocks[index].bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        blocks[index].nextFree = firstFree
        firstFree = index
    }

    /// Lends part of a copy; an empty span if it has no such part.
    @usableFromInline
    func withBytes(_ index: Int, from start: Int, length: Int, _ body: (RawSpan) -> Void) {
        let all = unsafe UnsafeRawBufferPointer(blocks[index].bytes)
        let isInside = start >= 0 && length >= 0 && start + length <= all.count
        let part = unsafe UnsafeRawBufferPointer(rebasing: all[isInside ? start..<(start + length) : 0..<0])
        unsafe body(part.bytes)
    }
}
