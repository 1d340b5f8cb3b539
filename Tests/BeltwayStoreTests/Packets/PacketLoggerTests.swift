// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Synchronization
import Testing

@testable import BeltwayStore

@Suite struct `A packet logger` {
    @Test func `stores every packet byte for byte, with its nanoseconds, lengths and flags`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing()
        let budget = StorageBudget(folder: place.path + "/packets")
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
        var expected: [SamplePacket] = []
        for number in 0..<3000 {
            let packet = SamplePacket.number(number)
            ring.append(packet)
            expected.append(packet)
            if number % 50 == 0 {
                ring.producer.publish()
                logger.drain()
            }
        }
        ring.producer.close()
        logger.close()
        let found = try segmentFiles(place.path).flatMap(packets(of:))
        let isEqual = found == expected
        #expect(isEqual)
        let counters = logger.counters
        #expect(counters.published.load(ordering: .relaxed) == 3000)
        #expect(counters.packetsWritten.load(ordering: .relaxed) == 3000)
        #expect(counters.packetsLost.load(ordering: .relaxed) == 0)
        let length = segmentFiles(place.path).reduce(0) { $0 + fileLength($1) }
        #expect(counters.bytesWritten.load(ordering: .relaxed) == length)
    }

    @Test(.enabled(if: Tool.haveReaders, "needs tcpdump, tshark and capinfos"))
    func `leaves segments that tcpdump, tshark and capinfos open without a complaint`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing(interfaces: ["eth0", "a name with spaces"])
        var configuration = PacketLogger.Configuration()
        configuration.segmentLength = 300_000
        let budget = StorageBudget(folder: place.path + "/packets")
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: budget,
            configuration: configuration
        )
        for number in 0..<1000 {
            ring.append(.number(number, length: 60 + number), interface: UInt16(number % 2))
            if number % 20 == 0 {
                ring.producer.setStatistics(
                    received: UInt64(number) + 1,
                    dropped: 1,
                    interface: 0,
                    time: SamplePacket.number(number).time
                )
                ring.flush()
                logger.drain()
            }
        }
        ring.producer.close()
        logger.close()
        let files = segmentFiles(place.path)
        #expect(files.count >= 2)
        for file in files {
            let count = try packets(of: file).count
            #expect(try Tool.counts(file) == ["tcpdump": count, "tshark": count, "capinfos": count])
        }
    }

    @Test func `writes a short file for a short capture, and none for an empty one`() throws {
        let place = try TemporaryDirectory()
        let budget = StorageBudget(folder: place.path + "/packets")
        var ring = try TestRing()
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
        ring.append(.number(9))
        ring.producer.close()
        logger.close()
        let files = segmentFiles(place.path)
        #expect(files.count == 1)
        let status = try #require(files.first.flatMap { FileSystem.status($0) })
        #expect(status.length == UInt64(2 * 4096 + SegmentLayout.closingLength))
        #expect(status.allocated <= 4 * 4096)
        #expect(budget.status.used == 3 * 4096)

        var silent = try TestRing("silent.0")
        var idle = PacketLogger(reader: try RegionReader(silent.buffer), budget: budget)
        silent.producer.close()
        idle.close()
        #expect(segmentFiles(place.path).count == 1)
    }

    @Test func `begins a new segment when the ring gets another interface`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing()
        let budget = StorageBudget(folder: place.path + "/packets")
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
        ring.append(.number(1))
        ring.flush()
        logger.drain()
        let second = try ring.producer.addInterface(named: "eth1")
        ring.append(.number(2), interface: second)
        ring.producer.close()
        logger.close()
        let files = segmentFiles(place.path)
        try #require(files.count == 2)
        let first = try SegmentReader.open(files[0]).interfaces
        #expect(first.map(\.name) == ["eth0"])
        var last = try SegmentReader.open(files[1])
        let isThere = last.advance()
        #expect(isThere)
        let (interfaces, current) = (last.interfaces, last.current)
        #expect(interfaces.map(\.name) == ["eth0", "eth1"])
        #expect(current.interface == 1)
    }

    @Test func `leaves no file for statistics without packets`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing()
        let budget = StorageBudget(folder: place.path + "/packets")
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
        ring.producer.setStatistics(received: 5, dropped: 5, interface: 0, time: Sample.noon)
        ring.flush()
        ring.producer.close()
        logger.close()
        #expect(segmentFiles(place.path) == [])
    }

    @Test func `writes by way of the page cache where a file refuses direct writes`() throws {
        let place = try TemporaryDirectory()
        var file = try SegmentFile(creating: place.path + "/a.pcapng")
        // Neither the length nor the address suits a direct write: the system answers EINVAL.
        let content = (0..<1001).map { UInt8(truncatingIfNeeded: $0) }
        try file.write(content.span.bytes.extracting(1..<1001))
        file.keep(1000)
        try file.giveName()
        try file.finish(at: 1000)
        let stored = try Data(contentsOf: URL(fileURLWithPath: place.path + "/a.pcapng"))
        #expect([UInt8](stored) == Array(content[1...]))
    }

    @Test func `names its segments so that they sort, and goes on counting after a restart`() throws {
        let place = try TemporaryDirectory()
        for run in 0..<2 {
            var ring = try TestRing()
            let budget = StorageBudget(folder: place.path + "/packets")
            var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
            ring.append(.number(run))
            ring.producer.close()
            logger.close()
        }
        let names = segmentFiles(place.path).map { $0.split(separator: "/").last ?? "" }
        #expect(
            names == [
                "000001-20261122T114000.000000000Z.pcapng", "000002-20261122T114000.001000003Z.pcapng",
            ]
        )
        #expect(SegmentName(String(names[1])) == SegmentName(number: 2, time: SamplePacket.number(1).time))
    }

    @Test func `counts exactly what it lost when it is lapped, and keeps the file whole`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing(capacity: 1 << 16)
        let budget = StorageBudget(folder: place.path + "/packets")
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
        var random = SeededGenerator(state: 42)
        var expected: Set<Int> = []
        for number in 0..<5000 {
            ring.append(.number(number, length: 40 + Int(random.next() % 900)))
            expected.insert(number)
            if random.next() % 200 == 0 {
                ring.flush()
                logger.drain()
            }
        }
        ring.producer.close()
        logger.close()
        let files = segmentFiles(place.path)
        let found = try files.flatMap(packets(of:))
        let counters = logger.counters
        let written = counters.packetsWritten.load(ordering: .relaxed)
        let lost = counters.packetsLost.load(ordering: .relaxed)
        #expect(lost > 0)
        #expect(UInt64(found.count) == written)
        #expect(written + lost == 5000)
        for packet in found {
            let number = Int(packet.time.nanoseconds(since: Sample.noon) / 1_000_003)
            #expect(expected.remove(number) != nil)
            let isEqual = packet == .number(number, length: packet.bytes.count)
            #expect(isEqual)
        }
        #expect(expected.count == Int(lost))
        let closing = try #require(try closingBlock(files[0]))
        #expect(closing.packets == written)
        #expect(closing.notStored == lost)
        #expect(closing.leastTime <= found[0].time)
        #expect(closing.greatestTime >= found[found.count - 1].time)
    }

    @Test func `survives a producer that laps it while the disk writes`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing(capacity: 1 << 16)
        let budget = StorageBudget(folder: place.path + "/packets")
        let counters = LoggerCounters()
        let thread = LoggerThread(reader: try RegionReader(ring.buffer), budget: budget, counters: counters)
        thread.start()
        for number in 0..<20_000 {
            ring.append(.number(number, length: 200))
            if number % 16 == 0 { ring.producer.publish() }
        }
        ring.producer.close()
        thread.finish()
        let found = try segmentFiles(place.path).flatMap(packets(of:))
        let written = counters.packetsWritten.load(ordering: .relaxed)
        #expect(UInt64(found.count) == written)
        #expect(written + counters.packetsLost.load(ordering: .relaxed) == 20_000)
        for packet in found {
            let number = Int(packet.time.nanoseconds(since: Sample.noon) / 1_000_003)
            let isWhole = packet == .number(number, length: 200)
            guard isWhole else {
                Issue.record("packet \(number) is torn")
                break
            }
        }
    }

    @Test func `writes everything of a blocking ring that is far smaller than the capture`() throws {
        let place = try TemporaryDirectory()
        var ring = try TestRing(capacity: 1 << 16, policy: .blocking)
        let budget = StorageBudget(folder: place.path + "/packets")
        let counters = LoggerCounters()
        let thread = LoggerThread(reader: try RegionReader(ring.buffer), budget: budget, counters: counters)
        thread.start()
        for number in 0..<5000 {
            ring.append(.number(number, length: 100))
        }
        ring.producer.close()
        thread.finish()
        let found = try segmentFiles(place.path).flatMap(packets(of:))
        let isEqual = found == (0..<5000).map { .number($0, length: 100) }
        #expect(isEqual)
        #expect(counters.packetsLost.load(ordering: .relaxed) == 0)
    }
}

/// The closing block at the end of a segment.
func closingBlock(_ path: String) throws -> SegmentLayout.Closing? {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    return SegmentLayout.readClosing([UInt8](data.suffix(SegmentLayout.closingLength)).span.bytes)
}

/// A logger in a thread of its own, until its ring is at its end.
final class LoggerThread: @unchecked Sendable {
    private var reader: RegionReader?
    private let budget: StorageBudget
    private let counters: LoggerCounters
    private let configuration: PacketLogger.Configuration
    private let done = DispatchSemaphore(value: 0)

    init(
        reader: consuming RegionReader,
        budget: StorageBudget,
        counters: LoggerCounters,
        configuration: PacketLogger.Configuration = .init()
    ) {
        self.reader = consume reader
        self.budget = budget
        self.counters = counters
        self.configuration = configuration
    }

    func start() { Thread.detachNewThread { self.run() } }

    private func run() {
        guard let reader = reader.take() else { return }
        var logger = PacketLogger(
            reader: reader,
            budget: budget,
            configuration: configuration,
            counters: counters
        )
        while !logger.isAtEnd {
            if !logger.drain() { logger.wait(nanoseconds: 10_000_000) }
        }
        logger.close()
        done.signal()
    }

    func finish() { done.wait() }
}
