// SPDX-License-Identifier: Apache-2.0
// UTF-16 in little-endian bytes, as Windows writes names, made UTF-8; halves of pairs become U+FFFD.

extension [UInt8] {
    /// Appends the text of UTF-16 bytes as UTF-8, zero characters left out.
    ///
    /// - Parameters:
    ///   - bytes: Little-endian UTF-16; an odd byte at the end is left out.
    ///   - most: Bytes of UTF-8 after which no more is taken.
    public mutating func append(utf16 bytes: RawSpan, most: Int = 2048) {
        let start = count
        var index = 0
        while index + 1 < bytes.byteCount, count - start < most {
            let unit = bytes.littleEndian16(at: index)
            index += 2
            var scalar = UInt32(unit)
            if 0xd800...0xdbff ~= unit {
                scalar = 0xfffd
                if index + 1 < bytes.byteCount {
                    let second = bytes.littleEndian16(at: index)
                    if 0xdc00...0xdfff ~= second {
                        scalar = 0x10000 + (UInt32(unit & 0x3ff) << 10 | UInt32(second & 0x3ff))
                        index += 2
                    }
                }
            } else if 0xdc00...0xdfff ~= unit {
                scalar = 0xfffd
            }
            if scalar != 0 { append(utf8: scalar) }
        }
    }

    private mutating func append(utf8 scalar: UInt32) {
        func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(scalar >> shift & 0x3f) }
        switch scalar {
        case 0..<0x80: append(UInt8(scalar))
        case 0x80..<0x800:
            append(0xc0 | UInt8(scalar >> 6))
            append(tail(0))
        case 0x800..<0x10000:
            append(0xe0 | UInt8(scalar >> 12))
            append(tail(6))
            append(tail(0))
        default:
            append(0xf0 | UInt8(scalar >> 18))
            append(tail(12))
            append(tail(6))
            append(tail(0))
        }
    }
}
