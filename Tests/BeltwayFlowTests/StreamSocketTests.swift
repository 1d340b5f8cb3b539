// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayFlow
import BeltwayWire
import Testing

/// Connections whose packets lie in a ring of 64 KiB, read through sockets.
private struct SocketBench: ~Copyable {
    let ring: DataBuffer
    var producer: DataBufferProducer
    var tracker = FlowTracker()
    var stage: StreamStage<StreamSockets>
    var ordinal: UInt64 = 0

    init(_ configuration: SocketConfiguration = SocketConfiguration(), adopts: Bool = true) throws {
        let ring = try DataBuffer(
            name: "t",
            number: 3,
            linkType: .ethernet,
            capacity: 65_536,
            policy: .fastReader
        )
        self.ring = ring
        producer = ring.makeProducer()
        var sockets = StreamSockets(configuration)
        if adopts { sockets.adopt(ring) }
        stage = StreamStage(TCPReassembler(), consumer: sockets)
        if adopts { stage.reassembler.adopt(ring) }
    }

    mutating func take(_ packet: Packet, _ text: String = "") {
        let bytes = Array(text.utf8)
        var packet = packet
        packet.headers.payloadLength = UInt32(bytes.count)
        packet.headers.capturedPayloadLength = UInt32(bytes.count)
        ordinal += 1
        let place = SegmentPlace(position: write(bytes), buffer: ring.number)
        let view = tracker.track(
            packet.headers,
            hash: packet.hash,
            time: packet.timestamp,
            originalLength: 60,
            ordinal: ordinal,
            buffer: 3,
            interface: 0,
            facts: &stage
        )
        guard let view else { return }
        stage.segment(
            packet.headers,
            packet: bytes.span.bytes,
            at: place,
            time: packet.timestamp,
            flow: view,
            tracker: &tracker
        )
    }

    mutating func write(_ bytes: [UInt8]) -> Position {
        let isIn = producer.append(
            bytes.span.bytes,
            time: .zero,
            originalLength: UInt32(bytes.count),
            interface: 0,
            flags: []
        )
        #expect(isIn)
        let batch = producer.publish()
        let length = RecordLayout.recordLength(capturedLength: bytes.count, needsFlags: false)
        return Position(batch.end.bytes - UInt64(length))
    }

    mutating func pass(_ bytes: Int) {
        for _ in 0..<(bytes / 1024) { _ = write([UInt8](repeating: 0xee, count: 1000)) }
    }

    /// The handshake of a host's connection: its bytes begin at 11, those of the answers at 21.
    mutating func open(_ host: UInt32) {
        take(.tcp(host, 9, 2, 80, flags: 2, sequence: 10))
        take(.tcp(2, 80, host, 9, flags: 18, sequence: 20, acknowledgement: 11))
    }

    mutating func ask(_ host: UInt32, _ text: String, at sequence: UInt32 = 11, flags: UInt8 = 24) {
        take(.tcp(host, 9, 2, 80, flags: flags, sequence: sequence, acknowledgement: 21), text)
    }

    mutating func answer(_ host: UInt32, _ text: String, at sequence: UInt32 = 21, flags: UInt8 = 24) {
        take(.tcp(2, 80, host, 9, flags: flags, sequence: sequence, acknowledgement: 11), text)
    }

    mutating func finish() { tracker.finish(at: Timestamp(nanoseconds: 1 << 60), facts: &stage) }

    mutating func receive(_ socket: StreamSocket, toResponder: Bool = true, atMost limit: Int = 1000)
        -> (reading: StreamReading, text: String)
    {
        var bytes: [UInt8] = []
        let reading = stage.consumer.receive(socket, toResponder: toResponder, into: &bytes, atMost: limit)
        return (reading, String(decoding: bytes, as: UTF8.self))
    }
}

@Suite struct `Sockets over reassembly` {
    @Test func `accept each connection once, in the order of their first bytes`() throws {
        var bench = try SocketBench()
        for host: UInt32 in [5, 6, 7] { bench.open(host) }
        for host: UInt32 in [6, 5, 6, 7] { bench.ask(host, "x") }
        var accepted: [StreamSocket] = []
        while let socket = bench.stage.consumer.accept() { accepted.append(socket) }
        #expect(accepted.count == 3)
        #expect(Set(accepted).count == 3)
        let later = bench.stage.consumer.accept()
        #expect(later == nil)
    }

