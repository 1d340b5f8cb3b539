// SPDX-License-Identifier: Apache-2.0
// The three blocks that hold a packet, read into one value. Offsets in bytes from the block's start:
//
//   Enhanced (6)   8 interface   12 time high   16 time low   20 captured   24 original   28 packet, options
//   Packet   (2)   8 interface 16 bits, drops 16 bits         20 captured   24 original   28 packet, options
//   Simple   (3)   8 original   12 packet

/// One packet of a pcapng file: where it lies in its block, and what the block says of it.
@frozen public struct PcapngPacket: Equatable, Sendable, BitwiseCopyable {
    /// Index of the interface in its section.
    public let interface: UInt32
    /// Time in the units of that interface; 0 for a Simple Packet Block, which has none.
    public let time: UInt64
    /// Where the packet's bytes begin, from the block's start.
    public let dataOffset: Int
    /// Bytes of the packet in the block; they lie inside it.
    public let capturedLength: UInt32
    /// Bytes of the packet on the wire, as stated.
    public let originalLength: UInt32
    /// epb_flags, or 0.
    public let flags: UInt32

    /// Reads an Enhanced Packet Block.
    ///
    /// - Parameters:
    ///   - block: The whole block.
    ///   - order: The section's byte order.
    /// - Throws: `truncated` below 32 bytes, or `invalid` if the captured length runs past the block.
    @inlinable @inline(__always)
    public init(enhanced block: RawSpan, _ order: ByteOrder) throws(WireError) {
        guard block.byteCount >= 32 else { throw .truncated(need: 32, have: block.byteCount) }
        interface = block.integer32(at: 8, order)
        time = UInt64(block.integer32(at: 12, order)) << 32 | UInt64(block.integer32(at: 16, order))
        capturedLength = block.integer32(at: 20, order)
        originalLength = block.integer32(at: 24, order)
        dataOffset = 28
        guard Int(capturedLength) <= block.byteCount &- 32 else {
            throw .invalid(field: .capturedLength, value: UInt64(capturedLength))
        }
        flags = PcapngPacket.flags(of: block, after: 28 &+ Int(capturedLength), order)
    }

    /// Reads a Packet Block, which the Enhanced one has replaced.
    ///
    /// - Parameters:
    ///   - block: The whole block.
    ///   - order: The section's byte order.
    /// - Throws: `truncated` below 32 bytes, or `invalid` if the captured length runs past the block.
    public init(obsolete block: RawSpan, _ order: ByteOrder) throws(WireError) {
        guard block.byteCount >= 32 else { throw .truncated(need: 32, have: block.byteCount) }
        interface = UInt32(block.integer16(at: 8, order))
        time = UInt64(block.integer32(at: 12, order)) << 32 | UInt64(block.integer32(at: 16, order))
        capturedLength = block.integer32(at: 20, order)
        originalLength = block.integer32(at: 24, order)
        dataOffset = 28
        guard Int(capturedLength) <= block.byteCount &- 32 else {
            throw .invalid(field: .capturedLength, value: UInt64(capturedLength))
        }
        flags = PcapngPacket.flags(of: block, after: 28 &+ Int(capturedLength), order)
    }

    /// Reads a Simple Packet Block, whose captured length is only implied.
    ///
    /// - Parameters:
    ///   - block: The whole block.
    ///   - snapLength: The first interface's snap length; 0 means no limit.
    ///   - order: The section's byte order.
    /// - Throws: `truncated` below 16 bytes, or `invalid` if the block is shorter than the lengths imply.
    public init(simple block: RawSpan, snapLength: UInt32, _ order: ByteOrder) throws(WireError) {
        guard block.byteCount >= 16 else { throw .truncated(need: 16, have: block.byteCount) }
        interface = 0
        time = 0
        originalLength = block.integer32(at: 8, order)
        capturedLength = snapLength == 0 ? originalLength : min(originalLength, snapLength)
        dataOffset = 12
        flags = 0
        guard Int(capturedLength) <= block.byteCount &- 16 else {
            throw .invalid(field: .capturedLength, value: UInt64(capturedLength))
        }
    }

    /// Finds epb_flags (option 2) behind the packet; options that make no sense are passed over.
    @inlinable @inline(__always)
    static func flags(of block: RawSpan, after dataEnd: Int, _ order: ByteOrder) -> UInt32 {
        let start = (dataEnd &+ 3) & ~3
        guard start &+ 8 <= block.byteCount &- 4 else { return 0 }
        return flagsOption(block, from: start, order)
    }

    @usableFromInline static func flagsOption(_ block: RawSpan, from start: Int, _ order: ByteOrder) -> UInt32
    {
        var options = PcapngOptions(block.extracting(start..<(block.byteCount &- 4)), order)
        while let option = try? options.next() {
            if option.code == 2 { return options.integer32(option) ?? 0 }
        }
        return 0
    }
}
