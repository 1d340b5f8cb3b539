// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire
internal import Synchronization

// The third way to reach a stage: through an index buffer, in another thread.
//
//     producer's thread                        another thread
//     ... > SignalledStage --IndexEntry--> SignalledReader > stage
//             holds every ring as it is opened --Signal--> lets go of what the stage has taken

/// An index buffer with both of its ends, and the holds on the rings that its entries point into.
public final class Signal: Sendable {
    /// The entries between the two threads.
    public let entries: IndexBuffer
    private let rings = Mutex<[HeldRing]>([])
    private let version = Atomic<Int>(0)
    private let handedOut = Atomic<UInt8>(0)

    /// Makes a signal.
    ///
    /// - Parameters:
    ///   - name: That of the stage it leads to.
    ///   - capacity: Entries; a power of two of 64 or more.
    ///   - waits: Whether the producer's thread waits for this reader when the index buffer is full; else entries are
    ///     overwritten, and counted as lost.
    /// - Throws: ``BufferError`` for another capacity, or when memory cannot be had.
    public init(name: String, capacity: Int, waits: Bool) throws(BufferError) {
        entries = try IndexBuffer(name: name, capacity: capacity, policy: waits ? .blocking : .fastReader)
    }

    /// The end in the producer's thread; a second one is a programmer error.
    public func stage() -> SignalledStage {
        handOut(1)
        return SignalledStage(self)
    }

    /// The end in the other thread; a second one is a programmer error.
    public func reader() -> SignalledReader {
        handOut(2)
        return SignalledReader(self)
    }

    private func handOut(_ end: UInt8) {
        let (before, _) = handedOut.bitwiseOr(end, ordering: .relaxed)  // uniqueness needs no order
        precondition(before & end == 0, "each end of a signal is handed out once")
    }

    fileprivate func add(_ ring: HeldRing) {
        rings.withLock { $0.append(ring) }
        version.add(1, ordering: .releasing)  // partner: `count`
    }

    fileprivate var count: Int { version.load(ordering: .acquiring) }
    fileprivate var all: [HeldRing] { rings.withLock { $0 } }
}

/// A ring that a signal's entries point into.
private final class HeldRing: Sendable {
    let buffer: DataBuffer
    /// Nil where the producer does not wait: its policy does not, or it waits for as many as it can.
    private let hold: OwnedHold?

    /// What keeps a hold in something that can be copied.
    private final class OwnedHold: Sendable {
        let hold: RingHold
        init(_ buffer: DataBuffer) throws(BufferError) { hold = try RingHold(buffer) }
    }

    init(_ buffer: DataBuffer) {
        self.buffer = buffer
        // Not with a shared read pointer: others let go of what this reader still reads.
        let isKept = buffer.policy == .blocking || buffer.policy == .slowReader
        hold = isKept ? try? OwnedHold(buffer) : nil
    }

    /// Whether its records can be overwritten while they are read.
    var mayBeLapped: Bool { hold == nil }

    var classifiedThrough: (position: Position, ordinal: UInt64) {
        hold?.hold.classifiedThrough ?? (.zero, 0)
    }

    func release(through position: Position, ordinal: UInt64) {
        hold?.hold.release(through: position, ordinal: ordinal)
    }
}

/// Hands each record on as an index entry.
public struct SignalledStage: ~Copyable, RecordStage {
    private let signal: Signal
    @usableFromInline var entries: IndexBufferProducer

    fileprivate init(_ signal: Signal) {
        self.signal = signal
        entries = IndexBufferProducer(signal.entries)
    }

    /// Stores an entry; where the reader is waited for, waits for room.
    @inlinable @inline(__always)
    public mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        while !entries.append(entry) {
            entries.publish()
            entries.waitForRoom()
        }
        return true
    }

    /// Takes hold of a ring, so that nothing is overwritten before the other thread has looked at it.
    public mutating func open(_ buffer: DataBuffer) { signal.add(HeldRing(buffer)) }
    /// Shows the entries, and wakes the reader if it sleeps.
    public mutating func batchEnded() { entries.publish() }
    /// Ends the index buffer.
    public mutating func finish() { entries.close() }
}

/// Takes entries in another thread, and hands the records that they point at to a stage.
///
/// Safe: what says `unsafe` copies the bytes of a span into an array and hands out that array as a span.
///
/// `published == read + lost`, in entries. A record that may be overwritten is copied aside and checked before a stage
/// sees it, at the price of that copy; where the producer waits for its readers, a stage sees it in place.
public struct SignalledReader: ~Copyable, Sendable {
    private let signal: Signal
    private var entries: IndexBufferReader
    private var rings: [KnownRing] = []
    private var aside: [UInt8] = []