    @Test func `receive both directions in order, in pieces of any size, without a copy in between`() throws {
        var bench = try SocketBench()
        bench.open(5)
        bench.ask(5, "world", at: 17)
        bench.ask(5, "hello ", at: 11)
        bench.answer(5, "yes?")
        let accepted = bench.stage.consumer.accept()
        let socket = try #require(accepted)
        let first = bench.receive(socket, atMost: 4)
        #expect(first.reading == .bytes(4) && first.text == "hell")
        let rest = bench.receive(socket)
        #expect(rest.reading == .bytes(7) && rest.text == "o world")
        let nothing = bench.receive(socket).reading
        #expect(nothing == .nothing)
        let back = bench.receive(socket, toResponder: false)
        #expect(back.text == "yes?")
        let copies = bench.stage.reassembler.statistics.payloadCopies
        #expect(copies == 0)
    }

    @Test func `peek leaves bytes where they are`() throws {
        var bench = try SocketBench()
        bench.open(5)
        bench.ask(5, "abc")
        let accepted = bench.stage.consumer.accept()
        let socket = try #require(accepted)
        for _ in 0..<2 {
            var seen = 0
            let reading = bench.stage.consumer.peek(socket, toResponder: true) { seen = $0.byteCount }
            #expect(reading == .bytes(3))
            #expect(seen == 3)
        }
        bench.stage.consumer.skip(socket, toResponder: true, 2)
        let text = bench.receive(socket).text
        #expect(text == "c")
    }

    @Test func `are ready once for whatever has come, and again for what comes later`() throws {
        var bench = try SocketBench()
        for host: UInt32 in [5, 6] { bench.open(host) }
        bench.ask(5, "a")
        bench.ask(6, "b")
        bench.ask(5, "c", at: 12)
        var ready: [StreamSocket] = []
        while let socket = bench.stage.consumer.ready() { ready.append(socket) }
        #expect(ready.count == 2)
        bench.ask(6, "d", at: 12)
        let again = bench.stage.consumer.ready()
        #expect(again == ready.last)
    }

    @Test func `say how a direction ended, after its last byte`() throws {
        var bench = try SocketBench()
        bench.open(5)
        bench.ask(5, "bye", flags: 25)
        let accepted = bench.stage.consumer.accept()
        let socket = try #require(accepted)
        let text = bench.receive(socket).text
        #expect(text == "bye")
        let there = bench.receive(socket).reading
        let back = bench.receive(socket, toResponder: false).reading
        #expect(there == .ended(.fin))
        #expect(back == .nothing)
        bench.finish()
        let over = bench.receive(socket, toResponder: false).reading
        #expect(over == .ended(nil))
        bench.stage.consumer.close(socket)
        let count = bench.stage.consumer.count
        #expect(count == 0)
    }

    @Test func `tell a gap for what the ring has overwritten, and slow nobody down`() throws {
        var bench = try SocketBench()
        bench.open(5)
        bench.ask(5, "long gone")
        bench.pass(200_000)
        bench.ask(5, "new", at: 20)
        let accepted = bench.stage.consumer.accept()
        let socket = try #require(accepted)
        let gap = bench.receive(socket)
        #expect(gap.reading == .gap(9))
        #expect(gap.text == "")
        let text = bench.receive(socket).text
        #expect(text == "new")
        let overrun = bench.stage.consumer.overrun
        #expect(overrun == 9)
    }

    @Test func `keep to their limits: connections, entries, copies`() throws {
        var configuration = SocketConfiguration()
        (configuration.connections, configuration.entries, configuration.copiedBytes) = (2, 3, 5)
        var bench = try SocketBench(configuration, adopts: false)
        for host: UInt32 in [5, 6, 7] {
            bench.open(host)
            bench.ask(host, "ab")
        }
        let passedOver = bench.stage.consumer.passedOver
        #expect(passedOver == 1)
        for number: UInt32 in 0..<50 { bench.ask(5, "cd", at: 13 + 2 * number) }
        let accepted = bench.stage.consumer.accept()
        let socket = try #require(accepted)
        let first = bench.receive(socket)
        #expect(first.text == "ab")
        let gap = bench.receive(socket).reading
        #expect(gap == .gap(100))
        // What was read makes room again.
        bench.ask(5, "ef", at: 113)
        let text = bench.receive(socket).text
        #expect(text == "ef")
    }

    @Test func `that were closed bring nothing more, and their place is used again`() throws {
        var bench = try SocketBench()
        for round: UInt32 in 0..<500 {
            bench.open(100 + round)
            bench.ask(100 + round, "a")
            let accepted = bench.stage.consumer.accept()
            let socket = try #require(accepted)
            bench.stage.consumer.close(socket)
            bench.ask(100 + round, "b", at: 12)
            let reading = bench.receive(socket).reading
            #expect(reading == .ended(nil))
            bench.ask(100 + round, "", at: 13, flags: 20)
            if round % 100 == 99 { bench.finish() }
        }
        let count = bench.stage.consumer.count
        #expect(count == 0)
        let ready = bench.stage.consumer.ready()
        #expect(ready == nil)
    }
}
