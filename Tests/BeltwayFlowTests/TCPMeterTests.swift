// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

/// One TCP connection between two hosts, segment by segment.
private struct Connection {
    let bench = Bench()
    var time = 0.0

    enum Side { case originator, responder }

    /// Sends a segment: flags as letters of S A F R, sequence number, acknowledgement, bytes of payload.
    mutating func send(
        _ side: Side,
        _ flags: String,
        _ sequence: UInt32,
        _ acknowledgement: UInt32 = 0,
        _ payload: UInt32 = 0,
        window: UInt16 = 1000,
        after seconds: Double = 0.001
    ) {
        time += seconds
        let bits: [Character: UInt8] = ["F": 1, "S": 2, "R": 4, "A": 16]
        let (from, to): (UInt32, UInt32) = side == .originator ? (1, 2) : (2, 1)
        let ports: (UInt16, UInt16) = side == .originator ? (4000, 80) : (80, 4000)
        var packet = Packet.tcp(
            from,
            ports.0,
            to,
            ports.1,
            flags: flags.reduce(0) { $0 | (bits[$1] ?? 0) },
            sequence: sequence,
            acknowledgement: acknowledgement,
            payload: payload,
            time: time
        )
        packet.headers.window = window
        packet.headers.ipLength = 40 + payload
        bench.track(packet)
    }

    mutating func open() {
        send(.originator, "S", 100)
        send(.responder, "SA", 500, 101, after: 0.020)
        send(.originator, "A", 101, 501, after: 0.005)
    }

    func record() -> FlowRecord? { bench.finish().first }
}

@Suite struct `Metering a TCP connection` {
    @Test func `sums up a whole connection`() throws {
        var connection = Connection()
        connection.open()
        connection.send(.originator, "A", 101, 501, 10)
        connection.send(.responder, "A", 501, 111, after: 0.030)
        connection.send(.responder, "A", 501, 111, 200)
        connection.send(.originator, "FA", 111, 701)
        connection.send(.responder, "FA", 701, 112)
        connection.send(.originator, "A", 112, 702)
        let record = try #require(connection.record())
        #expect(record.connectionState == .sf)
        #expect(record.history.text == "ShADadFf")
        #expect(record.payloadBytesToResponder == 10)
        #expect(record.payloadBytesToOriginator == 200)
        #expect(record.ipBytesToResponder == 5 * 40 + 10)
        #expect(record.ipBytesToOriginator == 4 * 40 + 200)
        #expect(record.metered.originator.handshakeTime == 20_000)
        #expect(record.metered.responder.handshakeTime == 5000)
        #expect(record.metered.originator.dataTime == 30_000)
        #expect(record.metered.originator.retransmissions == 0)
        #expect(record.metered.originator.missedBytes == 0)
        #expect(!record.isOneSided)
    }

