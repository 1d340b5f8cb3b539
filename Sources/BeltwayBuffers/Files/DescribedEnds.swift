// SPDX-License-Identifier: Apache-2.0

// The ends of a buffer with headers out of band (d-DBuf). Headers are read as the entries that they are; each leads to
// its block. Places are numbers of blocks: a seek is one look at a header, wherever the block lies.
//
// Safe: a block is copied or lent after its reader has checked that it is published and whole, and checked again.

/// Reads blocks by their headers.
struct DescribedReadingEnd: ~Copyable {
    private var headers: ReadingEnd<EntryLayout>
    private var bodies: RingReader<BodyLayout>
    private let ring: DescribedRing
    private let number: UInt16
    private var last = Block(position: .zero, header: 0, length: 0, ordinal: 0)
    private var classification = Classification.other
    /// What was let go of, in steps as ``ReadingEnd`` does it.
    private var released: UInt64
    private let step: UInt64

    init(
        _ buffer: NamedBuffer,
        _ ring: DescribedRing,
        _ flags: BufferFlags,
        _ interruption: Interruption
    ) throws(BufferFileError) {
        // The blocks first: see the invariant of ``DescribedRing``.
        let bodies = try attach(ring.bodies, as: BodyLayout.self)
        headers = try ReadingEnd(buffer, flags, interruption)
        released = bodies.position
        step = UInt64(ring.bodies.shape.minimumLength) / 8
        self.bodies = bodies
        number = buffer.number
        self.ring = ring
    }

    var place: UInt64 { headers.place }
    var counts: (published: UInt64, read: UInt64, lost: UInt64) { headers.counts }
    var isReadable: Bool { headers.isReadable }

    /// The next header, copied, and its block, whole so far; nil at the end.
    private mutating func next() throws(BufferFileError) -> (block: Block, classification: Classification)? {
        // Before it may sleep, all of it: a writer that waits, waits for both rings.
        if bodies.position &- released >= step || ring.headers.tail.bytes == headers.place { releaseBodies() }
        let entry: IndexEntry
        do throws(BufferFileError) {
            let shown = try headers.peek(atMost: .max)
            guard let base = unsafe shown.base else { return nil }
            entry = unsafe base.load(as: IndexEntry.self)
            last = Block(
                position: entry.position,
                header: 0,
                length: Int(entry.length),
                ordinal: shown.position.bytes / 32
            )
        } catch { throw translated(error) }
        guard headers.isWhole(), bodies.seek(to: last) else { throw giveBackLapped() }
        return (last, entry.classification)
    }

    @inline(__always)
    private func address(_ block: Block) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(bodies.space.address(block.position.bytes))
    }

    mutating func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        guard let target = bytes.baseAddress, bytes.count > 0 else { return 0 }
        guard let (block, _) = try next() else { return 0 }
        guard block.length <= bytes.count else {
            keepOnly(0)
            throw .blockTooLong(block.length)
        }
        unsafe target.copyMemory(from: address(block), byteCount: block.length)
        guard bodies.isWhole(block) else { throw giveBackLapped() }
        return block.length
    }

    mutating func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        guard let (block, classification) = try next() else { return .end }
        guard block.length <= limit else {
            keepOnly(0)
            throw .blockTooLong(block.length)
        }
        self.classification = classification
        return unsafe PeekedBlock(base: address(block), length: block.length, entry: shownEntry)
    }

    /// The entry that points to the block shown last.
    var shownEntry: IndexEntry {
        IndexEntry(
            position: last.position,
            flowHash: 0,
            ordinal: UInt32(truncatingIfNeeded: last.ordinal),
            length: UInt32(truncatingIfNeeded: last.length),
            buffer: number,
            interface: 0,
            classification: classification
        )
    }

    func isWhole() -> Bool { bodies.isWhole(last) }

    mutating func keepOnly(_ count: Int) {
        guard count == 0, last.length > 0 else { return }
        headers.keepOnly(0)
        // Blocks are counted by their headers: the bodies' own count stays.
        var place = last
        (place.ordinal, place.length) = (bodies.ordinal, 0)
        bodies.takeBack(place)
    }

    mutating func giveBackLapped() -> BufferFileError { translated(headers.giveBackLapped()) }

    /// What the headers' end says of its own positions, said of blocks.
    private func translated(_ error: BufferFileError) -> BufferFileError {
        guard case .leftWindow(let lost, _, _) = error else { return error }
        let window = ring.window
        return .leftWindow(lost: lost, oldest: window.lowerBound, end: window.upperBound)
    }

    mutating func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        let end = ring.headers.tail.bytes / 32
        let base: UInt64 =
            switch origin {
            case .start: 0
            case .current: headers.place / 32
            case .end: end
            }
        let (target, overflow) = base.addingReportingOverflow(UInt64(bitPattern: offset))
        guard overflow == (offset < 0) else { throw .invalid("a block before the first, or beyond 2^64") }
        if target == headers.place / 32 { return target }
        let first = target == end ? ring.bodies.beginning.position : ring.position(ofBlock: target)
        guard let first, target <= end, bodies.seek(to: Position(first)) else {
            let window = ring.window
            throw .leftWindow(lost: 0, oldest: window.lowerBound, end: window.upperBound)
        }
        released = min(released, first)
        do throws(BufferFileError) { _ = try headers.seek(Int64(bitPattern: target * 32), .start) } catch {
            throw translated(error)
        }
        return target
    }

    mutating func release() {
        releaseBodies()
        headers.release()
    }

    private mutating func releaseBodies() {
        guard released != bodies.position else { return }
        released = bodies.position
        bodies.release()
        // Who waits for room to write, by `poll` too, sleeps on the headers' bell.
        ring.headers.coordination.room.wake()
    }
}

