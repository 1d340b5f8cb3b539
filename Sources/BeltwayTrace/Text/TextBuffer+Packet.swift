// SPDX-License-Identifier: Apache-2.0
// One line per packet, for people: `beltway tap` without a file.
public import BeltwayFlow
public import BeltwayWire

extension TextBuffer {
    /// Appends one line about a packet, in the words of the tracer.
    ///
    ///     2026-01-05T10:00:12.604000000Z eth0 10.10.30.26:43958 > 129.21.171.72:21 TCP [S] seq 3680477323 win ...
    ///
    /// - Parameters:
    ///   - headers: What was decoded of it.
    ///   - originalLength: Bytes on the wire.
    ///   - time: When it was captured.
    ///   - interface: Where it came by.
    public mutating func append(
        line headers: borrowing PacketHeaders,
        originalLength: UInt32,
        time: Timestamp,
        interface: Span<UInt8>
    ) {
        append(nanosecondsOf: time)
        append(" ")
        append(interface)
        append(" ")
        guard headers.layers.contains(.ip) else {
            append(undecoded: headers)
            append(" frame ")
            append(decimal: UInt64(originalLength))
            append("\n")
            return
        }
        append(end: headers.source, port: headers.sourcePort, of: headers)
        append(" > ")
        append(end: headers.destination, port: headers.destinationPort, of: headers)
        append(packet: headers, originalLength: originalLength, marks: FollowedFlow.Marks())
    }

    private mutating func append(end address: IPAddress, port: UInt16, of headers: borrowing PacketHeaders) {
        let isLater = headers.isLaterFragment
        let hasPort = !headers.layers.isDisjoint(with: [.tcp, .udp, .sctp]) && !isLater
        if headers.ipVersion != 4, hasPort { append("[") }
        append(address, version: headers.ipVersion)
        if headers.ipVersion != 4, hasPort { append("]") }
        guard hasPort else { return }
        append(":")
        append(decimal: UInt64(port))
    }

    /// What is neither IPv4 nor IPv6, or is cut before its addresses.
    private mutating func append(undecoded headers: borrowing PacketHeaders) {
        if headers.layers.contains(.arp) {
            append("ARP")
        } else if headers.etherType != 0 {
            append("type 0x")
            append(hexadecimal: UInt64(headers.etherType))
        } else {
            append("not decoded")
        }
    }
}
