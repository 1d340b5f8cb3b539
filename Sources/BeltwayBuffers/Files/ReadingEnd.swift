// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// What a peek has shown: where a block lies, and the entry that points to it.
///
/// Safe to keep; its bytes may be looked at until the next call on the descriptor, and count only if they are still
/// whole afterwards.
@safe public struct PeekedBlock {
    @usableFromInline let base: UnsafeRawPointer?
    /// Its bytes; 0 at the end of the buffer.
    public let length: Int
    /// What an index buffer would hold for it.
    public let entry: IndexEntry

    /// Where it begins in its data buffer.
    public var position: Position { entry.position }

    /// The bytes in place, read-only memory where the buffer is another process's.
    @unsafe public var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: length)
    }

    init(base: UnsafeRawPointer?, length: Int, entry: IndexEntry) {
        unsafe self.base = base
        self.length = length
        self.entry = entry
    }

    static var end: PeekedBlock { unsafe PeekedBlock(base: nil, length: 0, entry: .nothing) }
}

extension IndexEntry {
    static var nothing: IndexEntry {
        IndexEntry(
            position: .zero,
            flowHash: 0,
            ordinal: 0,
            length: 0,
            buffer: 0,
            interface: 0,
            classification: .other
        )
    }
}

/// One reader's end of a ring of any kind but index: the calls, specialised by layout.
///
/// What was taken is let go of in steps of an eighth of the ring, and all of it before sleeping, so that a producer
/// that waits is woken for something worth while (paper, 5.3, signal coalescing).
///
/// Safe because blocks are copied as long as the reader's own checks say, and given back if they were overwritten.
struct ReadingEnd<Layout: BlockLayout>: ~Copyable {
    private let buffer: NamedBuffer
    private let isBlocking: Bool
    private let interruption: Interruption
    private var reader: RingReader<Layout>
    /// The block taken last, for `isWhole` and for splices that pass on only a part.
    private var last = Block(position: .zero, header: 0, length: 0, ordinal: 0)
    /// What was let go of.
    private var released: UInt64
    private let step: UInt64
    private var spin = AdaptiveSpin()
    /// Looks in vain at what its owner says is there.
    private var vain = 0

    init(_ buffer: NamedBuffer, _ flags: BufferFlags, _ interruption: Interruption) throws(BufferFileError) {
        let reader = try attach(buffer.ring, as: Layout.self)
        self.buffer = buffer
        isBlocking = !flags.contains(.nonBlocking)
        self.interruption = interruption
        released = reader.position
        step = UInt64(reader.ring.shape.minimumLength) / 8
        self.reader = reader
    }

    var place: UInt64 { reader.position }
    var counts: (published: UInt64, read: UInt64, lost: UInt64) {
        (reader.published, reader.read, reader.lost)
    }

    /// Copies the next block, or as much of a stream as is there and fits.
    @inline(__always)
    mutating func read(into bytes: UnsafeMutableRawBufferPointer) throws(BufferFileError) -> Int {
        guard let target = bytes.baseAddress, bytes.count > 0 else { return 0 }
        while true {
            guard let block = try take(atMost: bytes.count) else {
                if try waitForMore() { continue }
                return 0
            }
            guard block.length <= bytes.count else {
                reader.takeBack(block)
                throw .blockTooLong(block.length)
            }
            if block.length == 0 { continue }
            unsafe target.copyMemory(from: address(block), byteCount: block.length)
            guard reader.isWhole(block) else {
                reader.giveBackLapped(block)
                throw leftWindow(lost: Layout.count(block.length))
            }
            // At once, not with the next call: the caller may not come back for long.
            if reader.position &- released >= step { release() }
            return block.length
        }
    }

    /// Shows the next block in place; it is held, where the policy holds, until the next call.
    @inline(__always)
    mutating func peek(atMost limit: Int) throws(BufferFileError) -> PeekedBlock {
        while true {
            guard let block = try take(atMost: limit) else {
                if try waitForMore() { continue }
                return .end
            }
            if block.length == 0 { continue }
            last = block
            return unsafe PeekedBlock(base: address(block), length: block.length, entry: entry(block))
        }
    }

    /// The entry that points to the block shown last.
    @inline(__always)
    var shownEntry: IndexEntry { entry(last) }

    /// Whether the block shown last is still what was published.
    @inline(__always)
    func isWhole() -> Bool { reader.isWhole(last) }

    /// Gives back the bytes after the first `count` of the block shown last; only a stream's block has parts.
    mutating func keepOnly(_ count: Int) {
        guard count < last.length else { return }
        guard Layout.isSplittable || count == 0 else { return }
        reader.takeBack(last)
        if count > 0 { _ = reader.next(atMost: count) }
    }

    /// Takes back the block shown last as lost: it was overwritten while it was used.
    mutating func giveBackLapped() -> BufferFileError {
        reader.giveBackLapped(last)
        return leftWindow(lost: Layout.count(last.length))
    }

