// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayWire
import Foundation
import Testing

/// A data directory of one test, gone with it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/beltway-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The partition files' names.
    var partitions: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/flows")) ?? []
        return names.filter { $0.hasSuffix(".sqlite") }.sorted()
    }

    func partition(_ number: Int) -> String { path + "/flows/" + String(format: "%06d", number) + ".sqlite" }
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

enum Sample {
    /// 2026-11-22T11:40:00Z.
    static let noon = Timestamp(seconds: 1_795_347_600)

    /// A TCP flow from 10.0.0.1 to 192.0.2.`number % 256`, begun `number` seconds after ``noon``.
    static func flow(_ number: Int) -> FlowRecord {
        var record = FlowRecord()
        record.flowID = UInt64(number) + 1
        record.start = noon.advanced(byNanoseconds: UInt64(number) * 1_000_000_000)
        record.end = record.start.advanced(byNanoseconds: 500_000_000)
        record.originator = IPAddress(v4: 0x0a00_0001)
        record.responder = IPAddress(v4: 0xc000_0200 | UInt32(number & 0xff))
        record.originatorPort = UInt16(truncatingIfNeeded: 40_000 + number % 1000)
        record.responderPort = 443
        record.transportProtocol = 6
        record.ipVersion = 4
        record.state = .closed
        record.tcpState = .closed
        record.endReason = .timeout
        record.packetsToResponder = 5
        record.packetsToOriginator = 4
        record.bytesToResponder = 600
        record.bytesToOriginator = 4000
        return record
    }

    /// A record every field of which is drawn from the generator.
    static func randomFlow(_ generator: inout SeededGenerator) -> FlowRecord {
        var record = FlowRecord()
        record.flowID = generator.next() >> 11
        record.start = Timestamp(nanoseconds: noon.nanoseconds + generator.next() % 86_400_000_000_000)
        record.end = record.start.advanced(byNanoseconds: generator.next() % 3_600_000_000_000)
        record.ipVersion = generator.next() & 1 == 0 ? 4 : 6
        if record.ipVersion == 4 {
            record.originator = IPAddress(v4: 0x0a00_0000 | UInt32(generator.next() % 512))
            record.responder = IPAddress(v4: 0x0a00_0000 | UInt32(generator.next() % 512))
        } else {
            record.originator = IPAddress(high: 0x2001_0db8_0000_0000, low: generator.next() % 16)
            record.responder = IPAddress(high: 0x2001_0db8_0000_0001, low: generator.next() % 16)
        }
        record.originatorPort = UInt16(generator.next() % 100)
        record.responderPort = UInt16(generator.next() % 100)
        record.transportProtocol = [1, 6, 17, 58, 132, 47].randomElement(using: &generator) ?? 6
        record.vlanCount = UInt8(generator.next() % 3)
        if record.vlanCount > 0 { record.vlan.outer = UInt16(generator.next() % 4096) }
        if record.vlanCount > 1 { record.vlan.inner = UInt16(generator.next() % 4096) }
        record.state = FlowState.allCases.randomElement(using: &generator) ?? .new
        record.endReason = FlowEndReason.allCases.randomElement(using: &generator) ?? .timeout
        record.tcpState = TCPState.allCases.randomElement(using: &generator) ?? .none
        record.originatorFlags = UInt8(truncatingIfNeeded: generator.next())
        record.responderFlags = UInt8(truncatingIfNeeded: generator.next())
        record.alerted = generator.next() & 1 == 0
        record.buffer = UInt16(generator.next() % 2)
        record.interface = UInt16(generator.next() % 3)
        record.packetsToResponder = generator.next() % 1000
        record.packetsToOriginator = generator.next() % 1000
        record.bytesToResponder = generator.next() % 1_000_000
        record.bytesToOriginator = generator.next() % 1_000_000
        meter(&record, &generator)
        return record
    }

