// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Synchronization
import Testing

extension Tag {
    /// Takes seconds: real threads or processes.
    @Tag static var slow: Self
}

/// What one reader saw.
private struct Seen: Equatable {
    var torn: UInt64 = 0
    var read: UInt64 = 0
    var lost: UInt64 = 0
    var published: UInt64 = 0
}

private final class ReaderThread: @unchecked Sendable {
    private var reader: DescriptorReader
    private let pause: Int
    private(set) var seen = Seen()

    init(_ buffer: DataBuffer, pause: Int = 0) throws {
        reader = try DescriptorReader(buffer)
        self.pause = pause
    }

    /// Reads to the end; sleeps a little every `pause` packets, if asked to.
    func run() {
        while true {
            guard let descriptor = reader.next() else {
                if reader.isAtEnd { break }
                reader.wait(nanoseconds: 5_000_000)
                continue
            }
            let ordinal = reader.ordinal - 1
            if let isWhole = try? reader.packet(descriptor, { CheckedPacket.isWhole($0, ordinal: ordinal) }),
                !isWhole
            {
                seen.torn += 1
            }
            if pause > 0, ordinal % UInt64(pause) == 0 {
                reader.release()
                usleep(50)
            }
        }
        seen.read = reader.read
        seen.lost = reader.lost
        seen.published = reader.published
    }
}

private func produce(_ count: UInt64, into buffer: DataBuffer, batch: UInt64) {
    var producer = buffer.makeProducer()
    var words: [UInt64] = []
    for ordinal in 0..<count {
        while !producer.append(checked: ordinal, &words) {
            producer.publish()
            producer.waitForRoom()
        }
        if ordinal % batch == 0 { producer.publish() }
    }
    producer.close()
}

