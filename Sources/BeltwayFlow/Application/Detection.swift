// SPDX-License-Identifier: Apache-2.0
// Which protocol it is: by port where a port says so and the bytes agree, else by the bytes alone.
internal import BeltwayWire

/// Finds protocols.
enum Detection {
    /// The protocol of a datagram, or `unknown`.
    static func datagram(_ payload: RawSpan, source: UInt16, destination: UInt16) -> ApplicationProtocol {
        if source == 53 || destination == 53, DNSParser.isLikely(payload) { return .dns }
        if source == 5353 || destination == 5353, DNSParser.isLikely(payload) { return .mdns }
        if source == 5355 || destination == 5355, DNSParser.isLikely(payload) { return .llmnr }
        if source == 123 || destination == 123, NTPPacket.isLikely(payload) { return .ntp }
        if DHCPMessage.probe(payload) == .yes { return .dhcp }
        // NetBIOS (RFC 1002) has the same header and other names.
        let isNetBIOS = source == 137 || destination == 137
        if !isNetBIOS, DNSMessage.probe(payload) == .yes { return .dns }
        if NTPPacket.probe(payload) == .yes { return .ntp }
        return .unknown
    }
}
