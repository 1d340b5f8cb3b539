// SPDX-License-Identifier: Apache-2.0
// tunnel.log: that a tunnel was found, and that it ended (base/frameworks/tunnels of Zeek 8). Of tunnels in UDP both lines
// are written when their flow ends; of GRE and IP in IP the second only if they fell silent, since nothing closes them.
//
//     ts       uid  orig     port   resp      port  type           action
//     1.5      C..  1.1.1.1  4789   1.1.1.9   4789  Tunnel::VXLAN  Tunnel::DISCOVER
//     7.25     C..  1.1.1.1  4789   1.1.1.9   4789  Tunnel::VXLAN  Tunnel::CLOSE
//
// Zeek has no names for L2TP, EtherIP and CAPWAP: they are in conn.log's `tunnel_parents` alone.
internal import BeltwayFlow
internal import BeltwayWire

enum ZeekTunnels {
    static let table = ZeekTable("tunnel", "tunnel_type enum,action enum")

    /// Writes the lines of a flow that carried a tunnel.
    static func append(_ flow: FlowRecord, to log: inout ZeekWriter) {
        guard let name = name(of: flow.carriedKind) else { return }
        let flow = ZeekRoles.areExchanged(flow) ? flow.exchanged : flow
        write(flow, at: flow.start, name, "Tunnel::DISCOVER", to: &log)
        if flow.transportProtocol == IPProtocol.udp {
            write(flow, at: flow.end, name, "Tunnel::CLOSE", to: &log)
        } else if flow.endReason == .timeout {
            write(flow, at: flow.end, name, "Tunnel::EXPIRE", to: &log)
        }
    }

    /// Writes the line of a proxy's client that was let through (RFC 9110, 9.3.6); other transactions give none.
    ///
    /// Zeek names neither the connection nor its client's port there, for a proxy may be asked again and again.
    static func append(
        proxied record: TransactionRecord,
        _ details: TransactionDetails,
        to log: inout ZeekWriter
    ) {
        guard let status = details.number(.status), status / 100 == 2,
            details.value(.method).byteCount == 7, details.value(.method).starts(with: "CONNECT")
        else { return }
        let isForward = record.isFromZeekOriginator
        log.beginLine()
        log.time("ts", record.time)
        log.unset("uid")
        log.address("id.orig_h", isForward ? record.source : record.destination, version: record.ipVersion)
        log.number("id.orig_p", 0)
        log.address("id.resp_h", isForward ? record.destination : record.source, version: record.ipVersion)
        log.number("id.resp_p", UInt64(isForward ? record.destinationPort : record.sourcePort))
        log.text("tunnel_type", literal: "Tunnel::HTTP")
        log.text("action", literal: "Tunnel::DISCOVER")
        log.endLine()
    }

    private static func write(
        _ flow: FlowRecord,
        at time: Timestamp,
        _ name: StaticString,
        _ action: StaticString,
        to log: inout ZeekWriter
    ) {
        let hasPorts = flow.transportProtocol == IPProtocol.udp
        log.beginLine()
        log.time("ts", time)
        log.identifier("uid", of: flow.flowID)
        log.address("id.orig_h", flow.originator, version: flow.ipVersion)
        log.number("id.orig_p", hasPorts ? UInt64(flow.originatorPort) : 0)
        log.address("id.resp_h", flow.responder, version: flow.ipVersion)
        log.number("id.resp_p", hasPorts ? UInt64(flow.responderPort) : 0)
        log.text("tunnel_type", literal: name)
        log.text("action", literal: action)
        log.endLine()
    }

    /// Zeek's name of a kind, or nil if it has none.
    private static func name(of kind: TunnelKind) -> StaticString? {
        switch kind {
        case .gre, .pptp, .erspan: "Tunnel::GRE"
        case .ipInIP, .sixInFour: "Tunnel::IP"
        case .vxlan: "Tunnel::VXLAN"
        case .geneve: "Tunnel::GENEVE"
        case .teredo: "Tunnel::TEREDO"
        case .gtp: "Tunnel::GTPv1"
        case .none, .l2tp, .etherIP, .capwap: nil
        }
    }
}
