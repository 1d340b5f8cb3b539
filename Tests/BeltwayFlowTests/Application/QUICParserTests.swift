// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayFlow

/// A client's hello of Google's QUIC, version Q046: the tags PAD, SNI and UAID.
private let googleHello: [UInt8] = {
    let values: [[UInt8]] = [[0x2d, 0x2d], Array("a.org".utf8), Array("agent".utf8)]
    var message = Array("CHLO".utf8) + [3, 0, 0, 0]
    var end = 0
    for (tag, value) in zip(["PAD\0", "SNI\0", "UAID"], values) {
        end += value.count
        message += Array(tag.utf8) + [UInt8(end), 0, 0, 0]
    }
    message += values.joined()
    let head: [UInt8] = [0xc3] + Array("Q046".utf8) + [0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1]
    return head + [UInt8](repeating: 7, count: 12) + [0xa0, 1, 0, UInt8(message.count)] + message + [0, 0, 0]
}()

@Suite struct `QUIC transactions` {
    @Test func `are one for each hello, opened with the keys that the first connection id yields`() throws {
        let found = transactions(
            of: [(QUICSamples.client, true), (QUICSamples.server, false)],
            port: 9999
        )
        try #require(found.count == 2)
        let bodies = found.map(\.body)
        #expect(bodies[0].hasPrefix(#","quic":{"version":"6b3343cf","#), "\(bodies[0])")
        #expect(bodies[0].contains(#""extensions":[{"name":"status_request","type":5},"#), "\(bodies[0])")
        #expect(bodies[0].contains(#"{"name":"alpn","type":16,"values":["h3""#), "\(bodies[0])")
        #expect(columnValues(found[0])[4]?.hasPrefix("\"q13") == true)
        // The digests are tshark's.
        #expect(columnValues(found[0])[2] == #""ea0aece5703cb982b232a0684fc35b16""#)
        #expect(columnValues(found[1])[3] == #""f4febc55ea12b31ae17cfb7e614afda8""#)
        #expect(bodies[1].contains(#""ja3s":{"hash":""#) && !bodies[1].contains(#""ja4""#))
        #expect(found.map(\.record.sourcePort) == [40_000, 9999])
        #expect(found.map(\.record.number) == [0, 1])
    }

    @Test func `are not made twice of a packet that is sent again, be it after a Retry`() {
        // Type 3 is Retry in version 1, type 0 in version 2 (RFC 9369, 3.2).
        let retry: [UInt8] = [0xc0, 0x6b, 0x33, 0x43, 0xcf, 0, 1, 9] + [UInt8](repeating: 1, count: 24)
        let client: Datagram = (QUICSamples.client, true)
        #expect(transactions(of: [client, client], port: 443).count == 1)
        #expect(transactions(of: [client, (retry, false), client], port: 443).count == 1)
        // The keys stay what they were.
        let server: Datagram = (QUICSamples.server, false)
        #expect(transactions(of: [client, (retry, false), server], port: 443).count == 2)
    }

    @Test func `are not made of a packet that was changed, nor of a server's without the client's`() {
        for index in [20, 60, 700, QUICSamples.client.count - 1] {
            var changed = QUICSamples.client
            changed[index] ^= 1
            #expect(transactions(of: [(changed, true)], port: 443).isEmpty, "byte \(index)")
        }
        #expect(transactions(of: [(QUICSamples.server, true)], port: 443).isEmpty)
    }

    @Test func `of Google's versions have the tags of the hello and their digest`() throws {
        let found = transactions(of: [(googleHello, true)], port: 443)
        #expect(
            found.map(\.body) == [
                #","quic":{"version":"Q046","sni":"a.org","ua":"agent","cyu":[{"hash":"#
                    + #""bc252431df58411cd2ea00eba190964f","string":"46,PAD-SNI-UAID"}]}"#
            ]
        )
        #expect(columnValues(try #require(found.first))[0] == #""a.org""#)
    }

    @Test func `of a datagram that was overwritten are as if it had been lost`() {
        var stage = ApplicationStage()
        var sink = TransactionList()
        let packet = Packet.udp(0x0a00_0001, 40_000, 0xc000_0235, 443)
        var flow = FlowView()
        flow.flowID = 7
        flow.toResponder = true
        let place = PacketPlace(time: packet.timestamp, number: 1, buffer: 0, interface: 0)
        let client = QUICSamples.client
        for isWhole in [false, true] {
            stage.datagram(client.span.bytes, headers: packet.headers, flow: flow, packet: place)
            if isWhole { stage.commit(into: &sink) } else { stage.discard() }
        }
        #expect(sink.transactions.map(\.record.number) == [0])
        // A packet of another kind that was overwritten changes nothing here.
        stage.discard()
        let kept = stage.quic.count
        #expect(kept == 1)
        var record = FlowRecord()
        record.flowID = 7
        stage.ended(&record, slot: 0)
        let left = stage.quic.count
        #expect(left == 0)
        #expect(record.application == .quic)
    }

    @Test func `stay JSON whatever the bytes are`() {
        staysJSON(
            after: [(QUICSamples.client, true)],
            (QUICSamples.server, false),
            port: 443,
            seed: 7,
            rounds: 300
        )
        staysJSON(after: [], (QUICSamples.client, true), port: 443, seed: 8, rounds: 300)
        #expect(staysJSON(after: [], (googleHello, true), port: 443, seed: 9, rounds: 2000) > 500)
    }
}

@Suite struct `Sessions of QUIC` {
    @Test func `are kept when the packet was whole, and forgotten with their flow`() {
        var sessions = QUICSessions()
        for flow in 1...3 as ClosedRange<UInt64> {
            var session = sessions[flow]
            session.datagrams = Int(flow)
            sessions.stage(session, of: flow)
            if flow == 2 { sessions.discard() } else { sessions.settle() }
        }
        #expect((1...3).map { sessions[$0].datagrams } == [1, 0, 3])
        sessions.ended(1)
        sessions.stage(nil, of: 3)
        sessions.settle()
        #expect(sessions.count == 0)
    }

    @Test func `hold no more than their bound, and count those that would`() {
        var sessions = QUICSessions()
        var session = QUICSession()
        session.connectionID = [UInt8](repeating: 0, count: 1 << 20)
        for flow in 0..<20 as Range<UInt64> {
            sessions.stage(session, of: flow)
            sessions.settle()
        }
        #expect(sessions.count == 16)
        #expect(sessions.cut == 4)
    }
}

@Suite struct `A block of AES-128` {
    @Test func `is encrypted as FIPS 197, appendix C.1, and RFC 9001, appendix A.2, show it`() {
        let cipher = AES128Block(key: (0..<16).map { $0 })
        let block = cipher.encrypt((0..<16).map { $0 << 4 | $0 })
        #expect(hexadecimal(block) == "69c4e0d86a7b0430d8cdb78070b4c55a")
        let header = AES128Block(key: bytes(of: "9f50449e04a0e810283a1e9933adedd2"))
        let mask = header.encrypt(bytes(of: "d1b1c98dd7689fb8ec11d242b123dc9b"))
        #expect(hexadecimal(Array(mask.prefix(5))) == "437b9aec36")
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func bytes(of text: String) -> [UInt8] {
        stride(from: 0, to: text.utf8.count, by: 2).map { start in
            UInt8(text.dropFirst(start).prefix(2), radix: 16) ?? 0
        }
    }
}
