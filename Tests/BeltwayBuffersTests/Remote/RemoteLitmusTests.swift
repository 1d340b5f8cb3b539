// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Synchronization
import Testing

/// Reads packets that carry their own checksum; in each, whatever it shows must be whole.
private struct CheckedReading: RemoteReaderUse {
    var pause = 0
    var isAttached = DispatchSemaphore(value: 0)

    struct Seen {
        var torn = 0
        var read: UInt64 = 0
        var lost: UInt64 = 0
        var published: UInt64 = 0
        var failure: RemoteError?
    }

    mutating func use<Reader: RemoteRecordReader & ~Copyable>(_ reader: inout Reader) -> Seen {
        var seen = Seen()
        isAttached.signal()
        let deadline = Date().addingTimeInterval(120)
        while !reader.isAtEnd, Date() < deadline {
            guard let descriptor = reader.next() else {
                reader.wait(nanoseconds: 20_000_000)
                continue
            }
            let ordinal = reader.ordinal - 1
            let isWhole = try? reader.withPacket(descriptor) { CheckedPacket.isWhole($0, ordinal: ordinal) }
            if isWhole == false { seen.torn += 1 }
            if reader.published != reader.read + reader.lost { seen.torn += 1 }
            if pause > 0, ordinal % UInt64(pause) == 0 { usleep(200) }
        }
        (seen.read, seen.lost, seen.published) = (reader.read, reader.lost, reader.published)
        seen.failure = reader.failure
        return seen
    }
}

@Suite(.serialized, .tags(.slow)) struct `Over a socket` {
    /// A ring that is overwritten all the time, far faster than it is fetched.
    @Test(arguments: RemoteStrategy.allCases, [0, 50])
    func `no reader is ever handed a torn packet of a ring that is overwritten`(
        strategy: RemoteStrategy,
        pause: Int
    ) throws {
        let count: UInt64 = 400_000
        let buffer = try makeBuffer(32_768, .fastReader)
        let listener = try LoopbackListener()
        let client = try SocketChannel.connect(toLoopbackPort: listener.port)
        let serving = Serving(try listener.accept(nanoseconds: 5_000_000_000), [buffer])
        var consumer = CheckedReading(pause: pause)
        let attached = consumer.isAttached
        let writer = TestThread {
            attached.wait()
            var producer = buffer.makeProducer()
            var words: [UInt64] = []
            for ordinal in 0..<count {
                while !producer.append(checked: ordinal, &words) { producer.publish() }
                if ordinal % 7 == 0 { producer.publish() }
                // So that readers get some of it: else the ring is gone before the first message.
                if ordinal % 2_000 == 0 { usleep(100) }
            }
            producer.close()
        }
        let seen = try strategy.open(client, RemoteReaderOptions(), &consumer)
        #expect(writer.join())
        #expect(seen.torn == 0 && seen.failure == nil)
        #expect(seen.published == count && seen.read + seen.lost == count)
        #expect(seen.read > 0)
        #expect(serving.report()?.error == nil)
    }

    @Test func `several clients read one ring by all strategies at once`() throws {
        let count: UInt64 = 20_000
        let buffer = try makeBuffer(8 << 20, .fastReader)
        let listener = try LoopbackListener()
        let results = Mutex<[CheckedReading.Seen]>([])
        let attached = DispatchSemaphore(value: 0)
        let threads = try (RemoteStrategy.allCases + RemoteStrategy.allCases).map { strategy in
            let client = Held(try SocketChannel.connect(toLoopbackPort: listener.port))
            let serving = Serving(try listener.accept(nanoseconds: 5_000_000_000), [buffer])
            nonisolated(unsafe) let held = client
            return TestThread {
                var consumer = CheckedReading(isAttached: attached)
                guard let channel = try? held.take(),
                    let seen = try? strategy.open(channel, RemoteReaderOptions(), &consumer)
                else { return }
                results.withLock { $0.append(seen) }
                _ = serving.report()
            }
        }
        for _ in threads { attached.wait() }
        var producer = buffer.makeProducer()
        var words: [UInt64] = []
        for ordinal in 0..<count {
            while !producer.append(checked: ordinal, &words) { producer.publish() }
            if ordinal % 16 == 0 { producer.publish() }
        }
        producer.close()
        #expect(threads.allSatisfy { $0.join() })
        let seen = results.withLock { $0 }
        #expect(seen.count == 8)
        // 20,000 packets of at most 144 bytes fit in the ring: nobody loses any.
        #expect(seen.allSatisfy { $0.torn == 0 && $0.read == count && $0.lost == 0 && $0.failure == nil })
    }
}
