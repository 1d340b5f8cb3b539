// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Testing

/// A stage with state, as consumers of a ring must be written: decode to a value, check again, only then apply.
private struct Tally {
    var packets = 0
    var sum: UInt64 = 0
    var passedOver = 0

    mutating func apply(_ value: UInt64) {
        packets += 1
        sum &+= value
    }
}

@Suite struct `A consumer that is lapped on purpose` {
    private func overwrite(_ producer: inout DataBufferProducer, from ordinal: UInt64, records: Int) {
        for next in ordinal..<ordinal + UInt64(records) {
            _ = producer.append(ordinal: next, length: 992)
            producer.publish()
        }
    }

    @Test func `applies nothing of a packet that was overwritten between decoding and the check`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        var tally = Tally()
        overwrite(&producer, from: 0, records: 1)
        let next = reader.next()
        let descriptor = try #require(next)
        #expect(throws: Lapped.self) {
            let value = try reader.packet(descriptor) { span in
                let decoded = span.littleEndian64(at: 0)
                overwrite(&producer, from: 1, records: 40)
                return decoded
            }
            tally.apply(value)
        }
        #expect(tally.packets == 0 && tally.sum == 0)
        let ledger = (reader.read, reader.lost, reader.published)
        #expect(ledger == (0, 1, 1))
    }

    @Test func `sees bytes of another packet while it decodes, and throws them away`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        overwrite(&producer, from: 0, records: 1)
        let next = reader.next()
        let descriptor = try #require(next)
        var sawAnother = false
        #expect(throws: Lapped.self) {
            _ = try reader.packet(descriptor) { span in
                overwrite(&producer, from: 1, records: 40)
                sawAnother = PacketText.matches(span, ordinal: 32)
                return span.littleEndian64(at: 0)
            }
        }
        #expect(sawAnother)
    }

    @Test(arguments: 0..<40)
    func `is told so exactly when the producer has announced its bytes`(records: Int) throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        overwrite(&producer, from: 0, records: 1)
        let next = reader.next()
        let descriptor = try #require(next)
        overwrite(&producer, from: 1, records: records)
        // The producer announces whole chunks of a ring as small as this: 31 more records fill the first lap.
        #expect(buffer.memory.isWhole(descriptor.position) == (records <= 31))
        #expect((buffer.memory.headroom(of: descriptor.position) == 0) == (records >= 28))
    }

    @Test func `commits the facts of a batch after the check at its end, or not at all`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        var committed = Tally()
        for (round, lapping) in [false, true, false].enumerated() {
            overwrite(&producer, from: UInt64(round * 100), records: 4)
            var staged = Tally()
            var oldest: Position?
            while let descriptor = reader.next() {
                oldest = oldest ?? descriptor.position
                // Payload is looked at only with half the ring still ahead of the producer.
                guard buffer.memory.headroom(of: descriptor.position) > buffer.geometry.capacity / 2 else {
                    staged.passedOver += 1
                    continue
                }
                buffer.memory.withPacket(descriptor) { staged.apply($0.littleEndian64(at: 0)) }
            }
            if lapping { overwrite(&producer, from: UInt64(round * 100 + 4), records: 40) }
            if let oldest, buffer.memory.isWhole(oldest) {
                committed.packets += staged.packets
                committed.sum &+= staged.sum
                committed.passedOver += staged.passedOver
            }
            while reader.next() != nil {}
        }
        #expect(committed.packets == 8)
        #expect(committed.passedOver == 0)
        let (read, lost, published) = (reader.read, reader.lost, reader.published)
        #expect(published == 52 && read + lost == 52)
    }

    @Test func `passes over payload whose headroom is down to half the ring`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        overwrite(&producer, from: 0, records: 20)
        var tally = Tally()
        while let descriptor = reader.next() {
            if buffer.memory.headroom(of: descriptor.position) > buffer.geometry.capacity / 2 {
                tally.packets += 1
            } else {
                tally.passedOver += 1
            }
        }
        // Announced: 20 KiB. So records of the newest 16 KiB have more than half the ring ahead.
        #expect(tally.passedOver == 5 && tally.packets == 15)
    }
}

@Suite struct `A producer` {
    @Test(arguments: [BufferPolicy.fastReader, .blocking])
    func `never overwrites a batch that it has not published`(policy: BufferPolicy) throws {
        let buffer = try makeBuffer(32_768, policy)
        var producer = buffer.makeProducer()
        var ordinal: UInt64 = 0
        while producer.append(ordinal: ordinal, length: 500), ordinal < 1000 { ordinal += 1 }
        #expect((48..<60).contains(ordinal))
        let batch = producer.publish()
        #expect(batch.endOrdinal == ordinal)
        buffer.memory.forEachPacket(in: batch) { _, ordinal, bytes in
            let isSame = PacketText.matches(bytes, ordinal: ordinal)
            #expect(isSame)
        }
        producer.waitForRoom()
        let appended = producer.append(ordinal: ordinal, length: 500)
        #expect(appended)
    }

    @Test(arguments: [BufferPolicy.fastReader, .blocking])
    func `never overwrites descriptors that it has not published`(policy: BufferPolicy) throws {
        let buffer = try makeBuffer(32_768, policy)
        var producer = buffer.makeProducer()
        var ordinal: UInt64 = 0
        while producer.append(ordinal: ordinal, length: 0), ordinal < 5000 { ordinal += 1 }
        #expect(ordinal == 512)
    }

    @Test func `closes although its own batch fills the ring`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        var producer = buffer.makeProducer()
        var ordinal: UInt64 = 0
        while producer.append(ordinal: ordinal, length: 500) { ordinal += 1 }
        producer.close()
        #expect(buffer.memory.isClosed && buffer.memory.tailOrdinal == ordinal)
    }

    @Test func `that is dropped ends its buffer`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        do { _ = buffer.makeProducer() }
        #expect(buffer.memory.isClosed)
    }
}

@Suite struct `A logger of a ring that waits` {
    @Test func `gets every chunk of a full ring`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        var logger = try RegionReader(buffer)
        var producer = buffer.makeProducer()
        // Records of 128 bytes fill chunks exactly, so the ring is full on a chunk's very end.
        var ordinal: UInt64 = 0
        while producer.append(ordinal: ordinal, length: 96) { ordinal += 1 }
        #expect(ordinal == 256)
        producer.publish()
        var positions: [UInt64] = []
        while let region = logger.next() { positions.append(region.position.bytes) }
        #expect(positions == (0..<8).map { $0 * 4096 })
        let ledger = (logger.read, logger.lost)
        #expect(ledger == (256, 0))
        let appended = producer.append(ordinal: ordinal, length: 96)
        #expect(!appended)
        logger.release()
        producer.waitForRoom()
        let appendedAfterRelease = producer.append(ordinal: ordinal, length: 96)
        #expect(appendedAfterRelease)
    }

    @Test func `is shown a chunk that records filled to its last byte`() throws {
        let buffer = try makeBuffer(32_768, .blocking)
        var logger = try RegionReader(buffer)
        var producer = buffer.makeProducer()
        for ordinal in 0..<UInt64(32) { _ = producer.append(ordinal: ordinal, length: 96) }
        producer.publish()
        let region = logger.next()
        #expect(region?.length == 4096 && region?.packets == 32)
        producer.close()
        let isAtEnd = logger.isAtEnd
        #expect(isAtEnd)
    }
}
