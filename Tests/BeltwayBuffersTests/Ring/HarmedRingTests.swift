// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BeltwayBuffers

/// A reader in another process that stops, dies or lies, beside one that does its work: the ring goes on, and the other
/// reader gets what it would have got.
@Suite(.serialized, .tags(.slow)) struct `A reader beside one` {
    static let policies: [BufferPolicy] = [.fastReader, .blocking, .slowReader, .mediumReader]
    static let count: UInt64 = 50_000

    /// The ring, and the place of the other process, which the policy would wait for.
    private func make(_ policy: BufferPolicy) throws -> (ring: Ring, place: InheritedReader) {
        let ring = try Ring(
            name: "harm",
            options: RingOptions(kind: .marked, policy: policy, capacity: 65_536)
        )
        // A reader that is in the way for so long loses its hold; five seconds unless it is told.
        ring.coordination.patience.store(300_000_000, ordering: .relaxed)
        return (ring, try ring.makeInheritedReader(holds: true))
    }

    /// The reader that works, in a thread; its ledger is judged here.
    private func judge(_ reading: LitmusReader<MarkedLayout>, _ policy: BufferPolicy) {
        #expect(reading.ledger.isRight, "\(reading.ledger)")
        #expect(reading.ledger.published == Self.count)
        if policy == .blocking || policy == .slowReader { #expect(reading.ledger.lost == 0) }
    }

    @Test(arguments: policies)
    func `that is stopped loses nothing, nor does the one that goes on later count wrong`(
        policy: BufferPolicy
    ) async throws {
        let (ring, place) = try make(policy)
        let blocks = CheckedBlocks<MarkedLayout>(kind: .marked)
        let reading = try LitmusReader(ring, blocks)
        let reader = TestThread { reading.run() }
        let writer = TestThread {
            let child = ReadingProcess.waitForMark(place, seconds: 60)
            produceAll(Self.count, into: ring, blocks, batch: 8)
            for _ in 0..<10 where child > 0 {
                // More than once: it may not have stopped yet.
                kill(child, SIGCONT)
                usleep(100_000)
            }
        }
        await #expect(processExitsWith: .success) {
            [
                parent = getpid() as Int32, files = place.descriptors as [Int32],
                kind = BufferKind.marked.rawValue as UInt64
            ] in
            let ledger = try ReadingProcess.read(parent, files, kind, signal: SIGSTOP, after: 1000)
            #expect(ledger.isRight, "\(ledger)")
        }
        #expect(writer.join() && reader.join())
        judge(reading, policy)
    }

    @Test(arguments: policies)
    func `that is killed loses nothing`(policy: BufferPolicy) async throws {
        let (ring, place) = try make(policy)
        let blocks = CheckedBlocks<MarkedLayout>(kind: .marked)
        let reading = try LitmusReader(ring, blocks)
        let reader = TestThread { reading.run() }
        let writer = TestThread {
            ReadingProcess.waitForMark(place, seconds: 60)
            produceAll(Self.count, into: ring, blocks, batch: 8)
        }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [
                parent = getpid() as Int32, files = place.descriptors as [Int32],
                kind = BufferKind.marked.rawValue as UInt64
            ] in
            _ = try ReadingProcess.read(parent, files, kind, signal: SIGKILL, after: 1000)
        }
        #expect(writer.join() && reader.join())
        judge(reading, policy)
    }

    @Test(arguments: policies, [UInt64.max, 0, 1, 1 << 63, 65_537])
    func `that forges where it stands loses nothing`(policy: BufferPolicy, lie: UInt64) throws {
        let (ring, place) = try make(policy)
        let blocks = CheckedBlocks<MarkedLayout>(kind: .marked)
        let reading = try LitmusReader(ring, blocks)
        let page = try ReaderCursor(attaching: place.descriptors[2])
        let reader = TestThread { reading.run() }
        let writer = TestThread {
            produceAll(Self.count, into: ring, blocks, batch: 8) { _, number in
                // Between any two blocks it says something else of itself; now and then what it says is all of it.
                let word = Int(number % 6) * 8
                page.store(word, number % 7 == 0 ? lie : lie &+ number)
            }
        }
        #expect(writer.join() && reader.join())
        judge(reading, policy)
    }
}
