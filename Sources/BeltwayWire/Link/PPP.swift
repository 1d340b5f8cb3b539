// SPDX-License-Identifier: Apache-2.0

/// A PPP frame (RFC 1661), with or without the HDLC address and control bytes FF 03 (RFC 1662), viewed in
/// place.
public struct PPP: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes before the payload: 1 to 4, since the protocol field may be compressed to one byte (RFC 1661,
    /// 6.5).
    public let headerLength: Int
    /// Protocol number of the payload.
    public let protocolNumber: UInt16

    /// Address and control of HDLC-like framing.
    @inlinable public static var hdlcMark: UInt16 { 0xff03 }
    /// IPv4 (RFC 1332).
    @inlinable public static var ipv4: UInt16 { 0x0021 }
    /// IPv6 (RFC 5072).
    @inlinable public static var ipv6: UInt16 { 0x0057 }

    /// MPLS labels, unicast (RFC 3032, 4.3).
    @inlinable public static var mpls: UInt16 { 0x0281 }

    /// Views `bytes` as a frame; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        var start = 0
        if bytes.byteCount >= 2, bytes.unchecked16(0) == PPP.hdlcMark { start = 2 }
        guard bytes.byteCount > start else { throw .truncated(need: start &+ 1, have: bytes.byteCount) }
        // The first byte of a whole protocol number is even, the last one odd: an odd first byte is also the
        // last.
        let first = bytes.unchecked8(start)
        if first & 1 != 0 {
            headerLength = start &+ 1
            protocolNumber = UInt16(first)
        } else {
            guard bytes.byteCount >= start &+ 2 else {
                throw .truncated(need: start &+ 2, have: bytes.byteCount)
            }
            headerLength = start &+ 2
            protocolNumber = bytes.unchecked16(start)
        }
        self.bytes = bytes
    }

    /// EtherType of the payload; nil if it is nothing that decoding knows.
    @inlinable public var etherType: UInt16? {
        switch protocolNumber {
        case PPP.ipv4: EtherType.ipv4
        case PPP.ipv6: EtherType.ipv6
        case PPP.mpls: EtherType.mpls
        default: nil
        }
    }
    /// What follows the header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