/// Writes blocks and their headers.
struct DescribedWritingEnd: ~Copyable {
    private var producer: DescribedProducer
    private let buffer: NamedBuffer
    private let ring: DescribedRing
    private let endsWithReaders: Bool
    private let isBlocking: Bool
    private let interruption: Interruption
    private var audience = AudienceWatch()

    init(
        _ buffer: NamedBuffer,
        _ ring: DescribedRing,
        _ flags: BufferFlags,
        _ interruption: Interruption
    ) {
        self.ring = ring
        self.interruption = interruption
        isBlocking = ring.bodies.policy == .blocking && !flags.contains(.nonBlocking)
        producer = ring.makeProducer()
        if ring.bodies.resizing != .fixed {
            producer.bodies.controller = ResizeController(
                least: ring.bodies.shape.minimumLength,
                greatest: ring.bodies.capacity
            )
            producer.headers.controller = ResizeController(
                least: ring.headers.shape.minimumLength,
                greatest: ring.headers.capacity
            )
        }
        self.buffer = buffer
        endsWithReaders = flags.contains(.endsWithReaders)
    }

    var dropped: UInt64 { producer.dropped }

    private mutating func checkAudience() throws(BufferFileError) {
        if endsWithReaders, audience.hasGone(buffer) { throw .brokenPipe }
    }

    mutating func write(_ bytes: RawSpan) throws(BufferFileError) -> Int {
        guard bytes.byteCount > 0 else { return 0 }
        try checkAudience()
        guard bytes.byteCount <= producer.maximumBlock else { throw .blockTooLong(producer.maximumBlock) }
        while !producer.append(bytes) {
            do throws(BufferFileError) { try waitForRoom() } catch {
                if error == .wouldBlock { producer.dropped &+= 1 }
                throw error
            }
        }
        producer.publish()
        return bytes.byteCount
    }

    mutating func fill(
        atMost length: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int
    ) throws(BufferFileError) -> Int? {
        try checkAudience()
        let filled = try unsafe producer.appendInPlace(atMost: length, body)
        producer.publish()
        return filled
    }

    mutating func waitForRoom() throws(BufferFileError) {
        try checkAudience()
        guard isBlocking else { throw .wouldBlock }
        if interruption.isAsked { throw .interrupted }
        producer.waitForRoom()
    }

    mutating func isWritable() -> Bool {
        if endsWithReaders, audience.hasGone(buffer) { return true }
        guard ring.bodies.policy != .fastReader else { return true }
        return producer.headers.reportedRoom() >= 32
            && producer.bodies.reportedRoom() >= ring.bodies.shape.granularity
    }

    mutating func close() { producer.close() }
}
