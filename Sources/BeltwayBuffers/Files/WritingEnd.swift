// SPDX-License-Identifier: Apache-2.0

/// The writer's end of a ring of any kind but index: the calls, specialised by layout.
///
/// Every call ends with a publication. Who waits for room waits for a quarter of the ring (`RingProducer.waitForRoom`),
/// so that a slow reader costs one wake-up for many calls.
///
/// Safe because room is lent as `RingProducer.appendInPlace` reserves it.
struct WritingEnd<Layout: BlockLayout>: ~Copyable {
    private let buffer: NamedBuffer
    private let isBlocking: Bool
    private let endsWithReaders: Bool
    private let interruption: Interruption
    private(set) var producer: RingProducer<Layout>
    private var audience = AudienceWatch()
    private var spin = AdaptiveSpin()

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) {
        self.buffer = buffer
        isBlocking = buffer.ring.policy == .blocking && !flags.contains(.nonBlocking)
        endsWithReaders = flags.contains(.endsWithReaders)
        self.interruption = interruption
        producer = buffer.ring.makeProducer(Layout.self)
        if buffer.ring.resizing != .fixed {
            producer.controller = ResizeController(
                least: buffer.ring.shape.minimumLength,
                greatest: buffer.ring.capacity
            )
        }
    }

    var dropped: UInt64 { producer.dropped }
    var ring: Ring { buffer.ring }

    /// Copies bytes into the ring: all of them if it may wait, else what there is room for.
    @inline(__always)
    mutating func write(_ bytes: RawSpan) throws(BufferFileError) -> Int {
        let count = bytes.byteCount
        if endsWithReaders, audience.hasGone(buffer) { throw .brokenPipe }
        if count <= producer.maximumBlock, count > 0, producer.append(bytes) {
            producer.publish()
            return count
        }
        return try writeSlowly(bytes)
    }

    private var pieceLimit: Int { min(producer.maximumBlock, max(4096, producer.maximumBlock / 4)) }

    private mutating func writeSlowly(_ bytes: RawSpan) throws(BufferFileError) -> Int {
        guard bytes.byteCount > 0 else { return 0 }
        guard Layout.isSplittable || bytes.byteCount <= producer.maximumBlock else {
            throw .blockTooLong(producer.maximumBlock)
        }
        var done = 0
        while done < bytes.byteCount {
            // In pieces, so that the reader begins before the last one is copied.
            let rest = bytes.byteCount - done
            var piece = Layout.isSplittable ? min(rest, pieceLimit) : rest
            var isDone = producer.append(bytes.extracting(done..<done + piece))
            if !isDone, Layout.isSplittable {
                piece = min(piece, producer.freeInStream())
                isDone = piece > 0 && producer.append(bytes.extracting(done..<done + piece))
            }
            producer.publish()
            if isDone {
                done += piece
                continue
            }
            do throws(BufferFileError) { try waitForRoom() } catch {
                if done > 0 { return done }
                if error == .wouldBlock { producer.dropped &+= 1 }
                throw error
            }
        }
        return done
    }

    /// Fills the ring in place.
    ///
    /// - Returns: What `body` returned.
    mutating func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? {
        if endsWithReaders, audience.hasGone(buffer) { throw .brokenPipe }
        let filled = try unsafe producer.appendInPlace(atMost: length, body)
        producer.publish()
        return filled
    }

    /// Waits until a part of the ring is free.
    mutating func waitForRoom() throws(BufferFileError) {
        if endsWithReaders, audience.hasGone(buffer) { throw .brokenPipe }
        guard isBlocking else { throw .wouldBlock }
        if interruption.isAsked { throw .interrupted }
        // At least what was refused: less would be looked for, and refused, again and again.
        let wanted = max(buffer.ring.length / 4, Int(producer.refusedRoom))
        var spin = self.spin
        let isEnough = spin.wait { producer.hasRoom(wanted) }
        self.spin = spin
        if !isEnough { producer.waitForRoom() }
    }

    /// Whether a write would not wait.
    mutating func isWritable() -> Bool {
        if endsWithReaders, audience.hasGone(buffer) { return true }
        guard buffer.ring.policy != .fastReader else { return true }
        return producer.reportedRoom() >= Layout.footprint(min(1, producer.maximumBlock), buffer.ring.shape)
    }

    mutating func close() { producer.close() }
}

extension WritingEnd where Layout == EntryLayout {
    /// Appends an entry and publishes it; waits for room where it may.
    @inline(__always)
    mutating func write(_ entry: IndexEntry) throws(BufferFileError) {
        if endsWithReaders, audience.hasGone(buffer) { throw .brokenPipe }
        while !producer.append(entry) {
            do throws(BufferFileError) { try waitForRoom() } catch {
                if error == .wouldBlock { producer.dropped &+= 1 }
                throw error
            }
        }
        producer.publish()
    }

    /// The oldest entry that the policy protects and that points into a buffer.
    func oldestProtectedEntry(pointingInto number: UInt16) -> IndexEntry? {
        var position = producer.oldestProtected
        while position < producer.tail {
            let entry = producer.entry(at: position)
            if entry.buffer == number { return entry }
            position &+= 32
        }
        return nil
    }
}
