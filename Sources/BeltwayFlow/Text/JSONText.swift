// SPDX-License-Identifier: Apache-2.0
// Strings in JSON (RFC 8259, section 7), from bytes that may be anything.
//
// What a string may not hold becomes what it may: quotation mark, backslash and control characters an escape, each
// maximal ill-formed sequence of UTF-8 the replacement character U+FFFD (Unicode 15, section 3.9, table 3-8).
// DEL and everything well-formed above it stays as it is. So every line is UTF-8, whatever a packet held.

/// A JSON string, quotation marks included, escaped once and written many times.
public struct JSONText: Sendable, Equatable {
    /// The bytes as they go into a line.
    public let bytes: [UInt8]

    /// Escapes `text`.
    public init(_ text: String) {
        var buffer = TextBuffer(capacity: text.utf8.count + 2)
        buffer.append(quoted: Array(text.utf8).span)
        bytes = buffer.copy()
    }
}

extension TextBuffer {
    /// Appends `bytes` as a JSON string with its quotation marks.
    ///
    /// - Parameter bytes: Any bytes; ill-formed UTF-8 becomes U+FFFD.
    public mutating func append(quoted bytes: Span<UInt8>) {
        append(0x22)
        var index = 0
        var clean = 0  // start of the bytes that can be copied as they are
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5c {
                index += 1
                continue
            }
            let length = byte < 0x80 ? 0 : TextBuffer.wellFormedLength(bytes, at: index)
            if length > 0 {
                index += length
                continue
            }
            append(bytes.extracting(clean..<index))
            if byte < 0x80 {
                append(escape: byte)
                index += 1
            } else {
                append("\u{fffd}")
                index += TextBuffer.illFormedLength(bytes, at: index)
            }
            clean = index
        }
        append(bytes.extracting(clean..<index))
        append(0x22)
    }

    mutating func append(escape byte: UInt8) {
        switch byte {
        case 0x22: append("\\\"")
        case 0x5c: append("\\\\")
        case 0x08: append("\\b")
        case 0x09: append("\\t")
        case 0x0a: append("\\n")
        case 0x0c: append("\\f")
        case 0x0d: append("\\r")
        default:
            append("\\u00")
            append(hexadecimal: byte)
        }
    }

    /// Bytes of the well-formed sequence that starts at `index`, or 0 if it is ill-formed (table 3-7).
    static func wellFormedLength(_ bytes: Span<UInt8>, at index: Int) -> Int {
        let length = TextBuffer.claimedLength(bytes[index])
        return length > 1 && TextBuffer.prefixLength(bytes, at: index, of: length) == length ? length : 0
    }

    /// Bytes that one replacement character stands for: the longest start of a well-formed sequence, at least one.
    static func illFormedLength(_ bytes: Span<UInt8>, at index: Int) -> Int {
        let length = TextBuffer.claimedLength(bytes[index])
        return length > 1 ? TextBuffer.prefixLength(bytes, at: index, of: length) : 1
    }

    static func claimedLength(_ lead: UInt8) -> Int {
        switch lead {
        case 0xc2...0xdf: 2
        case 0xe0...0xef: 3
        case 0xf0...0xf4: 4
        default: 1
        }
    }

    /// How many bytes from `index` on, the lead byte included, could begin a sequence of `length` bytes.
    static func prefixLength(_ bytes: Span<UInt8>, at index: Int, of length: Int) -> Int {
        let lead = bytes[index]
        var count = 1
        while count < length, index + count < bytes.count {
            let byte = bytes[index + count]
            // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
            let low: UInt8 = count > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80
            let high: UInt8 = count > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf
            guard byte >= low, byte <= high else { break }
            count += 1
        }
        return count
    }

    /// Appends a text that was escaped before.
    @inlinable @inline(__always) public mutating func append(_ text: JSONText) {
        append(text.bytes.span)
    }

    /// The text held, as an array of its own.
    public func copy() -> [UInt8] {
        var array: [UInt8] = []
        array.append(copyOf: rawBytes)
        return array
    }
}