    @Test func `names the state of what did not come to its end`() throws {
        func state(_ body: (inout Connection) -> Void) throws -> ConnectionState {
            var connection = Connection()
            body(&connection)
            return try #require(connection.record()).connectionState
        }
        #expect(try state { $0.send(.originator, "S", 100) } == .s0)
        #expect(
            try state {
                $0.send(.originator, "S", 100)
                $0.send(.responder, "RA", 0, 101)
            } == .rejected
        )
        #expect(
            try state {
                $0.send(.originator, "S", 100)
                $0.send(.originator, "R", 101)
            } == .resetAttempt
        )
        #expect(
            try state {
                $0.send(.originator, "S", 100)
                $0.send(.originator, "FA", 101, 501)
            } == .half
        )
        #expect(try state { $0.open() } == .s1)
        #expect(
            try state {
                $0.open()
                $0.send(.originator, "FA", 101, 501)
            } == .s2
        )
        #expect(
            try state {
                $0.open()
                $0.send(.responder, "FA", 501, 101)
            } == .s3
        )
        #expect(
            try state {
                $0.open()
                $0.send(.originator, "R", 101)
            } == .resetByOriginator
        )
        #expect(
            try state {
                $0.open()
                $0.send(.responder, "R", 501)
            } == .resetByResponder
        )
        #expect(
            try state {
                $0.send(.responder, "SA", 500, 101)
                $0.send(.responder, "R", 501)
            } == .resetHalf
        )
        #expect(
            try state {
                $0.send(.originator, "A", 101, 501, 5)
                $0.send(.responder, "A", 501, 106, 5)
            } == .other
        )
    }

    @Test func `remembers a lone SYN without a meter`() throws {
        var connection = Connection()
        connection.send(.originator, "S", 100)
        let memory = connection.bench.tracker.statistics.memoryBytes
        for port in 1...2000 as ClosedRange<UInt16> {
            connection.bench.track(.tcp(7, port, 8, 80, flags: 2, sequence: 9))
        }
        #expect(connection.bench.tracker.statistics.memoryBytes - memory <= 4096 * 8)
        let records = connection.bench.finish()
        #expect(records.allSatisfy { $0.connectionState == .s0 && $0.history.text == "S" })
        #expect(records.allSatisfy { $0.payloadBytesToResponder == 0 && $0.isOneSided })
    }

    @Test func `tells what was sent again from what came late`() throws {
        var connection = Connection()
        connection.open()
        connection.send(.originator, "A", 101, 501, 10)
        connection.send(.originator, "A", 101, 501, 10)
        connection.send(.originator, "A", 121, 501, 10)
        connection.send(.originator, "A", 111, 501, 10)
        connection.send(.responder, "A", 501, 131)
        let record = try #require(connection.record())
        #expect(record.metered.originator.retransmissions == 1)
        #expect(record.metered.originator.outOfOrder == 1)
        #expect(record.metered.originator.missedBytes == 0)
        #expect(record.history.text == "ShADTa")
        #expect(record.payloadBytesToResponder == 30)
    }

    @Test func `counts what was acknowledged and never seen`() throws {
        var connection = Connection()
        connection.open()
        connection.send(.originator, "A", 101, 501, 10)
        connection.send(.originator, "A", 131, 501, 10)
        connection.send(.responder, "A", 501, 141)
        connection.send(.responder, "A", 501, 151)
        let record = try #require(connection.record())
        #expect(record.metered.originator.missedBytes == 30)
        #expect(record.payloadBytesToResponder == 50)
        #expect(record.history.text == "ShADaG" || record.history.text == "ShADGa")
    }

    @Test func `counts windows of 0, and writes them at the first and the tenth`() throws {
        var connection = Connection()
        connection.open()
        for _ in 0..<12 { connection.send(.responder, "A", 501, 101, window: 0) }
        let record = try #require(connection.record())
        #expect(record.metered.responder.zeroWindows == 12)
        #expect(record.history.text == "ShAaww")
    }

    @Test func `follows sequence numbers across their wrap`() throws {
        var connection = Connection()
        connection.send(.originator, "S", 0xffff_fff0)
        connection.send(.responder, "SA", 0xffff_fffe, 0xffff_fff1)
        connection.send(.originator, "A", 0xffff_fff1, 0xffff_ffff, 100)
        connection.send(.responder, "A", 0xffff_ffff, 0x55, 50)
        connection.send(.originator, "FA", 0x55, 0x31)
        connection.send(.responder, "FA", 0x31, 0x56)
        let record = try #require(connection.record())
        #expect(record.payloadBytesToResponder == 100)
        #expect(record.payloadBytesToOriginator == 50)
        #expect(record.metered.originator.missedBytes == 0)
        #expect(record.connectionState == .sf)
    }

    @Test func `marks sides exchanged where the answer was seen first`() throws {
        var connection = Connection()
        connection.send(.responder, "SA", 500, 101)
        connection.send(.originator, "A", 101, 501)
        connection.send(.originator, "A", 101, 501, 10)
        let record = try #require(connection.record())
        #expect(record.history.text == "^hAD")
        #expect(record.connectionState == .s1)
        #expect(record.originatorPort == 4000)
    }

    @Test func `keeps the first letters of a history without end`() throws {
        var connection = Connection()
        connection.open()
        for turn in 0..<100 as Range<UInt32> { connection.send(.originator, "S", 100 + turn * 7) }
        let record = try #require(connection.record())
        #expect(record.history.text.count == FlowHistory.capacity)
        #expect(record.history.text.hasPrefix("ShASSS"))
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `survives segments without any sense`(seed: UInt64) {
        var dice = Dice(state: seed)
        var connection = Connection()
        for _ in 0..<20_000 {
            let flags = "FSRA".filter { _ in dice.next() & 3 == 0 }
            connection.send(
                dice.next() & 1 == 0 ? .originator : .responder,
                flags,
                UInt32(truncatingIfNeeded: dice.next()),
                UInt32(truncatingIfNeeded: dice.next()),
                UInt32(truncatingIfNeeded: dice.next() & 0xffff),
                window: UInt16(truncatingIfNeeded: dice.next())
            )
        }
        let records = connection.bench.finish()
        #expect(records.allSatisfy { $0.history.text.count <= FlowHistory.capacity })
        #expect(records.map { $0.packetsToResponder + $0.packetsToOriginator }.reduce(0, +) == 20_000)
    }

    @Test func `takes little memory`() {
        #expect(MemoryLayout<TCPMeter>.stride <= 256)
        let index = FlowTable.bytesPerFlow + 26
        #expect(index < 256)
        #expect(index + MemoryLayout<TCPMeter>.stride < 512)
    }
}
