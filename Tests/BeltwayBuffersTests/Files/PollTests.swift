// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

/// Waiting for any of several buffers through the ready-IBuf (paper, 5.2).
@Suite(.timeLimit(.minutes(4))) struct `Waiting for several buffers` {
    @Test func `tells those that have something, until it is read`() throws {
        let files = BufferFiles()
        var buffers: [Int32] = []
        for _ in 0..<8 { buffers.append(try files.open(nil, .readWrite, size: 4_096)) }
        #expect(try files.select(milliseconds: 0) == [])
        #expect(try files.select(milliseconds: 20) == [])
        _ = try files.write(buffers[3], [1, 2])
        _ = try files.write(buffers[6], [3])
        let expected = [BufferPoll(buffers[3], .readable), BufferPoll(buffers[6], .readable)]
        // The watcher writes an entry for each; both are there a moment later.
        #expect(eventually { (try? files.select(milliseconds: 100)) == expected })
        _ = try files.read(buffers[3], count: 1)
        #expect(try files.select(milliseconds: 100) == expected)  // half of it is still there
        _ = try files.read(buffers[3], count: 1)
        #expect(try files.select(milliseconds: 100) == [expected[1]])
        _ = try files.read(buffers[6], count: 10)
        #expect(try files.select(milliseconds: 10) == [])
        _ = try files.write(buffers[3], [1])
        #expect(try files.select(milliseconds: 5_000) == [expected[0]])
    }

    @Test func `sees what eight threads write, each byte once`() throws {
        let directory = BufferDirectory()
        let files = BufferFiles(directory)
        let started = Date()
        let writers = (0..<8).map { number in
            TestThread {
                let own = BufferFiles(directory)
                guard let file = try? own.open("b\(number)", [.writing], size: 4_096) else { return }
                _ = eventually { (try? own.readerCount(file)) == 1 }
                for round in 0..<2_000 {
                    _ = try? own.write(file, [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 7))
                    if round % 100 == number { usleep(500) }
                }
                try? own.close(file)
            }
        }
        for number in 0..<8 { _ = try files.open("b\(number)", [.reading, .waitsForWriter, .nonBlocking]) }
        var (counts, ended) = ([Int](repeating: 0, count: 8), 0)
        while ended < 8, Date().timeIntervalSince(started) < 60 {
            for ready in try files.select(milliseconds: 1_000) {
                let bytes = try files.read(ready.descriptor, count: 4_096)
                if bytes.isEmpty {
                    ended += 1
                    try files.close(ready.descriptor)
                    continue
                }
                let index = Int(ready.descriptor)
                for byte in bytes {
                    #expect(byte == UInt8(truncatingIfNeeded: counts[index] / 7))
                    counts[index] += 1
                }
            }
        }
        #expect(ended == 8 && counts == [Int](repeating: 14_000, count: 8))
        for writer in writers { #expect(writer.join()) }
    }

    @Test func `asks of each descriptor what it is asked`() throws {
        let files = BufferFiles()
        let writer = try files.open("x", [.writing, .nonBlocking], size: 4_096)
        let reader = try files.open("x", [.reading, .nonBlocking])
        let both = [BufferPoll(writer, .writable), BufferPoll(reader, .readable), BufferPoll(99, .readable)]
        #expect(
            try files.poll(both, milliseconds: 0) == [
                BufferPoll(writer, .writable), BufferPoll(99, .invalid),
            ]
        )
        #expect(try files.poll([both[1]], milliseconds: 10) == [])
        _ = try files.write(writer, [UInt8](repeating: 1, count: 4_096))
        #expect(try files.poll([both[0], both[1]], milliseconds: 0) == [BufferPoll(reader, .readable)])
        #expect(try files.poll([both[0]], milliseconds: 10) == [])
        _ = try files.read(reader, count: 4_096)
        #expect(throws: BufferFileError.wouldBlock) { try files.read(reader, count: 1) }
        #expect(try files.poll([both[0]], milliseconds: 1_000) == [BufferPoll(writer, .writable)])
        try files.close(writer)
        #expect(
            try files.poll([both[1]], milliseconds: 1_000) == [BufferPoll(reader, [.readable, .hungUp])]
        )
    }

    @Test func `wakes a writer that waits for room`() throws {
        let directory = BufferDirectory()
        let files = BufferFiles(directory)
        let writer = try files.open("x", [.writing, .nonBlocking], size: 4_096)
        let reading = TestThread {
            let own = BufferFiles(directory)
            guard let reader = try? own.open("x", .reading) else { return }
            usleep(50_000)
            _ = try? own.read(reader, count: 4_096)
            _ = try? own.read(reader, count: 1)
        }
        #expect(eventually { (try? files.readerCount(writer)) == 1 })
        _ = try files.write(writer, [UInt8](repeating: 1, count: 4_096))
        let ready = try files.poll([BufferPoll(writer, .writable)], milliseconds: 10_000)
        #expect(ready == [BufferPoll(writer, .writable)])
        _ = try files.write(writer, [1])
        #expect(reading.join())
    }
}
