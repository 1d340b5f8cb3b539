// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Glibc
import Synchronization
import Testing

@testable import BeltwayStore

/// A small file system of its own.
final class SmallDisk {
    let path: String

    init(megabytes: Int) throws {
        path = FileManager.default.temporaryDirectory.path + "/beltway-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let options = "size=\(megabytes)m"
        guard try Tool.run(["mount", "-t", "tmpfs", "-o", options, "beltway-test", path]).status == 0 else {
            throw PacketStoreError.system(operation: .open, path: path, errno: EPERM)
        }
    }

    deinit {
        _ = try? Tool.run(["umount", "-l", path])
        rmdir(path)
    }

    func remount(_ mode: String) throws {
        let outcome = try Tool.run(["mount", "-o", "remount,\(mode)", path])
        guard outcome.status == 0 else {
            throw PacketStoreError.system(operation: .open, path: path, errno: EBUSY)
        }
    }

    static let isPossible: Bool = {
        guard getuid() == 0 else { return false }
        return (try? SmallDisk(megabytes: 1)) != nil
    }()
}

/// What a logger said.
final class Reports: Sendable {
    private let list = Mutex<[PacketLogger.Report]>([])
    func add(_ report: PacketLogger.Report) { list.withLock { $0.append(report) } }
    var all: [PacketLogger.Report] { list.withLock { $0 } }
}

private func load(_ counter: borrowing Atomic<UInt64>) -> UInt64 { counter.load(ordering: .relaxed) }

@Suite struct `A storage budget` {
    private func allocated(_ folder: String) -> UInt64 {
        segmentFiles(folder).reduce(0) { $0 + (FileSystem.status($1)?.allocated ?? 0) }
    }

    @Test func `keeps all rings together within the quota by deleting what was finished longest ago`() throws
    {
        let place = try TemporaryDirectory()
        let folder = place.path + "/packets"
        let quota: UInt64 = 2 << 20
        let budget = StorageBudget(folder: folder, quota: quota, floor: 0)
        var first = try TestRing("a.0")
        var second = try TestRing("b.0")
        var loggerA = PacketLogger(reader: try RegionReader(first.buffer), budget: budget)
        var loggerB = PacketLogger(reader: try RegionReader(second.buffer), budget: budget)
        for number in 0..<6000 {
            let packet = SamplePacket.number(number, length: 1000)
            if number % 2 == 0 { first.append(packet) } else { second.append(packet) }
            guard number % 100 == 99 else { continue }
            first.flush()
            second.flush()
            loggerA.drain()
            loggerB.drain()
            #expect(allocated(folder) <= quota)
            #expect(budget.status.used <= quota)
        }
        first.producer.close()
        second.producer.close()
        loggerA.close()
        loggerB.close()
        #expect(budget.status.deleted > 0)
        #expect(budget.status.used == allocated(folder))
        #expect(load(loggerA.counters.packetsPassedOver) + load(loggerB.counters.packetsPassedOver) == 0)
        // What is left is the newest of each ring, without a gap, and more than half of the quota.
        for ring in ["a.0", "b.0"] {
            let found = try segmentFiles("\(folder)/\(ring)").flatMap(packets(of:))
            let numbers = found.map { Int($0.time.nanoseconds(since: Sample.noon) / 1_000_003) }
            let last = ring == "a.0" ? 5998 : 5999
            #expect(numbers == Array(stride(from: last - 2 * (numbers.count - 1), through: last, by: 2)))
        }
        #expect(allocated(folder) > quota / 2)
    }

    @Test func `takes stock of what an earlier run left, and clears what a crash left`() throws {
        let place = try TemporaryDirectory()
        let folder = place.path + "/packets"
        var ring = try TestRing()
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: StorageBudget(folder: folder)
        )
        for number in 0..<500 { ring.append(.number(number)) }
        ring.producer.close()
        logger.close()
        let leftover = folder + "/test.0/000002-20261122T114000.000000000Z.pcapng.partial"
        #expect(FileManager.default.createFile(atPath: leftover, contents: Data(count: 4096)))
        let budget = StorageBudget(folder: folder)
        try budget.prepare()
        #expect(budget.status.segments == 1)
        #expect(budget.status.used == allocated(folder))
        #expect(!FileManager.default.fileExists(atPath: leftover))
        #expect(budget.status.floor <= StorageBudget.greatestDefaultFloor)
        let free = try FileSystem.space(at: folder).free
        #expect(budget.status.quota <= free / 2 + (64 << 20))
    }

    @Test func `that has no room at all pauses storing, says so once, and counts what it passes over`() throws
    {
        let place = try TemporaryDirectory()
        let reports = Reports()
        var configuration = PacketLogger.Configuration()
        configuration.retryIntervalInNanoseconds = 0
        var ring = try TestRing()
        let budget = StorageBudget(folder: place.path + "/packets", quota: 4096)
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: budget,
            configuration: configuration,
            report: reports.add
        )
        for number in 0..<100 {
            ring.append(.number(number))
            ring.flush()
            logger.drain()
        }
        logger.close()
        #expect(load(logger.counters.packetsPassedOver) == 100)
        #expect(load(logger.counters.published) == 100)
        #expect(load(logger.counters.errors) == 100)
        #expect(segmentFiles(place.path) == [])
        #expect(budget.status.used == 0)
        let said = reports.all
        #expect(said.count == 1)
        guard case .paused("test.0", .noRoom) = said.first else {
            Issue.record("expected a pause for want of room, found \(said)")
            return
        }
    }

    @Test func `below a file instead of a folder is a clear error, and packets go on being counted`() throws {
        let place = try TemporaryDirectory()
        let file = place.path + "/data"
        #expect(FileManager.default.createFile(atPath: file, contents: nil))
        let budget = StorageBudget(folder: file + "/packets")
        #expect(throws: PacketStoreError.self) { try budget.prepare() }
        var ring = try TestRing()
        let reports = Reports()
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget, report: reports.add)
        ring.append(.number(1))
        ring.producer.close()
        logger.close()
        #expect(load(logger.counters.packetsPassedOver) == 1)
        let message = logger.counters.currentError.map(\.description)
        #expect(message == "\(file)/packets: cannot create the folder: Not a directory")
    }
}

