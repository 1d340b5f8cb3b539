// SPDX-License-Identifier: Apache-2.0
// Numbers as text, eight digits a store: the digits of a number below 10^8 are computed side by side in one
// 64-bit word (first digit in the lowest byte), so that no digit waits for the one before it.

extension TextBuffer {
    /// The eight decimal digits of `value`, leading zeros included, first digit in the lowest byte.
    ///
    ///     12345678 -> 1234 | 5678 -> 12 | 34 | 56 | 78 -> 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8
    ///
    /// Division by 100 and by 10 is multiplication by 10486 / 2^20 and 103 / 2^10: exact below 10,000 and 100.
    @inlinable @inline(__always) static func eightDigits(_ value: UInt64) -> UInt64 {
        assert(value < 100_000_000)
        let fours = (value / 10_000) | (value % 10_000) << 32
        let upperTwos = (fours &* 10_486) >> 20 & 0x0000_007f_0000_007f
        let twos = upperTwos | (fours &- upperTwos &* 100) << 16
        let upperOnes = (twos &* 103) >> 10 & 0x000f_000f_000f_000f
        return upperOnes | (twos &- upperOnes &* 10) << 8
    }

    @inlinable @inline(__always) static var zeros: UInt64 { 0x3030_3030_3030_3030 }

    /// Appends `value` in decimal, without leading zeros.
    @inlinable public mutating func append(decimal value: UInt64) {
        if value < 10 {
            append(UInt8(truncatingIfNeeded: value) &+ 0x30)
        } else if value < 100_000_000 {
            appendLeading(value)
        } else if value < 10_000_000_000_000_000 {
            appendLeading(value / 100_000_000)
            append(word: TextBuffer.eightDigits(value % 100_000_000) | TextBuffer.zeros, size: 8)
        } else {
            appendLeading(value / 10_000_000_000_000_000)
            let rest = value % 10_000_000_000_000_000
            append(word: TextBuffer.eightDigits(rest / 100_000_000) | TextBuffer.zeros, size: 8)
            append(word: TextBuffer.eightDigits(rest % 100_000_000) | TextBuffer.zeros, size: 8)
        }
    }

    /// Appends `value` in decimal with a minus sign if it is negative.
    @inlinable public mutating func append(decimal value: Int64) {
        if value < 0 { append(0x2d) }
        append(decimal: UInt64(value.magnitude))
    }

    /// Appends the digits of `value` below 10^8 from its first one that is not zero (one digit for zero itself).
    @inlinable @inline(__always) mutating func appendLeading(_ value: UInt64) {
        let digits = TextBuffer.eightDigits(value)
        let skipped = min(digits.trailingZeroBitCount >> 3, 7)
        append(word: (digits | TextBuffer.zeros) >> UInt64(skipped &* 8), size: 8 &- skipped)
    }

    /// Appends the last `digits` decimal digits of `value`, leading zeros included.
    ///
    /// - Parameters:
    ///   - value: Below 10^8.
    ///   - digits: 1 to 8.
    @inlinable public mutating func append(decimal value: UInt64, digits: Int) {
        precondition(digits > 0 && digits <= 8 && value < 100_000_000, "up to eight digits")
        let shift = UInt64(8 &- digits) &* 8
        append(word: (TextBuffer.eightDigits(value) | TextBuffer.zeros) >> shift, size: digits)
    }

    /// Appends a byte as two lower-case hexadecimal digits.
    @inlinable public mutating func append(hexadecimal byte: UInt8) {
        append(TextBuffer.hexadecimalDigit(byte >> 4))
        append(TextBuffer.hexadecimalDigit(byte & 15))
    }

    /// Appends a number in lower-case hexadecimal, without leading zeros.
    @inlinable public mutating func append(hexadecimal value: UInt64) {
        var shift = UInt64(max(0, 63 &- value.leadingZeroBitCount)) & ~3
        while true {
            append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> shift & 15)))
            guard shift > 0 else { return }
            shift &-= 4
        }
    }

    @inlinable @inline(__always) static func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? nibble &+ 0x30 : nibble &+ 0x57
    }
}
