// SPDX-License-Identifier: Apache-2.0

/// A VXLAN header (RFC 7348, 5) or its generic extension (draft-ietf-nvo3-vxlan-gpe, 3) viewed in place.
public struct VXLAN: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<8: flags, reserved or next protocol, VNI, reserved.
    @inlinable public static var headerLength: Int { 8 }
    /// UDP port (IANA).
    @inlinable public static var port: UInt16 { 4789 }
    /// UDP port of the generic extension (IANA).
    @inlinable public static var genericPort: UInt16 { 4790 }
    /// UDP port that Linux took before there was one.
    @inlinable public static var linuxPort: UInt16 { 8472 }

    /// Views `bytes` as a header; throws if they end inside it or it does not say that its VNI is valid.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= VXLAN.headerLength else {
            throw .truncated(need: VXLAN.headerLength, have: bytes.byteCount)
        }
        let flags = bytes.unchecked8(0)
        guard flags & 0x08 != 0 else { throw .invalid(field: .version, value: UInt64(flags)) }
        self.bytes = bytes
    }

    /// Network identifier, 24 bits.
    public var identifier: UInt32 { bytes.unchecked32(4) >> 8 }
    /// EtherType of the payload: bridged Ethernet, unless the generic extension names another that decoding knows.
    ///
    /// Without the extension these bits are reserved, and a receiver ignores them (RFC 7348, 5).
    public var etherType: UInt16 {
        guard bytes.unchecked8(0) & 0x04 != 0, genericEtherType != 0 else { return EtherType.bridgedEthernet }
        return genericEtherType
    }
    /// EtherType of the payload by the generic extension's field, whether or not its flag (P) is set: on the port of the
    /// extension some senders name the protocol and forget the flag.
    var genericEtherType: UInt16 {
        switch bytes.unchecked8(3) {
        case 1: return EtherType.ipv4
        case 2: return EtherType.ipv6
        case 3: return EtherType.bridgedEthernet
        case 4: return EtherType.serviceHeader
        case 5: return EtherType.mpls
        case 0 where bytes.unchecked8(0) & 0x04 == 0: return EtherType.bridgedEthernet
        default: return 0
        }
    }
}
