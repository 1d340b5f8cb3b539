// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Testing

/// What a ring should do, as arrays.
private struct Model {
    struct Packet {
        var length: Int
        var captured: Int
        var flags: RecordFlags
        var position: UInt64?
    }

    var packets: [Packet] = []
    var published = 0
    var isClosed = false

    /// Where packet `ordinal` came to lie, once it is published.
    func position(_ ordinal: Int) -> UInt64 { packets[ordinal].position ?? .max }
    /// Packets that start in a stretch of the ring.
    func count(from start: UInt64, to end: UInt64, since first: Int) -> Int {
        packets[first...].prefix { ($0.position ?? .max) < end }.filter {
            $0.position.map { $0 >= start } == true
        }.count
    }
}

private final class WalkingReader {
    var reader: DescriptorReader
    let first: UInt64
    let holds: Bool
    init(_ buffer: DataBuffer, holds: Bool) throws {
        reader = try DescriptorReader(buffer, holding: holds)
        first = reader.ordinal
        self.holds = holds && buffer.policy == .blocking
    }
}

private final class LoggingReader {
    var reader: RegionReader
    var last: Region?
    init(_ buffer: DataBuffer) throws { reader = try RegionReader(buffer) }
}

/// Random steps of a producer and its readers against the model above.
private struct RingModelRun: ~Copyable {
    let buffer: DataBuffer
    var producer: DataBufferProducer
    var model = Model()
    var random: RandomSource
    var walkers: [WalkingReader] = []
    var loggers: [LoggingReader] = []
    let seed: UInt64
    var isBlocking: Bool { buffer.policy == .blocking }

    init(seed: UInt64, policy: BufferPolicy) throws {
        buffer = try makeBuffer(32_768, policy)
        producer = buffer.makeProducer()
        random = RandomSource(seed: seed)
        self.seed = seed
    }

