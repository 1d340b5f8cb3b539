// SPDX-License-Identifier: Apache-2.0
// SMB 2 and 3 ([MS-SMB2], 2.2.1): the header that every message starts with, little-endian.
//
//      0 FE 'S' 'M' 'B'   4 structure size 64    6 credit charge   8 status (answers)
//     12 command  14 credits  16 flags  20 next command: bytes to the next message of a compound, 0 if it is the last
//     24 message id       32 reserved, tree id; or async id if flags say so
//     40 session id       48 signature 16       64 the command's own structure

/// The header of a message, viewed in place; what its command says is in the views of SMB2Requests and SMB2Answers.
public struct SMB2Header: ~Escapable {
    let bytes: RawSpan

    /// Bytes of the header.
    @inlinable public static var length: Int { 64 }

    /// Views the message at the start of `bytes`; throws if the header is not whole or is none.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= SMB2Header.length else {
            throw .truncated(need: SMB2Header.length, have: bytes.byteCount)
        }
        guard SMBForm(bytes) == .smb2 else {
            throw .invalid(field: .magic, value: UInt64(bytes.unchecked32(0)))
        }
        let size = bytes.littleEndian16(at: 4)
        guard size == 64 else { throw .invalid(field: .headerLength, value: UInt64(size)) }
        self.bytes = bytes
    }

    /// NT status of an answer ([MS-ERREF], 2.3).
    public var status: UInt32 { bytes.littleEndian32(at: 8) }
    /// What is asked for, 0 to 18.
    public var command: UInt16 { bytes.littleEndian16(at: 12) }
    /// Whether it is an answer.
    public var isAnswer: Bool { bytes.unchecked8(16) & 1 != 0 }
    /// Whether an async id stands where the tree id would.
    public var isAsync: Bool { bytes.unchecked8(16) & 2 != 0 }
    /// Whether it goes on with the file of the message before it in its compound.
    public var isRelated: Bool { bytes.unchecked8(16) & 4 != 0 }
    /// Bytes to the next message of the compound, 0 in the last one.
    public var nextCommand: Int { Int(bytes.littleEndian32(at: 20)) }
    /// Number of the message, which its answer repeats.
    public var messageID: UInt64 { bytes.littleEndian64(at: 24) }
    /// The tree; 0 if an async id is there instead.
    public var treeID: UInt32 { isAsync ? 0 : bytes.littleEndian32(at: 36) }
    /// The session.
    public var sessionID: UInt64 { bytes.littleEndian64(at: 40) }
}

/// Sixteen bytes that name an opened file or a party.
@frozen public struct SMBIdentifier: Hashable, Sendable, BitwiseCopyable {
    /// The first eight bytes, most significant first.
    public var high: UInt64
    /// The last eight.
    public var low: UInt64

    /// Makes one of its halves.
    public init(high: UInt64 = 0, low: UInt64 = 0) {
        self.high = high
        self.low = low
    }

    /// What a compound's message says instead of a file: that of the message before.
    @inlinable public var isUnset: Bool { high == .max && low == .max }

    /// The byte at a position, 0 to 15.
    public func byte(_ index: Int) -> UInt8 {
        let half = index < 8 ? high : low
        return UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * (index & 7)))
    }
}

/// The structure behind a header, by offsets from the structure's start; everything is nil beyond its end.
struct SMB2Structure: ~Escapable {
    let bytes: RawSpan

    /// Views the structure of a message; nil unless it has `least` bytes and says `size` of itself.
    @_lifetime(copy message)
    init?(_ message: RawSpan, size: UInt16, least: Int) {
        guard message.byteCount >= SMB2Header.length + least,
            message.littleEndian16(at: SMB2Header.length) == size
        else { return nil }
        bytes = message
    }

    func u8(_ offset: Int) -> UInt8 { bytes.byte(at: SMB2Header.length + offset) }
    func u16(_ offset: Int) -> UInt16 { bytes.littleEndian16(at: SMB2Header.length + offset) }
    func u32(_ offset: Int) -> UInt32 { bytes.littleEndian32(at: SMB2Header.length + offset) }
    func u64(_ offset: Int) -> UInt64 { bytes.littleEndian64(at: SMB2Header.length + offset) }

    func identifier(_ offset: Int) -> SMBIdentifier {
        SMBIdentifier(
            high: bytes.bigEndian64(at: SMB2Header.length + offset),
            low: bytes.bigEndian64(at: SMB2Header.length + offset + 8)
        )
    }

    /// A stretch of the message whose place is told from the header's start, cut to what is here.
    @_lifetime(copy self)
    func stretch(_ start: Int, _ count: Int) -> RawSpan {
        bytes.field(min(start, bytes.byteCount)..<min(start, bytes.byteCount) + min(count, bytes.byteCount))
    }
}
