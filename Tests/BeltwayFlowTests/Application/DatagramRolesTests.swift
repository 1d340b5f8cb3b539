// SPDX-License-Identifier: Apache-2.0
// Who asks and who answers in flows of datagrams, by what is said: 10.0.0.1:40000 speaks first in all of them, unless a
// test says otherwise.
import BeltwayFlow
import BeltwayWire
import Testing

/// What is left of a flow of which the parsers heard all.
private struct Heard {
    var flow = FlowRecord()
    var transactions: [(record: TransactionRecord, body: String)] = []

    /// - Parameters:
    ///   - talk: Datagrams in order.
    ///   - ports: Of who spoke first, and of the other one.
    ///   - responder: The other one.
    init(_ talk: [Datagram], ports: (UInt16, UInt16), responder: UInt32 = 0xc000_0235) {
        var stage = ApplicationStage()
        var sink = TransactionList()
        flow.flowID = 7
        flow.transportProtocol = 17
        flow.ipVersion = 4
        (flow.originator, flow.originatorPort) = (IPAddress(v4: 0x0a00_0001), ports.0)
        (flow.responder, flow.responderPort) = (IPAddress(v4: responder), ports.1)
        for (number, item) in talk.enumerated() {
            let packet =
                item.toResponder
                ? Packet.udp(0x0a00_0001, ports.0, responder, ports.1)
                : Packet.udp(responder, ports.1, 0x0a00_0001, ports.0)
            var view = FlowView()
            view.flowID = 7
            view.toResponder = item.toResponder
            let place = PacketPlace(time: packet.timestamp, number: UInt64(number), buffer: 0, interface: 0)
            stage.datagram(item.bytes.span.bytes, headers: packet.headers, flow: view, packet: place)
            stage.commit(into: &sink)
            flow.history.append("D", byOriginator: item.toResponder)
        }
        stage.beginEnd(of: flow)
        stage.ended(&flow, slot: 0)
        stage.commit(into: &sink)
        transactions = sink.transactions
    }
}

/// A record of DTLS 1.2 with one handshake message.
private func record(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    let length = UInt8(body.count)
    return [22, 0xfe, 0xfd] + [UInt8](repeating: 0, count: 8) + [0, length + 12]
        + [type, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length] + body
}

private let random = [UInt8](repeating: 7, count: 32)
/// A client's hello that names `a.org`.
private let clientHello = record(
    1,
    [0xfe, 0xfd] + random + [0, 0, 0, 2, 0xc0, 0x2f, 1, 0, 0, 14, 0, 0, 0, 10, 0, 8, 0, 0, 5]
        + Array("a.org".utf8)
)
private let serverHello = record(2, [0xfe, 0xfd] + random + [0, 0xc0, 0x2f, 0])
private let encrypted: [UInt8] = [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3]
private let binding: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + [UInt8](repeating: 1, count: 12)

@Suite struct `Who asks in a flow of datagrams` {
    private static func name(isAnswer: Bool) -> [UInt8] {
        [0, 9, isAnswer ? 0x81 : 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 0, 0, 1, 0, 1]
    }
    private let question = name(isAnswer: false)
    private let answer = name(isAnswer: true)

    @Test func `is who is answered first, in messages of DNS`() {
        let heard = Heard([(answer, true), (question, false)], ports: (53, 40_000))
        #expect(heard.flow.originatorPort == 40_000 && heard.flow.responder == IPAddress(v4: 0x0a00_0001))
        #expect(heard.flow.history.text == "^dD" && heard.flow.isExchanged)
        // Each message still comes from who sent it.
        #expect(heard.transactions.map(\.record.sourcePort) == [53, 40_000])
        #expect(heard.transactions.map(\.record.toResponder) == [false, true])
        #expect(heard.transactions.map(\.record.isTurned) == [true, true])
    }

    @Test func `is not who is sent an answer that nobody sends: to a server's port, or to a group`() {
        let group: UInt32 = 0xe000_00fc
        let talks: [Heard] = [
            Heard([(answer, true), (question, true), (answer, false)], ports: (40_000, 53)),
            Heard([(answer, true)], ports: (6000, 53), responder: .max),
            Heard([(answer, true)], ports: (5355, 5355), responder: group),
        ]
        for heard in talks {
            #expect(heard.flow.originator == IPAddress(v4: 0x0a00_0001) && !heard.flow.isExchanged)
            #expect(heard.transactions.first?.record.toResponder == true)
        }
        #expect(talks.map(\.flow.application) == [.dns, .dns, .llmnr])
    }

    @Test func `is not asked anew when an answer comes after something else`() {
        let heard = Heard([([0, 0, 0, 0, 0], true), (answer, true)], ports: (53, 40_000))
        #expect(heard.flow.originatorPort == 53 && !heard.flow.isExchanged && heard.flow.application == .dns)
    }

    @Test func `is who is sent a server's hello first, in DTLS`() throws {
        let heard = Heard(
            [(serverHello, true), (encrypted, false), (encrypted, true)],
            ports: (4433, 40_000)
        )
        #expect(heard.flow.originatorPort == 40_000 && heard.flow.history.text == "^dDd")
        let hello = try #require(heard.transactions.first)
        #expect(hello.body.contains("ja3s") && hello.record.sourcePort == 40_000)
    }

    @Test func `is who sends a client's hello, whatever it sent before`() throws {
        let talk = [
            (serverHello, true), (clientHello, true), (serverHello, false), (encrypted, true),
            (encrypted, false),
        ]
        let heard = Heard(talk, ports: (40_000, 4433))
        #expect(heard.flow.originatorPort == 40_000 && !heard.flow.isExchanged)
        let hello = try #require(heard.transactions.first)
        #expect(heard.transactions.count == 1 && hello.body.contains(#""sni":"a.org""#))
        #expect(hello.record.sourcePort == 40_000 && !hello.record.isTurned)
    }

    @Test func `is by its record who spoke first, if the other one sends the client's hello`() throws {
        let talk = [
            (binding, true), (clientHello, false), (serverHello, true), (encrypted, false), (encrypted, true),
        ]
        let heard = Heard(talk, ports: (40_000, 41_000))
        #expect(heard.flow.originatorPort == 40_000 && !heard.flow.isExchanged)
        let hello = try #require(heard.transactions.first)
        #expect(hello.record.sourcePort == 41_000 && hello.body.contains(#""sni":"a.org""#))
    }

    @Test func `is still known when a datagram was overwritten that seemed to settle it`() {
        var stage = ApplicationStage()
        let packet = Packet.udp(0x0a00_0001, 40_000, 0xc000_0235, 4433)
        var view = FlowView()
        view.flowID = 7
        view.toResponder = true
        let place = PacketPlace(time: packet.timestamp, number: 1, buffer: 0, interface: 0)
        stage.datagram(serverHello.span.bytes, headers: packet.headers, flow: view, packet: place)
        stage.discard()
        var flow = FlowRecord()
        flow.flowID = 7
        flow.originatorPort = 40_000
        stage.ended(&flow, slot: 0)
        #expect(flow.originatorPort == 40_000 && !flow.isExchanged)
    }
}
