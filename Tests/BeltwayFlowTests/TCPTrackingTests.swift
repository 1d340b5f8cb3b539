// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

private let fin: UInt8 = 1
private let syn: UInt8 = 2
private let rst: UInt8 = 4
private let ack: UInt8 = 16

/// One connection 10.0.0.1:4000 to 10.0.0.2:80 with initial sequence numbers 1000 and 9000, packet by packet.
private final class Connection {
    let bench: Bench
    var time = 0.0
    var view = FlowView()

    init(_ configuration: FlowConfiguration = FlowConfiguration()) { bench = Bench(configuration) }

    @discardableResult
    func client(_ flags: UInt8, _ sequence: UInt32, _ acknowledgement: UInt32 = 0, payload: UInt32 = 0)
        -> TCPState
    {
        send(
            .tcp(
                0x0a00_0001,
                4000,
                0x0a00_0002,
                80,
                flags: flags,
                sequence: sequence,
                acknowledgement: acknowledgement,
                payload: payload
            )
        )
    }

    @discardableResult
    func server(_ flags: UInt8, _ sequence: UInt32, _ acknowledgement: UInt32 = 0, payload: UInt32 = 0)
        -> TCPState
    {
        send(
            .tcp(
                0x0a00_0002,
                80,
                0x0a00_0001,
                4000,
                flags: flags,
                sequence: sequence,
                acknowledgement: acknowledgement,
                payload: payload
            )
        )
    }

    func handshake() {
        client(syn, 1000)
        server(syn | ack, 9000, 1001)
        client(ack, 1001, 9001)
    }

    private func send(_ packet: Packet) -> TCPState {
        var packet = packet
        time += 0.01
        packet.time = time
        view = bench.track(packet) ?? FlowView()
        return bench.tracker.record(slot: view.slot).tcpState
    }
}

@Suite struct TCPTrackingTests {
    @Test func `a handshake, data and the originator's close go through Suricata's states`() {
        let connection = Connection()
        #expect(connection.client(syn, 1000) == .synSent)
        #expect(!connection.view.isEstablished)
        #expect(connection.server(syn | ack, 9000, 1001) == .synReceived)
        #expect(!connection.view.isEstablished)
        #expect(connection.client(ack, 1001, 9001) == .established)
        #expect(connection.view.isEstablished)
        #expect(connection.client(ack, 1001, 9001, payload: 10) == .established)
        #expect(connection.client(fin | ack, 1011, 9001) == .closeWait)
        #expect(connection.server(ack, 9001, 1012) == .closeWait)
        #expect(connection.server(fin | ack, 9001, 1012) == .lastAck)
        #expect(connection.client(ack, 1012, 9002) == .closed)
        let flows = connection.bench.finish()
        #expect(flows.map(\.state) == [.closed])
        #expect(flows.map(\.originatorFlags) == [syn | ack | fin])
        #expect(flows.map(\.responderFlags) == [syn | ack | fin])
        #expect(flows.map(\.packetsToResponder) == [5])
        #expect(flows.map(\.packetsToOriginator) == [3])
    }

    @Test func `the responder's close goes through finWait and timeWait`() {
        let connection = Connection()
        connection.handshake()
        #expect(connection.server(fin | ack, 9001, 1001) == .finWait1)
        #expect(connection.client(ack, 1001, 9001) == .finWait1)
        #expect(connection.client(ack, 1001, 9002) == .finWait2)
        #expect(connection.client(fin | ack, 1001, 9002) == .timeWait)
        #expect(connection.server(ack, 9002, 1002) == .closed)
    }

    @Test func `crossing FINs go through closing`() {
        let connection = Connection()
        connection.handshake()
        #expect(connection.server(fin | ack, 9001, 1001) == .finWait1)
        #expect(connection.client(fin | ack, 1001, 9001) == .closing)
        #expect(connection.client(ack, 1002, 9002) == .timeWait)
    }

    @Test func `a RST closes, but one that does not acknowledge the SYN is ignored`() {
        let connection = Connection()
        connection.client(syn, 1000)
        #expect(connection.server(rst | ack, 0, 5) == .synSent)
        #expect(connection.server(rst, 0) == .synSent)
        #expect(connection.server(rst | ack, 0, 1001) == .closed)
        #expect(connection.bench.finish().map(\.state) == [.closed])
    }

