// SPDX-License-Identifier: Apache-2.0
// The words of a trace line about a packet, and the parts that all lines have.
import BeltwayFlow
import BeltwayWire

extension TextBuffer {
    /// `10.0.0.1:80`, `[2001:db8::1]:80`, or the address alone where there are no ports.
    mutating func append(end address: IPAddress, port: UInt16, of flow: FollowedFlow) {
        guard flow.hasPorts else { return append(address, version: flow.version) }
        if flow.version == 4 {
            append(address, version: 4)
        } else {
            append("[")
            append(address, version: 6)
            append("]")
        }
        append(":")
        append(decimal: UInt64(port))
    }

    /// A time with nanoseconds: `2026-01-05T10:00:12.604000000Z`.
    mutating func append(nanosecondsOf time: Timestamp) {
        appendDateAndTime(time)
        append(decimal: time.nanoseconds % 1000, digits: 3)
        append("Z")
    }

    /// Milliseconds with three decimals, rounded down: `38.101 ms`.
    mutating func append(millisecondsOf nanoseconds: UInt64) {
        append(decimal: nanoseconds / 1_000_000)
        append(".")
        append(decimal: nanoseconds % 1_000_000 / 1000, digits: 3)
        append(" ms")
    }

    mutating func append(
        packet headers: borrowing PacketHeaders,
        originalLength: UInt32,
        marks: FollowedFlow.Marks
    ) {
        if headers.layers.contains(.tcp) {
            append(" TCP [")
            append(flags: headers.tcpFlags)
            append("] seq ")
            append(decimal: UInt64(headers.sequence))
            if headers.tcpFlags & TCPFlag.ack != 0 {
                append(" ack ")
                append(decimal: UInt64(headers.acknowledgement))
            }
            append(" win ")
            append(decimal: UInt64(headers.window))
        } else if headers.layers.contains(.udp) {
            append(" UDP")
        } else if headers.layers.contains(.sctp) {
            append(" SCTP")
        } else if !headers.layers.isDisjoint(with: [.icmp, .icmpv6]) {
            append(headers.layers.contains(.icmp) ? " ICMP type " : " ICMPv6 type ")
            append(decimal: UInt64(headers.sourcePort))
            append(" code ")
            append(decimal: UInt64(headers.destinationPort))
            append(" id ")
            append(decimal: UInt64(headers.icmpIdentifier))
        } else {
            append(" protocol ")
            append(decimal: UInt64(headers.transportProtocol))
        }
        append(" len ")
        append(decimal: UInt64(headers.payloadLength))
        append(" frame ")
        append(decimal: UInt64(originalLength))
        if headers.isFragment {
            append(" fragment at ")
            append(decimal: UInt64(headers.fragmentOffset))
        }
        if marks.isRetransmission { append(" RETRANSMISSION") }
        if marks.isLate { append(" OUT OF ORDER") }
        if marks.gap > 0 {
            append(" GAP of ")
            append(decimal: UInt64(marks.gap))
        }
        if marks.isZeroWindow { append(" ZERO WINDOW") }
        append("\n")
    }

    /// As tcpdump shows them: `S` SYN, `F` FIN, `R` RST, `P` PSH, `.` ACK, `U` URG, `E` ECE, `W` CWR.
    mutating func append(flags: UInt8) {
        if flags & TCPFlag.fin != 0 { append("F") }
        if flags & TCPFlag.syn != 0 { append("S") }
        if flags & TCPFlag.rst != 0 { append("R") }
        if flags & TCPFlag.psh != 0 { append("P") }
        if flags & TCPFlag.ack != 0 { append(".") }
        if flags & TCPFlag.urg != 0 { append("U") }
        if flags & 0x40 != 0 { append("E") }
        if flags & 0x80 != 0 { append("W") }
        if flags == 0 { append("none") }
    }
}
