// SPDX-License-Identifier: Apache-2.0
// Pipes between processes. The child of an exit test is a reader, this process the writer.
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

@Suite(.serialized, .tags(.slow), .timeLimit(.minutes(3)))
struct `A pipe with a name` {
    let folder = TemporaryFolder()

    /// The bytes of write number n: 1 to 97 of them.
    static func block(_ n: Int) -> [UInt8] {
        (0...(n &* 31 % 97)).map { UInt8(truncatingIfNeeded: n &* 7 &+ $0) }
    }

    /// Writes blocks once `count` readers have come.
    private func write(
        _ blocks: Int,
        to count: Int,
        _ flags: BufferFlags,
        size: Int = 65_536,
        limits: SharingLimits = SharingLimits()
    ) -> TestThread {
        let folder = folder.path
        return TestThread {
            let files = BufferFiles(BufferDirectory(folder: folder, limits: limits))
            do {
                let pipe = try files.open("pipe", flags.union([.writing, .shared]), size: size)
                _ = eventually(seconds: 60) { (try? files.readerCount(pipe)) ?? 0 >= count }
                for n in 0..<blocks { _ = try files.write(pipe, Self.block(n)) }
                _ = try files.drain(pipe, seconds: 60)
                try files.close(pipe)
            } catch { Issue.record("writer: \(error)") }
        }
    }

    /// Reads blocks to the end and compares each byte; called in a process of its own.
    static func readAll(_ folder: String, _ blocks: Int, pause: UInt32 = 0) throws {
        let files = BufferFiles(BufferDirectory(folder: folder))
        let pipe = try files.open("pipe", [.reading, .waitsForWriter])
        var room = [UInt8](repeating: 0, count: 100_000)
        var (number, offset) = (0, 0)
        var expected = block(0)
        while true {
            let count = try room.withUnsafeMutableBytes { (room: UnsafeMutableRawBufferPointer) throws in
                try files.read(pipe, into: room)
            }
            if count == 0 { break }
            for index in 0..<count {
                if offset == expected.count {
                    (number, offset) = (number + 1, 0)
                    expected = block(number)
                }
                guard room[index] == expected[offset] else {
                    Issue.record("byte \(offset) of write \(number)")
                    return
                }
                offset += 1
            }
            if pause > 0 { usleep(pause) }
        }
        #expect(number == blocks - 1 && offset == expected.count, "\(number) of \(blocks)")
    }

