// SPDX-License-Identifier: Apache-2.0

/// How a buffer is opened: its kind, its policy and the caller's part in it (paper, 3.6 and 4: "a specific buffer
/// implementation can be selected by setting the flags in the `open` call").
///
/// Of each group one flag counts, the first that is set; without one the first that is listed.
public struct BufferFlags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// Takes the bits as they are.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    // MARK: Access

    /// The caller reads.
    public static var reading: BufferFlags { BufferFlags(rawValue: 1 << 0) }
    /// The caller writes: the buffer is made, and has no other writer.
    public static var writing: BufferFlags { BufferFlags(rawValue: 1 << 1) }
    /// Calls that would wait throw ``BufferFileError/wouldBlock`` instead.
    public static var nonBlocking: BufferFlags { BufferFlags(rawValue: 1 << 2) }
    /// A reader waits in `open` until there is a writer, as with a FIFO, whatever else is said of waiting.
    public static var waitsForWriter: BufferFlags { BufferFlags(rawValue: 1 << 3) }
    /// Other processes may open it by its name, as far as the mode lets them.
    public static var shared: BufferFlags { BufferFlags(rawValue: 1 << 4) }
    /// Writing throws ``BufferFileError/brokenPipe`` once there were readers and all of them have gone.
    public static var endsWithReaders: BufferFlags { BufferFlags(rawValue: 1 << 5) }

    // MARK: Kind

    /// Bytes without borders: c-DBuf, the usual kind.
    public static var stream: BufferFlags { BufferFlags(rawValue: 1 << 8) }
    /// Blocks of any size: v-DBuf.
    public static var marked: BufferFlags { BufferFlags(rawValue: 1 << 9) }
    /// Blocks in slots of 2,048 bytes: p-DBuf.
    public static var slots: BufferFlags { BufferFlags(rawValue: 1 << 10) }
    /// Entries that point into other buffers: IBuf; readers get the blocks that they point to.
    public static var index: BufferFlags { BufferFlags(rawValue: 1 << 11) }

    /// Blocks of any size with their headers out of band: d-DBuf; `lseek` counts blocks and goes to any in one step.
    public static var described: BufferFlags { BufferFlags(rawValue: 1 << 12) }

    // MARK: Policy

    /// Writing waits for the slowest reader; the usual policy of streams here, since a byte lost cannot be told.
    public static var blocking: BufferFlags { BufferFlags(rawValue: 1 << 16) }
    /// Writing never waits; what the slowest reader leaves no room for is refused.
    public static var slowReader: BufferFlags { BufferFlags(rawValue: 1 << 17) }
    /// The same with one shared read pointer.
    public static var mediumReader: BufferFlags { BufferFlags(rawValue: 1 << 18) }
    /// Writing never waits and overwrites; a reader that is too slow is told.
    public static var fastReader: BufferFlags { BufferFlags(rawValue: 1 << 19) }

    // MARK: Size

    /// The ring grows and shrinks within its memory with use.
    public static var resizesWithin: BufferFlags { BufferFlags(rawValue: 1 << 20) }
    /// The ring grows and shrinks by replacing its memory.
    public static var replacesMemory: BufferFlags { BufferFlags(rawValue: 1 << 21) }

    // MARK: Fast splice (paper, 3.9)

    /// Of a reader: what `read` has copied may be spliced by a write of the copy, not only what `peek` has shown.
    ///
    /// Wrong for who modifies what it has read: the write then passes on what was read.
    public static var splices: BufferFlags { BufferFlags(rawValue: 1 << 24) }
    /// Of a reader: its blocks are never spliced by a write; for consumers that modify.
    public static var modifies: BufferFlags { BufferFlags(rawValue: 1 << 25) }

    /// Reading and writing.
    public static var readWrite: BufferFlags { [.reading, .writing] }

    /// The kind that is asked for.
    var kind: BufferKind {
        if contains(.stream) { return .stream }
        if contains(.marked) { return .marked }
        if contains(.slots) { return .slots }
        if contains(.index) { return .index }
        return contains(.described) ? .described : .stream
    }

    /// The policy that is asked for.
    var policy: BufferPolicy {
        if contains(.blocking) { return .blocking }
        if contains(.slowReader) { return .slowReader }
        if contains(.mediumReader) { return .mediumReader }
        return contains(.fastReader) ? .fastReader : .blocking
    }

    /// How the size may change.
    var resizing: Resizing {
        if contains(.resizesWithin) { return .partial }
        return contains(.replacesMemory) ? .replacing : .fixed
    }
}

/// From where `lseek` counts.
public enum SeekOrigin: Sendable {
    /// From the buffer's first byte ever (SEEK_SET): a position.
    case start
    /// From where the next read begins (SEEK_CUR).
    case current
    /// From the published end (SEEK_END).
    case end
}

/// What `poll` asks, and answers.
public struct BufferEvents: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// Takes the bits as they are.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// A read would not wait: there is data, an end or an error to be told.
    public static var readable: BufferEvents { BufferEvents(rawValue: 1) }
    /// A write would not wait.
    public static var writable: BufferEvents { BufferEvents(rawValue: 2) }
    /// The writer has ended or gone; what is left can be read.
    public static var hungUp: BufferEvents { BufferEvents(rawValue: 4) }
    /// The descriptor is not open.
    public static var invalid: BufferEvents { BufferEvents(rawValue: 8) }
}
