// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

/// A stage that keeps a copy of everything it is shown.
struct RecordingStage: BatchStage {
    var opened: [DataBuffer] = []
    var packets: [(buffer: String, interface: String, bytes: [UInt8], time: UInt64)] = []
    var batchSizes: [Int] = []
    var idleCalls = 0
    var isFinished = false
    var onBatch: @Sendable () -> Void = {}

    mutating func open(_ buffer: DataBuffer) { opened.append(buffer) }
    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        var copies: [(Int, [UInt8], UInt64)] = []
        buffer.memory.forEachPacket(in: batch) { descriptor, _, bytes in
            copies.append(
                (
                    Int(descriptor.interface), (0..<bytes.byteCount).map { bytes.byte(at: $0) },
                    descriptor.time.nanoseconds
                )
            )
        }
        batchSizes.append(copies.count)
        for (interface, bytes, time) in copies {
            packets.append((buffer.name, buffer.interfaces[interface], bytes, time))
        }
        onBatch()
    }
    mutating func idle(through time: Timestamp) { idleCalls += 1 }
    mutating func finish() { isFinished = true }
}

struct KeepLongPackets: PacketFilter {
    func accepts(_ packet: RawSpan, originalLength: UInt32, linkType: LinkType) -> Bool {
        packet.byteCount > 50
    }
}

@Suite struct `A file producer` {
    private func produce<Filter: PacketFilter>(
        _ paths: [String],
        filter: Filter,
        policy: BufferPolicy = .fastReader,
        capacity: Int = 1 << 20,
        counters: CaptureCounters = CaptureCounters(),
        progress: ReadingProgress = ReadingProgress(),
        stop: StopFlag = StopFlag(),
        stage: RecordingStage = RecordingStage()
    ) -> (reports: [CaptureFileReport], stage: RecordingStage) {
        var number: UInt16 = 0
        var producer = FileProducer(
            paths: paths,
            filter: filter,
            stage: stage,
            counters: counters,
            progress: progress,
            stop: stop
        ) { name, linkType throws(BufferError) in
            defer { number += 1 }
            return try DataBuffer(
                name: name,
                number: number,
                linkType: linkType,
                capacity: capacity,
                policy: policy
            )
        }
        let reports = producer.run()
        return (reports, producer.stage)
    }

    @Test func `fills one buffer from several files, each an interface of its own name`() {
        let files = [MemoryFile(samplePcap()), MemoryFile(samplePcap(isBigEndian: true))]
        let counters = CaptureCounters()
        let progress = ReadingProgress()
        let (reports, stage) = produce(
            files.map(\.path),
            filter: AcceptEverything(),
            counters: counters,
            progress: progress
        )
        #expect(reports.map(\.ending) == [.whole, .whole])
        #expect(reports.map(\.packets) == [5, 5])
        #expect(stage.packets.map(\.bytes) == samplePackets + samplePackets)
        #expect(stage.opened.map(\.name) == ["file.0"])
        #expect(Set(stage.packets.map(\.interface)) == Set(files.map { "\($0.descriptor)" }))
        #expect(stage.isFinished)
        #expect(counters.counts.received == 10)
        #expect(counters.counts.bytes == UInt64(samplePackets.reduce(0) { $0 + $1.count + 4 } * 2))
        #expect(progress.bytesTotal == UInt64(samplePcap().count * 2))
        #expect(progress.bytesRead == progress.bytesTotal)
    }

