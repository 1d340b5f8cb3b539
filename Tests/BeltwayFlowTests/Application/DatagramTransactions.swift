// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

/// A datagram of a flow, and which way it goes.
typealias Datagram = (bytes: [UInt8], toResponder: Bool)

/// Transactions of datagrams of one flow between 10.0.0.1:40000 and 192.0.2.53.
func transactions(
    of datagrams: [Datagram],
    port: UInt16,
    events: EventSettings = EventSettings()
) -> [(record: TransactionRecord, body: String)] {
    var stage = ApplicationStage(events: events)
    var sink = TransactionList()
    for (bytes, toResponder) in datagrams {
        let packet =
            toResponder
            ? Packet.udp(0x0a00_0001, 40_000, 0xc000_0235, port)
            : Packet.udp(0xc000_0235, port, 0x0a00_0001, 40_000)
        var flow = FlowView()
        flow.flowID = 7
        flow.toResponder = toResponder
        stage.datagram(
            bytes.span.bytes,
            headers: packet.headers,
            flow: flow,
            packet: PacketPlace(time: packet.timestamp, number: 1, buffer: 0, interface: 0)
        )
        stage.commit(into: &sink)
    }
    return sink.transactions
}

/// The JSON values of a transaction's columns, nil where there is none.
func columnValues(_ transaction: (record: TransactionRecord, body: String)) -> [String?] {
    let bytes = Array(transaction.body.utf8)
    return transaction.record.kind.columns.indices.map { column in
        transaction.record.mark(column).map { String(decoding: bytes[$0], as: UTF8.self) }
    }
}

/// Whether what a parser wrote is an object of JSON.
func isJSON(_ body: String) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(("{" + body.dropFirst() + "}").utf8))) != nil
}

/// Lets a parser read every prefix of a message behind a whole one, and changed copies: what it writes stays JSON.
///
/// - Parameters:
///   - messages: What was said before, so that the flow's protocol is known.
///   - message: What is cut and changed.
///   - port: The responder's port.
///   - seed: What the changes follow from.
///   - rounds: How many changed copies.
/// - Returns: Transactions that were written.
@discardableResult
func staysJSON(
    after messages: [Datagram],
    _ message: Datagram,
    port: UInt16,
    seed: UInt64,
    rounds: Int = 2000
) -> Int {
    var made = 0
    func check(_ bytes: [UInt8], _ what: String) {
        for (record, body) in transactions(of: messages + [(bytes, message.toResponder)], port: port) {
            made += 1
            let inside = record.kind.columns.indices.allSatisfy {
                (record.mark($0)?.upperBound ?? 0) <= body.utf8.count
            }
            #expect(inside && isJSON(body), "\(what): \(body)")
        }
    }
    for count in 0..<message.bytes.count { check(Array(message.bytes.prefix(count)), "cut to \(count)") }
    var numbers = SeededNumbers(seed: seed)
    for round in 0..<rounds {
        var bytes = message.bytes
        for _ in 0...numbers.next() % 4 {
            bytes[Int(numbers.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: numbers.next())
        }
        check(bytes, "seed \(seed), round \(round)")
    }
    return made
}
