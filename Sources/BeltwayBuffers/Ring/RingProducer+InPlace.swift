// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// Writing a block where it will lie: read(2) and recv(2) fill the ring themselves, and no byte is copied twice.
//
// Safe because `body` gets exactly the bytes that were reserved, and what it says it wrote is checked against them.

extension RingProducer {
    /// Lends room for one block, which `body` fills in place; invisible until ``publish()``.
    ///
    /// - Parameters:
    ///   - length: Bytes wanted at most; cut to ``maximumBlock``, in a stream also to what is free.
    ///   - body: Fills a first part of the room and says how many bytes it filled; 0 or less appends nothing.
    /// - Returns: What `body` returned, or nil if there is no room and it was not called.
    /// - Throws: What `body` throws; nothing is appended then.
    @unsafe
    public mutating func appendInPlace<Failure: Error>(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int? {
        var wanted = min(length, shape.maximumBlock)
        if Layout.isSplittable { wanted = min(wanted, freeInStream()) }
        guard wanted > 0 else { return nil }
        let footprint = Layout.footprint(wanted, shape)
        if tail &+ UInt64(footprint) > reservedTail {
            guard reserve(footprint) else { return nil }
        }
        let address = unsafe space.address(tail)
        let room = unsafe UnsafeMutableRawBufferPointer(start: address + Layout.headerLength, count: wanted)
        let filled = try unsafe body(room)
        precondition(filled <= wanted, "more was filled than there is room")
        guard filled > 0 else { return filled }
        unsafe Layout.mark(filled, at: address)
        tail &+= UInt64(Layout.footprint(filled, shape))
        ordinal &+= Layout.count(filled)
        return filled
    }

    /// Bytes of a stream that can be appended in one piece now; the wrap at which the size changes ends a piece.
    mutating func freeInStream() -> Int {
        let room = reportedRoom()
        guard pendingLength != nil, ring.resizing == .partial else { return room }
        let toWrap = Int(truncatingIfNeeded: wrapEnd &- tail)
        return toWrap == 0 ? room : min(room, toWrap)
    }
}

extension RingProducer where Layout == EntryLayout {
    /// The position from which on the policy protects entries.
    var oldestProtected: UInt64 {
        ring.coordination.oldestProtected((publishedTail, publishedOrdinal)).position
    }

    /// An entry that this producer has written, from `oldestProtected` to its tail.
    func entry(at position: UInt64) -> IndexEntry {
        unsafe space.address(position).load(as: IndexEntry.self)
    }
}
