// SPDX-License-Identifier: Apache-2.0
// conn.log: a line for each flow that ended, in the fields and order of Zeek 8 (base/protocols/conn/main.zeek).
internal import BeltwayFlow
internal import BeltwayWire

enum ZeekConnections {
    static let table = ZeekTable(
        "conn",
        "proto enum,service string,duration interval,orig_bytes count,resp_bytes count,conn_state string,"
            + "local_orig bool,local_resp bool,missed_bytes count,history string,orig_pkts count,"
            + "orig_ip_bytes count,resp_pkts count,resp_ip_bytes count,tunnel_parents set[string],ip_proto count"
    )

    /// Writes a flow's line, with its sides exchanged if ``ZeekRoles`` says so.
    static func append(_ flow: FlowRecord, to log: inout ZeekWriter) {
        append(flow, isExchanged: ZeekRoles.areExchanged(flow), to: &log)
    }

    /// Writes a flow's line, with its sides exchanged or not.
    static func append(_ flow: FlowRecord, isExchanged: Bool, to log: inout ZeekWriter) {
        write(isExchanged ? flow.exchanged : flow, to: &log)
    }

    private static func write(_ flow: FlowRecord, to log: inout ZeekWriter) {
        log.beginLine()
        log.time("ts", flow.start)
        log.identifier("uid", of: flow.flowID)
        log.address("id.orig_h", flow.originator, version: flow.ipVersion)
        log.number("id.orig_p", UInt64(flow.originatorPort))
        log.address("id.resp_h", flow.responder, version: flow.ipVersion)
        log.number("id.resp_p", UInt64(responderPort(flow)))
        log.text("proto", literal: transport(flow.transportProtocol))
        let transport = flow.transportProtocol
        let original = flow.originalApplication == flow.application ? .unknown : flow.originalApplication
        let services = [original, flow.application].compactMap { service($0, over: transport) }
        if !services.isEmpty {
            log.text("service", plain: services.joined(separator: ","))
        } else if let service = service(flow) {
            log.text("service", literal: service)
        } else {
            log.unset("service")
        }
        // A connection of one instant has no duration, and Zeek shows no bytes of it either.
        if flow.end > flow.start {
            log.interval("duration", nanoseconds: flow.end.nanoseconds - flow.start.nanoseconds)
            log.number("orig_bytes", flow.payloadBytesToResponder)
            log.number("resp_bytes", flow.payloadBytesToOriginator)
        } else {
            log.unset("duration")
            log.unset("orig_bytes")
            log.unset("resp_bytes")
        }
        log.text("conn_state", literal: flow.connectionState.literal)
        log.flag("local_orig", isLocal(flow.originator, version: flow.ipVersion))
        log.flag("local_resp", isLocal(flow.responder, version: flow.ipVersion))
        log.number("missed_bytes", flow.metered.originator.missedBytes &+ flow.metered.responder.missedBytes)
        if flow.history.count > 0 {
            log.text("history", plain: flow.history.text)
        } else {
            log.unset("history")
        }
        log.number("orig_pkts", flow.packetsToResponder)
        log.number("orig_ip_bytes", flow.ipBytesToResponder)
        log.number("resp_pkts", flow.packetsToOriginator)
        log.number("resp_ip_bytes", flow.ipBytesToOriginator)
        if flow.parentID != 0 {
            log.identifier("tunnel_parents", of: flow.parentID, isSet: true)
        } else {
            log.unset("tunnel_parents")
        }
        log.number("ip_proto", UInt64(flow.transportProtocol))
        log.endLine()
    }

    /// The type that answers takes the place of the responder's port where there is one, else the code.
    private static func responderPort(_ flow: FlowRecord) -> UInt16 {
        let isVersion6 = flow.transportProtocol == 58
        guard isVersion6 || flow.transportProtocol == 1 else { return flow.responderPort }
        return ICMPPairs.counterpart(type: flow.originatorPort, isVersion6: isVersion6) ?? flow.responderPort
    }

    private static func transport(_ number: UInt8) -> StaticString {
        switch number {
        case 6: "tcp"
        case 17: "udp"
        case 1, 58: "icmp"
        default: "unknown_transport"
        }
    }

    /// Zeek's name of the tunnel that a flow over UDP carries; it has none for GRE there, nor for the others.
    private static func service(_ flow: FlowRecord) -> StaticString? {
        guard flow.transportProtocol == IPProtocol.udp else { return nil }
        switch flow.carriedKind {
        case .vxlan: return "vxlan"
        case .geneve: return "geneve"
        case .gtp: return "gtpv1"
        case .teredo: return "teredo"
        default: return nil
        }
    }

    /// Zeek's name of a protocol, or nil if it has none.
    private static func service(_ application: ApplicationProtocol, over transport: UInt8) -> String? {
        let name = "\(application.name)"
        switch name {
        case "unknown", "failed", "bittorrent-dht": return nil
        case "mdns", "llmnr": return "dns"
        case "tls": return "ssl"
        case "dnp3": return "dnp3_tcp"
        case "pgsql": return "postgresql"
        // Found over TCP alone here.
        case "ldap": return "ldap_tcp"
        case "krb5": return transport == IPProtocol.tcp ? "krb_tcp" : "krb"
        default: return name
        }
    }

    /// Whether an address belongs to a site: private, link-local, shared, of the machine itself or of a group that no
    /// router passes on (what Zeek takes for local unless it is told otherwise: Site::private_address_space).
    static func isLocal(_ address: IPAddress, version: UInt8) -> Bool {
        guard version == 4 else {
            let head = address.high >> 48
            let isUnique = head & 0xfe00 == 0xfc00
            let isOnLink = head & 0xffc0 == 0xfe80
            // 2001::/23 is for protocols (Teredo's 2001::/32 among them), 2001:db8::/32 for documents.
            let isAssigned = address.high >> 41 == 0x2001_0000 >> 9 || address.high >> 32 == 0x2001_0db8
            return isUnique || isOnLink || isAssigned || address.high == 0 && address.low <= 1
        }
        let v4 = address.v4
        switch v4 >> 24 {
        case 0, 10, 127, 239...255: return true
        case 224: return v4 >> 8 == 0xe0_0000
        case 100: return v4 >> 22 == 0x6440_0000 >> 22
        case 169: return v4 >> 16 == 0xa9fe
        case 172: return v4 >> 20 == 0xac1
        case 192: return v4 >> 16 == 0xc0a8 || v4 >> 8 == 0xc0_0000 || v4 >> 8 == 0xc0_0002
        case 198: return v4 >> 17 == 0xc612_0000 >> 17 || v4 >> 8 == 0xc6_3364
        case 203: return v4 >> 8 == 0xcb_0071
        default: return false
        }
    }
}
