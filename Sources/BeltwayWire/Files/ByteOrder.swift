// SPDX-License-Identifier: Apache-2.0

/// The order of the bytes of a number, which a capture file inherits from the machine that wrote it.
@frozen public enum ByteOrder: Sendable, BitwiseCopyable {
    /// Least significant byte first.
    case little
    /// Most significant byte first.
    case big
}

extension RawSpan {
    /// Loads a 16-bit integer in the given order; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func integer16(at offset: Int, _ order: ByteOrder) -> UInt16 {
        order == .little ? littleEndian16(at: offset) : bigEndian16(at: offset)
    }

    /// Loads a 32-bit integer in the given order; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func integer32(at offset: Int, _ order: ByteOrder) -> UInt32 {
        order == .little ? littleEndian32(at: offset) : bigEndian32(at: offset)
    }

    /// Loads a 64-bit integer in the given order; traps if it does not lie inside the span.
    @inlinable @inline(__always) public func integer64(at offset: Int, _ order: ByteOrder) -> UInt64 {
        order == .little ? littleEndian64(at: offset) : bigEndian64(at: offset)
    }
}
