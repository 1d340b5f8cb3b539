// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// What a descriptor that reads calls (paper, 3.7: `buf_impl`, "pointers to the buffer implementation's functions"): one
// jump to code for its kind, with the end's state in one place for the length of the call.
//
// Safe: what is lent is passed on as it came.

/// A descriptor's reading side (paper, 3.7: `buf`, private to its actor).
final class OpenReader {
    let buffer: NamedBuffer
    let flags: BufferFlags
    private let end: End

    /// The kinds, each with code of its own: a generic class would run unspecialised.
    private enum End: ~Copyable {
        case stream(Held<ReadingEnd<StreamLayout>>)
        case marked(Held<ReadingEnd<MarkedLayout>>)
        case slots(Held<ReadingEnd<SlotLayout>>)
        case index(Held<IndexReadingEnd>)
        case described(Held<DescribedReadingEnd>)
    }

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, in directory: BufferDirectory) throws(BufferFileError) {
        let interruption = directory.interruption
        if let described = buffer.described {
            end = .described(Held(try DescribedReadingEnd(buffer, described, flags, interruption)))
        } else {
            switch buffer.ring.kind {
            case .stream: end = .stream(Held(try ReadingEnd(buffer, flags, interruption)))
            case .marked: end = .marked(Held(try ReadingEnd(buffer, flags, interruption)))
            case .slots: end = .slots(Held(try ReadingEnd(buffer, flags, interruption)))
            case .index: end = .index(Held(try IndexReadingEnd(buffer, directory, flags, interruption)))
            case .described: throw .invalid("a ring of packets is not opened as a file")
            }
        }
        self.buffer = buffer
        self.flags = flags
        buffer.hadLocalReaders.store(true, ordering: .relaxed)
        buffer.localReaders.wrappingAdd(1, ordering: .releasing)
    }

    deinit {
        buffer.localReaders.wrappingSubtract(1, ordering: .releasing)
        buffer.ring.coordination.room.wake()
    }

    // MARK: Once per block

    /// Copies the next block, or as much of a stream as is there and fits.
    @inline(__always)
    func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        switch end {
        case .stream(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.read(into: bytes) }
        case .marked(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.read(into: bytes) }
        case .slots(let end): try end.lend { end throws(BufferFileError) in try unsafe end.read(into: bytes) }
        case .index(let end): try end.lend { end throws(BufferFileError) in try unsafe end.read(into: bytes) }
        case .described(let end):
            try end.lend { end throws(BufferFileError) in try unsafe end.read(into: bytes) }
        }
    }

    /// Shows the next block in place.
    @inline(__always)
    func show(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        switch end {
        case .stream(let end): try end.lend { end throws(BufferFileError) in try end.peek(atMost: limit) }
        case .marked(let end): try end.lend { end throws(BufferFileError) in try end.peek(atMost: limit) }
        case .slots(let end): try end.lend { end throws(BufferFileError) in try end.peek(atMost: limit) }
        case .index(let end): try end.lend { end throws(BufferFileError) in try end.peek(atMost: limit) }
        case .described(let end): try end.lend { end throws(BufferFileError) in try end.peek(atMost: limit) }
        }
    }

    /// The same where a call more does not matter.
    func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock { try show(atMost: limit) }

    /// The entry that points to the block shown last.
    @inline(__always)
    var shownEntry: IndexEntry {
        switch end {
        case .stream(let end): end.lend { $0.shownEntry }
        case .marked(let end): end.lend { $0.shownEntry }
        case .slots(let end): end.lend { $0.shownEntry }
        case .index(let end): end.lend { $0.shownEntry }
        case .described(let end): end.lend { $0.shownEntry }
        }
    }

    /// Whether no byte of the block shown last has been overwritten so far.
    @inline(__always)
    func isWhole() -> Bool {
        switch end {
        case .stream(let end): end.lend { $0.isWhole() }
        case .marked(let end): end.lend { $0.isWhole() }
        case .slots(let end): end.lend { $0.isWhole() }
        case .index(let end): end.lend { $0.isWhole() }
        case .described(let end): end.lend { $0.isWhole() }
        }
    }

    // MARK: Now and then

    /// Where the next read begins.
    var place: UInt64 {
        switch end {
        case .stream(let end): end.lend { $0.place }
        case .marked(let end): end.lend { $0.place }
        case .slots(let end): end.lend { $0.place }
        case .index(let end): end.lend { $0.place }
        case .described(let end): end.lend { $0.place }
        }
    }

    var counts: (published: UInt64, read: UInt64, lost: UInt64) {
        switch end {
        case .stream(let end): end.lend { $0.counts }
        case .marked(let end): end.lend { $0.counts }
        case .slots(let end): end.lend { $0.counts }
        case .index(let end): end.lend { $0.counts }
        case .described(let end): end.lend { $0.counts }
        }
    }

    /// Whether a read would not wait.
    var isReadable: Bool {
        switch end {
        case .stream(let end): end.lend { $0.isReadable }
        case .marked(let end): end.lend { $0.isReadable }
        case .slots(let end): end.lend { $0.isReadable }
        case .index(let end): end.lend { $0.isReadable }
        case .described(let end): end.lend { $0.isReadable }
        }
    }

    /// Gives back the bytes after the first `count` of the block shown last; only a stream's block has parts.
    func keepOnly(_ count: Int) {
        switch end {
        case .stream(let end): end.lend { $0.keepOnly(count) }
        case .marked(let end): end.lend { $0.keepOnly(count) }
        case .slots(let end): end.lend { $0.keepOnly(count) }
        case .index(let end): end.lend { $0.keepOnly(count) }
        case .described(let end): end.lend { $0.keepOnly(count) }
        }
    }

    /// Takes back the block shown last as lost: it was overwritten while it was used.
    func giveBackLapped() -> BufferFileError {
        switch end {
        case .stream(let end): end.lend { $0.giveBackLapped() }
        case .marked(let end): end.lend { $0.giveBackLapped() }
        case .slots(let end): end.lend { $0.giveBackLapped() }
        case .index(let end): end.lend { $0.giveBackLapped() }
        case .described(let end): end.lend { $0.giveBackLapped() }
        }
    }

    /// Goes to another position of the window.
    func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        switch end {
        case .stream(let end): try end.lend { end throws(BufferFileError) in try end.seek(offset, origin) }
        case .marked(let end): try end.lend { end throws(BufferFileError) in try end.seek(offset, origin) }
        case .slots(let end): try end.lend { end throws(BufferFileError) in try end.seek(offset, origin) }
        case .index(let end): try end.lend { end throws(BufferFileError) in try end.seek(offset, origin) }
        case .described(let end): try end.lend { end throws(BufferFileError) in try end.seek(offset, origin) }
        }
    }

    /// Lets a producer that waits go on.
    func release() {
        switch end {
        case .stream(let end): end.lend { $0.release() }
        case .marked(let end): end.lend { $0.release() }
        case .slots(let end): end.lend { $0.release() }
        case .index(let end): end.lend { $0.release() }
        case .described(let end): end.lend { $0.release() }
        }
    }
}
