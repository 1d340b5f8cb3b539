// SPDX-License-Identifier: Apache-2.0

/// The header of a compressed datagram (RFC 3173, 3): 4 bytes, then what follows the IP header, compressed.
///
///     0             1       2                4
///     | next header | flags | CPI            | compressed ..
///
/// What was compressed is the same packet as one that was not: senders leave small packets as they are (2.2). So this is no
/// tunnel, and no flow of its own.
public struct IPComp: Sendable {
    /// How the rest is compressed, by the compression parameter index.
    @frozen public enum Algorithm: UInt8, Sendable, CaseIterable {
        /// A manufacturer's own (RFC 2407, 4.4.5).
        case oui
        /// RFC 2394.
        case deflate
        /// RFC 2395.
        case lzs
        /// RFC 3051.
        case lzjh
        /// The two hosts agreed on an index: nothing here says on what.
        case negotiated
        /// A number that is reserved.
        case reserved
    }

    /// Bytes of the header.
    @inlinable public static var headerLength: Int { 4 }

    /// Protocol of what was compressed.
    public let nextHeader: UInt8
    /// Compression parameter index.
    public let parameterIndex: UInt16

    /// Reads the header; throws if the bytes end inside it.
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Self.headerLength else {
            throw .truncated(need: Self.headerLength, have: bytes.byteCount)
        }
        nextHeader = bytes.unchecked8(0)
        parameterIndex = bytes.unchecked16(2)
    }

    /// How the rest is compressed (RFC 3173, 3.3: below 64 well known, from 256 negotiated).
    public var algorithm: Algorithm {
        switch parameterIndex {
        case 1: .oui
        case 2: .deflate
        case 3: .lzs
        case 4: .lzjh
        case 256...: .negotiated
        default: .reserved
        }
    }
}
