// SPDX-License-Identifier: Apache-2.0
// The event `anomaly` (Suricata 8): what a protocol's messages have that they should not, or lack.
//
//     ,"anomaly":{"app_proto":"smtp","type":"applayer","event":"INVALID_REPLY","layer":"proto_parser"}
//
// The names are Suricata's, where it has one for the same thing. Anyone may send what is no protocol's at line rate: so
// no more than `mostEachSecond` of a worker's are written, by the clock of the packets; the rest is counted.

internal import BeltwayWire

/// The table `anomaly`, and what bounds its rows.
public enum Anomalies {
    /// Columns of the table.
    public static let columns = [
        TransactionColumn("event", .text), TransactionColumn("type", .text),
        TransactionColumn("app_proto", .text),
    ]

    /// Anomalies that a worker writes in one second.
    public static var mostEachSecond: Int { 100 }
}

extension TransactionStage {
    /// Writes an anomaly of the packet that is being looked at; no other transaction may be open.
    ///
    /// - Parameters:
    ///   - event: What it is, as Suricata names it.
    ///   - application: Whose, as EVE's `app_proto`.
    ///   - number: Number of the transaction that has it.
    mutating func anomaly(_ event: StaticString, of application: StaticString, number: UInt32) {
        let second = packet.time.nanoseconds / 1_000_000_000
        if second != anomalySecond { (anomalySecond, anomalies) = (second, 0) }
        guard anomalies < Anomalies.mostEachSecond else {
            anomaliesLeftOut &+= 1
            return
        }
        anomalies += 1
        begin(.anomaly, number: number, object: "anomaly")
        literal("app_proto", application, column: 2)
        literal("type", "applayer", column: 1)
        literal("event", event, column: 0)
        text.member("layer", literal: "proto_parser")
        end()
    }

    private mutating func literal(_ name: StaticString, _ value: StaticString, column: Int) {
        text.member(name)
        beginValue()
        text.append(0x22)
        text.append(value)
        text.append(0x22)
        mark(column)
    }
}
