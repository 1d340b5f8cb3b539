// SPDX-License-Identifier: Apache-2.0
// Bytes of text that are written once, front to back, and then leave in one piece: trace lines, EVE events.
//
//     base                 count                        capacity
//      |====================|............................|
//       text, ready to leave  room; `reserve` makes more
//
// No String and no array is made per event: an event is a few dozen copies of known length into one block that is
// reused for the life of its writer.
//
// Invariant 1. 0 <= count <= capacity, and the block has `capacity` bytes, of which `count` are initialised.
// Invariant 2. Whatever writes n bytes calls `reserve(n)` first, in the same function.
//
// Why the interface is safe: the block is owned by this one noncopyable value and freed with it; no pointer to it
// leaves this file, and what is read of it is a span that cannot outlive the borrow.

/// A growing block of bytes, owned, appended to and emptied as a whole.
@safe @frozen public struct TextBuffer: ~Copyable, @unchecked Sendable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var length: Int

    /// Makes an empty buffer.
    ///
    /// - Parameter capacity: Bytes to have room for from the start; it grows beyond that when needed.
    public init(capacity: Int = 4096) {
        let size = max(capacity, 64)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        self.capacity = size
        length = 0
    }

    deinit { unsafe base.deallocate() }

    /// Bytes of text held.
    @inlinable public var count: Int { length }

    /// Whether it holds no text.
    @inlinable public var isEmpty: Bool { length == 0 }

    /// The last byte of the text; an opening brace where there is none, so that no comma follows.
    @inlinable public var lastByte: UInt8 {
        length == 0 ? 0x7b : unsafe base.load(fromByteOffset: length &- 1, as: UInt8.self)
    }

    /// The text held, in place.
    @inlinable public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let start = unsafe base.assumingMemoryBound(to: UInt8.self)
            let span = unsafe Span(_unsafeStart: start, count: length)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The text held, in place, for what reads bytes off the wire.
    @inlinable public var rawBytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: length)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Forgets the text and keeps the room.
    @inlinable public mutating func removeAll() { length = 0 }

    /// Forgets everything after the first `count` bytes: takes back a line that was begun and must not stay.
    ///
    /// - Parameter count: Bytes to keep, as `count` said before the line was begun.
    @inlinable public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= length, "a text buffer is only ever cut, not extended")
        length = count
    }

    @inlinable @inline(__always) mutating func reserve(_ bytes: Int) {
        if capacity &- length < bytes { grow(by: bytes) }
    }

    @usableFromInline @inline(never) mutating func grow(by bytes: Int) {
        let size = max(capacity * 2, length + bytes)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        unsafe larger.copyMemory(from: base, byteCount: length)
        unsafe base.deallocate()
        unsafe base = larger
        capacity = size
    }

    /// Appends one byte.
    @inlinable @inline(__always) public mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: byte, toByteOffset: length, as: UInt8.self)
        length &+= 1
    }

    /// Appends a literal; its length is known when compiling, so this is a few stores.
    @inlinable @inline(__always) public mutating func append(_ literal: StaticString) {
        let size = literal.utf8CodeUnitCount
        reserve(size)
        unsafe (base + length).copyMemory(from: literal.utf8Start, byteCount: size)
        length &+= size
    }

    /// Makes the letters A to Z from byte `start` on small.
    mutating func lowercase(from start: Int) {
        precondition(start >= 0, "letters before the text")
        var index = start
        while index < length {
            let byte = unsafe base.load(fromByteOffset: index, as: UInt8.self)
            if byte &- 0x41 < 26 {
                unsafe base.storeBytes(of: byte | 0x20, toByteOffset: index, as: UInt8.self)
            }
            index += 1
        }
    }

    /// Appends a copy of `text`.
    @inlinable public mutating func append(_ text: Span<UInt8>) {
        reserve(text.count)
        unsafe text.withUnsafeBufferPointer { source in
            if let start = source.baseAddress {
                unsafe (base + length).copyMemory(from: start, byteCount: source.count)
            }
        }
        length &+= text.count
    }

    /// Appends a copy of bytes that are text already.
    @inlinable public mutating func append(raw bytes: RawSpan) {
        reserve(bytes.byteCount)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe (base + length).copyMemory(from: start, byteCount: source.count)
            }
        }
        length &+= bytes.byteCount
    }

    /// Appends the `size` low bytes of `word`, lowest first: how numbers of up to eight characters are written
    /// with one store.
    ///
    /// - Parameters:
    ///   - word: Characters, the first one in the lowest byte; bytes above `size` are ignored.
    ///   - size: 0 to 8.
    @inlinable @inline(__always) public mutating func append(word: UInt64, size: Int) {
        assert(size >= 0 && size <= 8)
        reserve(8)
        unsafe base.storeBytes(of: word.littleEndian, toByteOffset: length, as: UInt64.self)
        length &+= size & 15
    }
}

extension [UInt8] {
    /// The bytes in place.
    ///
    /// Safe: every byte of the array is initialised, and the span lives in its borrow.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        get { unsafe span.bytes }
    }

    /// Appends a copy of bytes; they are read during the call, and no pointer is kept.
    mutating func append(copyOf bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}
