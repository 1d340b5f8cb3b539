// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@testable import BeltwayAppliance

/// A flow that carries a tunnel, from second 1 to second 2.
private func flow(_ kind: TunnelKind, _ transport: UInt8, _ source: UInt16, _ destination: UInt16)
    -> FlowRecord
{
    var flow = FlowRecord()
    flow.flowID = 7
    flow.transportProtocol = transport
    flow.ipVersion = 4
    flow.originator = IPAddress(v4: 0x0a00_0001)
    flow.responder = IPAddress(v4: 0x0a00_0002)
    (flow.originatorPort, flow.responderPort) = (source, destination)
    (flow.start, flow.end) = (Timestamp(seconds: 1), Timestamp(seconds: 2))
    flow.carriedKind = kind
    return flow
}

/// The lines without `uid`, as they are written.
private func lines(_ write: (inout ZeekWriter) -> Void) -> [String] {
    var writer = ZeekWriter(format: .tsv)
    write(&writer)
    return String(decoding: writer.lines.copy(), as: UTF8.self).split(separator: "\n").map { line in
        line.split(separator: "\t").enumerated().filter { $0.offset != 1 }.map { String($0.element) }
            .joined(separator: " ")
    }
}

private func lines(_ flow: FlowRecord) -> [String] { lines { ZeekTunnels.append(flow, to: &$0) } }

@Suite struct `Zeek's tunnel log` {
    @Test func `says when a tunnel in UDP was found and when it was closed`() {
        #expect(
            lines(flow(.vxlan, 17, 40_000, 4789)) == [
                "1.000000 10.0.0.1 40000 10.0.0.2 4789 Tunnel::VXLAN Tunnel::DISCOVER",
                "2.000000 10.0.0.1 40000 10.0.0.2 4789 Tunnel::VXLAN Tunnel::CLOSE",
            ]
        )
    }

    @Test func `has the originator that conn log has`() {
        #expect(
            lines(flow(.teredo, 17, 3544, 40_000)).first?.hasPrefix("1.000000 10.0.0.2 40000 10.0.0.1 3544")
                == true
        )
    }

    @Test func `says that a tunnel without ports has ended only if it fell silent`() {
        var gre = flow(.erspan, 47, 0, 0)
        let found = "1.000000 10.0.0.1 0 10.0.0.2 0 Tunnel::GRE Tunnel::DISCOVER"
        #expect(lines(gre) == [found])
        gre.endReason = .timeout
        #expect(lines(gre) == [found, "2.000000 10.0.0.1 0 10.0.0.2 0 Tunnel::GRE Tunnel::EXPIRE"])
    }

    @Test func `has nothing of flows that carry no tunnel, nor of those that Zeek has no name for`() {
        for kind in [TunnelKind.none, .l2tp, .etherIP, .capwap] {
            #expect(lines(flow(kind, 17, 1701, 1701)).isEmpty)
        }
    }

    @Test(arguments: [
        ("CONNECT", 200, true), ("CONNECT", 407, false), ("CONNECTS", 200, false), ("GET", 200, false),
    ])
    func `has clients that a proxy let through`(method: String, status: Int, isThere: Bool) {
        var record = TransactionRecord()
        record.kind = .http
        record.transportProtocol = 6
        record.ipVersion = 4
        record.time = Timestamp(seconds: 3)
        record.source = IPAddress(v4: 0x0a00_0001)
        record.destination = IPAddress(v4: 0x0a00_0002)
        (record.sourcePort, record.destinationPort) = (40_000, 3128)
        let name = Array(method.utf8)
        let details =
            [TransactionDetail.method.rawValue, UInt8(name.count), 0] + name
            + [TransactionDetail.status.rawValue, 8, 0] + [
                0, 0, 0, 0, 0, 0, UInt8(status >> 8), UInt8(status & 0xff),
            ]
        let written = lines {
            ZeekTunnels.append(proxied: record, TransactionDetails(details.rawBytes), to: &$0)
        }
        #expect(
            written == (isThere ? ["3.000000 10.0.0.1 0 10.0.0.2 3128 Tunnel::HTTP Tunnel::DISCOVER"] : [])
        )
    }
}
