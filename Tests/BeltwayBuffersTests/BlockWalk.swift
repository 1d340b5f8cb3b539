// SPDX-License-Identifier: Apache-2.0
import BeltwayWire

/// One pcapng block as found in the ring's bytes.
struct Block: Equatable {
    var type: UInt32
    var offset: Int
    var length: Int
}

/// Walks the pcapng blocks of a span; nil if they do not cover it exactly, or one's two lengths differ.
func blocks(of span: RawSpan) -> [Block]? {
    var found: [Block] = []
    var offset = 0
    while offset < span.byteCount {
        guard offset + 12 <= span.byteCount else { return nil }
        let length = Int(span.littleEndian32(at: offset + 4))
        guard length >= 12, length % 16 == 0, offset + length <= span.byteCount,
            span.littleEndian32(at: offset + length - 4) == UInt32(length)
        else { return nil }
        found.append(Block(type: span.littleEndian32(at: offset), offset: offset, length: length))
        offset += length
    }
    return found
}

/// Walks options (pcapng, 3.5): code and value of each; nil if they overrun, or something follows the end.
func options(of span: RawSpan, from start: Int, to end: Int) -> [(code: UInt16, value: [UInt8])]? {
    var found: [(code: UInt16, value: [UInt8])] = []
    var offset = start
    while offset < end {
        guard offset + 4 <= end else { return nil }
        let code = span.littleEndian16(at: offset)
        let length = Int(span.littleEndian16(at: offset + 2))
        offset += 4
        if code == 0 { return length == 0 && offset == end ? found : nil }
        let padded = (length + 3) & ~3
        guard offset + padded <= end else { return nil }
        found.append((code, (offset..<offset + length).map { span.byte(at: $0) }))
        offset += padded
    }
    return found
}
