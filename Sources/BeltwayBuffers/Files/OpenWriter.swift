// SPDX-License-Identifier: Apache-2.0

// What a descriptor that writes calls; see OpenReader.swift.
//
// Safe: what is lent is passed on as it came.

/// A descriptor's writing side.
final class OpenWriter {
    let buffer: NamedBuffer
    let flags: BufferFlags
    private let end: End

    private enum End: ~Copyable {
        case stream(Held<WritingEnd<StreamLayout>>)
        case marked(Held<WritingEnd<MarkedLayout>>)
        case slots(Held<WritingEnd<SlotLayout>>)
        case index(Held<IndexWritingEnd>)
        case described(Held<DescribedWritingEnd>)
    }

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, in directory: BufferDirectory) {
        let interruption = directory.interruption
        self.buffer = buffer
        self.flags = flags
        if let described = buffer.described {
            end = .described(Held(DescribedWritingEnd(buffer, described, flags, interruption)))
            return
        }
        switch buffer.ring.kind {
        case .stream, .described: end = .stream(Held(WritingEnd(buffer, flags, interruption)))
        case .marked: end = .marked(Held(WritingEnd(buffer, flags, interruption)))
        case .slots: end = .slots(Held(WritingEnd(buffer, flags, interruption)))
        case .index: end = .index(Held(IndexWritingEnd(buffer, directory, flags, interruption)))
        }
    }

    /// Copies bytes into the ring: all of them if it may wait, else what there is room for.
    @inline(__always)
    func write(_ bytes: RawSpan) throws(BufferFileError) -> Int {
        switch end {
        case .stream(let end): try end.lend { end throws(BufferFileError) in try end.write(bytes) }
        case .marked(let end): try end.lend { end throws(BufferFileError) in try end.write(bytes) }
        case .slots(let end): try end.lend { end throws(BufferFileError) in try end.write(bytes) }
        case .index(let end): try end.lend { end throws(BufferFileError) in try end.write(bytes) }
        case .described(let end): try end.lend { end throws(BufferFileError) in try end.write(bytes) }
        }
    }

    /// Writes an entry instead of what it points to.
    ///
    /// - Returns: False if this is no index buffer, or the buffer that the entry points into is gone.
    @inline(__always)
    func write(entry: IndexEntry) throws(BufferFileError) -> Bool {
        switch end {
        case .index(let end): try end.lend { end throws(BufferFileError) in try end.write(entry) }
        default: false
        }
    }

    /// Fills the ring in place; nil if there is no room.
    func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? {
        switch end {
        case .stream(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.fill(atMost: length, body) }
        case .marked(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.fill(atMost: length, body) }
        case .slots(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.fill(atMost: length, body) }
        case .described(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.fill(atMost: length, body) }
        case .index: throw .invalid("an index buffer is not filled in place")
        }
    }

    /// Waits until a part of the ring is free.
    func waitForRoom() throws(BufferFileError) {
        switch end {
        case .stream(let end): try end.lend { end throws(BufferFileError) in try end.waitForRoom() }
        case .marked(let end): try end.lend { end throws(BufferFileError) in try end.waitForRoom() }
        case .slots(let end): try end.lend { end throws(BufferFileError) in try end.waitForRoom() }
        case .index(let end): try end.lend { end throws(BufferFileError) in try end.waitForRoom() }
        case .described(let end): try end.lend { end throws(BufferFileError) in try end.waitForRoom() }
        }
    }

    /// Whether a write would not wait.
    func isWritable() -> Bool {
        switch end {
        case .stream(let end): end.lend { $0.isWritable() }
        case .marked(let end): end.lend { $0.isWritable() }
        case .slots(let end): end.lend { $0.isWritable() }
        case .index(let end): end.lend { $0.isWritable() }
        case .described(let end): end.lend { $0.isWritable() }
        }
    }

    /// Writes that found no room and were refused.
    var dropped: UInt64 {
        switch end {
        case .stream(let end): end.lend { $0.dropped }
        case .marked(let end): end.lend { $0.dropped }
        case .slots(let end): end.lend { $0.dropped }
        case .index(let end): end.lend { $0.dropped }
        case .described(let end): end.lend { $0.dropped }
        }
    }

    /// Ends the buffer.
    func close() {
        switch end {
        case .stream(let end): end.lend { $0.close() }
        case .marked(let end): end.lend { $0.close() }
        case .slots(let end): end.lend { $0.close() }
        case .index(let end): end.lend { $0.close() }
        case .described(let end): end.lend { $0.close() }
        }
    }
}
