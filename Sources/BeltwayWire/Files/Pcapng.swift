// SPDX-License-Identifier: Apache-2.0
// pcapng (draft-ietf-opsawg-pcapng): blocks, each with its type and its length at both ends.
//
//    0        4              8                                   length - 4
//   +--------+--------------+----------------- - - -------------+--------------+
//   |  type  | total length |  body, a multiple of 4 bytes      | total length |
//   +--------+--------------+----------------- - - -------------+--------------+

/// The type of a pcapng block.
@frozen public struct PcapngBlockType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number as the file stores it.
    public let rawValue: UInt32
    /// Makes a type of any number; unknown ones are skipped by their length.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Section Header: begins a file or a new section, in a byte order of its own; a palindrome.
    public static let section = PcapngBlockType(rawValue: 0x0a0d_0d0a)
    /// Interface Description.
    public static let interface = PcapngBlockType(rawValue: 1)
    /// Packet Block, obsolete.
    public static let obsoletePacket = PcapngBlockType(rawValue: 2)
    /// Simple Packet: no time, first interface.
    public static let simplePacket = PcapngBlockType(rawValue: 3)
    /// Name Resolution.
    public static let names = PcapngBlockType(rawValue: 4)
    /// Interface Statistics.
    public static let statistics = PcapngBlockType(rawValue: 5)
    /// Enhanced Packet.
    public static let enhancedPacket = PcapngBlockType(rawValue: 6)
    /// Decryption Secrets.
    public static let secrets = PcapngBlockType(rawValue: 10)
}

/// The type and length that every block begins with.
@frozen public struct PcapngBlockHeader: Equatable, Sendable, BitwiseCopyable {
    /// Bytes before the body.
    public static let length = 8
    /// Bytes of an empty block.
    public static let minimumBlockLength = 12
    /// Bytes of the largest block that is read: libpcap's own limit; a greater length is taken for a lie.
    public static let maximumBlockLength = 16 << 20

    /// What the block is.
    public let type: PcapngBlockType
    /// Bytes of the whole block, both length fields included.
    public let totalLength: Int

    /// Reads the header of a block.
    ///
    /// - Parameters:
    ///   - bytes: Bytes that begin with the block.
    ///   - order: The section's byte order.
    /// - Throws: `truncated` for fewer than 8 bytes; `invalid` for a length below 12, over
    ///   ``maximumBlockLength`` or no multiple of 4.
    @inlinable @inline(__always)
    public init(_ bytes: RawSpan, _ order: ByteOrder) throws(WireError) {
        guard bytes.byteCount >= PcapngBlockHeader.length else {
            throw .truncated(need: PcapngBlockHeader.length, have: bytes.byteCount)
        }
        type = PcapngBlockType(rawValue: bytes.integer32(at: 0, order))
        let length = bytes.integer32(at: 4, order)
        guard length >= 12, length <= 16 << 20, length & 3 == 0 else {
            throw .invalid(field: .blockLength, value: UInt64(length))
        }
        totalLength = Int(length)
    }

    /// Checks that a block ends with the length that it begins with.
    ///
    /// - Parameters:
    ///   - block: The whole block, `totalLength` bytes of it.
    ///   - order: The section's byte order.
    /// - Throws: `invalid` with the second length if the two differ.
    @inlinable @inline(__always)
    public func checkTrailer(of block: RawSpan, _ order: ByteOrder) throws(WireError) {
        let trailer = block.integer32(at: totalLength &- 4, order)
        guard Int(trailer) == totalLength else { throw .invalid(field: .blockLength, value: UInt64(trailer)) }
    }
}

/// A Section Header Block: only what is needed to read on.
@frozen public struct PcapngSection: Equatable, Sendable, BitwiseCopyable {
    /// Bytes from a block's start that tell its byte order.
    public static let prefixLength = 12

    /// The order of the bytes of every number in the section, this block's length included.
    public let order: ByteOrder

    /// Finds the byte order of a section from the first bytes of its header block.
    ///
    /// - Parameter bytes: Bytes that begin with the block, ``prefixLength`` or more.
    /// - Throws: `truncated`, or `invalid` if the byte-order magic is neither.
    public init(prefix bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= PcapngSection.prefixLength else {
            throw .truncated(need: PcapngSection.prefixLength, have: bytes.byteCount)
        }
        switch bytes.bigEndian32(at: 8) {
        case 0x1a2b_3c4d: order = .big
        case 0x4d3c_2b1a: order = .little
        case let magic: throw .invalid(field: .byteOrder, value: UInt64(magic))
        }
    }

    /// Checks the whole block: version 1.0 or 1.2 (some writers say 1.2 for the same format).
    ///
    /// - Parameter block: The whole block.
    /// - Throws: `truncated` below 28 bytes, or `invalid` with the version (major in the upper half).
    public func check(_ block: RawSpan) throws(WireError) {
        guard block.byteCount >= 28 else { throw .truncated(need: 28, have: block.byteCount) }
        let major = block.integer16(at: 12, order)
        let minor = block.integer16(at: 14, order)
        guard major == 1, minor == 0 || minor == 2 else {
            throw .invalid(field: .version, value: UInt64(major) << 16 | UInt64(minor))
        }
    }
}
