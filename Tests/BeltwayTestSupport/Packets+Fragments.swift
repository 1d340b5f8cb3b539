// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
    /// The packet's IPv4 datagram in fragments, each behind the same Ethernet header; its header's checksum is not renewed.
    ///
    /// - Parameters:
    ///   - size: Bytes of payload of each, a multiple of 8.
    ///   - number: The identification.
    /// - Returns: The fragments, in order.
    public func fragments(every size: Int, number: UInt8) -> [[UInt8]] {
        let (link, header, payload) = (self[..<14], self[14..<34], Array(self[34...]))
        return stride(from: 0, to: payload.count, by: size).map { start in
            let part = payload[start..<Swift.min(start + size, payload.count)]
            var head = Array(header)
            let field = start >> 3 | (start + size < payload.count ? 0x2000 : 0)
            let length = 20 + part.count
            head.replaceSubrange(
                2..<8,
                with: [
                    UInt8(length >> 8), UInt8(length & 255), 0, number, UInt8(field >> 8), UInt8(field & 255),
                ]
            )
            return link + head + part
        }
    }
}
