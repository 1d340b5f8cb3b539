// SPDX-License-Identifier: Apache-2.0
// JSON objects written member by member, straight into the bytes that leave.
//
// Whether a comma is due is told by the byte before: none stands after `{` or `[`. So nothing is kept per level, and
// whoever writes a member writes just that: `text.member("rrname", string: name)`.
internal import BeltwayWire

extension TextBuffer {
    /// Appends a comma unless an object or array has just been opened.
    @inlinable @inline(__always) public mutating func separate() {
        let last = lastByte
        if last != 0x7b, last != 0x5b { append(0x2c) }
    }

    /// Appends `"name":`, with a comma before it where one is due.
    @inlinable @inline(__always) public mutating func member(_ name: StaticString) {
        separate()
        append(0x22)
        append(name)
        append("\":")
    }

    /// Opens the object of a member.
    @inlinable @inline(__always) public mutating func openObject(_ name: StaticString) {
        member(name)
        append(0x7b)
    }

    /// Opens an object that is an array's element.
    @inlinable @inline(__always) public mutating func openObject() {
        separate()
        append(0x7b)
    }

    /// Closes the innermost object.
    @inlinable @inline(__always) public mutating func closeObject() { append(0x7d) }

    /// Opens the array of a member.
    @inlinable @inline(__always) public mutating func openArray(_ name: StaticString) {
        member(name)
        append(0x5b)
    }

    /// Closes the innermost array.
    @inlinable @inline(__always) public mutating func closeArray() { append(0x5d) }

    /// Appends a member whose value is a number.
    @inlinable @inline(__always) public mutating func member(_ name: StaticString, _ value: UInt64) {
        member(name)
        append(decimal: value)
    }

    /// Appends a member whose value is true or false.
    @inlinable @inline(__always) public mutating func member(_ name: StaticString, _ value: Bool) {
        member(name)
        if value { append("true") } else { append("false") }
    }

    /// Appends a member whose value is a text of this program.
    @inlinable @inline(__always) public mutating func member(_ name: StaticString, literal: StaticString) {
        member(name)
        append(0x22)
        append(literal)
        append(0x22)
    }

    /// Appends a member whose value is what a stranger wrote (``append(wireString:)``).
    @inlinable @inline(__always) public mutating func member(_ name: StaticString, string bytes: RawSpan) {
        member(name)
        append(wireString: bytes)
    }

    /// Appends bytes off the wire as a JSON string, as Suricata does: well-formed UTF-8 as it is, and of anything
    /// else each byte from 0x80 on as the four characters `\xNN`.
    ///
    /// - Parameters:
    ///   - bytes: Any bytes.
    ///   - most: Bytes that are written at most; the rest is left out.
    public mutating func append(wireString bytes: RawSpan, most: Int = 4096) {
        let count = Swift.min(bytes.byteCount, most)
        var clean = 0
        append(0x22)
        // The common case in one pass: ASCII without anything to escape, eight bytes at a time.
        while clean &+ 8 <= count, TextBuffer.isPlain(bytes.littleEndian64(at: clean)) { clean &+= 8 }
        while clean < count {
            let byte = bytes.byte(at: clean)
            guard byte >= 0x20, byte < 0x7f, byte != 0x22, byte != 0x5c else { break }
            clean &+= 1
        }
        append(raw: bytes.extracting(first: clean))
        if clean < count {
            appendEscaped(bytes.extracting(clean..<count), isWhole: count == bytes.byteCount)
        }
        append(0x22)
    }

    /// Whether eight bytes are printable ASCII, and none of them a quotation mark or a backslash.
    ///
    /// `x &- ones & ~x & tops` is not zero if and only if a byte of `x` is zero.
    @inline(__always) static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops = ones << 7
        func hasZero(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & tops }
        let belowSpace = (word &- (ones &* 0x20)) & ~word & tops
        let special = hasZero(word ^ (ones &* 0x22)) | hasZero(word ^ (ones &* 0x5c))
        let delete = hasZero(word ^ (ones &* 0x7f))
        return (word & tops) | belowSpace | special | delete == 0
    }

    /// Appends the text of another buffer, which came off the wire, as a JSON string.
    public mutating func append(wireStringOf other: borrowing TextBuffer) {
        append(wireString: other.rawBytes)
    }

    @inline(never) private mutating func appendEscaped(_ bytes: RawSpan, isWhole: Bool) {
        let isText = TextBuffer.isUTF8(bytes, isWhole: isWhole)
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            switch byte {
            case 0x22, 0x5c, 0..<0x20: append(escape: byte)
            case 0x80...0xff where !isText:
                append("\\\\x")
                append(hexadecimal: byte)
            default: append(byte)
            }
        }
    }

    /// Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7); of bytes that were cut the last character may
    /// be missing its end, and then they are not.
    static func isUTF8(_ bytes: RawSpan, isWhole: Bool) -> Bool {
        var index = 0
        while index < bytes.byteCount {
            let lead = bytes.byte(at: index)
            if lead < 0x80 {
                index &+= 1
                continue
            }
            let length = claimedLength(lead)
            guard length > 1, index &+ length <= bytes.byteCount else { return false }
            let second = bytes.byte(at: index &+ 1)
            let low: UInt8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80
            let high: UInt8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf
            guard second >= low, second <= high else { return false }
            for next in 2..<Swift.max(length, 2) where bytes.byte(at: index &+ next) & 0xc0 != 0x80 {
                return false
            }
            index &+= length
        }
        return true
    }
}
