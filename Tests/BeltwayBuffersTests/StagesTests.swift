// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Synchronization
import Testing

/// Lets every record through whose sum of bytes is a multiple of `divisor`, and says the sum in the entry.
private struct Summing: RecordStage {
    let divisor: UInt32
    var seen = 0

    mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        seen += 1
        var sum: UInt32 = 0
        for offset in 0..<packet.byteCount { sum &+= UInt32(packet.byte(at: offset)) }
        entry.flowHash = sum
        return sum % divisor == 0
    }
}

/// Keeps what it was shown, and what was done to it besides.
private final class Notes: Sendable {
    struct Taken: Equatable {
        var ordinal: UInt32
        var hash: UInt32
        var classification: UInt32
        var bytes: [UInt8]
    }

    let taken = Mutex<[Taken]>([])
    let buffers = Mutex<[UInt16]>([])
    let batches = Atomic<Int>(0)
    let ends = Atomic<Int>(0)
}

private struct Noting: ~Copyable, RecordStage {
    let notes: Notes
    var classification: UInt32 = 0
    var goesOn = true

    mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        let bytes = (0..<packet.byteCount).map { packet.byte(at: $0) }
        let note = Notes.Taken(
            ordinal: entry.ordinal,
            hash: entry.flowHash,
            classification: entry.classification.rawValue,
            bytes: bytes
        )
        notes.taken.withLock { $0.append(note) }
        entry.classification = Classification(rawValue: classification)
        return goesOn
    }

    mutating func open(_ buffer: DataBuffer) { notes.buffers.withLock { $0.append(buffer.number) } }
    mutating func batchEnded() { notes.batches.add(1, ordering: .relaxed) }
    mutating func finish() { notes.ends.add(1, ordering: .relaxed) }
}

/// A producer with a pipeline behind it, stepped by a test.
private struct Stepped<Stage: RecordStage & ~Copyable>: ~Copyable {
    let ring: DataBuffer
    var producer: DataBufferProducer
    var pipeline: RecordPipeline<Stage>

    init(_ stage: consuming Stage, policy: BufferPolicy, capacity: Int = 65_536, number: UInt16 = 3) throws {
        let ring = try DataBuffer(
            name: "stepped",
            number: number,
            linkType: .ethernet,
            capacity: capacity,
            policy: policy
        )
        var producer = ring.makeProducer()
        _ = try producer.addInterface(named: "eth0")
        self.init(ring, producer, RecordPipeline(stage))
        pipeline.open(ring)
    }

    private init(
        _ ring: DataBuffer,
        _ producer: consuming DataBufferProducer,
        _ pipeline: consuming RecordPipeline<Stage>
    ) {
        self.ring = ring
        self.producer = producer
        self.pipeline = pipeline
    }

    mutating func append(_ packet: [UInt8]) {
        while !producer.append(
            packet.span.bytes,
            time: Timestamp(nanoseconds: 1),
            originalLength: UInt32(packet.count),
            interface: 0,
            flags: []
        ) {
            publish()
            producer.waitForRoom()
        }
    }

    mutating func publish() { pipeline.process(producer.publish(), of: ring) }

    mutating func close() {
        publish()
        producer.close()
        pipeline.finish()
    }
}

