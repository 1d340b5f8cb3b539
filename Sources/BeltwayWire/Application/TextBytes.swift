// SPDX-License-Identifier: Apache-2.0
// Text protocols in place: comparing, finding, and numbers, on bytes that may hold anything.

extension RawSpan {
    /// Whether the bytes are `text`, letters A to Z in either case.
    public func equals(ignoringCase text: String) -> Bool {
        let other = text.utf8.span
        return byteCount == other.count && matches(ignoringCase: other, at: 0)
    }

    /// Whether the bytes begin with `text`, letters A to Z in either case.
    public func starts(ignoringCase text: String) -> Bool {
        let other = text.utf8.span
        return byteCount >= other.count && matches(ignoringCase: other, at: 0)
    }

    /// Whether the bytes begin with exactly `text`.
    public func starts(with text: String) -> Bool {
        let other = text.utf8.span
        guard byteCount >= other.count else { return false }
        for index in other.indices where unchecked8(index) != other[index] { return false }
        return true
    }

    /// Whether the bytes, be they fewer or more, agree with `text` as far as both go.
    func couldStart(with text: String) -> Bool {
        let other = text.utf8.span
        for index in 0..<Swift.min(byteCount, other.count) where unchecked8(index) != other[index] {
            return false
        }
        return true
    }

    private func matches(ignoringCase other: Span<UInt8>, at start: Int) -> Bool {
        for index in other.indices
        where asciiLower(unchecked8(start &+ index)) != asciiLower(other[index]) { return false }
        return true
    }

    /// Where `byte` first stands at or after `start` and before `end`, or nil.
    @inlinable public func firstIndex(of byte: UInt8, from start: Int = 0, before end: Int? = nil) -> Int? {
        var index = Swift.max(start, 0)
        let end = Swift.min(end ?? byteCount, byteCount)
        let pattern = eightTimes(byte)
        while end &- index >= 8 {
            let found = zeroBytes(unchecked64(index) ^ pattern)
            if found != 0 { return index &+ found.leadingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end {
            if unchecked8(index) == byte { return index }
            index &+= 1
        }
        return nil
    }

    /// Where a line that begins at `start` has its CR or LF; the bytes' end if it has none.
    func lineEnd(from start: Int) -> Int {
        var index = start
        while byteCount &- index >= 8 {
            let word = unchecked64(index)
            let found = zeroBytes(word ^ eightTimes(0x0a)) | zeroBytes(word ^ eightTimes(0x0d))
            if found != 0 { return index &+ found.leadingZeroBitCount / 8 }
            index &+= 8
        }
        while index < byteCount, unchecked8(index) != 0x0a, unchecked8(index) != 0x0d { index &+= 1 }
        return index
    }

    /// The range without the spaces and tabs at both of its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, isBlank(unchecked8(low)) { low &+= 1 }
        while high > low, isBlank(unchecked8(high &- 1)) { high &-= 1 }
        return low..<high
    }

    /// The decimal number that all bytes of `range` write, or nil if there are none, another byte, or a value
    /// that needs more than 63 bits.
    func decimal(_ range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var value = 0
        for index in range {
            let digit = Int(unchecked8(index)) &- 0x30
            guard 0...9 ~= digit else { return nil }
            let (ten, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, stillTooLarge) = ten.addingReportingOverflow(digit)
            guard !tooLarge, !stillTooLarge else { return nil }
            value = sum
        }
        return value
    }

    /// The bytes of one field of a message; a range that leaves the span is cut to it.
    @inlinable @_lifetime(copy self)
    public func field(_ range: Range<Int>) -> RawSpan {
        let low = Swift.min(Swift.max(range.lowerBound, 0), byteCount)
        let high = Swift.min(Swift.max(range.upperBound, low), byteCount)
        return extracting(low..<high)
    }
}

/// The byte with A to Z made a to z.
@inline(__always) func asciiLower(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}

/// Space or tab.
@inline(__always) func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

/// A letter or digit of ASCII.
@inline(__always) func isASCIIAlphanumeric(_ byte: UInt8) -> Bool {
    (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10
}

extension [UInt8] {
    /// Appends bytes in place of the array's end.
    mutating func append(_ bytes: RawSpan) {
        reserveCapacity(count + bytes.byteCount)
        for index in 0..<bytes.byteCount { append(bytes.unchecked8(index)) }
    }

    /// Appends an ASCII string.
    mutating func append(text: String) { append(contentsOf: text.utf8) }

    /// Appends a number in decimal.
    mutating func append(decimal value: Int) {
        guard value >= 0 else { return }
        var rest = value
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = digits.count
        repeat {
            first &-= 1
            digits[first] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
            rest /= 10
        } while rest > 0
        while first < digits.count {
            append(digits[first])
            first &+= 1
        }
    }

    /// Appends `digits` lower-case hexadecimal digits of a number, the lowest ones.
    mutating func append(hexadecimal value: UInt64, digits: Int) {
        var shift = (digits &- 1) &* 4
        while shift >= 0 {
            append(hexadecimalDigit(UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15))
            shift &-= 4
        }
    }
}

/// The lower-case digit of 0...15.
@inline(__always) func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 &+ value : 0x57 &+ value
}

/// A word of eight times this byte.
@inlinable @inline(__always) func eightTimes(_ byte: UInt8) -> UInt64 {
    UInt64(byte) &* 0x0101_0101_0101_0101
}

/// A word with the highest bit of each byte set that was 0, and nothing else: no byte carries into the next one.
@inlinable @inline(__always) func zeroBytes(_ word: UInt64) -> UInt64 {
    let low = UInt64(0x7f7f_7f7f_7f7f_7f7f)
    return ~((word & low) &+ low | word | low)
}