    /// Draws what metering would find; what only TCP has is left to TCP.
    private static func meter(_ record: inout FlowRecord, _ generator: inout SeededGenerator) {
        record.connectionState = ConnectionState.allCases.randomElement(using: &generator) ?? .other
        for letter in "SHADTF".prefix(Int(generator.next() % 7)) {
            record.history.append(letter, byOriginator: generator.next() & 1 == 0)
        }
        record.application = ApplicationProtocol.allCases.randomElement(using: &generator) ?? .smtp
        record.originalApplication = ApplicationProtocol.allCases.randomElement(using: &generator) ?? .smtp
        record.ipBytesToResponder = generator.next() % 1_000_000
        record.ipBytesToOriginator = generator.next() % 1_000_000
        record.payloadBytesToResponder = generator.next() % 1_000_000
        record.payloadBytesToOriginator = generator.next() % 1_000_000
        if generator.next() % 4 == 0 {
            record.tunnelDepth = 1
            record.tunnelKind = TunnelKind.allCases.randomElement(using: &generator) ?? .gre
            record.tunnelID = UInt32(truncatingIfNeeded: generator.next())
            record.parentID = generator.next() >> 11
        }
        if generator.next() % 8 == 0 { record.packetsToOriginator = 0 }
        guard record.transportProtocol == 6 else { return }
        func side() -> FlowRecord.Side {
            var side = FlowRecord.Side()
            if generator.next() % 3 > 0 { side.handshakeTime = UInt32(generator.next() % 300_000) }
            if generator.next() % 3 > 0 { side.dataTime = UInt32(generator.next() % 300_000) }
            side.retransmissions = UInt32(generator.next() % 20)
            side.outOfOrder = UInt32(generator.next() % 20)
            side.zeroWindows = UInt32(generator.next() % 3)
            side.missedBytes = generator.next() % 5000
            return side
        }
        record.metered = (side(), side())
    }

    /// An alert in the direction of a flow, with the counters of its end.
    static func alert(on flow: FlowRecord, signature: UInt32 = 0) -> AlertRecord {
        var alert = AlertRecord()
        alert.time = flow.start
        alert.flowID = flow.flowID
        alert.signature = signature
        alert.ordinal = UInt32(truncatingIfNeeded: flow.flowID &* 77)
        alert.source = flow.originator
        alert.destination = flow.responder
        alert.sourcePort = flow.originatorPort
        alert.destinationPort = flow.responderPort
        alert.transportProtocol = flow.transportProtocol
        alert.ipVersion = flow.ipVersion
        alert.vlan = flow.vlan
        alert.vlanCount = flow.vlanCount
        alert.buffer = flow.buffer
        alert.interface = flow.interface
        alert.flowStart = flow.start
        alert.packetsToResponder = flow.packetsToResponder
        alert.packetsToOriginator = flow.packetsToOriginator
        alert.bytesToResponder = flow.bytesToResponder
        alert.bytesToOriginator = flow.bytesToOriginator
        return alert
    }

    static let signatures = [
        SignatureInfo(
            id: 2_000_001,
            generator: 1,
            revision: 3,
            message: "ET SCAN Nmap",
            category: "Attempted Information Leak",
            severity: 2,
            metadata: [("zeta", ["1", "2"]), ("alpha", ["x"])],
            references: ["https://example.com/a"]
        ),
        SignatureInfo(id: 99, generator: 3, message: "quote ' and ; \" inside", severity: 1),
    ]
}

/// Every field of a record as text: equal texts are equal records.
func description(of record: FlowRecord) -> String { String(reflecting: record) }

/// Every field of a record as text: equal texts are equal records.
func description(of alert: AlertRecord) -> String { String(reflecting: alert) }

/// All flows that a query gives, from whole partitions only.
func flows(in directory: TemporaryDirectory, limit: Int? = nil) throws -> [FlowRow] {
    var query = FlowQuery(directory: directory.path)
    query.limit = limit
    var rows: [FlowRow] = []
    let outcome = try query.flows { batch in
        rows += batch
        return true
    }
    #expect(outcome.problems.isEmpty)
    return rows
}

/// All alerts that a query gives, from whole partitions only.
func alerts(in directory: TemporaryDirectory) throws -> [AlertRow] {
    var rows: [AlertRow] = []
    let outcome = try FlowQuery(directory: directory.path).alerts { batch in
        rows += batch
        return true
    }
    #expect(outcome.problems.isEmpty)
    return rows
}