@Suite(.enabled(if: SmallDisk.isPossible, "needs root, to mount a small tmpfs"), .serialized)
struct `A small disk` {
    @Test func `is never filled beyond the floor, and holds the newest packets`() throws {
        let disk = try SmallDisk(megabytes: 16)
        let budget = StorageBudget(folder: disk.path + "/packets", quota: .max, floor: 4 << 20)
        var ring = try TestRing()
        var logger = PacketLogger(reader: try RegionReader(ring.buffer), budget: budget)
        for number in 0..<30_000 {
            ring.append(.number(number, length: 1200))
            guard number % 200 == 199 else { continue }
            ring.flush()
            logger.drain()
            #expect(try FileSystem.space(at: disk.path).free >= 4 << 20)
        }
        ring.producer.close()
        logger.close()
        #expect(load(logger.counters.packetsPassedOver) == 0)
        #expect(load(logger.counters.packetsWritten) == 30_000)
        let found = try segmentFiles(disk.path).flatMap(packets(of:))
        #expect(found.last?.time == SamplePacket.number(29_999).time)
        #expect(found.count > 5000)
    }

    @Test func `that others fill pauses storing, keeps what is stored, and goes on when room returns`() throws
    {
        let disk = try SmallDisk(megabytes: 16)
        let budget = StorageBudget(folder: disk.path + "/packets", floor: 1 << 20)
        var configuration = PacketLogger.Configuration()
        configuration.retryIntervalInNanoseconds = 0
        let reports = Reports()
        var ring = try TestRing()
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: budget,
            configuration: configuration,
            report: reports.add
        )
        func store(_ numbers: Range<Int>) {
            for number in numbers { ring.append(.number(number, length: 1000)) }
            ring.flush()
            logger.drain()
        }
        store(0..<300)
        // Everything that is left, and then some: whoever fills it is not us.
        let other = disk.path + "/other"
        let hog = try Tool.run(["dd", "if=/dev/zero", "of=\(other)", "bs=64k"])
        #expect(hog.status != 0)
        for round in 1...20 { store(round * 300..<(round + 1) * 300) }
        let passedOver = load(logger.counters.packetsPassedOver)
        #expect(passedOver > 0)
        #expect(reports.all.count == 1)
        #expect(try segmentFiles(disk.path).flatMap(packets(of:)).first?.time == SamplePacket.number(0).time)
        #expect(unlink(other) == 0)
        store(6300..<6600)
        ring.producer.close()
        logger.close()
        #expect(reports.all.last == .resumed(ring: "test.0", passedOver: passedOver))
        #expect(logger.counters.currentError == nil)
        #expect(load(logger.counters.packetsWritten) + passedOver == 6600)
        let files = segmentFiles(disk.path)
        #expect(try files.flatMap(packets(of:)).count == Int(load(logger.counters.packetsWritten)))
        #expect(try closingBlock(files[files.count - 1])?.packets == 300)
        let told = try files.compactMap { try closingBlock($0)?.notStored }.reduce(0, +)
        #expect(told == passedOver)
    }

    @Test func `that becomes read-only is a clear error, and storing goes on when it is writable again`()
        throws
    {
        let disk = try SmallDisk(megabytes: 16)
        try disk.remount("ro")
        let budget = StorageBudget(folder: disk.path + "/packets")
        var configuration = PacketLogger.Configuration()
        configuration.retryIntervalInNanoseconds = 0
        let reports = Reports()
        var ring = try TestRing()
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: budget,
            configuration: configuration,
            report: reports.add
        )
        for number in 0..<10 {
            ring.append(.number(number))
            ring.flush()
            logger.drain()
        }
        #expect(load(logger.counters.packetsPassedOver) == 10)
        #expect(
            reports.all == [
                .paused(
                    ring: "test.0",
                    .system(operation: .createFolder, path: disk.path + "/packets", errno: EROFS)
                )
            ]
        )
        try disk.remount("rw")
        ring.append(.number(10))
        ring.producer.close()
        logger.close()
        #expect(load(logger.counters.packetsWritten) == 1)
        #expect(reports.all.last == .resumed(ring: "test.0", passedOver: 10))
    }
}
