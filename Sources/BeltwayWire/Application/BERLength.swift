// SPDX-License-Identifier: Apache-2.0

/// A length in one of BER's definite forms (ITU-T X.690, 8.1.3), read in place.
///
///     | 0...127 |  or  | 0x81...0x84 | so many bytes, the highest first |
@frozen public struct BERLength: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of the content.
    public var length: Int
    /// Where the content begins; the end of the bytes at most.
    public var content: Int
    /// Where the content ends, which may be beyond the bytes.
    @inlinable public var end: Int { content + length }

    /// Reads the length at a place; nil where there is none, or an indefinite or longer one.
    @inlinable
    public init?(_ bytes: RawSpan, at place: Int) {
        guard place < bytes.byteCount else { return nil }
        let first = Int(bytes.byte(at: place))
        let count = first & 0x80 == 0 ? 0 : first & 0x7f
        guard count <= 4, first != 0x80, place + count < bytes.byteCount else { return nil }
        length = count == 0 ? first : 0
        for index in place + 1..<place + 1 + count { length = length << 8 | Int(bytes.byte(at: index)) }
        content = place + 1 + count
    }
}