    /// A ring, and how far it was read.
    private struct KnownRing {
        let held: HeldRing
        let memory: RingMemory
        /// Up to where every index buffer was complete before this one was looked at.
        var complete: (position: Position, ordinal: UInt64) = (.zero, 0)
        var consumed: (position: Position, ordinal: UInt64) = (.zero, 0)
    }

    fileprivate init(_ signal: Signal) {
        self.signal = signal
        entries = IndexBufferReader(signal.entries)
    }

    /// Records that the stage saw.
    public var read: UInt64 { entries.read }
    /// Records whose entry or bytes were overwritten before.
    public var lost: UInt64 { entries.lost }
    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { entries.isAtEnd }

    /// Feeds a stage until the producer has ended, then finishes it.
    public mutating func run<Stage: RecordStage & ~Copyable>(into stage: inout Stage) {
        while !isAtEnd {
            // Never long: who has no entry holds the ring where it fell asleep, until it looks again.
            if drain(limit: 256, into: &stage) == 0 { entries.wait(nanoseconds: 2_000_000) }
        }
        stage.finish()
    }

    /// Feeds at most `limit` records to a stage, then lets go of them.
    ///
    /// - Returns: Entries taken.
    public mutating func drain<Stage: RecordStage & ~Copyable>(limit: Int, into stage: inout Stage) -> Int {
        adoptRings()
        for index in rings.indices { rings[index].complete = rings[index].held.classifiedThrough }
        var taken = 0
        while taken < limit, let entry = entries.takeNext() {
            taken += 1
            guard let index = ring(of: entry.buffer) else {
                // No ring of this signal has that number: nothing can be shown of it.
                entries.giveBackLapped()
                continue
            }
            feed(entry, index, &stage)
            let last = rings[index].consumed.ordinal
            let ordinal = last &+ UInt64(entry.ordinal &- UInt32(truncatingIfNeeded: last))
            rings[index].consumed = (entry.position + Int(entry.length), ordinal &+ 1)
        }
        if taken < limit {
            // Its own entries were all taken, so what came for others need not be held either.
            for index in rings.indices where rings[index].complete.position > rings[index].consumed.position {
                rings[index].consumed = rings[index].complete
            }
        }
        if taken > 0 { stage.batchEnded() }
        entries.release()
        for ring in rings {
            ring.held.release(through: ring.consumed.position, ordinal: ring.consumed.ordinal)
        }
        return taken
    }

    private mutating func feed<Stage: RecordStage & ~Copyable>(
        _ entry: IndexEntry,
        _ index: Int,
        _ stage: inout Stage
    ) {
        var entry = entry
        let memory = rings[index].memory
        guard rings[index].held.mayBeLapped else {
            memory.withBytes(at: entry.position, offset: Int(entry.offset), length: Int(entry.length)) {
                bytes in
                _ = stage.take(&entry, entry.offset == 0 ? bytes.capturedPacket : bytes)
            }
            return
        }
        aside.removeAll(keepingCapacity: true)
        memory.withBytes(at: entry.position, offset: Int(entry.offset), length: Int(entry.length)) { bytes in
            bytes.append(to: &aside)
        }
        guard memory.isWhole(entry.position) else {
            entries.giveBackLapped()
            return
        }
        let bytes = unsafe aside.span.bytes
        _ = stage.take(&entry, entry.offset == 0 ? bytes.capturedPacket : bytes)
    }

    private mutating func ring(of number: UInt16) -> Int? {
        for index in rings.indices where rings[index].held.buffer.number == number { return index }
        adoptRings()
        return rings.firstIndex { $0.held.buffer.number == number }
    }

    private mutating func adoptRings() {
        guard rings.count != signal.count else { return }
        for held in signal.all.dropFirst(rings.count) {
            rings.append(KnownRing(held: held, memory: held.buffer.memory))
        }
    }
}

extension RawSpan {
    /// The captured bytes of the record that these are (`RecordLayout`); never beyond it, whatever it claims.
    fileprivate var capturedPacket: RawSpan {
        @_lifetime(copy self) get {
            guard byteCount >= RecordLayout.overhead else { return extracting(first: 0) }
            let captured = Int(clamping: littleEndian32(at: 20))
            return extracting(droppingFirst: RecordLayout.headerLength).extracting(
                first: min(captured, byteCount - RecordLayout.overhead)
            )
        }
    }

    /// Copies the bytes behind those of an array.
    fileprivate func append(to array: inout [UInt8]) {
        unsafe withUnsafeBytes { unsafe array.append(contentsOf: $0) }
    }
}
