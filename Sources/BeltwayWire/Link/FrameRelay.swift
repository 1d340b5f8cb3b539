// SPDX-License-Identifier: Apache-2.0

/// A frame-relay header (ITU-T Q.922) with RFC 2427's encapsulation or Cisco's, viewed in place.
///
///     address (2 to 4: the last byte is odd) | control 0x03 | padding 0? | NLPID       RFC 2427, 3
///     address                                | EtherType                               Cisco
public struct FrameRelay: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes before the payload.
    public let headerLength: Int
    /// EtherType of the payload; nil if the network-layer identifier is none that decoding knows.
    public let etherType: UInt16?

    /// Views `bytes` as a frame.
    ///
    /// - Parameter bytes: From the address on.
    /// - Throws: ``WireError/truncated(need:have:)`` if they end inside the header, ``WireError/invalid(field:value:)``
    ///   for addresses of one byte or of more than four, and for other than unnumbered information.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        var start = 0
        while true {
            guard bytes.byteCount > start else { throw .truncated(need: start &+ 1, have: bytes.byteCount) }
            let byte = bytes.unchecked8(start)
            start &+= 1
            if byte & 1 != 0 { break }
            guard start < 4 else { throw .invalid(field: .headerLength, value: UInt64(byte)) }
        }
        guard start >= 2 else { throw .invalid(field: .headerLength, value: UInt64(start)) }
        guard bytes.byteCount &- start >= 2 else {
            throw .truncated(need: start &+ 2, have: bytes.byteCount)
        }
        let control = bytes.unchecked8(start)
        guard control == 3 else {
            let number = bytes.unchecked16(start)
            guard number >= EtherType.least else {
                throw .invalid(field: .linkType, value: UInt64(number))
            }
            headerLength = start &+ 2
            etherType = number
            self.bytes = bytes
            return
        }
        start &+= bytes.unchecked8(start &+ 1) == 0 ? 2 : 1
        guard bytes.byteCount > start else { throw .truncated(need: start &+ 1, have: bytes.byteCount) }
        let number = bytes.unchecked8(start)
        start &+= 1
        switch number {
        case 0xcc: etherType = EtherType.ipv4
        case 0x8e: etherType = EtherType.ipv6
        case 0x80:
            // SNAP without LLC: organisation (3), EtherType (2), or for 0x0080C2 a bridged frame's kind.
            guard bytes.byteCount &- start >= 5 else {
                throw .truncated(need: start &+ 5, have: bytes.byteCount)
            }
            let organisation = bytes.unchecked32(start) >> 8
            let kind = bytes.unchecked16(start &+ 3)
            start &+= 5
            switch (organisation, kind) {
            case (0, _) where kind >= EtherType.least: etherType = kind
            case (0x80c2, 7): etherType = EtherType.bridgedEthernet
            default: etherType = nil
            }
        default: etherType = nil
        }
        headerLength = start
        self.bytes = bytes
    }

    /// What follows the header.
    public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