    func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { Issue.record("seed \(seed), \(buffer.policy): \(what())") }
    }

    mutating func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: append()
        case 45..<55: publish()
        case 55..<57:
            if !producer.padToPage() { letGo() }
        case 57:
            producer.setStatistics(
                received: random.next(),
                dropped: random.next(),
                interface: 0,
                time: Timestamp(nanoseconds: 1)
            )
        case 58..<61 where walkers.count < 5:
            walkers.append(try WalkingReader(buffer, holds: random.oneIn(2)))
            expect(walkers.last?.first == UInt64(model.published), "a reader attaches at the tail")
        case 61..<62 where !walkers.isEmpty:
            walkers.remove(at: Int.random(in: 0..<walkers.count, using: &random))
        case 62 where loggers.count < 2: loggers.append(try LoggingReader(buffer))
        case 63 where random.oneIn(4) && !loggers.isEmpty: loggers.removeFirst()
        case 64..<70: if let logger = loggers.randomElement(using: &random) { takeRegion(logger) }
        case 70..<73:
            walkers.randomElement(using: &random)?.reader.release()
            loggers.randomElement(using: &random)?.reader.release()
        default:
            guard let walker = walkers.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 1..<20, using: &random) {
                if !takePacket(walker, interleaving: true) { break }
            }
        }
        for walker in walkers {
            expect(
                walker.reader.published == walker.reader.read + walker.reader.lost,
                "published = read + lost"
            )
            expect(!walker.holds || walker.reader.lost == 0, "a reader that holds the ring loses nothing")
        }
        for logger in loggers {
            expect(
                logger.reader.published == logger.reader.read + logger.reader.lost,
                "regions: published = read + lost"
            )
            expect(!isBlocking || logger.reader.lost == 0, "a logger that holds the ring loses nothing")
        }
    }

    mutating func append() {
        let snap = buffer.geometry.snapLength
        let length =
            switch Int.random(in: 0..<20, using: &random) {
            case 0: 0
            case 1..<9: Int.random(in: 1..<80, using: &random)
            case 9..<17: Int.random(in: 80..<700, using: &random)
            case 17: 96
            case 18: Int.random(in: snap - 100...snap, using: &random)
            default: snap + Int.random(in: 1..<500, using: &random)
            }
        let flags = RecordFlags(rawValue: UInt16(Int.random(in: 0..<8, using: &random)))
        let ordinal = model.packets.count
        for attempt in 0... {
            if producer.append(ordinal: UInt64(ordinal), length: length, flags: flags) { break }
            if !isBlocking { expect(producer.unpublishedBytes > 16_384, "refused with a small batch") }
            expect(attempt < 3, "no room although nobody needs any")
            if attempt >= 3 { return }
            publish()
            letGo()
        }
        model.packets.append(
            .init(
                length: length,
                captured: min(length, snap),
                flags: length > snap ? flags.union(.truncated) : flags
            )
        )
    }

    /// Every reader takes what there is and lets go: then there must be room, without a wait.
    mutating func letGo() {
        for walker in walkers {
            while takePacket(walker) {}
            walker.reader.release()
        }
        for logger in loggers {
            while takeRegion(logger) {}
            logger.reader.release()
        }
        producer.waitForRoom()
    }

    mutating func publish() {
        let batch = producer.publish()
        expect(batch.firstOrdinal == UInt64(model.published), "a batch begins where the last one ended")
        expect(batch.endOrdinal == UInt64(model.packets.count), "a batch has all that was appended")
        var end = batch.start.bytes
        buffer.memory.forEachPacket(in: batch) { descriptor, ordinal, bytes in
            let position = descriptor.position.bytes
            expect(position >= end, "records follow one another")
            end = position + UInt64(descriptor.recordLength)
            expect(position / 4096 == (end - 1) / 4096, "record \(ordinal) crosses a chunk's end")
            model.packets[Int(ordinal)].position = position
            check(descriptor, Int(ordinal))
            let isSame = PacketText.matches(bytes, ordinal: ordinal)
            expect(isSame, "own batch: packet \(ordinal)")
        }
        expect(end <= batch.end.bytes, "a batch ends after its records")
        model.published = model.packets.count
    }

    func check(_ descriptor: Descriptor, _ ordinal: Int) {
        let packet = model.packets[ordinal]
        expect(
            descriptor.position.bytes == model.position(ordinal)
                && Int(descriptor.capturedLength) == packet.captured
                && Int(descriptor.originalLength) == packet.length && descriptor.flags == packet.flags
                && descriptor.time.nanoseconds == 1_000_000_000 + UInt64(ordinal),
            "descriptor of \(ordinal)"
        )
    }

    /// - Returns: Whether there was one.
    @discardableResult
    mutating func takePacket(_ walker: WalkingReader, interleaving: Bool = false) -> Bool {
        let (before, lost) = (walker.reader.ordinal, walker.reader.lost)
        guard let descriptor = walker.reader.next() else {
            expect(
                walker.reader.ordinal == UInt64(model.published),
                "nothing more although more is published"
            )
            return false
        }
        let ordinal = walker.reader.ordinal - 1
        expect(ordinal < UInt64(model.published), "unpublished packet \(ordinal)")
        expect(ordinal - before == walker.reader.lost - lost, "what was skipped is lost")
        check(descriptor, Int(ordinal))
        // The producer may run between a reader's step and the next.
        if interleaving, !walker.holds, random.oneIn(3) {
            for _ in 0..<Int.random(in: 1..<60, using: &random) {
                append(keepingReaders: true)
                if random.oneIn(5) { publish() }
            }
        }
        do {
            let isSame = try walker.reader.packet(descriptor) { PacketText.matches($0, ordinal: ordinal) }
            expect(isSame, "torn packet \(ordinal)")
        } catch {
            expect(!walker.holds, "lapped while it held the ring")
            expect(
                buffer.memory.headroom(of: descriptor.position) == 0,
                "lapped although the record is whole"
            )
        }
        return true
    }

    /// Appends only if nobody has to let go first.
    mutating func append(keepingReaders: Bool) {
        let ordinal = model.packets.count
        let length = Int.random(in: 0..<1000, using: &random)
        guard producer.append(ordinal: UInt64(ordinal), length: length) else { return }
        model.packets.append(.init(length: length, captured: length, flags: []))
    }

    /// - Returns: Whether there was one.
    @discardableResult
    mutating func takeRegion(_ logger: LoggingReader) -> Bool {
        let lost = logger.reader.lost
        guard let region = logger.reader.next() else { return false }
        let (start, end) = (region.position.bytes, region.position.bytes + UInt64(region.length))
        expect(region.length > 0 && start % 4096 == 0 && end % 4096 == 0, "regions are whole pages")
        expect(start / 4096 == (end - 1) / 4096, "a region left its chunk")
        if let last = logger.last, logger.reader.lost == lost {
            expect(last.position + last.length == region.position, "regions are contiguous")
            expect(last.firstOrdinal + last.packets == region.firstOrdinal, "their ordinals too")
        }
        logger.last = region
        let first = Int(region.firstOrdinal)
        let count = model.count(from: start, to: end, since: first)
        expect(count == Int(region.packets), "\(region.packets) packets in a region, not \(count)")
        expect(first == 0 || model.position(first - 1) < start, "first ordinal of a region")
        if region.packets > 0 {
            expect(
                region.leastTime.nanoseconds <= 1_000_000_000 + UInt64(first)
                    && region.greatestTime.nanoseconds >= 999_999_999 + UInt64(first) + region.packets,
                "times of a region"
            )
        }
        let packetBlocks = logger.reader.withBytes(of: region) { span in
            blocks(of: span)?.filter { $0.type == RecordLayout.enhancedPacketBlock }.count
        }
        if logger.reader.isWhole(region) {
            expect(packetBlocks == count, "blocks of a region")
        } else {
            expect(!isBlocking, "a region was lapped while it was held")
            logger.reader.giveBackLapped(region)
        }
        return true
    }

    mutating func finish() {
        publish()
        letGo()
        producer.close()
        model.isClosed = true
        expect(buffer.memory.tail.bytes % 4096 == 0, "a closed ring ends on a page")
        for walker in walkers {
            while takePacket(walker) {}
            expect(walker.reader.isAtEnd, "at its end")
            expect(
                walker.reader.published == UInt64(model.published) - walker.first,
                "everything was offered"
            )
        }
        for logger in loggers {
            while takeRegion(logger) {}
            expect(logger.reader.isAtEnd, "logger at its end")
        }
    }
}

@Suite struct `A ring agrees with its model, whatever the steps` {
    @Test(arguments: UInt64(1)...30)
    func `when the producer overwrites`(seed: UInt64) throws {
        var run = try RingModelRun(seed: seed, policy: .fastReader)
        for _ in 0..<3000 { try run.step() }
        run.finish()
    }

    @Test(arguments: UInt64(1)...30)
    func `when the producer waits`(seed: UInt64) throws {
        var run = try RingModelRun(seed: seed, policy: .blocking)
        for _ in 0..<3000 { try run.step() }
        run.finish()
    }
}
