// SPDX-License-Identifier: Apache-2.0

/// An ARCNET packet as Linux captures it (LINKTYPE_ARCNET_LINUX), with the encapsulation of RFC 1201, viewed in place.
///
///     source (1) | destination (1) | offset (2) | protocol (1) | split flag (1) | sequence (2) | datagram
///
/// An exception frame (split flag 255) has four bytes more before its real split flag: no datagram begins in it.
public struct ARCNET: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// EtherType of the datagram.
    public let etherType: UInt16

    /// Bytes before the datagram.
    @inlinable public static var headerLength: Int { 8 }

    private enum Field {
        static var protocolNumber: Int { 4 }
        static var split: Int { 5 }
    }

    /// Views `bytes` as a packet that holds a whole datagram.
    ///
    /// - Parameter bytes: From the source on.
    /// - Throws: ``WireError/truncated(need:have:)`` if they end inside the header; ``WireError/invalid(field:value:)``
    ///   for other protocols than IPv4 and ARP, for parts of a datagram, and for the older RFC 1051.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= ARCNET.headerLength else {
            throw .truncated(need: ARCNET.headerLength, have: bytes.byteCount)
        }
        let number = bytes.unchecked8(Field.protocolNumber)
        let split = bytes.unchecked8(Field.split)
        guard split == 0 else { throw .invalid(field: .linkType, value: UInt64(split)) }
        switch number {
        case 212: etherType = EtherType.ipv4
        case 213: etherType = EtherType.arp
        default: throw .invalid(field: .linkType, value: UInt64(number))
        }
        self.bytes = bytes
    }

    /// What follows the header.
    public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: ARCNET.headerLength) }
    }
}