    @Test func `opens a buffer per link type and keeps the packets' order across them`() {
        let file = MemoryFile(samplePcapng())
        let (reports, stage) = produce([file.path], filter: AcceptEverything())
        #expect(reports.map(\.ending) == [.whole])
        #expect(stage.opened.map(\.name) == ["file.0", "file.0-113", "file.0-101"])
        #expect(stage.packets.map(\.bytes) == samplePcapngPackets.map(\.bytes))
        #expect(stage.packets.map(\.time) == samplePcapngPackets.map(\.time))
        #expect(
            stage.packets.map(\.buffer) == ["file.0", "file.0-113", "file.0", "file.0-113", "file.0-101"]
        )
        #expect(stage.packets.map(\.interface) == ["eth0", "any", "eth0", "any", "\(file.descriptor)"])
    }

    @Test func `opens another buffer for the 65th interface`() {
        var builder = PcapngBuilder()
        builder.section()
        for index in 0..<130 { builder.interface(name: "if\(index)") }
        for index in 0..<130 { builder.enhanced([UInt8(index)], interface: UInt32(index)) }
        let file = MemoryFile(builder.bytes)
        let (_, stage) = produce([file.path], filter: AcceptEverything())
        #expect(stage.opened.map(\.name) == ["file.0", "file.0-1.2", "file.0-1.3"])
        #expect(stage.packets.map(\.interface) == (0..<130).map { "if\($0)" })
    }

    @Test func `refuses to open buffers without end`() {
        var builder = PcapngBuilder()
        builder.section()
        for index in 0..<100 { builder.interface(linkType: UInt16(index)) }
        for index in 0..<100 { builder.enhanced([1], interface: UInt32(index)) }
        let file = MemoryFile(builder.bytes)
        let (reports, stage) = produce([file.path], filter: AcceptEverything())
        #expect(stage.opened.count == 32)
        #expect(reports.map(\.packets) == [32])
        guard case .failed(.noBuffer) = reports[0].ending else {
            Issue.record("ended with \(reports[0].ending)")
            return
        }
    }

    @Test func `counts what its filter declines and keeps it out of the ring`() {
        let file = MemoryFile(samplePcap())
        let counters = CaptureCounters()
        let (reports, stage) = produce([file.path], filter: KeepLongPackets(), counters: counters)
        #expect(stage.packets.map(\.bytes) == samplePackets.filter { $0.count > 50 })
        #expect(counters.counts.filtered == 3)
        #expect(counters.counts.received == 2)
        #expect(reports.map(\.packets) == [5])
    }

    @Test func `publishes batches of at most 256 packets`() {
        var builder = PcapBuilder()
        for _ in 0..<600 { builder.add([1, 2, 3, 4]) }
        let file = MemoryFile(builder.bytes)
        let (_, stage) = produce([file.path], filter: AcceptEverything())
        #expect(stage.batchSizes == [256, 256, 88])
    }

    @Test func `loses nothing to a reader slower than the file when the buffer blocks`() {
        var builder = PcapBuilder()
        for index in 0..<3_000 { builder.add(Array(repeating: UInt8(index & 0xff), count: 500)) }
        let file = MemoryFile(builder.bytes)
        let counters = CaptureCounters()
        var producer = FileProducer(
            paths: [file.path],
            filter: AcceptEverything(),
            stage: SlowReaderStage(),
            counters: counters
        ) { name, linkType throws(BufferError) in
            // 64 KiB against 1.6 MB of packets.
            try DataBuffer(name: name, number: 0, linkType: linkType, capacity: 65_536, policy: .blocking)
        }
        let reports = producer.run()
        #expect(reports.map(\.ending) == [.whole])
        let result = producer.stage.result()
        #expect(result.lost == 0)
        #expect(result.read == 3_000)
    }

    @Test func `goes on with the next file after a missing or damaged one`() {
        let cut = MemoryFile(Array(samplePcap()[..<100]))
        let good = MemoryFile(samplePcap())
        let (reports, stage) = produce(["/nowhere.pcap", cut.path, good.path], filter: AcceptEverything())
        #expect(reports[0].ending == .failed(.cannotOpen(errno: ENOENT)))
        #expect(reports[1].ending == .cut(recordAt: 57, endsAt: 100))
        #expect(reports[2].ending == .whole)
        #expect(
            reports[0].description
                == "/nowhere.pcap: cannot open it: No such file or directory (0 packets before)"
        )
        #expect(stage.packets.count == 2 + 5)
    }

    @Test func `stops after the batch in which it was asked to`() {
        var builder = PcapBuilder()
        for _ in 0..<1_000 { builder.add([1, 2, 3, 4]) }
        let file = MemoryFile(builder.bytes)
        let stop = StopFlag()
        var stage = RecordingStage()
        stage.onBatch = { stop.request() }
        let (reports, finished) = produce(
            [file.path, file.path],
            filter: AcceptEverything(),
            stop: stop,
            stage: stage
        )
        #expect(reports.map(\.ending) == [.stopped])
        #expect(finished.packets.count == 256)
        #expect(finished.isFinished)
    }

    @Test(.timeLimit(.minutes(3)))
    func `stops while nobody has opened a named pipe to write`() throws {
        let path = FileManager.default.temporaryDirectory.path + "/beltway-\(UUID().uuidString)"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let stop = StopFlag()
        Thread {
            usleep(50_000)
            stop.request()
        }.start()
        let (reports, stage) = produce([path], filter: AcceptEverything(), stop: stop)
        #expect(reports.map(\.ending) == [.stopped])
        #expect(stage.isFinished)
    }

    @Test func `reads a named pipe that is opened to write later`() throws {
        let path = FileManager.default.temporaryDirectory.path + "/beltway-\(UUID().uuidString)"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let bytes = samplePcap()
        Thread {
            usleep(50_000)
            guard let file = FileHandle(forWritingAtPath: path) else { return }
            file.write(Data(bytes.prefix(30)))
            usleep(50_000)
            file.write(Data(bytes.dropFirst(30)))
            try? file.close()
        }.start()
        let (reports, stage) = produce([path], filter: AcceptEverything())
        #expect(reports.map(\.ending) == [.whole])
        #expect(stage.packets.count == samplePackets.count)
    }

    @Test func `stops while a pipe is silent`() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let stop = StopFlag()
        let asker = Thread {
            usleep(150_000)
            stop.request()
        }
        asker.start()
        let (reports, stage) = produce(
            ["/proc/self/fd/\(ends[0])"],
            filter: AcceptEverything(),
            stop: stop
        )
        close(ends[0])
        close(ends[1])
        #expect(reports.map(\.ending) == [.stopped])
        #expect(stage.idleCalls > 0)
    }

    @Test func `shows what a pipe has delivered before it waits for more`() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (ends[0], ends[1])
        let bytes = samplePcap()
        let first = Array(bytes[..<60])
        let rest = Array(bytes[60...])
        // The second half is only written once the first packets have reached the stage.
        var stage = RecordingStage()
        stage.onBatch = {
            rest.withUnsafeBytes { _ = write(writeEnd, $0.baseAddress, $0.count) }
            close(writeEnd)
        }
        stage.onBatch = OnlyOnce(stage.onBatch).call
        first.withUnsafeBytes { _ = write(writeEnd, $0.baseAddress, $0.count) }
        let (reports, finished) = produce(
            ["/proc/self/fd/\(readEnd)"],
            filter: AcceptEverything(),
            stage: stage
        )
        close(readEnd)
        #expect(reports.map(\.ending) == [.whole])
        #expect(finished.packets.map(\.bytes) == samplePackets)
    }
}

