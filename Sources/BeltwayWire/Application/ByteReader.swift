// SPDX-License-Identifier: Apache-2.0
// A cursor over bytes whose lengths a stranger wrote: every step says nil instead of leaving the span.
//
// Invariant: 0 <= position <= bytes.byteCount, so what was taken can be extracted without a further check.

/// Reads integers and stretches of bytes one after the other; nil where the bytes end first.
struct ByteReader: ~Escapable {
    let bytes: RawSpan
    private(set) var position: Int

    @inline(__always) @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
        position = 0
    }

    /// Reads only `range` of `bytes`, whose positions it keeps; the range is cut to what is there.
    @inline(__always) @_lifetime(copy bytes)
    init(_ bytes: RawSpan, in range: Range<Int>) {
        let end = min(max(range.upperBound, 0), bytes.byteCount)
        self.bytes = bytes.extracting(first: end)
        position = min(max(range.lowerBound, 0), end)
    }

    var remaining: Int { @inline(__always) get { bytes.byteCount &- position } }
    var isAtEnd: Bool { @inline(__always) get { position >= bytes.byteCount } }

    @inline(__always) @_lifetime(self: copy self)
    mutating func u8() -> UInt8? {
        guard remaining >= 1 else { return nil }
        position &+= 1
        return bytes.unchecked8(position &- 1)
    }

    @inline(__always) @_lifetime(self: copy self)
    mutating func u16() -> UInt16? {
        guard remaining >= 2 else { return nil }
        position &+= 2
        return bytes.unchecked16(position &- 2)
    }

    @inline(__always) @_lifetime(self: copy self)
    mutating func u24() -> Int? {
        guard remaining >= 3 else { return nil }
        position &+= 3
        return Int(bytes.unchecked8(position &- 3)) << 16 | Int(bytes.unchecked16(position &- 2))
    }

    @inline(__always) @_lifetime(self: copy self)
    mutating func u32() -> UInt32? {
        guard remaining >= 4 else { return nil }
        position &+= 4
        return bytes.unchecked32(position &- 4)
    }

    @inline(__always) @_lifetime(self: copy self)
    mutating func u64() -> UInt64? {
        guard remaining >= 8 else { return nil }
        position &+= 8
        return bytes.unchecked64(position &- 8)
    }

    /// The next `count` bytes, as positions in `bytes`.
    @inline(__always) @_lifetime(self: copy self)
    mutating func take(_ count: Int) -> Range<Int>? {
        guard count >= 0, count <= remaining else { return nil }
        position &+= count
        return position &- count..<position
    }

    /// What a length of one byte announces.
    @inline(__always) @_lifetime(self: copy self)
    mutating func vector8() -> Range<Int>? {
        guard let count = u8() else { return nil }
        return take(Int(count))
    }

    /// What a length of two bytes announces.
    @inline(__always) @_lifetime(self: copy self)
    mutating func vector16() -> Range<Int>? {
        guard let count = u16() else { return nil }
        return take(Int(count))
    }

    /// What a length of three bytes announces.
    @inline(__always) @_lifetime(self: copy self)
    mutating func vector24() -> Range<Int>? {
        guard let count = u24() else { return nil }
        return take(count)
    }

    /// What a length of four bytes announces.
    @inline(__always) @_lifetime(self: copy self)
    mutating func vector32() -> Range<Int>? {
        guard let count = u32() else { return nil }
        return take(Int(count))
    }

    /// An integer of 1, 2, 4 or 8 bytes, as its first two bits say (RFC 9000, 16).
    @inline(__always) @_lifetime(self: copy self)
    mutating func variable() -> UInt64? {
        guard remaining >= 1 else { return nil }
        switch bytes.unchecked8(position) >> 6 {
        case 0: return u8().map { UInt64($0) }
        case 1: return u16().map { UInt64($0 & 0x3fff) }
        case 2: return u32().map { UInt64($0 & 0x3fff_ffff) }
        default: return u64().map { $0 & 0x3fff_ffff_ffff_ffff }
        }
    }
}
