// SPDX-License-Identifier: Apache-2.0

/// An ICMP message (RFC 792) viewed in place.
public struct ICMP: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<8: type, code, checksum, and four bytes that depend on the type.
    @inlinable public static var headerLength: Int { 8 }

    @usableFromInline enum Field {
        @inlinable static var type: Range<Int> { 0..<1 }
        @inlinable static var code: Range<Int> { 1..<2 }
        @inlinable static var checksum: Range<Int> { 2..<4 }
        @inlinable static var rest: Range<Int> { 4..<8 }
        @inlinable static var identifier: Range<Int> { 4..<6 }
        @inlinable static var sequence: Range<Int> { 6..<8 }
    }

    /// Views `bytes` as a message; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= ICMP.headerLength else {
            throw .truncated(need: ICMP.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Type of the message.
    @inlinable public var type: UInt8 { bytes.unchecked8(Field.type) }
    /// What kind of that type.
    @inlinable public var code: UInt8 { bytes.unchecked8(Field.code) }
    /// Checksum; not verified here.
    @inlinable public var checksum: UInt16 { bytes.unchecked16(Field.checksum) }
    /// Bytes 4..<8 as one number.
    @inlinable public var rest: UInt32 { bytes.unchecked32(Field.rest) }
    /// Queries: tells apart who asks.
    @inlinable public var identifier: UInt16 { bytes.unchecked16(Field.identifier) }
    /// Queries: running number.
    @inlinable public var sequence: UInt16 { bytes.unchecked16(Field.sequence) }
    /// What was captured after the header; in an error message, the packet that it speaks of.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: ICMP.headerLength) }
    }

    /// Whether a message of this type is a query or its answer, and so has an identifier: echo 0 and 8,
    /// timestamp 13 and 14, information 15 and 16, mask 17 and 18 (RFC 792, RFC 950), extended echo 42 and 43
    /// (RFC 8335).
    @inlinable public static func hasIdentifier(type: UInt8) -> Bool {
        switch type {
        case 0, 8, 13...18, 42, 43: true
        default: false
        }
    }

    /// Whether a message of this type holds the packet that it complains of: unreachable 3, source quench 4,
    /// redirect 5, time exceeded 11, parameter problem 12.
    @inlinable public static func isError(type: UInt8) -> Bool {
        switch type {
        case 3, 4, 5, 11, 12: true
        default: false
        }
    }
}
