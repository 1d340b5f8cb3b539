// SPDX-License-Identifier: Apache-2.0
// The event `anomaly` (Suricata 8): what a protocol's messages have that they should not, or lack.
//
//     ,"anomaly":{"app_proto":"smtp","type":"applayer","event":"INVALID_REPLY","layer":"proto_parser"}
//     ,"anomaly":{"type":"decode","event":"decoder.ipv4.hlen_too_small"}      a packet's headers
//     ,"anomaly":{"type":"stream","event":"stream.reassembly_seq_gap"}        a stream that is parsed
//
// The names are Suricata's, where it has one for the same thing. Anyone may send what is no protocol's at line rate: so
// no more than `mostEachSecond` of a kind and worker are written, by the clock of the packets; the rest is counted.

internal import BeltwayWire

/// The table `anomaly`, and what bounds its rows.
public enum Anomalies {
    /// Columns of the table.
    public static let columns = [
        TransactionColumn("event", .text), TransactionColumn("type", .text),
        TransactionColumn("app_proto", .text),
    ]

    /// Anomalies of a kind that a worker writes in one second.
    public static var mostEachSecond: Int { 100 }
}

/// Anomalies of one kind that were written in one second of the packets' clock.
struct AnomalyBudget {
    private var second: UInt64 = 0
    private var count = 0

    /// Whether one more may be written.
    mutating func take(at time: Timestamp) -> Bool {
        let now = time.nanoseconds / 1_000_000_000
        if now != second { (second, count) = (now, 0) }
        count += 1
        return count <= Anomalies.mostEachSecond
    }
}

extension TransactionStage {
    /// Writes an anomaly of the packet that is being looked at; no other transaction may be open.
    ///
    /// - Parameters:
    ///   - event: What it is, as Suricata names it.
    ///   - application: Whose, as EVE's `app_proto`.
    ///   - number: Number of the transaction that has it.
    mutating func anomaly(_ event: StaticString, of application: StaticString, number: UInt32) {
        guard events.anomalies.contains(.applayer) else { return }
        guard messageAnomalies.take(at: packet.time) else {
            anomaliesLeftOut &+= 1
            return
        }
        begin(.anomaly, number: number, object: "anomaly")
        literal("app_proto", application, column: 2)
        literal("type", "applayer", column: 1)
        literal("event", event, column: 0)
        text.member("layer", literal: "proto_parser")
        end()
    }

    /// Writes an anomaly of the headers of the packet that is being looked at.
    ///
    /// - Parameters:
    ///   - event: What it is, as Suricata names it.
    ///   - etherType: The EtherType that is not known, 0 for none.
    mutating func packetAnomaly(_ event: StaticString, etherType: UInt16) {
        guard packetAnomalies.take(at: packet.time) else {
            anomaliesLeftOut &+= 1
            return
        }
        begin(.anomaly, number: 0, object: "anomaly", showsNumber: false)
        literal("type", "decode", column: 1)
        literal("event", event, column: 0)
        if etherType != 0 {
            text.closeObject()
            text.openObject("ether")
            text.member("ether_type", UInt64(etherType))
        }
        end()
    }

    /// Writes an anomaly of a stream, which the packet that is being looked at shows.
    mutating func streamAnomaly(_ event: StaticString) {
        guard events.anomalies.contains(.stream) else { return }
        guard streamAnomalies.take(at: packet.time) else {
            anomaliesLeftOut &+= 1
            return
        }
        begin(.anomaly, number: 0, object: "anomaly", showsNumber: false)
        literal("type", "stream", column: 1)
        literal("event", event, column: 0)
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
