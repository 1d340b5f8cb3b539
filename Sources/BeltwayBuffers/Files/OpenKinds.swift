// SPDX-License-Identifier: Apache-2.0

// The kinds of ring whose blocks lie in them; index rings are in IndexEnds.swift.
//
// Safe: what is lent is passed on as it came.

/// Reads bytes.
final class StreamReader: OpenReader {
    private var end: ReadingEnd<StreamLayout>

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) throws(BufferFileError) {
        let reader = try attach(buffer.ring, as: StreamLayout.self)
        end = ReadingEnd(buffer, reader, flags, interruption)
        super.init(buffer, flags)
    }

    override var place: UInt64 { end.place }
    override var counts: (published: UInt64, read: UInt64, lost: UInt64) { end.counts }
    override var isReadable: Bool { end.isReadable }
    override func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        try unsafe end.read(into: bytes)
    }
    override func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        try end.peek(atMost: limit)
    }
    override func isWhole() -> Bool { end.isWhole() }
    override func keepOnly(_ count: Int) { end.keepOnly(count) }
    override func giveBackLapped() -> BufferFileError { end.giveBackLapped() }
    override func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        try end.seek(offset, origin)
    }
    override func release() { end.release() }
}

/// Reads marked blocks.
final class MarkedReader: OpenReader {
    private var end: ReadingEnd<MarkedLayout>

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) throws(BufferFileError) {
        let reader = try attach(buffer.ring, as: MarkedLayout.self)
        end = ReadingEnd(buffer, reader, flags, interruption)
        super.init(buffer, flags)
    }

    override var place: UInt64 { end.place }
    override var counts: (published: UInt64, read: UInt64, lost: UInt64) { end.counts }
    override var isReadable: Bool { end.isReadable }
    override func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        try unsafe end.read(into: bytes)
    }
    override func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        try end.peek(atMost: limit)
    }
    override func isWhole() -> Bool { end.isWhole() }
    override func keepOnly(_ count: Int) { end.keepOnly(count) }
    override func giveBackLapped() -> BufferFileError { end.giveBackLapped() }
    override func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        try end.seek(offset, origin)
    }
    override func release() { end.release() }
}

/// Reads slots.
final class SlotReader: OpenReader {
    private var end: ReadingEnd<SlotLayout>

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) throws(BufferFileError) {
        let reader = try attach(buffer.ring, as: SlotLayout.self)
        end = ReadingEnd(buffer, reader, flags, interruption)
        super.init(buffer, flags)
    }

    override var place: UInt64 { end.place }
    override var counts: (published: UInt64, read: UInt64, lost: UInt64) { end.counts }
    override var isReadable: Bool { end.isReadable }
    override func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        try unsafe end.read(into: bytes)
    }
    override func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        try end.peek(atMost: limit)
    }
    override func isWhole() -> Bool { end.isWhole() }
    override func keepOnly(_ count: Int) { end.keepOnly(count) }
    override func giveBackLapped() -> BufferFileError { end.giveBackLapped() }
    override func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        try end.seek(offset, origin)
    }
    override func release() { end.release() }
}

/// Writes bytes.
final class StreamWriter: OpenWriter {
    private var end: WritingEnd<StreamLayout>

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) {
        end = WritingEnd(buffer, flags, interruption)
        super.init(buffer, flags)
    }

    override var dropped: UInt64 { end.dropped }
    override func write(_ bytes: RawSpan) throws(BufferFileError) -> Int { try end.write(bytes) }
    override func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? { try unsafe end.fill(atMost: length, body) }
    override func waitForRoom() throws(BufferFileError) { try end.waitForRoom() }
    override func isWritable() -> Bool { end.isWritable() }
    override func close() { end.close() }
}

/// Writes marked blocks.
final class MarkedWriter: OpenWriter {
    private var end: WritingEnd<MarkedLayout>

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) {
        end = WritingEnd(buffer, flags, interruption)
        super.init(buffer, flags)
    }

    override var dropped: UInt64 { end.dropped }
    override func write(_ bytes: RawSpan) throws(BufferFileError) -> Int { try end.write(bytes) }
    override func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? { try unsafe end.fill(atMost: length, body) }
    override func waitForRoom() throws(BufferFileError) { try end.waitForRoom() }
    override func isWritable() -> Bool { end.isWritable() }
    override func close() { end.close() }
}

/// Writes slots.
final class SlotWriter: OpenWriter {
    private var end: WritingEnd<SlotLayout>

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) {
        end = WritingEnd(buffer, flags, interruption)
        super.init(buffer, flags)
    }

    override var dropped: UInt64 { end.dropped }
    override func write(_ bytes: RawSpan) throws(BufferFileError) -> Int { try end.write(bytes) }
    override func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? { try unsafe end.fill(atMost: length, body) }
    override func waitForRoom() throws(BufferFileError) { try end.waitForRoom() }
    override func isWritable() -> Bool { end.isWritable() }
    override func close() { end.close() }
}

/// Attaches a reader where the ring is held for it: in another process, from when it was let in.
func attach<Layout: BlockLayout>(
    _ ring: Ring,
    as layout: Layout.Type
) throws(BufferFileError) -> RingReader<Layout> {
    do throws(BufferError) {
        var reader = try RingReader(ring, as: layout)
        if let held = ring.coordination.heldFrom { _ = reader.seekBack(to: held) }
        return reader
    } catch { throw .buffer(error) }
}
