// SPDX-License-Identifier: Apache-2.0

/// A PPPoE session header (RFC 2516, 4) viewed in place.
public struct PPPoE: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<6: version and type, code, session, length.
    @inlinable public static var headerLength: Int { 6 }

    /// Views `bytes` as a header; throws if they end inside it or it does not carry a session's data.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= PPPoE.headerLength else {
            throw .truncated(need: PPPoE.headerLength, have: bytes.byteCount)
        }
        let head = bytes.unchecked16(0)
        guard head == 0x1100 else { throw .invalid(field: .version, value: UInt64(head)) }
        self.bytes = bytes
    }

    /// Number of the session.
    public var session: UInt16 { bytes.unchecked16(2) }
    /// Bytes of the PPP frame, as claimed.
    public var length: UInt16 { bytes.unchecked16(4) }
}
