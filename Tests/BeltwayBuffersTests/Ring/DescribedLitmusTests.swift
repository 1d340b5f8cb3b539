// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

/// The million blocks of `RingLitmusTests`, with their headers in a ring of their own.
@Suite(.serialized, .tags(.slow), .timeLimit(.minutes(5)))
struct `A million blocks with headers out of band` {
    private static let blocks = CheckedBlocks<BodyLayout>(kind: .described)
    private static let count: UInt64 = 1_000_000

    private func ring(
        _ policy: BufferPolicy,
        _ resizing: Resizing = .fixed,
        isAligned: Bool = false
    ) throws -> DescribedRing {
        try DescribedRing(
            name: "litmus",
            options: RingOptions(
                kind: .described,
                policy: policy,
                capacity: 65_536,
                isAligned: isAligned,
                resizing: resizing
            )
        )
    }

    @Test(
        arguments: [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader],
        [Resizing.fixed, .partial, .replacing]
    )
    func `between threads`(policy: BufferPolicy, resizing: Resizing) throws {
        let ring = try ring(policy, resizing, isAligned: resizing == .partial)
        let readers = try [DescribedLitmusReader(ring), DescribedLitmusReader(ring, pause: 2000)]
        let threads = readers.map { reading in TestThread { reading.run(Self.blocks) } }
        let writer = TestThread {
            var producer = ring.makeProducer()
            produceAll(Self.count, by: &producer, policy, Self.blocks, batch: 8) { producer, number in
                if resizing != .fixed, number % 500 == 0 {
                    producer.resize(to: 8192 << Int(number / 500 % 4))
                }
            }
        }
        #expect(writer.join() && threads.allSatisfy { $0.join() })
        for reading in readers {
            #expect(reading.ledger.isRight, "\(reading.ledger)")
            #expect(reading.ledger.published == Self.count)
            #expect(policy == .fastReader || policy == .mediumReader || reading.ledger.lost == 0)
        }
    }

    @Test(arguments: [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader])
    func `between processes`(policy: BufferPolicy) async throws {
        let ring = try ring(policy)
        for one in [ring.bodies, ring.headers] {
            one.coordination.patience.store(60_000_000_000, ordering: .relaxed)
        }
        let place = try ring.makeInheritedReader(holds: true)
        let writer = TestThread {
            // A child that does not hold the ring has to be there first.
            if policy == .fastReader { ReadingProcess.waitForMark(place.descriptors[6], seconds: 60) }
            var producer = ring.makeProducer()
            produceAll(Self.count, by: &producer, policy, Self.blocks, batch: 8)
        }
        await #expect(processExitsWith: .success) {
            [
                parent = getpid() as Int32, files = place.descriptors as [Int32],
                isExact = (policy == .blocking || policy == .slowReader) as Bool
            ] in
            let own = try ReadingProcess.open(parent, files)
            let ring = try DescribedRing(inheriting: own, name: "parent")
            var reader = try DescribedReader(ring)
            ring.headers.coordination.cursor?.store(ReadingProcess.mark, UInt64(getpid()))
            let ledger = readToEnd(&reader, CheckedBlocks<BodyLayout>(kind: .described))
            #expect(ledger.isRight && ledger.published == 1_000_000, "\(ledger)")
            #expect(!isExact || ledger.lost == 0, "\(ledger)")
        }
        #expect(writer.join())
    }

    @Test(arguments: [Resizing.fixed, .partial])
    func `lose none to readers that come and go while they are published`(resizing: Resizing) throws {
        let ring = try ring(.blocking, resizing)
        let isDone = Atomic<Bool>(false)
        let lost = Atomic<UInt64>(0)
        let read = Atomic<UInt64>(0)
        let coming = (0..<2).map { _ in
            TestThread {
                while !isDone.load(ordering: .relaxed) {
                    guard var reader = try? DescribedReader(ring) else { continue }
                    for _ in 0..<20 { _ = reader.nextBlock(atMost: .max) }
                    lost.wrappingAdd(reader.lost, ordering: .relaxed)
                    read.wrappingAdd(reader.read, ordering: .relaxed)
                }
            }
        }
        var producer = ring.makeProducer()
        produceAll(300_000, by: &producer, .blocking, Self.blocks, batch: 1) { _, number in
            // On a busy machine all could be published before a reader's thread has run.
            if number % 64 == 0, number > 100_000, read.load(ordering: .relaxed) == 0 { usleep(2_000) }
        }
        isDone.store(true, ordering: .relaxed)
        #expect(coming.allSatisfy { $0.join() })
        #expect(lost.load(ordering: .relaxed) == 0)
        #expect(read.load(ordering: .relaxed) > 0)
    }
}

