// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Crypto
import Foundation
import Testing

private let client: UInt32 = 0x0a00_0001
private let server: UInt32 = 0xc000_0235

/// A control connection and a data connection between the same two hosts.
private final class Session {
    var stage = ApplicationStage()
    var sink = TransactionList()
    private var offsets: [UInt64: UInt64] = [:]
    private var number: UInt64 = 0

    /// Lets the parsers hear bytes of a flow, or its end where there are none.
    func say(
        _ text: String?,
        flow identifier: UInt64,
        from originator: (UInt32, UInt16),
        to responder: (UInt32, UInt16),
        toResponder: Bool
    ) {
        number += 1
        let (from, to) = toResponder ? (originator, responder) : (responder, originator)
        let packet = Packet.tcp(from.0, from.1, to.0, to.1, flags: 0x10, time: Double(number))
        var flow = FlowView()
        flow.flowID = identifier
        flow.slot = UInt32(identifier)
        flow.toResponder = toResponder
        let place = PacketPlace(time: packet.timestamp, number: number, buffer: 0, interface: 0)
        guard stage.wantsStream(flow) else { return }
        stage.beginSegment(packet.headers, flow: flow, packet: place)
        var view = StreamView()
        view.flowID = identifier
        view.slot = UInt32(identifier)
        view.toResponder = toResponder
        let key = identifier * 2 + (toResponder ? 1 : 0)
        view.offset = offsets[key] ?? 0
        if let text {
            let bytes = Array(text.utf8)
            stage.bytes(bytes.span.bytes, of: view)
            offsets[key] = view.offset + UInt64(bytes.count)
        } else {
            stage.directionEnded(view, .fin)
        }
        stage.commit(into: &sink)
    }

    func control(_ text: String, toServer: Bool) {
        say(text, flow: 1, from: (client, 40_000), to: (server, 21), toResponder: toServer)
    }

    var heldBytes: Int { stage.heldBytes }

    /// Ends a flow.
    func close(_ identifier: UInt64) -> ApplicationProtocol {
        var record = FlowRecord()
        record.flowID = identifier
        stage.beginEnd(of: record)
        stage.ended(&record, slot: UInt32(identifier))
        stage.commit(into: &sink)
        return record.application
    }

    func objects(_ kind: TransactionKind) -> [[String: Any]] {
        sink.transactions.filter { $0.record.kind == kind }.compactMap {
            let text = Data(("{" + $0.body.dropFirst() + "}").utf8)
            let object = try? JSONSerialization.jsonObject(with: text) as? [String: Any]
            return object?["\(kind.name)"] as? [String: Any]
        }
    }
}

/// Logs in, and agrees on a connection for a transfer.
private func agreed(_ command: String, reply: String = "", transfer: String) -> Session {
    let session = Session()
    session.control("220 FTP ready\r\n", toServer: false)
    session.control("\(command)\r\n", toServer: true)
    session.control(reply.isEmpty ? "200 ok\r\n" : "\(reply)\r\n", toServer: false)
    session.control("\(transfer)\r\n", toServer: true)
    return session
}

private let content = "what the file holds\n"
private var digest: String {
    SHA256.hash(data: Data(content.utf8)).map { String(format: "%02x", $0) }.joined()
}

@Suite struct `FTP data connections` {
    @Test(arguments: [
        ("PASV", "227 entering (10,9,9,9,19,137)"), ("EPSV", "229 entering (|||5001|)"),
    ])
    func `that the server announces are found by its own address`(command: String, reply: String) {
        let session = agreed(command, reply: reply, transfer: "RETR dir/a.txt")
        session.say(content, flow: 2, from: (client, 41_000), to: (server, 5001), toResponder: false)
        session.say(nil, flow: 2, from: (client, 41_000), to: (server, 5001), toResponder: false)
        #expect(session.close(2) == .ftpData)
        let file = session.objects(.fileinfo).first
        #expect(file?["filename"] as? String == "dir/a.txt")
        #expect(file?["sha256"] as? String == digest)
        #expect(file?["state"] as? String == "CLOSED")
        #expect(session.objects(.ftpData).first?["command"] as? String == "RETR")
        #expect(session.close(1) == .ftp && session.heldBytes == 0)
    }

    @Test(arguments: ["PORT 10,0,0,1,19,137", "EPRT |1|10.0.0.1|5001|"])
    func `that the client announces are found too`(command: String) {
        let session = agreed(command, transfer: "STOR up.txt")
        session.say(content, flow: 2, from: (server, 20), to: (client, 5001), toResponder: false)
        session.say(nil, flow: 2, from: (server, 20), to: (client, 5001), toResponder: false)
        #expect(session.close(2) == .ftpData)
        #expect(session.objects(.fileinfo).first?["sha256"] as? String == digest)
        let file = session.sink.transactions.first { $0.record.kind == .fileinfo }
        #expect(file?.record.sourcePort == 5001)
    }

    @Test func `with a list are no file`() {
        let session = agreed("EPSV", reply: "229 entering (|||5001|)", transfer: "LIST")
        session.say("a\r\nb\r\n", flow: 2, from: (client, 41_000), to: (server, 5001), toResponder: false)
        #expect(session.close(2) == .ftpData)
        #expect(session.objects(.fileinfo).isEmpty)
        #expect(session.objects(.ftpData).first?["filename"] == nil)
    }

    @Test func `are claimed once, and by the hosts that agreed on them`() {
        let session = agreed("EPSV", reply: "229 entering (|||5001|)", transfer: "RETR a")
        session.say(content, flow: 3, from: (0x0a00_0009, 41_000), to: (server, 5001), toResponder: false)
        #expect(session.close(3) != .ftpData)
        session.say(content, flow: 2, from: (client, 41_000), to: (server, 5001), toResponder: false)
        #expect(session.close(2) == .ftpData)
        session.say(content, flow: 4, from: (client, 41_001), to: (server, 5001), toResponder: false)
        #expect(session.close(4) != .ftpData)
    }

    @Test func `that break off give a file that is truncated`() {
        let session = agreed("EPSV", reply: "229 entering (|||5001|)", transfer: "RETR a")
        session.say(content, flow: 2, from: (client, 41_000), to: (server, 5001), toResponder: false)
        _ = session.close(2)
        #expect(session.objects(.fileinfo).first?["state"] as? String == "TRUNCATED")
    }

    @Test func `that never come are forgotten after two minutes`() {
        for (idle, isKnown) in [(100, true), (200, false)] {
            let session = agreed("EPSV", reply: "229 entering (|||5001|)", transfer: "RETR a")
            // A packet a second of another flow, then the connection.
            for _ in 0..<idle {
                session.say("x", flow: 9, from: (client, 50_000), to: (server, 80), toResponder: true)
            }
            session.say(content, flow: 2, from: (client, 41_000), to: (server, 5001), toResponder: false)
            #expect((session.close(2) == .ftpData) == isKnown)
        }
    }

    @Test func `that never come are forgotten when there are too many`() {
        let session = Session()
        session.control("220 FTP ready\r\n", toServer: false)
        for port in 6000..<8000 {
            session.control("EPRT |1|10.0.0.1|\(port)|\r\nRETR a\r\n", toServer: true)
            session.control("200 ok\r\n226 ok\r\n", toServer: false)
        }
        for (port, isKnown) in [(6000, false), (7999, true)] {
            let flow = UInt64(port)
            session.say(
                content,
                flow: flow,
                from: (server, 20),
                to: (client, UInt16(port)),
                toResponder: true
            )
            #expect((session.close(flow) == .ftpData) == isKnown)
        }
    }
}
