// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayFlow
import BeltwayWire
import Testing

/// Segments in a ring of 64 KiB, handed to a bench as packets of that ring.
private final class RingBench {
    let ring: DataBuffer
    var producer: DataBufferProducer
    let bench: StreamBench

    init(_ policy: BufferPolicy = .fastReader, _ configuration: StreamConfiguration = StreamConfiguration())
        throws
    {
        ring = try DataBuffer(name: "t", number: 3, linkType: .ethernet, capacity: 65_536, policy: policy)
        producer = ring.makeProducer()
        bench = StreamBench(configuration)
        bench.stage.reassembler.adopt(ring)
        bench.shakeHands()
    }

    func send(_ text: String, at sequence: UInt32) { send(Array(text.utf8), at: sequence) }

    func send(_ payload: [UInt8], at sequence: UInt32) {
        let position = write(payload)
        bench.send(payload, at: sequence, place: SegmentPlace(position: position, buffer: ring.number))
    }

    @discardableResult
    func write(_ payload: [UInt8]) -> Position {
        let isIn = producer.append(
            payload.span.bytes,
            time: .zero,
            originalLength: UInt32(payload.count),
            interface: 0,
            flags: []
        )
        #expect(isIn)
        let batch = producer.publish()
        // The packet may be behind padding; its record ends where the batch does.
        let length = RecordLayout.recordLength(capturedLength: payload.count, needsFlags: false)
        return Position(batch.end.bytes - UInt64(length))
    }

    func pass(_ bytes: Int) {
        for _ in 0..<(bytes / 1024) { write([UInt8](repeating: 0xee, count: 1024 - RecordLayout.overhead)) }
    }
}

@Suite struct `Segments that wait in a ring` {
    @Test func `are handed over where they lie, without a copy`() throws {
        let ring = try RingBench()
        ring.send("world", at: 1007)
        ring.send("!", at: 1012)
        ring.send("hello ", at: 1001)
        #expect(ring.bench.there.text == "hello world!")
        #expect(ring.bench.statistics.waited == 2)
        #expect(ring.bench.statistics.payloadCopies == 0)
        #expect(ring.bench.faults == [])
    }

    @Test func `are handed over in part where they lie, as overlaps left them`() throws {
        let ring = try RingBench()
        ring.send("oooo", at: 1003)
        ring.send("nnnnnnnn", at: 1002)
        ring.send("..", at: 1001)
        #expect(ring.bench.there.text == ".noooonnn")
        #expect(ring.bench.statistics.payloadCopies == 0)
    }

    @Test func `are copied aside before the ring overwrites them`() throws {
        let ring = try RingBench()
        ring.send("later", at: 1005)
        ring.bench.stage.reassembler.secure(keeping: 32_768)
        #expect(ring.bench.statistics.payloadCopies == 0)
        ring.pass(40_000)
        ring.bench.stage.reassembler.secure(keeping: 32_768)
        #expect(ring.bench.statistics.payloadCopies == 1)
        ring.pass(100_000)
        ring.send("soon", at: 1001)
        #expect(ring.bench.there.text == "soonlater")
        #expect(ring.bench.there.gaps == [])
        #expect(ring.bench.statistics.copiedBytes == 5)
    }

    @Test func `are all copied before a reader lets go of the ring`() throws {
        let ring = try RingBench()
        for step in 0..<20 as Range<UInt32> { ring.send("ab", at: 1003 &+ step &* 2) }
        ring.bench.stage.reassembler.secure(keeping: 0)
        #expect(ring.bench.statistics.payloadCopies == 20)
        ring.send("..", at: 1001)
        #expect(ring.bench.there.text == ".." + String(repeating: "ab", count: 20))
    }

    @Test func `that were overwritten become a gap that is counted, never other bytes`() throws {
        let ring = try RingBench()
        ring.send("later", at: 1005)
        ring.pass(100_000)
        ring.send("soon", at: 1001)
        #expect(ring.bench.there.text == "soon")
        #expect(ring.bench.there.gaps == [[4, 5]])
        #expect(ring.bench.statistics.overwritten == 1)
        #expect(ring.bench.statistics.gapBytes == 5)
    }

    @Test func `that were overwritten before they were copied become a gap too`() throws {
        let ring = try RingBench()
        ring.send("later", at: 1005)
        ring.pass(100_000)
        ring.bench.stage.reassembler.secure(keeping: 32_768)
        ring.send("soon", at: 1001)
        #expect(ring.bench.there.gaps == [[4, 5]])
        #expect(ring.bench.statistics.overwritten == 1)
        #expect(ring.bench.statistics.payloadCopies == 1)
    }

    @Test func `beyond what may be copied become a gap`() throws {
        var configuration = StreamConfiguration()
        configuration.copiedBytes = 6
        let ring = try RingBench(.fastReader, configuration)
        ring.send("bbbb", at: 1005)
        ring.send("cccc", at: 1009)
        ring.bench.stage.reassembler.secure(keeping: 0)
        ring.send("aaaa", at: 1001)
        #expect(ring.bench.there.text == "aaaabbbb")
        #expect(ring.bench.there.gaps == [[8, 4]])
        #expect(ring.bench.statistics.totalBudgetLosses == 1)
    }

    @Test func `with a place outside the ring give a gap, not a read past it`() throws {
        let ring = try RingBench()
        let payload = [UInt8](repeating: 1, count: 100)
        ring.bench.send(payload, at: 1005, place: SegmentPlace(position: Position(65_500), buffer: 3))
        ring.send("soon", at: 1001)
        ring.bench.finish()
        #expect(ring.bench.there.text.hasPrefix("soon"))
    }
}
