// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Glibc
import Testing

@testable import BeltwayStore

@Suite struct `A reader of segments` {
    /// A segment of 30 packets with statistics between them.
    private func segment(_ place: TemporaryDirectory) throws -> (path: String, packets: [SamplePacket]) {
        var ring = try TestRing(interfaces: ["eth0", "eth1"])
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: StorageBudget(folder: place.path + "/packets")
        )
        var expected: [SamplePacket] = []
        for number in 0..<30 {
            let frame = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.\(number % 9 + 2)")
                .tcp(from: 40_000, to: 80).payload([UInt8](repeating: 7, count: number)).bytes
            var packet = SamplePacket.number(number)
            packet.bytes = frame
            packet.originalLength = UInt32(frame.count)
            ring.append(packet, interface: UInt16(number % 2))
            expected.append(packet)
            if number == 15 {
                ring.producer.setStatistics(received: 16, dropped: 2, interface: 1, time: packet.time)
                ring.flush()
            }
        }
        ring.producer.close()
        logger.close()
        return (try #require(segmentFiles(place.path).first), expected)
    }

    @Test func `gives the packets before any cut, and says where the file ends too early`() throws {
        let place = try TemporaryDirectory()
        let (path, expected) = try segment(place)
        let boundaries = blockBoundaries([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
        var length = Int(fileLength(path))
        while length > 0 {
            // Every length where the packets are, fewer inside the long padding.
            length -= boundaries.contains { abs($0 - length) < 200 } ? 1 : 61
            #expect(truncate(path, max(0, length)) == 0)
            guard var reader = try? SegmentReader.open(path) else {
                #expect(length < 4096 && !boundaries.contains(length))
                continue
            }
            var count = 0
            while reader.advance() {
                let isEqual = reader.withPacket(bytes) == expected[count].bytes
                #expect(isEqual)
                count += 1
            }
            let isDamaged = reader.damage != nil
            #expect(isDamaged != boundaries.contains(length), "cut at \(length)")
            if length >= boundaries[boundaries.count - 2] { #expect(count == 30) }
        }
    }

    /// Ends of the blocks of a whole file.
    private func blockBoundaries(_ bytes: [UInt8]) -> [Int] {
        var ends: [Int] = []
        var offset = 0
        while offset + 8 <= bytes.count {
            offset += Int(bytes.span.bytes.littleEndian32(at: offset + 4))
            ends.append(offset)
        }
        return ends
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func `survives any damage`(seed: UInt64) throws {
        let place = try TemporaryDirectory()
        let (path, _) = try segment(place)
        let original = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var random = SeededGenerator(state: seed)
        var flow = FlowRecord()
        flow.originator = PacketBuilder.address("10.0.0.1")
        flow.responder = PacketBuilder.address("10.0.0.2")
        flow.originatorPort = 40_000
        flow.responderPort = 80
        flow.transportProtocol = 6
        flow.ipVersion = 4
        flow.end = .distantFuture
        for _ in 0..<500 {
            var bytes = original
            // Mostly where the blocks are; the head's padding is long and dull.
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let inHead = Int.random(in: 0..<4, using: &random) == 0
                let offset = Int.random(in: inHead ? 0..<160 : 4096..<bytes.count, using: &random)
                bytes[offset] =
                    [0, 255, 1, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
            }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let extractor = try PacketExtractor(folder: place.path + "/packets")
            let writer = try CaptureFileWriter(path: "/dev/null")
            _ = try extractor.extract(FlowSelection([flow]), to: writer)
            try writer.finish()
        }
    }

    @Test(.timeLimit(.minutes(3))) func `finds whole regions in every segment of a writer that was killed`()
        async throws
    {
        var total = 0
        for round in 0..<5 {
            let place = try TemporaryDirectory()
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = place.path as String, round = round as Int] in
                try writeUntilKilled(path, microseconds: 20_000 + 31_000 * round)
            }
            let files = segmentFiles(place.path)
            var next = 0
            for file in files where !file.hasSuffix(".partial") {
                var reader = try SegmentReader.open(file)
                while reader.advance() {
                    let isEqual = reader.withPacket(bytes) == SamplePacket.number(next, length: 500).bytes
                    #expect(isEqual)
                    next += 1
                }
                // Direct writes of whole regions: nothing half written is to be expected either.
                let isWhole = reader.damage == nil
                #expect(isWhole)
            }
            total += next
        }
        #expect(total > 0)
    }
}

/// Stores packets of 500 bytes until the process kills itself, as if from outside.
private func writeUntilKilled(_ path: String, microseconds: Int) throws {
    Thread.detachNewThread {
        usleep(UInt32(microseconds))
        kill(getpid(), SIGKILL)
    }
    var ring = try TestRing(capacity: 1 << 17, policy: .blocking)
    var configuration = PacketLogger.Configuration()
    configuration.segmentLength = 1 << 20
    let thread = LoggerThread(
        reader: try RegionReader(ring.buffer),
        budget: StorageBudget(folder: path + "/packets"),
        counters: LoggerCounters(),
        configuration: configuration
    )
    thread.start()
    var number = 0
    while true {
        ring.append(.number(number, length: 500))
        number += 1
        if number % 8 == 0 { ring.producer.publish() }
    }
}
