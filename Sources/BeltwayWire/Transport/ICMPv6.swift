// SPDX-License-Identifier: Apache-2.0

/// An ICMPv6 message (RFC 4443) viewed in place.
public struct ICMPv6: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<8: type, code, checksum, and four bytes that depend on the type.
    @inlinable public static var headerLength: Int { 8 }

    @usableFromInline typealias Field = ICMP.Field

    /// Views `bytes` as a message; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= ICMPv6.headerLength else {
            throw .truncated(need: ICMPv6.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Type of the message: errors below 128.
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
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: ICMPv6.headerLength) }
    }

    /// Whether a message of this type has an identifier: echo 128 and 129, extended echo 160 and 161 (RFC
    /// 8335).
    @inlinable public static func hasIdentifier(type: UInt8) -> Bool {
        switch type {
        case 128, 129, 160, 161: true
        default: false
        }
    }

    /// Whether a message of this type holds the packet that it complains of: unreachable 1, packet too big 2,
    /// time exceeded 3, parameter problem 4.
    @inlinable public static func isError(type: UInt8) -> Bool { (1...4).contains(type) }
}
