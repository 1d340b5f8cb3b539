// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private func fact(_ number: UInt64) -> Fact {
    var record = FlowRecord()
    record.flowID = number
    record.bytesToOriginator = ~number
    return .flow(record)
}

private func number(_ fact: Fact) -> UInt64? {
    guard case .flow(let record) = fact, record.bytesToOriginator == ~record.flowID else { return nil }
    return record.flowID
}

@Suite struct FactQueueTests {
    @Test func `facts come out in order and the end is seen`() {
        let queue = FactQueue(capacity: 8)
        var producer = queue.makeProducer(.dropping)
        var consumer = queue.makeConsumer()
        for value in 0..<5 as Range<UInt64> { producer.record(fact(value)) }
        var seen: [UInt64?] = []
        #expect(consumer.drain(limit: 2) { seen.append(number($0)) } == 2)
        let early = consumer.isFinished()
        producer.close()
        let late = consumer.isFinished()
        #expect(!early && !late)
        #expect(consumer.drain { seen.append(number($0)) } == 3)
        let end = consumer.isFinished()
        #expect(end)
        #expect(seen == [0, 1, 2, 3, 4])
    }

    @Test func `a full queue drops and counts when told to`() {
        let queue = FactQueue(capacity: 4)
        var producer = queue.makeProducer(.dropping)
        var consumer = queue.makeConsumer()
        for value in 0..<10 as Range<UInt64> { producer.record(fact(value)) }
        var seen: [UInt64?] = []
        _ = consumer.drain { seen.append(number($0)) }
        producer.record(fact(10))
        _ = consumer.drain { seen.append(number($0)) }
        #expect(seen == [0, 1, 2, 3, 10])
        #expect(queue.dropped == 6 && queue.accepted == 5)
    }

    @Test func `a producer whose consumer is gone does not wait`() {
        let queue = FactQueue(capacity: 2)
        var producer = queue.makeProducer(.blocking)
        do { _ = queue.makeConsumer() }
        for value in 0..<5 as Range<UInt64> { producer.record(fact(value)) }
        #expect(queue.dropped == 3)
    }

    @Test func `a body that throws leaves the rest in the queue`() {
        struct Stop: Error {}
        let queue = FactQueue(capacity: 4)
        var producer = queue.makeProducer(.dropping)
        var consumer = queue.makeConsumer()
        for value in 0..<3 as Range<UInt64> { producer.record(fact(value)) }
        var failed = false
        do { _ = try consumer.drain { if number($0) == 1 { throw Stop() } } } catch { failed = true }
        var rest: [UInt64?] = []
        _ = consumer.drain { rest.append(number($0)) }
        #expect(failed && rest == [2])
    }

    @Test(arguments: [2, 64, 4096]) func `two threads lose nothing, change nothing and keep the order`(
        capacity: Int
    ) {
        let count: UInt64 = capacity == 2 ? 20_000 : 200_000
        let queue = FactQueue(capacity: capacity)
        let worker = Thread {
            var producer = queue.makeProducer(.blocking)
            for value in 0..<count { producer.record(fact(value)) }
        }
        worker.start()
        var consumer = queue.makeConsumer()
        var expected: UInt64 = 0
        var wrong = 0
        while !consumer.isFinished() {
            let taken = consumer.drain(limit: 100) {
                if number($0) != expected { wrong += 1 }
                expected += 1
            }
            if taken == 0 { usleep(10) }
        }
        #expect(expected == count && wrong == 0)
        #expect(queue.dropped == 0 && queue.accepted == count)
    }
}

@Suite struct `Bodies of transactions` {
    /// A body of `count` bytes that depend on `number`.
    private func body(_ number: Int, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
    }

    @Test func `arrive whole and in order, however often their ring wraps`() {
        let queue = FactQueue(capacity: 64, bodyBytes: 1 << 16)
        var producer = queue.makeProducer(.dropping)
        var consumer = queue.makeConsumer()
        var taken = 0
        for number in 0..<2000 {
            let sent = body(number, count: number * 37 % 9000)
            producer.record(TransactionRecord(), body: sent.span)
            guard number % 3 == 2 else { continue }
            _ = consumer.drainWithBodies { _, bytes in
                let expected = body(taken, count: taken * 37 % 9000)
                #expect(bytes.indices.map { bytes[$0] } == expected)
                taken += 1
            }
        }
        #expect(queue.dropped == 0)
        #expect(taken == 1998)
    }

    @Test func `that have no room are dropped and counted`() {
        let queue = FactQueue(capacity: 64, bodyBytes: 1 << 16)
        var producer = queue.makeProducer(.dropping)
        var consumer = queue.makeConsumer()
        for number in 0..<5 { producer.record(TransactionRecord(), body: body(number, count: 20_000).span) }
        #expect(queue.dropped == 2)
        var counts: [Int] = []
        _ = consumer.drainWithBodies { _, bytes in counts.append(bytes.count) }
        #expect(counts == [20_000, 20_000, 20_000])
        producer.record(TransactionRecord(), body: body(9, count: 20_000).span)
        #expect(queue.dropped == 2)
    }
}
