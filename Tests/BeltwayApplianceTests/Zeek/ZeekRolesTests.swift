// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@testable import BeltwayAppliance

/// A flow whose first packet went from 10.0.0.1 to 10.0.0.2, or to `group`.
private func flow(
    _ transport: UInt8,
    _ source: UInt16,
    _ destination: UInt16,
    _ history: String = "Dd",
    group: UInt32? = nil
) -> FlowRecord {
    var flow = FlowRecord()
    flow.flowID = 7
    flow.transportProtocol = transport
    flow.ipVersion = 4
    flow.originator = IPAddress(v4: 0x0a00_0001)
    flow.responder = IPAddress(v4: group ?? 0x0a00_0002)
    (flow.originatorPort, flow.responderPort) = (source, destination)
    (flow.start, flow.end) = (Timestamp(seconds: 1), Timestamp(seconds: 2))
    (flow.packetsToResponder, flow.packetsToOriginator) = (2, 3)
    (flow.ipBytesToResponder, flow.ipBytesToOriginator) = (200, 300)
    (flow.payloadBytesToResponder, flow.payloadBytesToOriginator) = (20, 30)
    flow.connectionState = .sf
    flow.history = FlowHistory(history)
    return flow
}

/// A message of such a flow.
private func message(of flow: FlowRecord, isForward: Bool) -> TransactionRecord {
    var record = TransactionRecord()
    record.flowID = flow.flowID
    record.transportProtocol = flow.transportProtocol
    record.ipVersion = flow.ipVersion
    record.isMidstream = flow.isMidstream
    record.toResponder = isForward
    record.source = isForward ? flow.originator : flow.responder
    record.destination = isForward ? flow.responder : flow.originator
    record.sourcePort = isForward ? flow.originatorPort : flow.responderPort
    record.destinationPort = isForward ? flow.responderPort : flow.originatorPort
    return record
}

/// A line's values from `id.orig_h` on.
private func values(_ writer: consuming ZeekWriter) -> [String] {
    String(decoding: writer.lines.copy(), as: UTF8.self).split(whereSeparator: { $0 == "\t" || $0 == "\n" })
        .dropFirst(2).map(String.init)
}

private func connection(_ flow: FlowRecord) -> [String] {
    var writer = ZeekWriter(format: .tsv)
    ZeekConnections.append(flow, to: &writer)
    return values(writer)
}

private func ends(_ record: TransactionRecord) -> [String] {
    var writer = ZeekWriter(format: .tsv)
    writer.beginLine(record, start: nil)
    writer.endLine()
    return values(writer)
}

@Suite struct `Originators in Zeek's logs` {
    @Test func `are the clients of flows whose first packet was a server's, with all that was theirs`() {
        let line = connection(flow(17, 53, 40_000, "Dd"))
        #expect(
            line == [
                "10.0.0.2", "40000", "10.0.0.1", "53", "udp", "-", "1.000000", "30", "20", "SF", "T", "T",
                "0",
                "^dD", "3", "300", "2", "200", "-", "17",
            ]
        )
    }

    @Test(
        arguments: [
            (17, 53, 40_000, "D", true), (17, 67, 68, "D", true), (17, 68, 67, "D", false),
            (17, 5353, 53, "D", false), (17, 40_000, 53, "D", false), (17, 40_000, 40_001, "D", false),
            (6, 80, 40_000, "DadA", true), (6, 80, 40_000, "ShADad", false), (6, 80, 40_000, "^hADad", false),
            (6, 80, 443, "Aa", true), (6, 443, 80, "Aa", false), (6, 53, 40_000, "QR", false),
            (1, 53, 0, "", false),
        ] as [(UInt8, UInt16, UInt16, String, Bool)]
    )
    func `are exchanged by ports, for TCP only without its SYN`(
        transport: UInt8,
        source: UInt16,
        destination: UInt16,
        history: String,
        isExchanged: Bool
    ) {
        let flow = flow(transport, source, destination, history)
        #expect(ZeekRoles.areExchanged(flow) == isExchanged)
        #expect(connection(flow)[0] == (isExchanged ? "10.0.0.2" : "10.0.0.1"))
    }

    @Test(arguments: [0xffff_ffff, 0xe000_0001] as [UInt32])
    func `are never a group's or everyone's address`(group: UInt32) {
        #expect(!ZeekRoles.areExchanged(flow(17, 67, 68, "D", group: group)))
    }

    @Test(arguments: [flow(17, 53, 40_000), flow(6, 80, 40_000, "DadA"), flow(6, 80, 40_000, "ShADad")])
    func `are the same in the logs of transactions, whichever side a message is from`(flow: FlowRecord) {
        let expected = Array(connection(flow).prefix(4))
        #expect(ends(message(of: flow, isForward: true)) == expected)
        #expect(ends(message(of: flow, isForward: false)) == expected)
    }

    @Test func `are exchanged once, if what was said in the flow has exchanged them already`() {
        let flow = flow(17, 40_000, 53, "Dd").exchanged
        #expect(flow.originatorPort == 53 && !ZeekRoles.areExchanged(flow))
        #expect(connection(flow)[0] == "10.0.0.2")
        var record = message(of: flow, isForward: true)
        #expect(ZeekRoles.areExchanged(record))
        record.isTurned = true
        #expect(!ZeekRoles.areExchanged(record))
    }

    @Test func `have the states of their side`() {
        let pairs: [(ConnectionState, ConnectionState)] = [
            (.s0, .halfByResponder), (.half, .halfByResponder), (.s2, .s3), (.sf, .sf), (.other, .other),
            (.resetByOriginator, .resetByResponder), (.resetAttempt, .resetHalf), (.rejected, .rejected),
        ]
        for (state, expected) in pairs {
            #expect(state.exchanged == expected)
            if state != .s0 { #expect(expected.exchanged == state) }
        }
    }

    @Test func `keep as much of a long history as there is room for`() {
        let flow = flow(17, 53, 40_000, String(repeating: "Dd", count: 20)).exchanged
        #expect(flow.history.text == "^" + String(repeating: "dD", count: 15))
    }
}
