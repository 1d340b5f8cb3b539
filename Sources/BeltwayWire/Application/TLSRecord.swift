// SPDX-License-Identifier: Apache-2.0
// Records of TLS 1.0 to 1.3 and SSL 3.0 (RFC 8446, 5.1):
//
//      0      1      3       5
//      | type | 3, n | length | fragment ...            type 20 change cipher spec, 21 alert, 22 handshake,
//                                                       23 application data, 24 heartbeat
//
// SSL 2.0's records have no such head; they are told apart (`isSSL2Hello`) and not read.

/// A TLS record viewed in place.
public struct TLSRecord: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the fragment, 0...18,432.
    public let length: Int

    /// Bytes before the fragment.
    @inlinable public static var headerLength: Int { 5 }
    /// The longest fragment that any version allows (RFC 5246, 6.2.3: 2^14 + 2,048).
    @inlinable public static var maximumLength: Int { 18_432 }

    /// What a record carries.
    public enum Content: UInt8, Sendable {
        case changeCipherSpec = 20
        case alert, handshake, applicationData, heartbeat
    }

    /// Views the record at the start of `bytes`; throws if it is not whole or not a record.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= TLSRecord.headerLength else {
            throw .truncated(need: TLSRecord.headerLength, have: bytes.byteCount)
        }
        guard Content(rawValue: bytes.unchecked8(0)) != nil else {
            throw .invalid(field: .messageType, value: UInt64(bytes.unchecked8(0)))
        }
        guard bytes.unchecked8(1) == 3 else {
            throw .invalid(field: .version, value: UInt64(bytes.unchecked16(1)))
        }
        length = Int(bytes.unchecked16(3))
        guard length <= TLSRecord.maximumLength else {
            throw .invalid(field: .recordLength, value: UInt64(length))
        }
        guard bytes.byteCount >= TLSRecord.headerLength &+ length else {
            throw .truncated(need: TLSRecord.headerLength &+ length, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// What the record carries.
    public var content: Content { Content(rawValue: bytes.unchecked8(0)) ?? .applicationData }
    /// The record's own version, which TLS 1.3 freezes at 0x0303.
    public var version: UInt16 { bytes.unchecked16(1) }
    /// What the record carries, encrypted after the change of cipher specification.
    public var fragment: RawSpan {
        @_lifetime(copy self) get {
            bytes.extracting(TLSRecord.headerLength..<TLSRecord.headerLength &+ length)
        }
    }

    /// Where the record at the start of `bytes` ends.
    public static func framing(of bytes: RawSpan) -> Framing {
        if bytes.byteCount > 0, Content(rawValue: bytes.unchecked8(0)) == nil { return .notThisProtocol }
        if bytes.byteCount > 1, bytes.unchecked8(1) != 3 { return .notThisProtocol }
        guard bytes.byteCount >= headerLength else { return .needMore(atLeast: headerLength) }
        let length = Int(bytes.unchecked16(3))
        guard length <= maximumLength else { return .notThisProtocol }
        let whole = headerLength &+ length
        return bytes.byteCount >= whole ? .complete(length: whole) : .needMore(atLeast: whole)
    }

    /// Whether a side's first bytes are TLS: a handshake record that begins with a hello, or, from the
    /// responder, an alert.
    public static func probe(_ prefix: RawSpan, from sender: Sender) -> Probe {
        guard prefix.byteCount >= 1 else { return .unknown }
        let type = prefix.unchecked8(0)
        guard type == 22 || type == 21 else { return .no }
        guard prefix.byteCount >= 3 else {
            return prefix.byteCount < 2 || prefix.unchecked8(1) == 3 ? .unknown : .no
        }
        guard prefix.unchecked8(1) == 3, prefix.unchecked8(2) <= 4 else { return .no }
        guard prefix.byteCount >= 6 else { return .unknown }
        let length = Int(prefix.unchecked16(3))
        if type == 21 { return length == 2 && prefix.unchecked8(5) <= 2 ? .yes : .no }
        guard 4...maximumLength ~= length else { return .no }
        return prefix.unchecked8(5) == (sender == .originator ? 1 : 2) ? .yes : .no
    }

    /// Whether a side's first bytes are an SSL 2.0 ClientHello, which this module does not read further.
    public static func isSSL2Hello(_ prefix: RawSpan) -> Bool {
        prefix.byteCount >= 5 && prefix.unchecked8(0) & 0x80 != 0 && prefix.unchecked8(2) == 1
            && (prefix.unchecked16(3) == 2 || prefix.unchecked8(3) == 3 && prefix.unchecked8(4) <= 4)
    }
}
