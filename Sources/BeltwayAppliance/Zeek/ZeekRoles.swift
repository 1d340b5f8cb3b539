// SPDX-License-Identifier: Apache-2.0
// Who is the originator in Zeek's logs. Elsewhere it is who spoke first; Zeek exchanges the two where the capture seems to
// begin with an answer:
//
//     first packet   10.0.0.1:53 -> 10.0.0.2:40000   53 is a likely server port, 40000 is none
//     here           originator 10.0.0.1, SF, Dd
//     Zeek's logs    originator 10.0.0.2, SF, ^dD
//
// The rule is that of Zeek's documentation (`likely_server_ports`, and "^" of conn.log's history): UDP, and TCP without
// its SYN, from a likely server port to a port that is none; between two of TCP the lower is the server's. What is sent
// to all hosts has no client to be the originator. A flow that has been exchanged by what was said in it is left as it is.
internal import BeltwayFlow
internal import BeltwayWire

enum ZeekRoles {
    /// Whether Zeek takes a flow's responder for the originator.
    static func areExchanged(_ flow: FlowRecord) -> Bool {
        if flow.transportProtocol == IPProtocol.udp, flow.isExchanged { return false }
        return areExchanged(
            flow.transportProtocol,
            from: flow.originatorPort,
            to: flow.responderPort,
            flow.responder,
            version: flow.ipVersion,
            isMidstream: flow.isMidstream
        )
    }

    /// Whether Zeek takes the responder of a transaction's flow for the originator.
    static func areExchanged(_ record: TransactionRecord) -> Bool {
        if record.isTurned { return false }
        let isForward = record.toResponder
        return areExchanged(
            record.transportProtocol,
            from: isForward ? record.sourcePort : record.destinationPort,
            to: isForward ? record.destinationPort : record.sourcePort,
            isForward ? record.destination : record.source,
            version: record.ipVersion,
            isMidstream: record.isMidstream
        )
    }

    private static func areExchanged(
        _ transport: UInt8,
        from source: UInt16,
        to destination: UInt16,
        _ responder: IPAddress,
        version: UInt8,
        isMidstream: Bool
    ) -> Bool {
        switch transport {
        case IPProtocol.udp:
            return isLikelyUDP(source) && !isLikelyUDP(destination) && !responder.isGroup(version: version)
        case IPProtocol.tcp:
            guard isMidstream, isLikelyTCP(source) else { return false }
            return !isLikelyTCP(destination) || source < destination
        default: return false
        }
    }

    /// Ports that Zeek's scripts add to `likely_server_ports`, by protocol: FTP, SSH, SMTP, DNS, Finger, HTTP, Kerberos,
    /// POP3, DCE-RPC, SMB, IMAP, LDAP, TLS, Modbus, SOCKS, MySQL, MQTT, RDP, XMPP, PostgreSQL, Redis, IRC, DNP3.
    static func isLikelyTCP(_ port: UInt16) -> Bool {
        switch port {
        case 21, 2811, 22, 25, 587, 53, 79, 88, 110, 135, 139, 445, 143, 389, 3268, 502, 1434, 3306, 1883,
            3389,
            5222, 5269, 5432, 6379, 20000:
            true
        case 80, 81, 631, 1080, 3128, 8000, 8080, 8888: true
        case 443, 563, 585, 614, 636, 989, 990, 992, 993, 995, 5223: true
        case 6666...6669: true
        default: false
        }
    }

    /// Likewise: DNS, DHCP (the server's alone), Kerberos, NTP, NetBIOS names, SNMP, LDAP, QUIC and DTLS, syslog, RADIUS,
    /// GTP, Teredo, VXLAN, AYIYA, SIP, mDNS, LLMNR, Geneve, DNP3.
    static func isLikelyUDP(_ port: UInt16) -> Bool {
        switch port {
        case 53, 67, 88, 123, 137, 161, 162, 389, 3268, 443, 514, 1812, 2123, 2152, 3544, 4789, 5060, 5072,
            5353,
            5355, 6081, 20000:
            true
        default: false
        }
    }
}

extension TransactionRecord {
    /// Whether its source is the originator by Zeek's rule.
    var isFromZeekOriginator: Bool { toResponder != ZeekRoles.areExchanged(self) }
}
