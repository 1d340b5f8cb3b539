// SPDX-License-Identifier: Apache-2.0
// SMB 1 ([MS-CIFS], 2.2.3): a header of 32 bytes, then one block a command; commands with AndX have another block after
// them, whose place they tell.
//
//      0 FF 'S' 'M' 'B'   4 command   5 status   9 flags   10 flags 2   12 process id, high   14 signature 8
//     24 tree id   26 process id   28 user id   30 multiplex id
//     block:  word count 1 | words ... | byte count 2 | bytes ...       AndX: words begin with command 1, 0, offset 2

/// The header of a message, viewed in place.
public struct SMB1Header: ~Escapable {
    let bytes: RawSpan

    /// Bytes of the header.
    @inlinable public static var length: Int { 32 }

    /// Views the message at the start of `bytes`; throws if the header is not whole or is none.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= SMB1Header.length else {
            throw .truncated(need: SMB1Header.length, have: bytes.byteCount)
        }
        guard SMBForm(bytes) == .smb1 else {
            throw .invalid(field: .magic, value: UInt64(bytes.unchecked32(0)))
        }
        self.bytes = bytes
    }

    /// What is asked for ([MS-CIFS], 2.2.2.1).
    public var command: UInt8 { bytes.unchecked8(4) }
    /// NT status of an answer, or class (low byte) and code (high half) of DOS if ``hasNTStatus`` says no.
    public var status: UInt32 { bytes.littleEndian32(at: 5) }
    /// Whether it is an answer.
    public var isAnswer: Bool { bytes.unchecked8(9) & 0x80 != 0 }
    private var flags2: UInt16 { bytes.littleEndian16(at: 10) }
    /// Whether strings are UTF-16.
    public var isUnicode: Bool { flags2 & 0x8000 != 0 }
    /// Whether ``status`` is an NT status.
    public var hasNTStatus: Bool { flags2 & 0x4000 != 0 }
    /// The tree.
    public var treeID: UInt16 { bytes.littleEndian16(at: 24) }
    /// The process that asks, both halves.
    public var processID: UInt32 {
        UInt32(bytes.littleEndian16(at: 12)) << 16 | UInt32(bytes.littleEndian16(at: 26))
    }
    /// The session.
    public var userID: UInt16 { bytes.littleEndian16(at: 28) }
    /// Number of the request, which its answer repeats.
    public var multiplexID: UInt16 { bytes.littleEndian16(at: 30) }
}

/// The block of one command, viewed in place.
public struct SMB1Block: ~Escapable {
    let message: RawSpan
    /// Where its words are.
    let words: Range<Int>
    /// Where its bytes are, cut to what is here.
    let data: Range<Int>
    let isUnicode: Bool

    /// Views the block at `offset` of a message; nil if its words are not whole.
    @_lifetime(copy message)
    public init?(_ message: RawSpan, at offset: Int, isUnicode: Bool) {
        guard offset >= SMB1Header.length, offset < message.byteCount else { return nil }
        let end = offset + 1 + 2 * Int(message.unchecked8(offset))
        guard end <= message.byteCount else { return nil }
        words = offset + 1..<end
        let count = end + 2 <= message.byteCount ? Int(message.littleEndian16(at: end)) : 0
        let start = min(end + 2, message.byteCount)
        data = start..<min(start + count, message.byteCount)
        self.message = message
        self.isUnicode = isUnicode
    }

    /// Words, each of two bytes.
    public var wordCount: Int { words.count / 2 }
    /// The bytes.
    public var bytes: RawSpan { @_lifetime(copy self) get { message.field(data) } }

    /// One byte at an offset in the words, 0 beyond them.
    public func u8(_ offset: Int) -> UInt8 {
        offset >= 0 && offset + 1 <= words.count ? message.byte(at: words.lowerBound + offset) : 0
    }
    /// Two bytes at an offset in the words, 0 beyond them.
    public func u16(_ offset: Int) -> UInt16 {
        offset >= 0 && offset + 2 <= words.count
            ? message.littleEndian16(at: words.lowerBound + offset) : 0
    }
    /// Four bytes at an offset in the words, 0 beyond them.
    public func u32(_ offset: Int) -> UInt32 {
        offset >= 0 && offset + 4 <= words.count
            ? message.littleEndian32(at: words.lowerBound + offset) : 0
    }
    /// Eight bytes at an offset in the words, 0 beyond them.
    public func u64(_ offset: Int) -> UInt64 {
        offset >= 0 && offset + 8 <= words.count
            ? message.littleEndian64(at: words.lowerBound + offset) : 0
    }

    /// A stretch of the message, told from the header's start, cut to what is here.
    @_lifetime(copy self)
    public func stretch(_ start: Int, _ count: Int) -> RawSpan {
        message.field(
            min(start, message.byteCount)..<min(start, message.byteCount) + min(count, message.byteCount)
        )
    }

    /// Bytes from the end of what is here to a place that is counted from the header's first byte; 0 if that is here.
    public func missing(before start: Int) -> Int { max(0, start - message.byteCount) }

    /// The command of the next block and its place, or nil if this is the last.
    public var next: (command: UInt8, offset: Int)? {
        let offset = Int(u16(2))
        guard wordCount >= 2, u8(0) != 0xff, offset >= data.lowerBound, offset < message.byteCount else {
            return nil
        }
        return (u8(0), offset)
    }

    /// Appends the string at a position of the bytes, in UTF-8.
    ///
    /// - Parameters:
    ///   - position: Bytes from the start of the block's bytes; moves behind the string and what ends it.
    ///   - isASCII: Whether it is of one byte a character whatever the header says.
    ///   - most: Bytes that are appended at most.
    ///   - text: What it is appended to.
    public func appendString(
        at position: inout Int,
        isASCII: Bool = false,
        most: Int = 2048,
        to text: inout [UInt8]
    ) {
        let isWide = isUnicode && !isASCII
        var start = min(data.lowerBound + max(position, 0), data.upperBound)
        // UTF-16 is aligned to two bytes from the header's start.
        if isWide, start % 2 != 0 { start = min(start + 1, data.upperBound) }
        var end = start
        // What ends it is looked for in four times what is wanted, two bytes a character at most.
        let limit = min(data.upperBound, start + 8 * most)
        if isWide {
            while end + 1 < limit, message.unchecked8(end) != 0 || message.unchecked8(end + 1) != 0 {
                end += 2
            }
            position = min(end + 2, data.upperBound) - data.lowerBound
            text.append(utf16: message.field(start..<end), most: most)
        } else {
            while end < limit, message.unchecked8(end) != 0 { end += 1 }
            position = min(end + 1, data.upperBound) - data.lowerBound
            text.append(message.field(start..<min(end, start + most)))
        }
    }
}