/// Packets of 1 to 300 bytes, the same ones every time.
private func packets(_ count: Int) -> [[UInt8]] {
    var state: UInt32 = 7
    func next() -> UInt32 {
        state = state &* 1_664_525 &+ 1_013_904_223
        return state >> 8
    }
    return (0..<count).map { _ in (0..<Int(1 + next() % 300)).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

@Suite(.timeLimit(.minutes(3))) struct `Stages of a pipeline` {
    @Test func `see a record only if the one before let it through, and what that wrote into the entry`()
        throws
    {
        let (before, after) = (Notes(), Notes())
        var stepped = try Stepped(
            Noting(notes: before, classification: 9).then(Summing(divisor: 2)).then(Noting(notes: after)),
            policy: .fastReader
        )
        for packet in [[1, 1], [1, 2], [3, 5]] as [[UInt8]] { stepped.append(packet) }
        stepped.close()
        #expect(before.taken.withLock { $0.map(\.bytes) } == [[1, 1], [1, 2], [3, 5]])
        #expect(before.taken.withLock { $0.map(\.hash) } == [0, 0, 0])
        #expect(after.taken.withLock { $0.map(\.bytes) } == [[1, 1], [3, 5]])
        #expect(after.taken.withLock { $0.map(\.hash) } == [2, 8])
        #expect(after.taken.withLock { $0.map(\.ordinal) } == [0, 2])
        #expect(after.taken.withLock { $0.map(\.classification) } == [9, 9])
    }

    @Test func `of a chain and of branches are all opened, told of the end of a batch, and ended once`()
        throws
    {
        let notes = (0..<4).map { _ in Notes() }
        var stepped = try Stepped(
            Noting(notes: notes[0]).then(
                Noting(notes: notes[1], goesOn: false).beside(CalledStage(Noting(notes: notes[2])))
            ).then(Noting(notes: notes[3])),
            policy: .fastReader
        )
        for round in 1...3 {
            stepped.append([UInt8(round)])
            stepped.publish()
        }
        stepped.close()
        for (number, note) in notes.enumerated() {
            #expect(note.buffers.withLock { $0 } == [3], "stage \(number)")
            #expect(note.batches.load(ordering: .relaxed) == 4, "stage \(number)")
            #expect(note.ends.load(ordering: .relaxed) == 1, "stage \(number)")
            #expect(note.taken.withLock { $0.map(\.bytes) } == [[1], [2], [3]], "stage \(number)")
        }
    }

    @Test func `beside each other have an entry each`() throws {
        let (left, right, behind) = (Notes(), Notes(), Notes())
        var stepped = try Stepped(
            Noting(notes: left, classification: 5).beside(Noting(notes: right, classification: 6)).then(
                Noting(notes: behind)
            ),
            policy: .fastReader
        )
        stepped.append([1])
        stepped.close()
        #expect(right.taken.withLock { $0.map(\.classification) } == [0])
        #expect(behind.taken.withLock { $0.map(\.classification) } == [0])
    }

    @Test func `find the same whether they are inlined, called or signalled`() throws {
        let packets = packets(20_000)
        let inlined = Notes()
        var first = try Stepped(Summing(divisor: 3).then(Noting(notes: inlined)), policy: .blocking)
        for packet in packets { first.append(packet) }
        first.close()
        let expected = inlined.taken.withLock { $0 }
        #expect(expected.count > 5_000 && expected.count < 8_000)

        let called = Notes()
        var second = try Stepped(
            CalledStage(CalledStage(Summing(divisor: 3)).then(CalledStage(Noting(notes: called)))),
            policy: .blocking
        )
        for packet in packets { second.append(packet) }
        second.close()
        #expect(called.taken.withLock { $0 } == expected)
        #expect(called.ends.load(ordering: .relaxed) == 1)

        for (policy, waits) in [(BufferPolicy.blocking, true), (.slowReader, true)] {
            let signalled = Notes()
            let signal = try Signal(name: "noting", capacity: 128, waits: waits)
            let reader = Mutex<SignalledReader?>(signal.reader())
            let counts = Mutex<(read: UInt64, lost: UInt64)>((0, 0))
            var third = try Stepped(Summing(divisor: 3).then(signal.stage()), policy: policy)
            try inAnotherThread {
                guard var reader = reader.withLock({ $0.take() }) else { return }
                var stage = Noting(notes: signalled)
                reader.run(into: &stage)
                counts.withLock { $0 = (reader.read, reader.lost) }
            } meanwhile: {
                for packet in packets { third.append(packet) }
                third.close()
            }
            #expect(signalled.taken.withLock { $0 } == expected)
            #expect(signalled.ends.load(ordering: .relaxed) == 1)
            #expect(counts.withLock { $0 } == (UInt64(expected.count), 0))
        }
    }

    @Test func `behind a signal that nobody waits for see whole records only, and the rest is counted`()
        throws
    {
        let notes = Notes()
        let signal = try Signal(name: "noting", capacity: 256, waits: false)
        var reader = signal.reader()
        var stage = Noting(notes: notes)
        var stepped = try Stepped(signal.stage(), policy: .fastReader, capacity: 32_768)
        let packets = packets(3_000)
        var taken = 0
        for (number, packet) in packets.enumerated() {
            stepped.append(packet)
            if number % 8 == 7 { stepped.publish() }
            // Now and then it looks, and each time takes less than has come.
            if number % 400 == 399 { taken += reader.drain(limit: 100, into: &stage) }
        }
        stepped.close()
        reader.run(into: &stage)
        #expect(taken > 0)
        let seen = notes.taken.withLock { $0 }
        #expect(reader.lost > 0)
        #expect(UInt64(seen.count) == reader.read)
        #expect(reader.read + reader.lost == UInt64(packets.count))
        for note in seen { #expect(note.bytes == packets[Int(note.ordinal)]) }
        #expect(seen.map(\.ordinal) == seen.map(\.ordinal).sorted())
    }

    @Test func `never hold up a producer for records that they were not sent`() throws {
        // Nothing goes on: the reader has no entry to let go of, and the ring turns many times all the same.
        let notes = Notes()
        let signal = try Signal(name: "idle", capacity: 64, waits: true)
        let reader = Mutex<SignalledReader?>(signal.reader())
        var stepped = try Stepped(
            Noting(notes: Notes(), goesOn: false).then(signal.stage()),
            policy: .blocking,
            capacity: 32_768
        )
        try inAnotherThread {
            guard var reader = reader.withLock({ $0.take() }) else { return }
            var stage = Noting(notes: notes)
            reader.run(into: &stage)
        } meanwhile: {
            for packet in packets(2_000) { stepped.append(packet) }
            stepped.close()
        }
        #expect(notes.taken.withLock { $0.isEmpty })
        #expect(notes.ends.load(ordering: .relaxed) == 1)
    }
}

/// Runs one body in a thread of its own while the other runs here.
private func inAnotherThread(
    _ body: @escaping @Sendable () -> Void,
    meanwhile other: () throws -> Void
) throws {
    let thread = Thread(block: body)
    thread.start()
    defer { while !thread.isFinished { usleep(200) } }
    try other()
}
