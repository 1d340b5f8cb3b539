// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// A sink that keeps transactions with their bodies.
struct TransactionList: FactSink {
    var transactions: [(record: TransactionRecord, body: String)] = []

    mutating func record(_ fact: Fact) {}

    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        let bytes = body.indices.map { body[$0] }
        transactions.append((transaction, String(decoding: bytes, as: UTF8.self)))
    }
}

/// The question for `www.a.org`, and its answer: a CNAME, then an address.
private let question: [UInt8] =
    [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    + [3, 0x77, 0x77, 0x77, 1, 0x61, 3, 0x6f, 0x72, 0x67, 0, 0, 1, 0, 1]
private let answer: [UInt8] =
    [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0] + question[12...]
    + [0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 0, 0, 4, 1, 0x62, 0xc0, 16]
    + [0xc0, 39, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]

/// Transactions of datagrams of one flow of DNS.
private func transactions(
    _ datagrams: [Datagram],
    port: UInt16 = 53
) -> [(record: TransactionRecord, body: String)] {
    transactions(of: datagrams, port: port)
}

@Suite struct `DNS transactions` {
    @Test func `of a datagram that was overwritten are as if it had been lost`() {
        var stage = ApplicationStage()
        var sink = TransactionList()
        let packet = Packet.udp(0x0a00_0001, 40_000, 0xc000_0235, 53)
        var flow = FlowView()
        flow.flowID = 7
        flow.toResponder = true
        let place = PacketPlace(time: packet.timestamp, number: 1, buffer: 0, interface: 0)
        for isWhole in [false, true] {
            stage.datagram(question.span.bytes, headers: packet.headers, flow: flow, packet: place)
            if isWhole { stage.commit(into: &sink) } else { stage.discard() }
        }
        // A message that cannot be read, counted once.
        let cut = question[..<20]
        for isWhole in [false, true] {
            stage.datagram(cut.span.bytes, headers: packet.headers, flow: flow, packet: place)
            if isWhole { stage.commit(into: &sink) } else { stage.discard() }
        }
        let counters = stage.counters
        #expect(counters.transactions == 1 && counters.malformed == 1)
        #expect(sink.transactions.map { $0.body.contains(#""tx_id":0"#) } == [true])
    }

    @Test func `are a record for each message, as Suricata's version 3 has it`() {
        let found = transactions([(question, true), (answer, false)])
        #expect(
            found.map(\.body) == [
                #","dns":{"version":3,"type":"request","tx_id":0,"id":4660,"flags":"100","rd":true,"opcode":0,"#
                    + #""rcode":"NOERROR","queries":[{"rrname":"www.a.org","rrtype":"A"}]}"#,
                #","dns":{"version":3,"type":"response","tx_id":1,"id":4660,"flags":"8180","qr":true,"rd":true,"#
                    + #""ra":true,"opcode":0,"rcode":"NOERROR","queries":[{"rrname":"www.a.org","rrtype":"A"}],"#
                    + #""answers":[{"rrname":"www.a.org","rrtype":"CNAME","ttl":256,"rdata":"b.a.org"},"#
                    + #"{"rrname":"b.a.org","rrtype":"A","ttl":60,"rdata":"192.0.2.1"}],"#
                    + #""grouped":{"A":["192.0.2.1"],"CNAME":["b.a.org"]}}"#,
            ]
        )
    }

    @Test func `have the sender of the message as their source`() {
        let found = transactions([(question, true), (answer, false)]).map(\.record)
        #expect(found.map(\.sourcePort) == [40_000, 53])
        #expect(found.map(\.toResponder) == [true, false])
        #expect(found.map(\.flowID) == [7, 7])
        #expect(found.map(\.number) == [0, 1])
    }

    @Test func `mark the values of their columns`() throws {
        let (record, body) = try #require(transactions([(question, true), (answer, false)]).last)
        let bytes = Array(body.utf8)
        let values = TransactionKind.dns.columns.indices.map { column in
            record.mark(column).map { String(decoding: bytes[$0], as: UTF8.self) }
        }
        #expect(
            values == [#""www.a.org""#, #""A""#, #""NOERROR""#, #""response""#, "4660", #""b.a.org""#]
        )
    }

    @Test func `are found on other ports, and have names of their own on those of mDNS and LLMNR`() {
        #expect(transactions([(question, true)], port: 9999).map(\.record.kind) == [.dns])
        #expect(transactions([(question, true)], port: 5353).map(\.record.kind) == [.mdns])
        let names = transactions([(question, true), (answer, false)], port: 5355)
        #expect(names.map(\.record.kind) == [.llmnr, .llmnr])
        #expect(names[1].body.contains(#"{"rrname":"b.a.org","rrtype":"a","ttl":60,"a":"192.0.2.1"}"#))
    }

    @Test func `of LLMNR may have an opcode that is none, which is an anomaly`() {
        var odd = question
        odd[2] |= 0x78
        let found = transactions([(odd, true)], port: 5355)
        #expect(found.map(\.record.kind) == [.llmnr, .anomaly])
        #expect(found.last?.body.contains("\"invalid_opcode\"") == true)
        #expect(transactions([(odd, true)], port: 5353).isEmpty)
    }

    @Test func `are not made of what is no DNS, nor after a flow has shown that it is none`() {
        let text = Array("this is a datagram of something else".utf8)
        #expect(transactions([(text, true), (text, false)]).isEmpty)
        let many = Array(repeating: (bytes: text, toResponder: true), count: 20)
        #expect(transactions(many + [(question, true)]).isEmpty)
    }

    @Test func `stay JSON whatever the bytes are`() throws {
        var state: UInt64 = 11
        func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
        var made = 0
        for round in 0..<5000 {
            var bytes = answer
            for _ in 0...next() % 4 { bytes[12 + next() % (bytes.count - 12)] = UInt8(next() & 0xff) }
            let count = next() % 4 == 0 ? next() % bytes.count : bytes.count
            for (_, body) in transactions([(question, true), (Array(bytes.prefix(count)), false)]) {
                made += 1
                let line = Data(("{" + body.dropFirst() + "}").utf8)
                #expect((try? JSONSerialization.jsonObject(with: line)) != nil, "round \(round): \(body)")
            }
        }
        #expect(made > 5000)
    }
}
