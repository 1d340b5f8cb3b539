// SPDX-License-Identifier: Apache-2.0

/// A network service header (NSH, RFC 8300, 2.2) viewed in place.
///
///     version (2) O U | time to live (6) | length in words (6) | U (4) type (4) | next protocol (8) | path | context ..
public struct ServiceHeader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header, context included.
    public let headerLength: Int

    /// Bytes of a header without context.
    @inlinable public static var minimumHeaderLength: Int { 8 }

    /// Views `bytes` as a header; throws if they end inside it, for versions beyond 0 and for lengths below its fixed
    /// part's.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= ServiceHeader.minimumHeaderLength else {
            throw .truncated(need: ServiceHeader.minimumHeaderLength, have: bytes.byteCount)
        }
        let head = bytes.unchecked16(0)
        guard head >> 14 == 0 else { throw .invalid(field: .version, value: UInt64(head >> 14)) }
        let length = Int(head & 0x3f) &* 4
        guard length >= ServiceHeader.minimumHeaderLength else {
            throw .invalid(field: .headerLength, value: UInt64(length))
        }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        headerLength = length
        self.bytes = bytes
    }

    /// EtherType of what follows; nil if it is nothing that decoding knows.
    public var etherType: UInt16? {
        switch bytes.unchecked8(3) {
        case 1: EtherType.ipv4
        case 2: EtherType.ipv6
        case 3: EtherType.bridgedEthernet
        case 4: EtherType.serviceHeader
        case 5: EtherType.mpls
        default: nil
        }
    }
}