    @inline(__always)
    private func address(_ block: Block) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(reader.space.address(block.position.bytes)) + block.header
    }

    @inline(__always)
    private func entry(_ block: Block) -> IndexEntry {
        IndexEntry(
            position: block.position,
            flowHash: 0,
            ordinal: UInt32(truncatingIfNeeded: block.ordinal),
            length: UInt32(truncatingIfNeeded: block.length),
            offset: UInt32(truncatingIfNeeded: block.header),
            buffer: buffer.number,
            interface: 0,
            classification: .other
        )
    }

    /// The next block; nil if nothing is published; a gap before it is told first, once.
    @inline(__always)
    private mutating func take(atMost limit: Int) throws(BufferFileError) -> Block? {
        if reader.position &- released >= step { release() }
        if let block = reader.nextAtHand(atMost: limit) { return block }
        return try takeSlowly(atMost: limit)
    }

    /// The same where the tail has to be looked at, or a gap to be told.
    @inline(never)
    private mutating func takeSlowly(atMost limit: Int) throws(BufferFileError) -> Block? {
        let before = reader.skipped
        let block = reader.next(atMost: limit)
        guard reader.skipped == before else {
            if let block { reader.takeBack(block) }
            throw leftWindow(lost: reader.skipped &- before)
        }
        if block != nil { vain = 0 }
        return block
    }

    private func leftWindow(lost: UInt64) -> BufferFileError {
        let window = reader.ring.window
        return .leftWindow(lost: lost, oldest: window.lowerBound, end: window.upperBound)
    }

    /// Lets a producer that waits go on.
    mutating func release() {
        released = reader.position
        reader.release()
    }

    /// Whether a read would not wait.
    var isReadable: Bool { reader.ring.tail.bytes != reader.position || reader.ring.isClosed }

    /// Waits until there is more; false at the end.
    ///
    /// - Throws: ``BufferFileError/wouldBlock``, ``BufferFileError/writerGone``, ``BufferFileError/interrupted``.
    private mutating func waitForMore() throws(BufferFileError) -> Bool {
        if released != reader.position { release() }
        if reader.isAtEnd { return false }
        let (ring, position) = (reader.ring, reader.position)
        func hasMore() -> Bool { ring.tail.bytes != position || ring.isClosed }
        if hasMore() {
            // Published since, or an owner that says what is not so: that one may not keep us busy.
            vain += 1
            if vain < 16 { return true }
            guard isBlocking else { throw .wouldBlock }
            if interruption.isAsked { throw .interrupted }
            if buffer.isOrphan { throw .writerGone }
            beltway_sleep(1_000_000)
            return true
        }
        guard isBlocking else {
            guard !hasMore() else { return true }
            if buffer.isOrphan, !hasMore() { throw .writerGone }
            throw .wouldBlock
        }
        if spin.wait(until: hasMore) { return true }  // `hasMore` looks at copies
        while true {
            ring.publication.wait(
                nanoseconds: Interruption.slice,
                flagged: position &+ 2,
                unless: hasMore
            )
            if hasMore() { return true }
            if interruption.isAsked { throw .interrupted }
            // Asked after each time-out: one system call. What it published before it died is there first.
            if buffer.isOrphan, !hasMore() { throw .writerGone }
        }
    }

    /// Goes to another position of the window.
    mutating func seek(_ offset: Int64, _ origin: SeekOrigin) throws(BufferFileError) -> UInt64 {
        let window = reader.ring.window
        let base: UInt64 =
            switch origin {
            case .start: 0
            case .current: reader.position
            case .end: window.upperBound
            }
        let (target, overflow) = base.addingReportingOverflow(UInt64(bitPattern: offset))
        guard overflow == (offset < 0) else { throw .invalid("a position below 0, or beyond 2^64") }
        let unit = UInt64(max(reader.ring.shape.slotLength, 1))
        guard target % unit == 0 else {
            throw .invalid("position \(target) is not a multiple of the slot's \(unit) bytes")
        }
        if Layout.serves(.marked), target < reader.position, window.contains(target) {
            throw .invalid("in a buffer of marked blocks nobody can go back")
        }
        guard reader.seek(to: Position(target)) else {
            let window = reader.ring.window
            if Layout.serves(.marked), window.contains(target) {
                throw .invalid("no block begins at position \(target)")
            }
            throw .leftWindow(lost: 0, oldest: window.lowerBound, end: window.upperBound)
        }
        // What is gone back over is not held any more, so nothing is taken back from the producer.
        released = min(released, reader.position)
        return target
    }
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

/// Asked now and then by calls that wait; set by a signal, say.
public struct Interruption: Sendable {
    /// Nanoseconds that a call sleeps at most before it asks.
    static let slice: Int64 = 50_000_000
    private let ask: (@Sendable () -> Bool)?

    /// Nobody interrupts.
    public init() { ask = nil }
    /// Interrupts as soon as `ask` says so.
    public init(_ ask: @escaping @Sendable () -> Bool) { self.ask = ask }
    var isAsked: Bool { ask?() ?? false }
}
