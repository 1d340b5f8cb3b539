// SPDX-License-Identifier: Apache-2.0

extension PacketDecoder {
    /// Follows extension headers from the one called `first` to the transport header, and decodes that.
    ///
    /// - Parameters:
    ///   - packet: The whole packet.
    ///   - first: IP protocol number of the first extension header.
    ///   - start: Where the first extension header starts.
    ///   - end: End of the captured bytes that belong to the IP packet.
    ///   - claimedEnd: Where the IP packet ends by its own length, `end` or more.
    ///   - headers: Fragment fields, transport and trouble are set.
    @inline(never) @usableFromInline static func decodeExtensions(
        _ packet: RawSpan,
        from first: UInt8,
        at start: Int,
        end: Int,
        claimedEnd: Int,
        _ headers: inout PacketHeaders
    ) {
        var number = first
        var position = start
        var count = 0
        while ExtensionHeader.isExtension(number), headers.fragmentOffset == 0 {
            var need = ExtensionHeader.minimumLength
            if need <= end &- position {
                need = ExtensionHeader.length(
                    number: number,
                    field: packet.unchecked8(ExtensionHeader.Field.length, in: position)
                )
            }
            guard need <= end &- position, count < ExtensionHeader.greatestCount else {
                let isCut = need > end &- position && need <= claimedEnd &- position
                headers.transportProtocol = number
                headers.payloadOffset = UInt16(truncatingIfNeeded: position)
                headers.trouble = isCut || headers.moreFragments ? .truncatedNetwork : .invalidNetwork
                return
            }
            if number == IPProtocol.fragment {
                let field = packet.unchecked16(ExtensionHeader.Field.fragment, in: position)
                headers.fragmentOffset = field & 0xfff8
                headers.moreFragments = field & 1 != 0
                headers.fragmentID = packet.unchecked32(ExtensionHeader.Field.fragmentID, in: position)
            }
            number = packet.unchecked8(ExtensionHeader.Field.nextHeader, in: position)
            position &+= need
            count &+= 1
        }
        decodeTransport(packet, number, at: position, end: end, claimed: claimedEnd &- position, &headers)
    }
}
