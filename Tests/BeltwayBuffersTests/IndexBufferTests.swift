// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Testing

private func entry(_ number: UInt64) -> IndexEntry {
    IndexEntry(
        position: Position(number &* 48),
        flowHash: UInt32(truncatingIfNeeded: number &* 0x9E37_79B9),
        ordinal: UInt32(truncatingIfNeeded: number),
        length: UInt32(truncatingIfNeeded: number ^ 5),
        buffer: 7,
        interface: UInt16(truncatingIfNeeded: number),
        classification: .tcp
    )
}

@Suite struct `An index buffer` {
    @Test(arguments: [BufferPolicy.fastReader, .blocking], UInt64(1)...20)
    func `agrees with its model, whatever the steps`(policy: BufferPolicy, seed: UInt64) throws {
        let buffer = try IndexBuffer(name: "worker 1", capacity: 64, policy: policy)
        var producer = IndexBufferProducer(buffer)
        var reader = IndexBufferReader(buffer)
        var random = RandomSource(seed: seed)
        var (appended, published, taken, released) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        for _ in 0..<5000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                for _ in 0..<Int.random(in: 1..<12, using: &random) {
                    guard producer.append(entry(appended)) else {
                        // A batch must not overwrite itself, nor what a waiting producer protects.
                        let oldest = policy == .blocking ? released : published
                        #expect(appended - oldest == 64, "seed \(seed)")
                        break
                    }
                    appended += 1
                    #expect(policy == .fastReader || appended - released <= 64, "seed \(seed)")
                }
            case 4..<6:
                producer.publish()
                published = appended
            case 6:
                reader.release()
                released = policy == .blocking ? taken : released
            default:
                for _ in 0..<Int.random(in: 1..<12, using: &random) {
                    let lost = reader.lost
                    let peeked = random.oneIn(3) ? reader.peekNext() : nil
                    let next = reader.takeNext()
                    if let peeked { #expect(peeked == next, "seed \(seed)") }
                    taken += reader.lost - lost
                    guard let next else {
                        #expect(taken == published, "seed \(seed)")
                        break
                    }
                    #expect(next == entry(taken), "seed \(seed): entry \(taken)")
                    taken += 1
                }
            }
            let (read, lost, offered) = (reader.read, reader.lost, reader.offered)
            #expect(read + lost == offered && offered == taken, "seed \(seed)")
            #expect(policy == .fastReader || lost == 0, "seed \(seed): blocking lost \(lost)")
            #expect(buffer.published == published)
        }
        producer.close()
        while reader.takeNext() != nil {}
        let ledger = (reader.isAtEnd, reader.read + reader.lost)
        #expect(ledger == (true, appended))
    }

    @Test func `counts an entry whose record was lapped as lost`() throws {
        let buffer = try IndexBuffer(name: "worker 1", capacity: 64, policy: .fastReader)
        var producer = IndexBufferProducer(buffer)
        var reader = IndexBufferReader(buffer)
        _ = producer.append(entry(1))
        producer.publish()
        let next = reader.takeNext()
        #expect(next == entry(1))
        reader.giveBackLapped()
        let ledger = (reader.read, reader.lost, reader.offered)
        #expect(ledger == (0, 1, 1))
    }

    @Test func `leaves an entry that is no packet out of all counts`() throws {
        let buffer = try IndexBuffer(name: "worker 1", capacity: 64, policy: .blocking)
        var producer = IndexBufferProducer(buffer)
        var reader = IndexBufferReader(buffer)
        _ = producer.append(entry(0))
        _ = producer.append(mark: entry(1))
        _ = producer.append(entry(2))
        producer.close()
        _ = reader.takeNext()
        if let mark = reader.takeNext() { reader.passOverMark(mark) }
        _ = reader.takeNext()
        let ledger = (reader.read, reader.lost, reader.offered)
        #expect(ledger == (2, 0, 2))
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd)
    }

    @Test(arguments: UInt64(0)..<8)
    func `counts as lost packets alone, however often it was lapped`(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let buffer = try IndexBuffer(name: "worker 1", capacity: 64, policy: .fastReader)
        var producer = IndexBufferProducer(buffer)
        var reader = IndexBufferReader(buffer)
        var (packets, taken, shown) = (UInt64(0), UInt64(0), UInt64(0))
        for round in 0..<200 {
            // Rounds without a mark as well, and rounds of nothing else.
            let share = [0, 1, 3, 10][Int(random.next() % 4)]
            for _ in 0..<Int(random.next() % 150) {
                let isMark = Int(random.next() % 10) < share
                while !(isMark ? producer.append(mark: entry(2)) : producer.append(entry(1))) {
                    producer.publish()
                }
                if !isMark { packets += 1 }
                if random.oneIn(8) { producer.publish() }
            }
            producer.publish()
            var limit = Int(random.next() % 100)
            if round % 10 == 9 { limit = .max }
            while limit > 0, let next = reader.takeNext() {
                limit -= 1
                if next.position == entry(2).position {
                    reader.passOverMark(next)
                } else if random.oneIn(16) {
                    reader.giveBackLapped()
                } else {
                    taken += 1
                }
            }
            reader.settleLost()
            let (read, lost, offered) = (reader.read, reader.lost, reader.offered)
            #expect(read == taken && read + lost == offered, "seed \(seed)")
            #expect(
                lost >= shown && offered <= packets,
                "seed \(seed): never more than is true, never less than before"
            )
            shown = lost
            if limit > 0 { #expect(offered == packets, "seed \(seed): exact when everything was taken") }
        }
    }

    @Test func `is ended by a producer that is dropped`() throws {
        let buffer = try IndexBuffer(name: "worker 1", capacity: 64, policy: .blocking)
        do { _ = IndexBufferProducer(buffer) }
        #expect(buffer.isClosed)
    }
}

