// SPDX-License-Identifier: Apache-2.0
// Index buffers that other processes read: each directory here is a process as far as buffers can tell, since what is
// not its own it attaches by sockets. The last test has a real one.
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)))
struct `An index buffer that is shared` {
    let folder = TemporaryFolder()
    private func process() -> BufferFiles { BufferFiles(BufferDirectory(folder: folder.path)) }
    private func bytes(_ range: Range<Int>) -> [UInt8] { `Buffers as files`.bytes(range) }

    private static let kinds: [BufferFlags] = [.stream, .marked, .slots, .described]

    @Test(arguments: kinds, [[], .resizesWithin, .replacesMemory] as [BufferFlags])
    func `leads readers of other processes to what was spliced into it`(
        kind: BufferFlags,
        resizing: BufferFlags
    ) throws {
        let (owner, other) = (process(), process())
        let data = try owner.open("data", [.writing, .shared, kind, resizing], size: 1 << 20)
        let source = try owner.open("data", [.reading, .nonBlocking])
        let index = try owner.open("index", [.writing, .shared, .index])
        let reader = try other.open("index", [.reading, .nonBlocking])
        for number in 0..<400 {
            #expect(try owner.write(data, bytes(number..<number + 1_500)) == 1_500)
            // A stream's bytes come in two parts where its size changes.
            var got: [UInt8] = []
            while got.count < 1_500 {
                _ = try owner.write(index, owner.peek(source, atMost: 1_500).bytes.bytes)
                got += try other.read(reader, count: 2_000)
            }
            #expect(got == bytes(number..<number + 1_500))
        }
        #expect(owner.copiedBytes == 400 * 1_500 && owner.splicedEntries >= 400)
        // To follow entries into a buffer is not to read it.
        #expect(try owner.readerCount(data) == 1)
        let counts = try other.counts(reader)
        #expect(counts.read == owner.splicedEntries && counts.lost == 0)
    }

    @Test func `has data of its own for other processes too`() throws {
        let (owner, other) = (process(), process())
        let index = try owner.open("index", [.writing, .shared, .index, .nonBlocking])
        let reader = try other.open("index", [.reading, .nonBlocking])
        var (written, read) = (0, 0)
        for _ in 0..<20 {
            while (try? owner.write(index, bytes(written..<written + 2_000))) != nil { written += 1 }
            while read < written {
                #expect(try other.read(reader, count: 2_000) == bytes(read..<read + 2_000))
                read += 1
            }
            _ = try? other.read(reader, count: 1)  // lets go of the last ones
        }
        #expect(read > 2_000 && owner.splicedEntries == 0)
    }

    @Test func `gets a copy of what its readers may not all read where it lies`() throws {
        let (owner, other) = (process(), process())
        let secret = try owner.open("secret", [.writing, .shared, .marked], mode: 0o600)
        let inner = try owner.open("inner", [.writing, .marked])
        let sources = try ["secret", "inner"].map { try owner.open($0, [.reading, .nonBlocking]) }
        let index = try owner.open("index", [.writing, .shared, .index], mode: 0o644)
        let reader = try other.open("index", [.reading, .nonBlocking])
        for (writer, source) in zip([secret, inner], sources) {
            _ = try owner.write(writer, bytes(5..<905))
            _ = try owner.write(index, owner.peek(source).bytes.bytes)
            #expect(try other.read(reader, count: 1_000) == bytes(5..<905))
        }
        #expect(owner.splicedEntries == 0)
        // Within the process there is nobody to keep it from.
        let own = try owner.open(nil, [.readWrite, .index, .nonBlocking])
        _ = try owner.write(inner, bytes(7..<907))
        _ = try owner.write(own, owner.peek(sources[1]).bytes.bytes)
        #expect(owner.splicedEntries == 1)
        #expect(try owner.read(own, count: 1_000) == bytes(7..<907))
    }

    @Test(arguments: kinds)
    func `points into buffers of further processes, which are asked for them`(kind: BufferFlags) throws {
        let (owner, analyzer, other) = (process(), process(), process())
        let data = try owner.open("data", [.writing, .shared, kind])
        let source = try analyzer.open("data", [.reading, .nonBlocking])
        let index = try analyzer.open("index", [.writing, .shared, .index])
        let early = try other.open("index", [.reading, .nonBlocking])
        for number in 0..<30 {
            _ = try owner.write(data, bytes(number..<number + 1_000))
            _ = try analyzer.write(index, analyzer.peek(source).bytes.bytes)
        }
        #expect(analyzer.splicedEntries == 30)
        for number in 0..<30 {
            #expect(try other.read(early, count: 1_000) == bytes(number..<number + 1_000))
        }
        #expect(try owner.readerCount(data) == 1)
        // One that comes now has them preloaded, and needs the analyzer no more.
        let late = try process().open("index", [.reading, .nonBlocking])
        _ = late
        let third = process()
        let reader = try third.open("index", [.reading, .nonBlocking])
        _ = try owner.write(data, bytes(0..<77))
        _ = try analyzer.write(index, analyzer.peek(source).bytes.bytes)
        try analyzer.close(index)
        #expect(try third.read(reader, count: 1_000) == bytes(0..<77))
        #expect(try third.read(reader, count: 1_000) == [])
    }

