// SPDX-License-Identifier: Apache-2.0
// Loads of integers from bytes in place: the one file of this module that says `unsafe`.
//
// Every load checks its range against the span and traps outside it. A header view checks its whole length
// once, then uses the `unchecked` forms, which are internal to this module: a wrong offset there is a bug in
// Wire, and the truncation tests (every prefix of every fixture, under AddressSanitizer) are what would show
// it.

extension RawSpan {
    /// Loads a 16-bit big-endian integer; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func bigEndian16(at offset: Int) -> UInt16 {
        precondition(offset >= 0 && offset &+ 2 <= byteCount, "16-bit load outside the span")
        return unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self))
    }

    /// Loads a 32-bit big-endian integer; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func bigEndian32(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset &+ 4 <= byteCount, "32-bit load outside the span")
        return unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    /// Loads a 64-bit big-endian integer; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func bigEndian64(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset &+ 8 <= byteCount, "64-bit load outside the span")
        return unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// Loads one byte; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount, "byte load outside the span")
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// Loads a 16-bit little-endian integer; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func littleEndian16(at offset: Int) -> UInt16 {
        bigEndian16(at: offset).byteSwapped
    }

    /// Loads a 32-bit little-endian integer; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func littleEndian32(at offset: Int) -> UInt32 {
        bigEndian32(at: offset).byteSwapped
    }

    /// Loads a 64-bit little-endian integer; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func littleEndian64(at offset: Int) -> UInt64 {
        bigEndian64(at: offset).byteSwapped
    }
}

extension RawSpan {
    @inlinable @inline(__always) func unchecked8(_ offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    @inlinable @inline(__always) func unchecked16(_ offset: Int) -> UInt16 {
        assert(offset >= 0 && offset + 2 <= byteCount)
        return unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self))
    }

    @inlinable @inline(__always) func unchecked32(_ offset: Int) -> UInt32 {
        assert(offset >= 0 && offset + 4 <= byteCount)
        return unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    @inlinable @inline(__always) func unchecked64(_ offset: Int) -> UInt64 {
        assert(offset >= 0 && offset + 8 <= byteCount)
        return unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }
}

// Fields of a header that starts at `header`: the names in each view's `Field`, so that no offset is written
// twice.
extension RawSpan {
    @inlinable @inline(__always) func unchecked8(_ field: Range<Int>, in header: Int = 0) -> UInt8 {
        unchecked8(header &+ field.lowerBound)
    }

    @inlinable @inline(__always) func unchecked16(_ field: Range<Int>, in header: Int = 0) -> UInt16 {
        assert(field.count == 2)
        return unchecked16(header &+ field.lowerBound)
    }

    @inlinable @inline(__always) func unchecked32(_ field: Range<Int>, in header: Int = 0) -> UInt32 {
        assert(field.count == 4)
        return unchecked32(header &+ field.lowerBound)
    }

    /// A hardware address as a number, its first byte the most significant of 48 bits.
    @inlinable @inline(__always) func unchecked48(_ field: Range<Int>, in header: Int = 0) -> UInt64 {
        assert(field.count == 6)
        return UInt64(unchecked16(header &+ field.lowerBound)) << 32
            | UInt64(unchecked32(header &+ field.lowerBound &+ 2))
    }

    @inlinable @inline(__always) func uncheckedIPv4(_ field: Range<Int>, in header: Int = 0) -> IPAddress {
        IPAddress(v4: unchecked32(field, in: header))
    }

    @inlinable @inline(__always) func uncheckedIPv6(_ field: Range<Int>, in header: Int = 0) -> IPAddress {
        assert(field.count == 16)
        return IPAddress(
            high: unchecked64(header &+ field.lowerBound),
            low: unchecked64(header &+ field.lowerBound &+ 8)
        )
    }
}

extension [UInt8] {
    /// The array's bytes in place.
    ///
    /// Safe: the view cannot outlive the array, and every byte of it is set.
    @inlinable public var rawBytes: RawSpan {
        @_lifetime(borrow self) get {
            let elements = span
            return unsafe elements.bytes
        }
    }
}

extension Span<UInt8> {
    /// The bytes in place, to be read as numbers.
    ///
    /// Safe: the view cannot outlive the span, and every byte of it is set.
    @inlinable public var rawBytes: RawSpan {
        @_lifetime(copy self) get { unsafe bytes }
    }
}