@Suite(.serialized, .tags(.slow)) struct `Between threads` {
    @Test func `no reader is ever handed a torn record of a ring that is overwritten`() throws {
        let count: UInt64 = 1_000_000
        let buffer = try makeBuffer(32_768, .fastReader)
        let readers = try [ReaderThread(buffer), ReaderThread(buffer), ReaderThread(buffer, pause: 100)]
        let threads = readers.map { reader in TestThread { reader.run() } }
        let writer = TestThread { produce(count, into: buffer, batch: 7) }
        #expect(writer.join() && threads.allSatisfy { $0.join() })
        for reader in readers {
            #expect(reader.seen.torn == 0)
            #expect(reader.seen.published == count)
            #expect(reader.seen.read + reader.seen.lost == count)
        }
        #expect(readers[2].seen.lost > 0)
    }

    @Test func `two readers at different speed lose nothing of a ring that waits`() throws {
        let count: UInt64 = 200_000
        let buffer = try makeBuffer(32_768, .blocking)
        let readers = try [ReaderThread(buffer), ReaderThread(buffer, pause: 200)]
        let threads = readers.map { reader in TestThread { reader.run() } }
        let writer = TestThread { produce(count, into: buffer, batch: 16) }
        #expect(writer.join() && threads.allSatisfy { $0.join() })
        for reader in readers {
            #expect(reader.seen == Seen(torn: 0, read: count, lost: 0, published: count))
        }
    }

    @Test(arguments: [BufferPolicy.fastReader, .blocking])
    func `an index buffer hands over whole entries in order`(policy: BufferPolicy) throws {
        let count: UInt64 = 1_000_000
        let buffer = try IndexBuffer(name: "worker 1", capacity: 256, policy: policy)
        let result = Mutex((wrong: UInt64(0), read: UInt64(0), lost: UInt64(0)))
        let consumer = TestThread {
            var reader = IndexBufferReader(buffer)
            var wrong: UInt64 = 0
            var last: UInt64 = 0
            while !reader.isAtEnd {
                guard let entry = reader.takeNext() else {
                    reader.wait(nanoseconds: 5_000_000)
                    continue
                }
                let n = entry.position.bytes
                if n < last || entry.ordinal != UInt32(truncatingIfNeeded: n)
                    || entry.length != ~entry.ordinal
                    || entry.flowHash != entry.ordinal &* 31 || n != reader.offered - 1
                {
                    wrong += 1
                }
                last = n
                if n % 64 == 0 { reader.release() }
            }
            result.withLock { $0 = (wrong, reader.read, reader.lost) }
        }
        let writer = TestThread {
            var producer = IndexBufferProducer(buffer)
            for n in 0..<count {
                let ordinal = UInt32(truncatingIfNeeded: n)
                let entry = IndexEntry(
                    position: Position(n),
                    flowHash: ordinal &* 31,
                    ordinal: ordinal,
                    length: ~ordinal,
                    buffer: 0,
                    interface: 0,
                    classification: .udp
                )
                while !producer.append(entry) {
                    producer.publish()
                    producer.waitForRoom()
                }
                if n % 10 == 0 { producer.publish() }
            }
            producer.close()
        }
        #expect(writer.join() && consumer.join())
        let (wrong, read, lost) = result.withLock { $0 }
        #expect(wrong == 0)
        #expect(read + lost == count)
        #expect(policy == .fastReader || lost == 0)
    }

    @Test func `every publication wakes who sleeps for it`() throws {
        // A packet one way, an entry back, five thousand times: a wake-up that is lost costs ten seconds.
        let rounds: UInt64 = 5000
        let limit: Int64 = 10_000_000_000
        let ring = try makeBuffer(32_768, .blocking)
        let answers = try IndexBuffer(name: "answers", capacity: 64, policy: .blocking)
        let late = Atomic<Int>(0)
        let attached = DispatchSemaphore(value: 0)
        let echo = TestThread { [lateHere = Late()] in
            guard var reader = try? DescriptorReader(ring) else { return }
            var producer = IndexBufferProducer(answers)
            attached.signal()
            while !reader.isAtEnd {
                guard let descriptor = reader.next() else {
                    lateHere.time(limit) { reader.wait(nanoseconds: limit) }
                    continue
                }
                reader.release()
                let entry = IndexEntry(
                    position: descriptor.position,
                    flowHash: 0,
                    ordinal: 0,
                    length: 0,
                    buffer: 0,
                    interface: 0,
                    classification: .other
                )
                while !producer.append(entry) { producer.waitForRoom() }
                producer.publish()
            }
            producer.close()
            late.add(lateHere.count, ordering: .relaxed)
        }
        attached.wait()
        let caller = TestThread { [lateHere = Late()] in
            var producer = ring.makeProducer()
            var reader = IndexBufferReader(answers)
            for ordinal in 0..<rounds {
                while !producer.append(ordinal: ordinal, length: 60) {
                    producer.publish()
                    producer.waitForRoom()
                }
                producer.publish()
                while reader.takeNext() == nil { lateHere.time(limit) { reader.wait(nanoseconds: limit) } }
                reader.release()
            }
            producer.close()
            late.add(lateHere.count, ordering: .relaxed)
        }
        #expect(caller.join() && echo.join())
        #expect(late.load(ordering: .relaxed) == 0)
    }

    @Test func `the end of a buffer wakes who sleeps for more`() throws {
        for _ in 0..<200 {
            let ring = try makeBuffer(32_768, .fastReader)
            let index = try IndexBuffer(name: "worker", capacity: 64, policy: .fastReader)
            let late = Late()
            let ready = DispatchSemaphore(value: 0)
            let sleeper = TestThread {
                guard let reader = try? DescriptorReader(ring), let logger = try? RegionReader(ring) else {
                    return
                }
                let entries = IndexBufferReader(index)
                ready.signal()
                while !reader.isAtEnd {
                    late.time(10_000_000_000) { reader.wait(nanoseconds: 10_000_000_000) }
                }
                while !logger.isAtEnd {
                    late.time(10_000_000_000) { logger.wait(nanoseconds: 10_000_000_000) }
                }
                while !entries.isAtEnd {
                    late.time(10_000_000_000) { entries.wait(nanoseconds: 10_000_000_000) }
                }
            }
            ready.wait()
            var producer = ring.makeProducer()
            var entries = IndexBufferProducer(index)
            producer.close()
            entries.close()
            #expect(sleeper.join())
            #expect(late.count == 0)
        }
    }

    @Test func `a consumer that gets no entry is woken to let go of the ring`() throws {
        let limit: Int64 = 10_000_000_000
        let ring = try makeBuffer(32_768, .blocking)
        let index = try IndexBuffer(name: "worker", capacity: 64, policy: .blocking)
        let late = Late()
        let ready = DispatchSemaphore(value: 0)
        let consumer = TestThread {
            guard let hold = try? RingHold(ring) else { return }
            var entries = IndexBufferReader(index)
            ready.signal()
            while !entries.isAtEnd {
                let through = hold.classifiedThrough
                if entries.takeNext() == nil {
                    hold.release(through: through.position, ordinal: through.ordinal)
                    late.time(limit) { entries.wait(nanoseconds: limit) }
                }
            }
        }
        ready.wait()
        let writer = TestThread {
            var producer = ring.makeProducer()
            var entries = IndexBufferProducer(index)
            for ordinal in 0..<UInt64(10_000) {
                while !producer.append(ordinal: ordinal, length: 300) {
                    let batch = producer.publish()
                    ring.storeClassifiedThrough(batch.end, ordinal: batch.endOrdinal)
                    entries.wakeConsumer()
                    producer.waitForRoom()
                }
            }
            entries.close()
        }
        #expect(writer.join() && consumer.join())
        #expect(late.count == 0)
    }

    @Test func `sleeping ends by itself when nothing comes`() throws {
        let ring = try makeBuffer(32_768, .blocking)
        var producer = ring.makeProducer()
        let reader = try DescriptorReader(ring)
        let logger = try RegionReader(ring)
        let entries = IndexBufferReader(try IndexBuffer(name: "worker", capacity: 64, policy: .blocking))
        reader.wait(nanoseconds: 1_000_000)
        logger.wait(nanoseconds: 1_000_000)
        entries.wait(nanoseconds: 1_000_000)
        entries.wait(nanoseconds: -1)
        ring.waitForTail(beyond: .zero, nanoseconds: 1_000_000)
        var ordinal: UInt64 = 0
        while producer.append(ordinal: ordinal, length: 500) { ordinal += 1 }
        producer.publish()
        producer.waitForRoom()  // nobody lets go
        let appended = producer.append(ordinal: ordinal, length: 500)
        #expect(!appended)
    }
}