    @Test func `says that a buffer has been started anew since an entry was written`() throws {
        let (owner, analyzer, other) = (process(), process(), process())
        let data = try owner.open("data", [.writing, .shared, .marked])
        let source = try analyzer.open("data", [.reading, .nonBlocking])
        let index = try analyzer.open("index", [.writing, .shared, .index])
        let reader = try other.open("index", [.reading, .nonBlocking])
        _ = try owner.write(data, bytes(0..<100))
        _ = try analyzer.write(index, analyzer.peek(source).bytes.bytes)
        try owner.close(data)
        let again = try owner.open("data", [.writing, .shared, .marked])
        _ = try owner.write(again, bytes(50..<150))
        let error = #expect(throws: BufferFileError.self) { try other.read(reader, count: 1_000) }
        guard case .entryLapsed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try other.counts(reader).lost == 1)
    }

    /// An entry of another process calls buffers by that process's numbers; taken for this one's they led elsewhere.
    @Test func `is passed on by who reads it, each buffer by its own name`() throws {
        let (owner, other) = (process(), process())
        // The same numbers in both processes, for different buffers.
        let decoys = try (0..<6).map { try other.open("decoy\($0)", [.writing, .marked]) }
        for decoy in decoys { _ = try other.write(decoy, [UInt8](repeating: 0xEE, count: 4_000)) }
        let data = try owner.open("data", [.writing, .shared, .marked])
        let source = try owner.open("data", [.reading, .nonBlocking])
        let index = try owner.open("index", [.writing, .shared, .index])
        let reader = try other.open("index", [.reading, .nonBlocking])
        let own = try other.open("own", [.readWrite, .index, .nonBlocking])
        let shared = try other.open("shared", [.writing, .shared, .index])
        let last = process()
        let lastReader = try last.open("shared", [.reading, .nonBlocking])
        for number in 0..<10 {
            _ = try owner.write(data, bytes(number..<number + 800))
            _ = try owner.write(index, owner.peek(source).bytes.bytes)
            let block = try other.peek(reader)
            _ = try other.write(own, block.bytes.bytes)
            #expect(try other.read(own, count: 1_000) == bytes(number..<number + 800))
        }
        #expect(other.splicedEntries == 10)
        for number in 0..<10 {
            _ = try owner.write(data, bytes(number..<number + 800))
            _ = try owner.write(index, owner.peek(source).bytes.bytes)
            _ = try other.write(shared, other.peek(reader).bytes.bytes)
            #expect(try last.read(lastReader, count: 1_000) == bytes(number..<number + 800))
        }
        #expect(other.splicedEntries == 10, "who reads it cannot be led through two indexes: a copy")
    }

    @Test(.tags(.slow), arguments: [BufferFlags.stream, .marked, .described])
    func `carries 20,000 blocks to another process by their entries`(kind: BufferFlags) async throws {
        let folder = folder.path
        let writer = TestThread {
            let files = BufferFiles(BufferDirectory(folder: folder))
            do {
                let data = try files.open("data", [.writing, .shared, kind], size: 1 << 20)
                let source = try files.open("data", .reading)
                let index = try files.open("index", [.writing, .shared, .index], size: 4_096)
                _ = eventually(seconds: 60) { (try? files.readerCount(index)) ?? 0 >= 1 }
                for number in 0..<20_000 {
                    _ = try files.write(data, `Buffers as files`.bytes(number..<number + 1_000))
                    _ = try files.write(index, files.peek(source).bytes.bytes)
                }
                #expect(files.splicedEntries == 20_000)
                _ = try files.drain(index, seconds: 60)
                try files.close(index)
            } catch { Issue.record("writer: \(error)") }
        }
        await #expect(processExitsWith: .success) { [folder = folder as String] in
            let files = BufferFiles(BufferDirectory(folder: folder))
            let index = try files.open("index", [.reading, .waitsForWriter])
            // 128 entries are fewer than the data has room for: what an entry that is held points to is whole.
            for number in 0..<20_000 {
                let block = try files.read(index, count: 2_000)
                guard block == `Buffers as files`.bytes(number..<number + 1_000) else {
                    Issue.record("block \(number)")
                    return
                }
            }
            #expect(try files.read(index, count: 1) == [])
            #expect(try files.counts(index).lost == 0)
        }
        #expect(writer.join())
    }
}