/// Calls something the first time only.
final class OnlyOnce: @unchecked Sendable {
    private var action: (() -> Void)?
    init(_ action: @escaping () -> Void) { self.action = action }
    func call() {
        action?()
        action = nil
    }
}

/// Starts a thread that walks the descriptors slowly, as soon as the buffer is open.
struct SlowReaderStage: BatchStage {
    private let walk = SlowWalk()

    func open(_ buffer: DataBuffer) { walk.start(buffer) }
    func process(_ batch: PublishedBatch, of buffer: DataBuffer) {}
    func idle(through time: Timestamp) {}
    func finish() {}
    func result() -> (read: UInt64, lost: UInt64) { walk.result() }
}

final class SlowWalk: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private var counted: (read: UInt64, lost: UInt64) = (0, 0)

    func start(_ buffer: DataBuffer) {
        let thread = Thread { [self, reader = OneReader(buffer)] in
            counted = reader.walk()
            done.signal()
        }
        thread.start()
    }

    func result() -> (read: UInt64, lost: UInt64) {
        done.wait()
        return counted
    }
}

/// A reader that is registered before the first packet is published.
final class OneReader: @unchecked Sendable {
    private var reader: DescriptorReader

    init(_ buffer: DataBuffer) {
        do { reader = try DescriptorReader(buffer) } catch { fatalError("\(error)") }
    }

    func walk() -> (read: UInt64, lost: UInt64) {
        var seen = 0
        while !reader.isAtEnd {
            if reader.next() == nil {
                reader.release()
                reader.wait(nanoseconds: 5_000_000)
            } else {
                seen += 1
                if seen % 50 == 0 {
                    reader.release()
                    usleep(200)
                }
            }
        }
        reader.release()
        return (reader.read, reader.lost)
    }
}
