// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation

/// One producer; readers of packets and of regions that come, wait, release and go; one that only looks.
enum DataBufferSchedule {
    static let records: UInt64 = 40_000

    /// A ring that is wrapped again and again, its readers protected.
    static func run(_ policy: BufferPolicy) throws {
        let buffer = try makeBuffer(32_768, policy)
        let crew = Crew()
        let first = Walker(try DescriptorReader(buffer))
        let second = Walker(try DescriptorReader(buffer), pause: 500)
        let logger = Logger(try RegionReader(buffer))
        crew.start { first.run() }
        crew.start { second.run() }
        crew.start { logger.run() }
        crew.start {
            // Comes and goes; holds nothing, so it reads no packet, only what is atomic.
            while !buffer.memory.isClosed {
                guard let reader = try? DescriptorReader(buffer) else { continue }
                reader.wait(nanoseconds: 100_000)
                reader.release()
                _ = (reader.backlog, reader.lagInBytes, reader.isAtEnd, buffer.memory.timeThrough)
                _ = (buffer.interfaces, buffer.memory.clock(before: buffer.memory.tail))
                _ = buffer.memory.headroom(of: buffer.memory.tail)
            }
        }
        crew.start { produce(into: buffer) }
        crew.join("data buffer, \(policy)")
        print("data buffer, \(policy): \(first.ledger), \(second.ledger), regions \(logger.packets)")
        check(first.isRight && second.isRight && logger.isRight, "ledger of a data buffer, \(policy)")
    }

    /// Fast reader preference on a ring so large that nothing is overwritten.
    static func runWithoutWrap() throws {
        let buffer = try makeBuffer(8 << 20, .fastReader)
        let crew = Crew()
        let walkers = [
            Walker(try DescriptorReader(buffer)), Walker(try DescriptorReader(buffer), pause: 500),
        ]
        let logger = Logger(try RegionReader(buffer))
        for walker in walkers { crew.start { walker.run() } }
        crew.start { logger.run() }
        crew.start { produce(into: buffer) }
        crew.join("data buffer that is not wrapped")
        print("data buffer that is not wrapped: \(walkers[0].ledger), \(walkers[1].ledger)")
        check(walkers.allSatisfy(\.isRight) && logger.isRight, "ledger of a ring that is not wrapped")
    }

    private static func makeBuffer(_ capacity: Int, _ policy: BufferPolicy) throws -> DataBuffer {
        try DataBuffer(name: "test.0", number: 3, linkType: .ethernet, capacity: capacity, policy: policy)
    }

    private static func produce(into buffer: DataBuffer) {
        var producer = buffer.makeProducer()
        var words = [UInt64](repeating: 0, count: 8)
        var ordinal: UInt64 = 0
        for round in 0..<records {
            if round % 1000 == 0, round < 30_000 {
                _ = try? producer.addInterface(named: "eth\(round / 1000)")
            }
            fill(&words, ordinal)
            var isAppended = false
            for _ in 0..<3 where !isAppended {
                isAppended = producer.append(
                    words.span.bytes,
                    time: Timestamp(nanoseconds: ordinal),
                    originalLength: 64,
                    interface: 0,
                    flags: []
                )
                if isAppended { break }
                producer.publish()
                // Slow reader preference drops, which is not what is looked for here: give way a little.
                if buffer.policy == .slowReader { usleep(50) } else { producer.waitForRoom() }
            }
            if isAppended { ordinal += 1 }
            if round % 7 == 0 { producer.publish() }
            if round % 97 == 0 { producer.setTimeThrough(Timestamp(nanoseconds: ordinal)) }
            if round % 5000 == 0 { _ = producer.padToPage() }
        }
        producer.close()
    }
}

/// Reads every packet.
private final class Walker: @unchecked Sendable {
    private var reader: DescriptorReader
    private let pause: Int
    private var torn = 0

    init(_ reader: consuming DescriptorReader, pause: Int = 0) {
        self.reader = reader
        self.pause = pause
    }

    var isRight: Bool {
        torn == 0 && reader.lost == 0 && reader.read == reader.published && reader.read > 1000
    }
    var ledger: String { "\(reader.read) read, \(reader.lost) lost, \(torn) torn" }

    func run() {
        while true {
            guard let descriptor = reader.next() else {
                if reader.isAtEnd { return }
                reader.wait(nanoseconds: 2_000_000)
                continue
            }
            let ordinal = reader.ordinal - 1
            if (try? reader.packet(descriptor) { isWhole($0, ordinal) }) != true { torn += 1 }
            if ordinal % 64 == 0 { reader.release() }
            if pause > 0, ordinal % UInt64(pause) == 0 { usleep(20) }
        }
    }
}

/// Takes the ring in regions.
private final class Logger: @unchecked Sendable {
    private var reader: RegionReader
    private var sum: UInt64 = 0

    init(_ reader: consuming RegionReader) { self.reader = reader }

    var packets: UInt64 { reader.read }
    var isRight: Bool { reader.lost == 0 && reader.read == reader.published && reader.read > 1000 && sum > 0 }

    func run() {
        while !reader.isAtEnd {
            guard let region = reader.next() else {
                reader.wait(nanoseconds: 2_000_000)
                continue
            }
            sum &+= reader.withBytes(of: region) { bytes in
                (0..<bytes.byteCount / 8).reduce(into: UInt64(0)) { $0 &+= bytes.littleEndian64(at: $1 * 8) }
            }
            reader.release()
        }
    }
}
