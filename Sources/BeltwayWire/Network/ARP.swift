// SPDX-License-Identifier: Apache-2.0

/// An ARP packet for Ethernet and IPv4 (RFC 826) viewed in place.
public struct ARP: ~Escapable {
    @usableFromInline let bytes: RawSpan

    /// Bytes 0..<28: spaces and lengths, operation, sender and target with both addresses each.
    @inlinable public static var length: Int { 28 }

    @usableFromInline enum Field {
        @inlinable static var hardwareSpace: Range<Int> { 0..<2 }
        @inlinable static var protocolSpace: Range<Int> { 2..<4 }
        @inlinable static var addressLengths: Range<Int> { 4..<6 }
        @inlinable static var operation: Range<Int> { 6..<8 }
        @inlinable static var senderHardware: Range<Int> { 8..<14 }
        @inlinable static var sender: Range<Int> { 14..<18 }
        @inlinable static var targetHardware: Range<Int> { 18..<24 }
        @inlinable static var target: Range<Int> { 24..<28 }
    }

    /// Views `bytes` as ARP; throws if they end inside it or speak of other address families.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= ARP.length else { throw .truncated(need: ARP.length, have: bytes.byteCount) }
        let protocolSpace = bytes.unchecked16(Field.protocolSpace)
        let lengths = bytes.unchecked16(Field.addressLengths)
        guard protocolSpace == EtherType.ipv4 else {
            throw .invalid(field: .linkType, value: UInt64(protocolSpace))
        }
        guard lengths == 0x0604 else { throw .invalid(field: .headerLength, value: UInt64(lengths)) }
        self.bytes = bytes
    }

    /// 1 for Ethernet.
    @inlinable public var hardwareSpace: UInt16 { bytes.unchecked16(Field.hardwareSpace) }
    /// 1 request, 2 reply.
    @inlinable public var operation: UInt16 { bytes.unchecked16(Field.operation) }
    /// Sender's hardware address, 48 bits.
    @inlinable public var senderHardware: UInt64 { bytes.unchecked48(Field.senderHardware) }
    /// Sender's IPv4 address.
    @inlinable public var sender: IPAddress { bytes.uncheckedIPv4(Field.sender) }
    /// Target's hardware address, 48 bits; 0 in requests.
    @inlinable public var targetHardware: UInt64 { bytes.unchecked48(Field.targetHardware) }
    /// Target's IPv4 address.
    @inlinable public var target: IPAddress { bytes.uncheckedIPv4(Field.target) }
}