    @Test(
        arguments: [
            BufferFlags.stream, [.stream, .resizesWithin], [.stream, .replacesMemory], .described,
            [.described, .resizesWithin], [.described, .replacesMemory],
        ]
    )
    func `carries a million small writes byte for byte`(flags: BufferFlags) async throws {
        let writer = write(1_000_000, to: 1, flags, size: 262_144)
        await #expect(processExitsWith: .success) { [folder = folder.path as String] in
            try Self.readAll(folder, 1_000_000)
        }
        #expect(writer.join())
    }

    @Test func `gives every byte to each of three readers`() async throws {
        let writer = write(100_000, to: 3, .stream)
        let folder = folder.path
        let other = TestThread { do { try Self.readAll(folder, 100_000) } catch { Issue.record("\(error)") } }
        let slow = TestThread {
            do { try Self.readAll(folder, 100_000, pause: 200) } catch { Issue.record("\(error)") }
        }
        await #expect(processExitsWith: .success) { [folder = self.folder.path as String] in
            try Self.readAll(folder, 100_000)
        }
        #expect(other.join() && slow.join() && writer.join())
    }

    @Test func `loses a reader that is killed, and the others lose nothing`() async throws {
        let writer = write(400_000, to: 2, .stream, size: 16_384)
        let folder = folder.path
        let other = TestThread { do { try Self.readAll(folder, 400_000) } catch { Issue.record("\(error)") } }
        let start = ContinuousClock.now
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = self.folder.path as String] in
            let files = BufferFiles(BufferDirectory(folder: folder))
            let pipe = try files.open("pipe", [.reading, .waitsForWriter])
            for _ in 0..<50 { _ = try files.read(pipe, count: 5_000) }
            kill(getpid(), SIGKILL)
        }
        #expect(other.join() && writer.join())
        #expect(ContinuousClock.now - start < .seconds(100))
    }

    @Test func `goes on without a reader that is stopped for too long, which is told of its loss`()
        async throws
    {
        var limits = SharingLimits()
        limits.patienceMilliseconds = 300
        let writer = write(200_000, to: 2, .stream, size: 16_384, limits: limits)
        let folder = folder.path
        let other = TestThread { do { try Self.readAll(folder, 200_000) } catch { Issue.record("\(error)") } }
        await #expect(processExitsWith: .success) { [folder = self.folder.path as String] in
            let files = BufferFiles(BufferDirectory(folder: folder))
            let pipe = try files.open("pipe", [.reading, .waitsForWriter])
            for _ in 0..<10 { _ = try files.read(pipe, count: 1_000) }
            sleep(3)  // as good as stopped: it lets go of nothing
            var isTold = false
            do {
                while try !files.read(pipe, count: 10_000).isEmpty {}
            } catch BufferFileError.leftWindow(let lost, _, _) { isTold = lost > 0 }
            #expect(isTold)
        }
        #expect(other.join() && writer.join())
    }

    @Test func `tells readers that the writer died, after the last byte`() async throws {
        let folder = folder.path
        let reading = TestThread {
            let files = BufferFiles(BufferDirectory(folder: folder))
            do {
                let pipe = try files.open("pipe", [.reading, .waitsForWriter])
                var bytes: [UInt8] = []
                do {
                    while true {
                        let more = try files.read(pipe, count: 1_000)
                        if more.isEmpty { break }
                        bytes += more
                    }
                    Issue.record("an end without an end")
                } catch { #expect(error as? BufferFileError == .writerGone) }
                #expect(bytes == Array("last words".utf8))
            } catch { Issue.record("\(error)") }
        }
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = self.folder.path as String] in
            let files = BufferFiles(BufferDirectory(folder: folder))
            let pipe = try files.open("pipe", [.writing, .shared])
            _ = eventually { (try? files.readerCount(pipe)) == 1 }
            _ = try files.write(pipe, Array("last ".utf8))
            // It counts before it has been handed the memory; once it has read, it has it.
            try #require(try files.drain(pipe, seconds: 60))
            _ = try files.write(pipe, Array("words".utf8))
            kill(getpid(), SIGKILL)
        }
        #expect(reading.join())
    }

    @Test func `tells the writer when all readers have gone`() async throws {
        let files = BufferFiles(BufferDirectory(folder: folder.path))
        let pipe = try files.open("pipe", [.writing, .shared, .endsWithReaders], size: 4_096)
        await #expect(processExitsWith: .success) { [folder = self.folder.path as String] in
            let files = BufferFiles(BufferDirectory(folder: folder))
            _ = try files.open("pipe", .reading)
        }
        // The reader was there, the ring fills, and nobody will empty it.
        #expect(throws: BufferFileError.brokenPipe) {
            for _ in 0..<1_000_000 { _ = try files.write(pipe, Self.block(96)) }
        }
    }

    @Test func `has one writer, a sound name, and readers that its mode lets in`() async throws {
        let files = BufferFiles(BufferDirectory(folder: folder.path))
        let others = BufferFiles(BufferDirectory(folder: folder.path))
        let pipe = try files.open("pipe", [.writing, .shared], mode: 0o600)
        #expect(throws: BufferFileError.hasWriter("pipe")) { try others.open("pipe", [.writing, .shared]) }
        #expect(throws: BufferFileError.notFound("other")) { try others.open("other", .reading) }
        for name in ["../x", "a/b", "", ".hidden", String(repeating: "x", count: 100)] {
            #expect(throws: BufferFileError.sharing(.invalidName(name))) {
                try others.open(name, [.writing, .shared])
            }
            #expect(throws: BufferFileError.sharing(.invalidName(name))) { try others.open(name, .reading) }
        }
        try files.close(pipe)
        #expect(throws: BufferFileError.notFound("pipe")) { try others.open("pipe", .reading) }
        let again = try others.open("pipe", [.writing, .shared])
        try others.close(again)
    }

    @Test func `is watched with others through the ready-IBuf`() async throws {
        let folder = folder.path
        let writing = TestThread {
            let files = BufferFiles(BufferDirectory(folder: folder))
            let pipes = (0..<8).compactMap { try? files.open("p\($0)", [.writing, .shared], size: 4_096) }
            #expect(pipes.count == 8)
            _ = eventually { pipes.allSatisfy { (try? files.readerCount($0)) == 1 } }
            for round in 0..<200 {
                _ = try? files.write(pipes[round % 8], [UInt8(round)])
                usleep(round % 3 == 0 ? 1_000 : 10)
            }
            for pipe in pipes { try? files.close(pipe) }
        }
        await #expect(processExitsWith: .success) { [folder = self.folder.path as String] in
            let files = BufferFiles(BufferDirectory(folder: folder))
            for number in 0..<8 {
                _ = try files.open("p\(number)", [.reading, .waitsForWriter, .nonBlocking])
            }
            var (seen, ended) = ([[UInt8]](repeating: [], count: 8), 0)
            while ended < 8 {
                let ready = try files.select(milliseconds: 10_000)
                try #require(!ready.isEmpty)
                for one in ready {
                    let bytes = try files.read(one.descriptor, count: 100)
                    seen[Int(one.descriptor)] += bytes
                    if bytes.isEmpty {
                        ended += 1
                        try files.close(one.descriptor)
                    }
                }
            }
            for number in 0..<8 {
                #expect(seen[number] == (0..<25).map { UInt8(number + 8 * $0) })
            }
        }
        #expect(writing.join())
    }
}
