// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// The handle that writes a data buffer: appends records, publishes them in batches.
///
///     published tail      tail (local)         intent                chunk's end
///          |   appended     |     reserved       |                       |
///     -----+================+~~~~~~~~~~~~~~~~~~~~+-----------------------+----
///
/// `append` writes inside what was reserved; `reserve` announces more (intent, release fence) in steps, so that the
/// fence is paid per step and not per packet. Budget: 22 ns for a 576-byte record on a 16 MiB ring
/// (`beltway-bench ring`).
public struct DataBufferProducer: ~Copyable, @unchecked Sendable {
    /// The buffer that this handle writes.
    public let buffer: DataBuffer
    @usableFromInline let memory: RingMemory
    /// Who sleeps until something is published; looked at per batch.
    private var watch: ReaderWatch
    @usableFromInline let number: UInt16
    @usableFromInline let snapLength: Int

    @usableFromInline var tail: UInt64 = 0
    @usableFromInline var ordinal: UInt64 = 0
    var reservedTail: UInt64 = 0 { didSet { appendLimit = min(chunkLimit, reservedTail) } }
    @usableFromInline var reservedOrdinal: UInt64 = 0
    /// End of the part of the chunk that records may use.
    var chunkLimit: UInt64 = 0 { didSet { appendLimit = min(chunkLimit, reservedTail) } }
    /// Where a record must end to be appended without further ado: the nearer one of the two.
    @usableFromInline private(set) var appendLimit: UInt64 = 0
    @usableFromInline var row = ChunkRow(
        index: 0,
        firstOrdinal: 0,
        leastTime: .distantFuture,
        greatestTime: .zero,
        clockBefore: .zero
    )
    var interfaceNames: [String] = []
    var statistics: InterfaceStatistics?
    /// End of the last region that is whole: a chunk's end or a page-aligned pad.
    var flushed: (position: UInt64, ordinal: UInt64) = (0, 0)
    var flushedIsStored = true
    /// The last region's end that readers have been shown.
    var shownFlushed: (position: UInt64, ordinal: UInt64) = (0, 0)
    var isClosed = false
    /// Blocks that found no room and were given up by ``BlockProducer/write(_:)``.
    public var dropped: UInt64 = 0
    /// Whether a chunk's end is kept free for an Interface Statistics Block.
    var keepsStatistics = false

    init(_ buffer: DataBuffer) {
        self.buffer = buffer
        memory = buffer.memory
        watch = ReaderWatch(publication: buffer.publication, coordination: buffer.coordination)
        snapLength = buffer.geometry.snapLength
        number = buffer.number
        chunkLimit = UInt64(buffer.geometry.chunkLength)
        memory.store(row)
    }

    deinit {
        guard !isClosed else { return }
        memory.storeReleasing(ControlLayout.closed, 1)
        watch.wakeAll()
    }

    /// Records appended since the last ``publish()``.
    @inlinable public var unpublished: Int { Int(truncatingIfNeeded: ordinal &- publishedOrdinal) }
    /// Bytes appended since the last ``publish()``.
    @inlinable public var unpublishedBytes: Int { Int(truncatingIfNeeded: tail &- publishedTail) }
    @usableFromInline var publishedOrdinal: UInt64 = 0
    @usableFromInline var publishedTail: UInt64 = 0

    /// Makes everything appended so far readable, and wakes who sleeps for it.
    ///
    /// Inlined up to the stores themselves, so that a caller that has no use for the batch does not pay for it.
    ///
    /// - Returns: What was published since the last call.
    @inlinable @inline(__always) @discardableResult
    public mutating func publish() -> PublishedBatch {
        let batch = PublishedBatch(
            buffer: number,
            firstOrdinal: publishedOrdinal,
            endOrdinal: ordinal,
            start: Position(publishedTail),
            end: Position(tail)
        )
        makeReadable()
        return batch
    }

    @usableFromInline mutating func makeReadable() {
        // From locals: a member read back at once would stall on its own stores.
        let (tail, ordinal) = (tail, ordinal)
        // Records may end on the chunk's very end: no padding then notes that the chunk is whole.
        if tail & memory.chunkMask == 0 { noteFlushed() }
        if tail != publishedTail {
            publishedOrdinal = ordinal
            publishedTail = tail
            memory.storeTimes(of: row)
            // Releasing: partners are `RingMemory.tailOrdinal` and `tail`; publish records, descriptors and rows.
            // The ordinal goes first, so who loads the tail first finds at least the packets below it.
            memory.storeReleasing(ControlLayout.tailOrdinal, ordinal)
            memory.storeReleasing(ControlLayout.tail, tail)
        } else if flushedIsStored {
            return
        }
        if !flushedIsStored { storeFlushed() }
        watch.wake(tail: tail)
    }

    /// States that no packet earlier than `time` will come; shown to readers that merge several buffers.
    public mutating func setTimeThrough(_ time: Timestamp) {
        if time.nanoseconds > memory.relaxed(ControlLayout.timeThrough) {
            memory.storeReleasing(ControlLayout.timeThrough, time.nanoseconds)
        }
    }

    /// Names an interface; an equal name gives the number it had.
    ///
    /// - Parameter name: At most 63 bytes of it are kept.
    /// - Returns: The interface's number within this buffer.
    /// - Throws: ``BufferError/tooManyInterfaces`` for the 65th.
    public mutating func addInterface(named name: String) throws(BufferError) -> UInt16 {
        if let known = interfaceNames.firstIndex(of: name) { return UInt16(known) }
        guard interfaceNames.count < ControlLayout.interfaceCapacity else { throw .tooManyInterfaces }
        buffer.storeInterface(name, at: interfaceNames.count)
        interfaceNames.append(name)
        return UInt16(interfaceNames.count - 1)
    }

    /// Ends the buffer: pads to a page, publishes, then stores `closed`.
    ///
    /// Publish and run the stage before: what the stage has not seen by then it will not see. In blocking mode this
    /// may wait for readers.
    public mutating func close() {
        guard !isClosed else { return }
        while !padToPage() {
            publish()
            waitForRoom()
        }
        publish()
        isClosed = true
        memory.storeReleasing(ControlLayout.closed, 1)  // after the last tail; partner: RingMemory.isClosed
        watch.wakeAll()
    }
}

/// Records that one ``DataBufferProducer/publish()`` made readable.
@frozen public struct PublishedBatch: Equatable, Sendable, BitwiseCopyable {
    /// Number of the buffer.
    public var buffer: UInt16
    /// Ordinal of the first record.
    public var firstOrdinal: UInt64
    /// Ordinal after the last record.
    public var endOrdinal: UInt64
    /// Tail before the batch.
    public var start: Position
    /// Tail after the batch.
    public var end: Position

    @inlinable
    init(buffer: UInt16, firstOrdinal: UInt64, endOrdinal: UInt64, start: Position, end: Position) {
        self.buffer = buffer
        self.firstOrdinal = firstOrdinal
        self.endOrdinal = endOrdinal
        self.start = start
        self.end = end
    }
}
