// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
internal import CLinux
public import Synchronization

/// The mapped memory of a data buffer: addresses and sizes, plain bits that a handle keeps beside its buffer.
///
/// Safe because every access below is either to a fixed offset of the control page, to an index reduced modulo the
/// ring's size, or to a range checked against the geometry *before* it is touched; and because whoever holds a
/// `RingMemory` also holds the ``DataBuffer`` that keeps it mapped.
///
/// Memory ordering, in one place (x86-64 and arm64):
/// - Publication. The producer writes bytes and descriptors, then stores `tailOrdinal` and `tail` *releasing*; a
///   reader loads them *acquiring* and may then read what lies below. On arm64 this is stlr/ldar, on x86-64 plain
///   moves, which TSO orders.
/// - Lapping. Before it writes at or beyond `tail`, the producer stores `intent` relaxed and issues a *release
///   fence*: no later write of record bytes becomes visible before the new `intent`. A reader that has read bytes
///   issues an *acquire fence* and loads `intent`: if it saw a byte of the new lap, it also sees the `intent` that
///   announced it, and throws the result away (paper, 4.3.2). On arm64 dmb ish / dmb ishld carry this; on x86-64
///   both fences only stop the compiler.
@safe @frozen public struct RingMemory: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let data: UnsafeMutableRawPointer
    @usableFromInline let control: UnsafeMutableRawPointer
    @usableFromInline let descriptors: UnsafeMutableRawPointer
    @usableFromInline let mask: UInt64
    @usableFromInline let descriptorMask: UInt64
    @usableFromInline let chunkMask: UInt64
    /// Logarithm of the chunk's length, and the number of chunks less one: no division per batch.
    @usableFromInline let chunkShift: UInt64
    @usableFromInline let rowMask: UInt64
    /// The buffer's sizes.
    public let geometry: BufferGeometry

    init(data: UnsafeMutableRawPointer, control: UnsafeMutableRawPointer, geometry: BufferGeometry) {
        unsafe self.data = data
        unsafe self.control = control
        unsafe descriptors = control + ControlLayout.descriptors(geometry)
        mask = UInt64(geometry.capacity - 1)
        descriptorMask = UInt64(geometry.descriptorCapacity - 1)
        chunkMask = UInt64(geometry.chunkLength - 1)
        chunkShift = UInt64(geometry.chunkLength.trailingZeroBitCount)
        rowMask = UInt64(geometry.chunkCount - 1)
        self.geometry = geometry
    }

    @inlinable @inline(__always)
    func acquire(_ offset: Int) -> UInt64 {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(
            ordering: .acquiring
        )
    }

    @inlinable @inline(__always)
    func relaxed(_ offset: Int) -> UInt64 {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(
            ordering: .relaxed
        )
    }

    @inlinable @inline(__always)
    func storeReleasing(_ offset: Int, _ value: UInt64) {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
            .store(value, ordering: .releasing)
    }

    @inlinable @inline(__always)
    func storeRelaxed(_ offset: Int, _ value: UInt64) {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.store(
            value,
            ordering: .relaxed
        )
    }

    /// Published end in bytes; acquires what `publish` released.
    @inlinable public var tail: Position { Position(acquire(ControlLayout.tail)) }
    /// Packets published since the buffer was created; acquires what `publish` released.
    @inlinable public var tailOrdinal: UInt64 { acquire(ControlLayout.tailOrdinal) }
    /// No packet earlier than this will come any more.
    @inlinable public var timeThrough: Timestamp {
        Timestamp(nanoseconds: acquire(ControlLayout.timeThrough))
    }
    /// Whether the producer has ended; stored after its last tail, so load it *before* the tail.
    @inlinable public var isClosed: Bool { acquire(ControlLayout.closed) != 0 }

    /// Whether all bytes from `position` on are still those that were published there.
    ///
    /// Call it after reading: the fence keeps the reads before the load of `intent`.
    @inlinable @inline(__always)
    public func isWhole(_ position: Position) -> Bool {
        atomicMemoryFence(ordering: .acquiring)
        return relaxed(ControlLayout.intent) &- position.bytes <= mask &+ 1
    }

    /// Whether the descriptor of `ordinal` is still the one that was published there.
    @inlinable @inline(__always)
    func isWhole(ordinal: UInt64) -> Bool {
        atomicMemoryFence(ordering: .acquiring)
        return relaxed(ControlLayout.intentOrdinal) &- ordinal <= descriptorMask &+ 1
    }

    /// Bytes that the producer may still write before it overwrites `position`; 0 if it already does.
    @inlinable @inline(__always)
    public func headroom(of position: Position) -> Int {
        let used = relaxed(ControlLayout.intent) &- position.bytes
        return used > mask &+ 1 ? 0 : Int(mask &+ 1 &- used)
    }

    @inlinable @inline(__always)
    func descriptor(at ordinal: UInt64) -> Descriptor {
        let slot = Int(truncatingIfNeeded: ordinal & descriptorMask)
        return unsafe (descriptors + slot &* 32).load(as: Descriptor.self)
    }

    /// Asks the processor for the beginning of the record at `position`: its head and the packet's first headers.
    ///
    /// Another processor wrote it, so that whoever looks at it first waits for some 50 ns; asked for in time, it is there.
    @inline(__always)
    func fetchRecord(at position: Position) {
        unsafe beltway_fetch_lines(data + Int(truncatingIfNeeded: position.bytes & mask))
    }

    /// Hands out `length` bytes from `offset` of the record at `position`, in place.
    ///
    /// The bytes may change under `body` (the caller checks ``isWhole(_:)`` afterwards); they are never outside the
    /// ring: a range that crosses the ring's end, as only a forged descriptor can name, gives an empty span.
    @inlinable @inline(__always)
    public func withBytes<Result, Failure: Error>(
        at position: Position,
        offset: Int,
        length: Int,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = Int(truncatingIfNeeded: position.bytes & mask)
        let inside =
            offset >= 0 && length >= 0 && offset <= geometry.capacity && length <= geometry.capacity
            && start &+ offset &+ length <= geometry.capacity
        let bytes = unsafe UnsafeRawBufferPointer(
            start: data + (inside ? start &+ offset : 0),
            count: inside ? length : 0
        )
        return try unsafe body(bytes.bytes)
    }

    /// Hands out the captured bytes of a packet, in place; see ``withBytes(at:offset:length:_:)``.
    @inlinable @inline(__always)
    public func withPacket<Result, Failure: Error>(
        _ descriptor: Descriptor,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withBytes(
            at: descriptor.position,
            offset: RecordLayout.headerLength,
            length: Int(descriptor.capturedLength),
            body
        )
    }
}
