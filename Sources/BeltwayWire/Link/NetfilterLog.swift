// SPDX-License-Identifier: Apache-2.0

/// A packet of Linux's packet filter as its log hands it over (LINKTYPE_NFLOG, linux/netfilter/nfnetlink_log.h), viewed
/// in place: a head and fields, one of which is the IP packet.
///
///     family (1) | version (1) | resource (2) | { length (2) | type (2) | value, padded to 4 } ...
///
/// A field's length counts its own four bytes; length and type are in the byte order of the machine that captured, which
/// the first field tells. Two bits of a type are flags (linux/netlink.h: nested, value in network order).
public struct NetfilterLog: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Where the packet is.
    public let payloadRange: Range<Int>
    /// EtherType of the packet, by the family; nil if it is neither IPv4 nor IPv6.
    public let etherType: UInt16?

    /// Bytes before the first field.
    @inlinable public static var headerLength: Int { 4 }
    /// Fields that are looked through; the kernel has less than forty kinds, and sends each once.
    static var mostFields: Int { 64 }
    /// The field that is the packet (`NFULA_PAYLOAD`).
    static var payloadType: UInt16 { 9 }

    /// Views `bytes` as such a packet.
    ///
    /// - Parameter bytes: From the family on.
    /// - Throws: ``WireError/truncated(need:have:)`` if they end before the packet begins,
    ///   ``WireError/invalid(field:value:)`` for versions beyond 0 and for fields shorter than their own head. A packet
    ///   that is cut is none: what is there is viewed.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= NetfilterLog.headerLength else {
            throw .truncated(need: NetfilterLog.headerLength, have: bytes.byteCount)
        }
        let version = bytes.unchecked8(1)
        guard version == 0 else { throw .invalid(field: .version, value: UInt64(version)) }
        switch bytes.unchecked8(0) {
        case 2: etherType = EtherType.ipv4
        case 10: etherType = EtherType.ipv6
        default: etherType = nil
        }
        var start = NetfilterLog.headerLength
        let isLittle =
            bytes.byteCount &- start >= 4
            && NetfilterLog.isLittle(length: bytes.unchecked16(start), type: bytes.unchecked16(start &+ 2))
        var fields = 0
        while fields < NetfilterLog.mostFields {
            guard bytes.byteCount &- start >= 4 else {
                throw .truncated(need: start &+ 4, have: bytes.byteCount)
            }
            let (first, second) = (bytes.unchecked16(start), bytes.unchecked16(start &+ 2))
            let length = Int(isLittle ? first.byteSwapped : first)
            let type = (isLittle ? second.byteSwapped : second) & 0x3fff
            guard length >= 4 else { throw .invalid(field: .fieldLength, value: UInt64(length)) }
            if type == NetfilterLog.payloadType {
                payloadRange = (start &+ 4)..<min(start &+ length, bytes.byteCount)
                self.bytes = bytes
                return
            }
            start &+= (length &+ 3) & ~3
            fields &+= 1
        }
        throw .invalid(field: .fieldLength, value: UInt64(fields))
    }

    /// Whether a field whose head was read as of network order is in the other one.
    private static func isLittle(length: UInt16, type: UInt16) -> Bool {
        // Types are small numbers: the byte that has more than flags is the low one.
        let (first, second) = (type >> 8 & 0x3f, type & 0x3f)
        if (first == 0) != (second == 0) { return second == 0 }
        return length.byteSwapped < length
    }

    /// The packet.
    public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(payloadRange) }
    }
}
