// SPDX-License-Identifier: Apache-2.0
// Which datagram a fragment belongs to, where its part of it lies in the packet, and the header of the whole.

public import BeltwayWire

/// What fragments of one datagram have in common: RFC 791, 3.2 (IPv4), RFC 8200, 4.5 (IPv6: without the protocol), and
/// where they travel.
public struct DatagramKey: Hashable, Sendable {
    var source: IPAddress
    var destination: IPAddress
    var identification: UInt32
    var tunnelID: UInt32
    var vlans: UInt32
    var transportProtocol: UInt8
    var ipVersion: UInt8
    var tunnelDepth: UInt8

    /// Makes the key of a fragment.
    ///
    /// - Parameters:
    ///   - headers: The packet's, of which the innermost IP header is the fragment's.
    ///   - vlansSeparate: Whether equal addresses in different VLANs are different hosts.
    public init(_ headers: PacketHeaders, vlansSeparate: Bool) {
        source = headers.source
        destination = headers.destination
        identification = headers.fragmentID
        tunnelID = headers.tunnelID
        let (outer, inner) = headers.vlan
        vlans = vlansSeparate ? UInt32(outer & 0xfff) | UInt32(inner & 0xfff) << 16 : 0
        transportProtocol = headers.ipVersion == 4 ? headers.transportProtocol : 0
        ipVersion = headers.ipVersion
        tunnelDepth = headers.tunnelDepth
    }
}

/// Where a fragment's part of the datagram lies in its packet.
///
/// Read from the packet once more, for decoding goes past the transport header; every access is checked, for the packet
/// may be overwritten meanwhile.
struct FragmentPart {
    var range: Range<Int>
    /// Protocol of what the datagram carries (IPv6: its first header after the fragment header).
    var nextHeader: UInt8
    /// Whether all bytes that the IP length claims were captured.
    var isWhole: Bool

    /// Finds it; nil if the headers are cut or contradict themselves.
    init?(_ headers: PacketHeaders, in packet: RawSpan) {
        let start = Int(headers.networkOffset)
        guard start <= packet.byteCount else { return nil }
        let datagram = packet.extracting(droppingFirst: start)
        let claimed = Int(headers.ipLength)
        let end = min(claimed, datagram.byteCount)
        isWhole = claimed <= datagram.byteCount
        if headers.ipVersion == 4 {
            guard datagram.byteCount >= IPv4.minimumHeaderLength else { return nil }
            let length = Int(datagram.byte(at: 0) & 15) << 2
            guard length >= IPv4.minimumHeaderLength, length <= end else { return nil }
            nextHeader = datagram.byte(at: 9)
            range = (start + length)..<(start + end)
            return
        }
        guard end >= IPv6.headerLength else { return nil }
        var number = datagram.byte(at: 6)
        var position = IPv6.headerLength
        while number != IPProtocol.fragment {
            guard ExtensionHeader.isExtension(number), position + 8 <= end else { return nil }
            let units = Int(datagram.byte(at: position + 1))
            let length = number == IPProtocol.authentication ? (units + 2) * 4 : (units + 1) * 8
            number = datagram.byte(at: position)
            position += length
        }
        guard position + 8 <= end else { return nil }
        nextHeader = datagram.byte(at: position)
        range = (start + position + 8)..<(start + end)
    }
}

enum DatagramHeader {
    /// An IP header that says what the whole datagram's would have: no fragment fields, the whole length, a checksum of
    /// its own.
    static func make(_ headers: PacketHeaders, nextHeader: UInt8, payloadLength: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(40 + payloadLength)
        func append(_ address: IPAddress, bytes count: Int) -> [UInt8] {
            (16 - count..<16).map { place in
                let half = place < 8 ? address.high : address.low
                return UInt8(truncatingIfNeeded: half >> UInt64(56 - place % 8 * 8))
            }
        }
        if headers.ipVersion == 4 {
            // A datagram that fills 65,535 bytes leaves no room for its header: 0 means "as much as there is".
            let length = payloadLength + IPv4.minimumHeaderLength
            let total = length > 65_535 ? 0 : length
            bytes += [0x45, 0, UInt8(total >> 8), UInt8(total & 255)]
            let identification = UInt16(truncatingIfNeeded: headers.fragmentID)
            bytes += [UInt8(identification >> 8), UInt8(identification & 255), 0, 0]
            bytes += [headers.timeToLive, nextHeader, 0, 0]
            bytes += append(headers.source, bytes: 4) + append(headers.destination, bytes: 4)
            let sum = PacketChecksums.checksum(of: bytes.rawBytes)
            (bytes[10], bytes[11]) = (UInt8(sum >> 8), UInt8(sum & 255))
        } else {
            bytes += [0x60, 0, 0, 0, UInt8(payloadLength >> 8), UInt8(payloadLength & 255)]
            bytes += [nextHeader, headers.timeToLive]
            bytes += append(headers.source, bytes: 16) + append(headers.destination, bytes: 16)
        }
        return bytes
    }
}
