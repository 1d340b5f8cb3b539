// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// The ends of an index buffer (IBuf). Readers get the blocks that its entries point to; a writer of data that was just
// peeked writes an entry, of other data a copy into a data ring of its own, and an entry for that.
//
//     peek ---- block ----> write: its entry          (fast splice, paper, 3.9: 32 bytes)
//     other bytes --------> copy into NAME.data, then its entry

/// Reads blocks through an index buffer.
///
/// Safe: blocks come from ``EntryResolver``, which has checked them, and are copied or lent with a second check.
struct IndexReadingEnd: ~Copyable {
    private var end: ReadingEnd<EntryLayout>
    private var resolver: EntryResolver
    private var last: ResolvedBlock?
    /// The entry followed last.
    private(set) var shownEntry = IndexEntry.nothing

    init(
        _ buffer: NamedBuffer,
        _ directory: BufferDirectory,
        _ flags: BufferFlags,
        _ interruption: Interruption
    ) throws(BufferFileError) {
        end = try ReadingEnd(buffer, flags, interruption)
        resolver = EntryResolver(buffer, directory)
    }

    var place: UInt64 { end.place }
    var counts: (published: UInt64, read: UInt64, lost: UInt64) { end.counts }
    var isReadable: Bool { end.isReadable }

    /// The next entry, copied and whole; nil at the end.
    private mutating func nextEntry() throws(BufferFileError) -> IndexEntry? {
        let shown = try end.peek(atMost: .max)
        guard let base = unsafe shown.base else { return nil }
        let entry = unsafe base.load(as: IndexEntry.self)
        guard end.isWhole() else { throw end.giveBackLapped() }
        return entry
    }

    mutating func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        guard let target = bytes.baseAddress, bytes.count > 0 else { return 0 }
        guard let entry = try nextEntry() else { return 0 }
        guard Int(entry.length) <= bytes.count else {
            end.keepOnly(0)
            throw .blockTooLong(Int(entry.length))
        }
        let block = try resolve(entry)
        unsafe target.copyMemory(from: block.base, byteCount: block.length)
        guard block.isWhole else {
            _ = end.giveBackLapped()
            throw EntryResolver.lapsed(entry)
        }
        return block.length
    }

    mutating func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        guard let entry = try nextEntry() else { return .end }
        guard Int(entry.length) <= limit else {
            end.keepOnly(0)
            throw .blockTooLong(Int(entry.length))
        }
        let block = try resolve(entry)
        // What the entry calls a buffer, its writer calls it so: in this process it has another number.
        var own = entry
        own.buffer = resolver.lastNumber
        (last, shownEntry) = (block, own)
        return unsafe PeekedBlock(base: block.base, length: block.length, entry: own)
    }

    /// Follows an entry; one that cannot be followed counts as lost.
    private mutating func resolve(_ entry: IndexEntry) throws(BufferFileError) -> ResolvedBlock {
        do throws(BufferFileError) { return try resolver.resolve(entry) } catch {
            _ = end.giveBackLapped()
            throw error
        }
    }

    func isWhole() -> Bool { last?.isWhole ?? false }
    mutating func keepOnly(_ count: Int) { end.keepOnly(count) }
    mutating func giveBackLapped() -> BufferFileError {
        _ = end.giveBackLapped()
        return EntryResolver.lapsed(shownEntry)
    }
    mutating func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        try end.seek(offset, origin)
    }
    mutating func release() { end.release() }
}

/// Writes an index buffer, and the data ring beside it.
///
/// Data copied into that ring is kept as long as an entry that points to it is protected by the index buffer's policy.
struct IndexWritingEnd: ~Copyable {
    private var end: WritingEnd<EntryLayout>
    private var data: RingProducer<MarkedLayout>
    private let buffer: NamedBuffer
    private let own: UInt16
    private let directory: BufferDirectory
    /// What an entry of the index buffer was last known to need of the data ring.
    private var oldestNeeded: UInt64 = 0
    private var lastSource: UInt16 = 0

    /// Takes the writing side of an index buffer, which was made with its companion.
    init(
        _ buffer: NamedBuffer,
        _ directory: BufferDirectory,
        _ flags: BufferFlags,
        _ interruption: Interruption
    ) {
        guard let companion = buffer.companion else {
            preconditionFailure("an index buffer that is written has a data ring beside it")
        }
        end = WritingEnd(buffer, flags, interruption)
        data = companion.ring.makeProducer(MarkedLayout.self)
        own = companion.number
        self.buffer = buffer
        self.directory = directory
    }

    var dropped: UInt64 { end.dropped }

    /// Writes an entry; false if the buffer that it points into is gone, or is not one that its readers may follow to.
    @inline(__always)
    mutating func write(_ entry: IndexEntry) throws(BufferFileError) -> Bool {
        if entry.buffer != lastSource {
            guard turn(to: entry.buffer) else { return false }
        }
        try end.write(entry)
        return true
    }

    /// Keeps the buffer that entries point into from now on.
    @inline(never)
    private mutating func turn(to number: UInt16) -> Bool {
        guard number != 0, let source = directory.buffer(number), buffer.mayPoint(into: source) else {
            return false
        }
        buffer.keep(source)
        lastSource = number
        return true
    }

    mutating func write(_ bytes: RawSpan) throws(BufferFileError) -> Int {
        guard bytes.byteCount > 0 else { return 0 }
        guard bytes.byteCount <= data.maximumBlock else { throw .blockTooLong(data.maximumBlock) }
        // First, so that nothing is copied for an entry that is refused.
        while !end.isWritable() || !hasDataRoom(bytes.byteCount) { try end.waitForRoom() }
        let (position, ordinal) = (data.tail, data.ordinal)
        guard data.append(bytes) else { throw .wouldBlock }
        data.publish()
        var entry = IndexEntry.nothing
        entry.position = Position(position)
        entry.ordinal = UInt32(truncatingIfNeeded: ordinal)
        entry.length = UInt32(truncatingIfNeeded: bytes.byteCount)
        entry.offset = UInt32(MarkedLayout.headerLength)
        entry.buffer = own
        try end.write(entry)
        return bytes.byteCount
    }

    /// Whether a block can be copied into the data ring without overwriting what protected entries point to.
    private mutating func hasDataRoom(_ length: Int) -> Bool {
        guard buffer.ring.policy != .fastReader else { return true }
        let ring = data.ring
        // A producer announces up to an eighth of its ring, 64 KiB at most, beyond what it writes.
        let announced = UInt64(min(65_536, ring.capacity / 8))
        let reach = data.tail &+ UInt64(MarkedLayout.footprint(length, ring.shape)) &+ announced
        let capacity = UInt64(ring.capacity)
        guard reach > capacity, oldestNeeded < reach &- capacity else { return true }
        oldestNeeded = end.oldestProtectedEntry(pointingInto: own)?.position.bytes ?? data.tail
        return oldestNeeded >= reach &- capacity
    }

    mutating func waitForRoom() throws(BufferFileError) { try end.waitForRoom() }
    mutating func isWritable() -> Bool { end.isWritable() }
    mutating func close() {
        data.close()
        end.close()
    }
}
