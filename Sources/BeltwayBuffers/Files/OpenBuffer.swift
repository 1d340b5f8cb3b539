// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// What an open descriptor calls: one indirect call, then code for its kind (paper, 3.7: `buf_impl`, "pointers to the
// buffer implementation's functions"). A class for each kind and side, because a generic class would run unspecialised.

/// A descriptor's reading side (paper, 3.7: `buf`, private to its actor).
class OpenReader {
    let buffer: NamedBuffer
    let flags: BufferFlags

    init(_ buffer: NamedBuffer, _ flags: BufferFlags) {
        self.buffer = buffer
        self.flags = flags
        buffer.hadLocalReaders.store(true, ordering: .relaxed)
        buffer.localReaders.wrappingAdd(1, ordering: .releasing)
    }

    deinit {
        buffer.localReaders.wrappingSubtract(1, ordering: .releasing)
        buffer.ring.coordination.room.wake()
    }

    var place: UInt64 { 0 }
    var counts: (published: UInt64, read: UInt64, lost: UInt64) { (0, 0, 0) }
    var isReadable: Bool { false }
    func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        throw .badDescriptor(-1)
    }
    func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock { throw .badDescriptor(-1) }
    func isWhole() -> Bool { false }
    func keepOnly(_ count: Int) {}
    func giveBackLapped() -> BufferFileError { .badDescriptor(-1) }
    func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        throw .badDescriptor(-1)
    }
    func release() {}
}

/// A descriptor's writing side.
class OpenWriter {
    let buffer: NamedBuffer
    let flags: BufferFlags

    init(_ buffer: NamedBuffer, _ flags: BufferFlags) {
        self.buffer = buffer
        self.flags = flags
    }

    var dropped: UInt64 { 0 }
    func write(_ bytes: RawSpan) throws(BufferFileError) -> Int { throw .badDescriptor(-1) }
    /// Writes what an entry points to: the entry itself into an index buffer; nil if this is none.
    func write(_ entry: IndexEntry) throws(BufferFileError) -> Bool { false }
    func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? { throw .badDescriptor(-1) }
    func waitForRoom() throws(BufferFileError) {}
    func isWritable() -> Bool { false }
    func close() {}
}
