// SPDX-License-Identifier: Apache-2.0

/// How one kind of ring lays blocks down and finds them again; chosen when a ring is opened, specialised in loops.
///
/// Safe by its callers: a producer has reserved the footprint that it writes, and a reader checks what was found
/// against what is published before it uses it.
public protocol BlockLayout: Sendable {
    /// The kinds that it serves.
    static func serves(_ kind: BufferKind) -> Bool
    /// Whether blocks may wrap, so that the memory is mapped twice in a row.
    static var isMirrored: Bool { get }
    /// Whether a block may be split at any byte.
    static var isSplittable: Bool { get }
    /// Bytes of the ring that a block of `length` bytes takes.
    static func footprint(_ length: Int, _ shape: RingShape) -> Int
    /// What a block of `length` bytes counts for in ordinals: 1, or its bytes.
    static func count(_ length: Int) -> UInt64
    /// Bytes between the start of a block's footprint and its first byte.
    static var headerLength: Int { get }
    /// Lays a block down at a position that is reserved for its footprint.
    @unsafe static func write(_ block: RawSpan, at address: UnsafeMutableRawPointer)
    /// Writes the marker of a block whose bytes are written already.
    @unsafe static func mark(_ length: Int, at address: UnsafeMutableRawPointer)
    /// Finds the block at a position: where its bytes begin and how many they are.
    ///
    /// What it reads may be overwritten meanwhile, or a lie: the caller checks the result against `available`.
    @unsafe static func find(
        at address: UnsafeRawPointer,
        available: UInt64,
        limit: Int,
        _ shape: RingShape
    ) -> FoundBlock
}

/// What a marker says.
@frozen public struct FoundBlock: BitwiseCopyable, Sendable {
    /// Bytes in front of the block.
    @usableFromInline let header: Int
    /// Bytes of the block.
    @usableFromInline let length: Int
    /// Bytes up to the next block.
    @usableFromInline let footprint: Int
    /// Whether it is padding, of which nobody is told.
    @usableFromInline let isPadding: Bool

    @inlinable init(header: Int, length: Int, footprint: Int, isPadding: Bool = false) {
        self.header = header
        self.length = length
        self.footprint = footprint
        self.isPadding = isPadding
    }
}

/// p-DBuf: the block's length in the slot's first 4 bytes, 4 bytes unused, then the block.
public enum SlotLayout: BlockLayout {
    /// As ``BlockLayout`` has it.
    @inlinable public static var headerLength: Int { 8 }

    /// As ``BlockLayout`` has it.
    @inlinable public static func serves(_ kind: BufferKind) -> Bool { kind == .slots }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isMirrored: Bool { false }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isSplittable: Bool { false }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always)
    public static func footprint(_ length: Int, _ shape: RingShape) -> Int { shape.slotLength }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) public static func count(_ length: Int) -> UInt64 { 1 }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func write(_ block: RawSpan, at address: UnsafeMutableRawPointer) {
        unsafe address.storeBytes(of: UInt64(UInt32(truncatingIfNeeded: block.byteCount)), as: UInt64.self)
        unsafe block.copy(to: address + headerLength)
    }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func mark(_ length: Int, at address: UnsafeMutableRawPointer) {
        unsafe address.storeBytes(of: UInt64(UInt32(truncatingIfNeeded: length)), as: UInt64.self)
    }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func find(
        at address: UnsafeRawPointer,
        available: UInt64,
        limit: Int,
        _ shape: RingShape
    ) -> FoundBlock {
        let length = Int(unsafe address.load(as: UInt32.self))
        return FoundBlock(
            header: headerLength,
            length: min(length, shape.slotLength - headerLength),
            footprint: shape.slotLength
        )
    }
}

/// IBuf: slots of 32 bytes, all of them used.
public enum EntryLayout: BlockLayout {
    /// As ``BlockLayout`` has it.
    @inlinable public static func serves(_ kind: BufferKind) -> Bool { kind == .index }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isMirrored: Bool { false }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isSplittable: Bool { false }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always)
    public static func footprint(_ length: Int, _ shape: RingShape) -> Int { 32 }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) public static func count(_ length: Int) -> UInt64 { 1 }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func write(_ block: RawSpan, at address: UnsafeMutableRawPointer) {
        unsafe block.copy(to: address)
    }

    /// As ``BlockLayout`` has it.
    @inlinable public static var headerLength: Int { 0 }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func mark(_ length: Int, at address: UnsafeMutableRawPointer) {}

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func find(
        at address: UnsafeRawPointer,
        available: UInt64,
        limit: Int,
        _ shape: RingShape
    ) -> FoundBlock { FoundBlock(header: 0, length: 32, footprint: 32) }
}

/// c-DBuf: bytes; a block is as many of them as are there and asked for.
public enum StreamLayout: BlockLayout {
    /// As ``BlockLayout`` has it.
    @inlinable public static func serves(_ kind: BufferKind) -> Bool { kind == .stream }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isMirrored: Bool { true }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isSplittable: Bool { true }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always)
    public static func footprint(_ length: Int, _ shape: RingShape) -> Int { length }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) public static func count(_ length: Int) -> UInt64 { UInt64(length) }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func write(_ block: RawSpan, at address: UnsafeMutableRawPointer) {
        unsafe block.copy(to: address)
    }

    /// As ``BlockLayout`` has it.
    @inlinable public static var headerLength: Int { 0 }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func mark(_ length: Int, at address: UnsafeMutableRawPointer) {}

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func find(
        at address: UnsafeRawPointer,
        available: UInt64,
        limit: Int,
        _ shape: RingShape
    ) -> FoundBlock {
        let length = Int(truncatingIfNeeded: min(available, UInt64(limit)))
        return FoundBlock(header: 0, length: length, footprint: length)
    }
}

/// v-DBuf: a marker of 8 bytes before each block: its length, and 4 bytes that are 0, or all ones for padding.
public enum MarkedLayout: BlockLayout {
    /// As ``BlockLayout`` has it.
    @inlinable public static var headerLength: Int { 8 }
    @usableFromInline static let padding: UInt64 = 0xffff_ffff_0000_0000

    /// As ``BlockLayout`` has it.
    @inlinable public static func serves(_ kind: BufferKind) -> Bool { kind == .marked }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isMirrored: Bool { true }
    /// As ``BlockLayout`` has it.
    @inlinable public static var isSplittable: Bool { false }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always)
    public static func footprint(_ length: Int, _ shape: RingShape) -> Int {
        (length &+ headerLength &+ shape.alignment &- 1) & ~(shape.alignment &- 1)
    }
    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) public static func count(_ length: Int) -> UInt64 { 1 }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func write(_ block: RawSpan, at address: UnsafeMutableRawPointer) {
        unsafe address.storeBytes(of: UInt64(UInt32(truncatingIfNeeded: block.byteCount)), as: UInt64.self)
        unsafe block.copy(to: address + headerLength)
    }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func mark(_ length: Int, at address: UnsafeMutableRawPointer) {
        unsafe address.storeBytes(of: UInt64(UInt32(truncatingIfNeeded: length)), as: UInt64.self)
    }

    /// As ``BlockLayout`` has it.
    @inlinable @inline(__always) @unsafe
    public static func find(
        at address: UnsafeRawPointer,
        available: UInt64,
        limit: Int,
        _ shape: RingShape
    ) -> FoundBlock {
        let marker = unsafe address.load(as: UInt64.self)
        let length = Int(UInt32(truncatingIfNeeded: marker))
        return FoundBlock(
            header: headerLength,
            length: length,
            footprint: footprint(length, shape),
            isPadding: marker >= padding
        )
    }
}