/// What a single reader is offered, step by step.
@Suite struct `A reader of blocks with headers out of band` {
    private func ring(_ policy: BufferPolicy, capacity: Int = 65_536) throws -> DescribedRing {
        try DescribedRing(
            name: "steps",
            options: RingOptions(
                kind: .described,
                policy: policy,
                capacity: capacity,
                resizing: .partial,
                initialLength: 8_192
            )
        )
    }

    @Test(arguments: [BufferPolicy.blocking, .slowReader, .fastReader])
    func `that comes between a block's publication and its header's gets both`(policy: BufferPolicy) throws {
        let ring = try ring(policy)
        var producer = ring.makeProducer()
        let isAppended = producer.append([UInt8](repeating: 7, count: 100).span.bytes)
        #expect(isAppended)
        producer.bodies.publish()
        var reader = try DescribedReader(ring)
        producer.publish()
        let block = reader.nextBlock(atMost: .max)
        let (read, lost) = (reader.read, reader.lost)
        #expect(block?.length == 100 && read == 1 && lost == 0)
    }

    @Test func `finds its place again after more changes of size than the table of spaces holds`() throws {
        let ring = try ring(.fastReader)
        var producer = ring.makeProducer()
        var reader = try DescribedReader(ring)
        for number in UInt64(0)..<4_000 {
            let bytes = PacketText.stream(from: number, isStream: false, length: 200)
            let isAppended = producer.append(bytes.span.bytes)
            #expect(isAppended)
            producer.publish()
            if number % 100 == 0 { producer.resize(to: number % 200 == 0 ? 65_536 : 8_192) }
        }
        var found = 0
        while let block = reader.nextBlock(atMost: .max) {
            let isRight = reader.withBytes(of: block) { PacketText.matches($0, ordinal: block.ordinal) }
            #expect(isRight, "block \(block.ordinal)")
            found += 1
        }
        let (read, lost) = (reader.read, reader.lost)
        #expect(found > 10 && read + lost == 4_000)
    }

    @Test func `starts blocks on cache lines if asked to`() throws {
        let options = RingOptions(kind: .described, capacity: 65_536, isAligned: true)
        let ring = try DescribedRing(name: "aligned", options: options)
        var producer = ring.makeProducer()
        var reader = try DescribedReader(ring)
        for length in [1, 63, 64, 65, 700] {
            let isAppended = producer.append([UInt8](repeating: 1, count: length).span.bytes)
            #expect(isAppended)
        }
        producer.publish()
        for length in [1, 63, 64, 65, 700] {
            let next = reader.nextBlock(atMost: .max)
            let block = try #require(next)
            #expect(block.length == length && block.position.bytes % 64 == 0)
        }
    }
}

/// A reader in a thread.
private final class DescribedLitmusReader: @unchecked Sendable {
    private var reader: DescribedReader
    private let pause: UInt64
    private(set) var ledger = BlockLedger()

    init(_ ring: DescribedRing, pause: UInt64 = 0) throws {
        reader = try DescribedReader(ring)
        self.pause = pause
    }

    func run(_ blocks: CheckedBlocks<BodyLayout>) { ledger = readToEnd(&reader, blocks, pause: pause) }
}