/// Counts sleeps that only their time-out ended.
private final class Late: @unchecked Sendable {
    private(set) var count = 0

    func time(_ nanoseconds: Int64, _ sleep: () -> Void) {
        let clock = ContinuousClock()
        let start = clock.now
        sleep()
        if clock.now - start >= .nanoseconds(nanoseconds) { count += 1 }
    }
}

/// The child of an exit test attaches to rings of its parent, whose thread writes on.
@Suite(.serialized, .tags(.slow)) struct `Between processes` {
    @Test(arguments: [BufferPolicy.fastReader, .blocking])
    func `a reader is never handed a torn record and counts what it lost`(policy: BufferPolicy) async throws {
        let buffer = try makeBuffer(32_768, policy)
        let stop = Stop()
        let writer = TestThread {
            var producer = buffer.makeProducer()
            var words: [UInt64] = []
            var ordinal: UInt64 = 0
            while !stop.isSet {
                for _ in 0..<200 {
                    while !producer.append(checked: ordinal, &words) { producer.publish() }
                    ordinal += 1
                }
                producer.publish()
                usleep(20)
            }
            producer.close()
        }
        await #expect(processExitsWith: .success) {
            [
                parent = getpid() as Int32, data = buffer.descriptors.data as Int32,
                control = buffer.descriptors.control as Int32
            ] in
            let dataFile = open("/proc/\(parent)/fd/\(data)", O_RDONLY)
            let controlFile = open("/proc/\(parent)/fd/\(control)", O_RDONLY)
            try #require(dataFile >= 0 && controlFile >= 0)
            let ring = try DataBuffer(
                attachingTo: "parent.0",
                number: 0,
                dataDescriptor: dataFile,
                controlDescriptor: controlFile
            )
            var reader = try DescriptorReader(ring)
            var torn = 0
            while reader.read < 1_000_000 || reader.lost == 0 {
                guard let descriptor = reader.next() else {
                    if reader.isAtEnd { break }
                    reader.wait(nanoseconds: 1_000_000)
                    continue
                }
                let ordinal = reader.ordinal - 1
                if let isWhole = try? reader.packet(
                    descriptor,
                    { CheckedPacket.isWhole($0, ordinal: ordinal) }
                ), !isWhole {
                    torn += 1
                }
                // Once in a while it is too slow.
                if reader.read % 50_000 == 1 { usleep(20_000) }
            }
            let (read, lost, published) = (reader.read, reader.lost, reader.published)
            #expect(torn == 0)
            #expect(read >= 1_000_000 && lost > 0)
            #expect(read + lost == published)
        }
        stop.set()
        #expect(writer.join())
    }
}

/// Tells a thread to end; it ends by itself after five minutes.
private final class Stop: Sendable {
    private let flag = Atomic<Bool>(false)
    private let deadline = ContinuousClock().now + .seconds(300)
    var isSet: Bool { flag.load(ordering: .relaxed) || ContinuousClock().now > deadline }
    func set() { flag.store(true, ordering: .relaxed) }
}
