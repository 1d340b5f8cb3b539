// SPDX-License-Identifier: Apache-2.0

/// A stack of MPLS labels (RFC 3032) viewed in place.
public struct MPLS: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of all labels.
    public let headerLength: Int

    /// Bytes of one label stack entry.
    @inlinable public static var entryLength: Int { 4 }
    /// The most labels that are followed; networks stack three or four.
    @inlinable public static var greatestCount: Int { 16 }

    /// Views `bytes` as a stack; throws if they end before its bottom or it is deeper than is followed.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        var length = 0
        var isBottom = false
        while !isBottom {
            guard length < MPLS.greatestCount &* MPLS.entryLength else {
                throw .invalid(field: .headerLength, value: UInt64(length))
            }
            guard bytes.byteCount &- length >= MPLS.entryLength else {
                throw .truncated(need: length &+ MPLS.entryLength, have: bytes.byteCount)
            }
            isBottom = bytes.unchecked8(length &+ 2) & 1 != 0
            length &+= MPLS.entryLength
        }
        headerLength = length
        self.bytes = bytes
    }

    /// The outermost label, 20 bits.
    public var label: UInt32 { bytes.unchecked32(0) >> 12 }

    /// What lies below the stack: an EtherType, and how many bytes come before it.
    ///
    /// Labels do not say; the first nibble does (RFC 4928, RFC 4385): 4 and 6 are IP, 0 a pseudowire's control
    /// word with a frame behind it. A frame without control word is believed if its EtherType is one that
    /// decoding knows.
    public var contents: (etherType: UInt16, skipped: Int)? {
        let rest = bytes.byteCount &- headerLength
        guard rest > 0 else { return nil }
        switch bytes.unchecked8(headerLength) >> 4 {
        case 4 where !isFrame(at: headerLength): return (EtherType.ipv4, 0)
        case 6 where !isFrame(at: headerLength): return (EtherType.ipv6, 0)
        case 0 where !isFrame(at: headerLength) && rest > 4: return (EtherType.bridgedEthernet, 4)
        default: return isFrame(at: headerLength) ? (EtherType.bridgedEthernet, 0) : nil
        }
    }

    /// Whether an Ethernet header that leads to IP, ARP or a VLAN tag lies at `start`, and no IP header does.
    private func isFrame(at start: Int) -> Bool {
        guard bytes.byteCount &- start >= Ethernet.headerLength &+ 1 else { return false }
        let number = bytes.unchecked16(Ethernet.Field.etherType, in: start)
        let version = bytes.unchecked8(start &+ Ethernet.headerLength) >> 4
        return switch number {
        case EtherType.ipv4: version == 4
        case EtherType.ipv6: version == 6
        case EtherType.arp: true
        default: EtherType.isVLAN(number)
        }
    }
}
