// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Foundation

/// The packets of a capture that are in tunnels: what tells the inner flows from those that other tools see outside.
public struct TunnelledPackets {
    /// The ends inside, `address:port`, as texts in the order in which they sort.
    public private(set) var inner: Set<[String]> = []
    /// How many there are.
    public private(set) var count = 0

    /// Makes an empty collection.
    public init() {}

    /// Looks at a packet of Ethernet, or of another link type.
    ///
    /// - Returns: Whether it is in a tunnel.
    public mutating func add(_ bytes: [UInt8], linkType: LinkType = .ethernet) -> Bool {
        var headers = PacketHeaders()
        PacketDecoder.decode(bytes.span.bytes, linkType: linkType, into: &headers)
        guard headers.tunnelDepth > 0 else { return false }
        count += 1
        inner.insert(
            [
                Self.text(headers.source, headers.ipVersion, headers.sourcePort),
                Self.text(headers.destination, headers.ipVersion, headers.destinationPort),
            ].sorted()
        )
        return true
    }

    private static func text(_ address: IPAddress, _ version: UInt8, _ port: UInt16) -> String {
        let bytes = [address.high, address.low].flatMap { word in
            (0..<8).reversed().map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
        }
        var text = [CChar](repeating: 0, count: 64)
        inet_ntop(version == 4 ? AF_INET : AF_INET6, version == 4 ? Array(bytes[12...]) : bytes, &text, 64)
        return
            "\(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)):\(port)"
    }
}