    @Test func `a SYN+ACK with a wrong acknowledgement does not advance the handshake`() {
        let connection = Connection()
        connection.client(syn, 1000)
        #expect(connection.server(syn | ack, 9000, 5000) == .synSent)
        #expect(connection.server(syn | ack, 9000, 1001) == .synReceived)
    }

    @Test func `a SYN with data may be acknowledged with it`() {
        let connection = Connection()
        connection.client(syn, 1000, payload: 100)
        #expect(connection.server(syn | ack, 9000, 1101) == .synReceived)
        #expect(connection.client(ack, 1101, 9001) == .established)
    }

    @Test func `sequence numbers may wrap`() {
        let connection = Connection()
        connection.client(syn, .max)
        #expect(connection.server(syn | ack, .max, 0) == .synReceived)
        #expect(connection.client(ack, 0, 0) == .established)
        #expect(connection.view.isEstablished)
    }

    @Test func `a SYN+ACK seen first makes its receiver the originator`() {
        let connection = Connection()
        #expect(connection.server(syn | ack, 9000, 1001) == .synReceived)
        #expect(!connection.view.toResponder && connection.view.isFirstPacket)
        #expect(connection.client(syn, 1000) == .synReceived)
        #expect(connection.view.toResponder && !connection.view.isFirstPacket)
        #expect(connection.client(ack, 1001, 9001) == .established)
        #expect(connection.view.isEstablished)
        let flows = connection.bench.finish()
        #expect(flows.map(\.originator) == [IPAddress(v4: 0x0a00_0001)])
        #expect(flows.map(\.originatorPort) == [4000])
        #expect(flows.map(\.responderPort) == [80])
    }

    @Test(arguments: [false, true]) func `midstream pickup counts as established only if told so`(
        midstream: Bool
    ) {
        var configuration = FlowConfiguration()
        configuration.midstream = midstream
        let connection = Connection(configuration)
        #expect(connection.client(ack, 5, 5, payload: 10) == .none)
        #expect(connection.server(ack, 5, 15, payload: 10) == .established)
        #expect(connection.view.isEstablished == midstream)
        #expect(connection.bench.finish().map(\.state) == [.established])
    }

    @Test func `a new SYN on a closed connection begins a new flow`() {
        let connection = Connection()
        connection.handshake()
        connection.client(rst, 1001)
        let first = connection.view.flowID
        connection.client(syn, 77_000)
        #expect(connection.view.isFirstPacket && connection.view.flowID != first)
        let flows = connection.bench.finish()
        #expect(flows.map(\.endReason) == [.tcpReuse, .shutdown])
        #expect(flows.map(\.packetsToResponder) == [3, 1])
    }

    @Test func `a repeated SYN is part of its flow, and so is a new one while the connection lives`() {
        let connection = Connection()
        connection.client(syn, 1000)
        connection.client(syn, 1000)
        connection.client(syn, 2000)
        connection.server(rst | ack, 0, 1001)
        connection.client(syn, 1000)
        #expect(connection.bench.finish().map(\.packetsToResponder) == [4])
    }

    @Test func `stray packets before a SYN are a flow of their own`() {
        let connection = Connection()
        #expect(connection.server(rst, 5) == .none)
        connection.handshake()
        #expect(connection.view.isEstablished && connection.view.toResponder)
        #expect(connection.bench.finish().map(\.endReason) == [.tcpReuse, .shutdown])
    }

    @Test func `any sequence of TCP packets is survived`() {
        var dice = Dice(state: 3)
        let connection = Connection()
        var packets: UInt64 = 0
        for _ in 0..<20_000 {
            let flags = UInt8(truncatingIfNeeded: dice.next())
            let near = UInt32.random(in: 0..<4, using: &dice)
            let number: UInt32 = dice.next() & 1 == 0 ? near : .max &- near
            if dice.next() & 1 == 0 {
                connection.client(flags, number, near, payload: near)
            } else {
                connection.server(flags, number, near, payload: near)
            }
            packets += 1
        }
        let flows = connection.bench.finish()
        #expect(flows.map { $0.packetsToResponder + $0.packetsToOriginator }.reduce(0, +) == packets)
        #expect(flows.allSatisfy { $0.state == ($0.tcpState).flowState })
    }
}