/// A consumer that gets no entry must not stop the producer, and one that uses a record must.
@Suite struct `A hold on a ring` {
    /// Appends and classifies (every packet declined) until there is no room or `bytes` have gone through.
    private func fill(
        _ producer: inout DataBufferProducer,
        _ buffer: DataBuffer,
        bytes: Int,
        onFull: () -> Bool
    ) -> Int {
        var ordinal: UInt64 = 0
        while (buffer.memory.tail - .zero) < bytes {
            if producer.append(ordinal: ordinal, length: 300) {
                ordinal += 1
                if ordinal % 4 != 0 { continue }
            }
            let isFull = ordinal % 4 != 0 || producer.unpublished == 0
            let batch = producer.publish()
            buffer.storeClassifiedThrough(batch.end, ordinal: batch.endOrdinal)
            if isFull, !onFull() { break }
        }
        return buffer.memory.tail - .zero
    }

    @Test func `stops the producer of a blocking ring`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        let hold = try RingHold(buffer)
        var producer = buffer.makeProducer()
        let filled = fill(&producer, buffer, bytes: 1 << 20) { false }
        #expect((28_672...32_768).contains(filled))
        withExtendedLifetime(hold.buffer) {}
    }

    @Test func `lets go through what was classified while its index buffer is empty`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        let index = try IndexBuffer(name: "worker 1", capacity: 64, policy: .blocking)
        let hold = try RingHold(buffer)
        var entries = IndexBufferReader(index)
        var producer = buffer.makeProducer()
        var times = 0
        let filled = fill(&producer, buffer, bytes: 1 << 20) {
            times += 1
            let through = hold.classifiedThrough
            guard entries.takeNext() == nil else { return false }
            hold.release(through: through.position, ordinal: through.ordinal)
            return true
        }
        #expect(filled >= 1 << 20)
        #expect(times >= 20)
    }

    @Test func `that is given up no longer counts`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        var producer = buffer.makeProducer()
        do {
            let hold = try RingHold(buffer)
            let filled = fill(&producer, buffer, bytes: 1 << 20) { false }
            #expect(filled <= 32_768)
            _ = consume hold
        }
        let filled = fill(&producer, buffer, bytes: 1 << 20) { true }
        #expect(filled >= 1 << 20)
    }

    @Test func `is one of at most 64`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        final class Held {
            let hold: RingHold
            init(_ buffer: DataBuffer) throws { hold = try RingHold(buffer) }
        }
        var holds: [Held] = []
        for _ in 0..<64 { holds.append(try Held(buffer)) }
        #expect(throws: BufferError.tooManyReaders) { _ = try RingHold(buffer) }
        #expect(throws: BufferError.tooManyReaders) { _ = try DescriptorReader(buffer) }
        #expect(throws: BufferError.tooManyReaders) { _ = try RegionReader(buffer) }
        _ = try DescriptorReader(buffer, holding: false)
        holds.removeLast()
        holds.append(try Held(buffer))
    }
}
