// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Testing

/// Every call of the file interface: what it does, and what it refuses.
@Suite struct `Buffers as files` {
    let directory = BufferDirectory()
    var files: BufferFiles { BufferFiles(directory) }

    static func bytes(_ range: Range<Int>) -> [UInt8] {
        range.map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }
    func bytes(_ range: Range<Int>) -> [UInt8] { Self.bytes(range) }

    // MARK: open and close

    @Test func `give the lowest free descriptor`() throws {
        let files = files
        let first = try files.open(nil, .readWrite)
        let second = try files.open(nil, .readWrite)
        #expect((first, second) == (0, 1))
        try files.close(first)
        #expect(try files.open(nil, .readWrite) == 0)
        #expect(throws: BufferFileError.badDescriptor(7)) { try files.close(7) }
        #expect(throws: BufferFileError.badDescriptor(-1)) { try files.close(-1) }
        #expect(throws: BufferFileError.badDescriptor(Int32.max)) { try files.read(.max, count: 1) }
    }

    @Test func `are opened to read or to write, and only then read or written`() throws {
        let files = files
        #expect(throws: BufferFileError.self) { try files.open("x", []) }
        #expect(throws: BufferFileError.notFound("x")) { try files.open("x", .reading) }
        let writer = try files.open("x", .writing)
        let reader = try files.open("x", [.reading, .nonBlocking])
        #expect(throws: BufferFileError.badDescriptor(writer)) { try files.read(writer, count: 1) }
        #expect(throws: BufferFileError.badDescriptor(reader)) { try files.write(reader, [1]) }
        #expect(throws: BufferFileError.hasWriter("x")) { try files.open("x", .writing) }
        try files.close(writer)
        // Its name is free again; who has it open keeps it.
        #expect(throws: BufferFileError.notFound("x")) { try files.open("x", .reading) }
        #expect(try files.read(reader, count: 1) == [])
        let again = try files.open("x", .writing)
        try files.close(again)
    }

    @Test(arguments: [0, -1, Int.max]) func `refuse a size that no ring has`(size: Int) {
        #expect(throws: BufferFileError.self) { try BufferFiles().open(nil, .readWrite, size: size) }
    }

    @Test func `round a size up to a power of two`() throws {
        let files = files
        let file = try files.open(nil, .readWrite, size: 5_000)
        #expect(try files.ring(file).capacity == 8_192)
    }

    @Test func `are limited in number`() throws {
        let files = files
        for _ in 0..<BufferFiles.capacity { _ = try files.open(nil, .readWrite, size: 4_096) }
        #expect(throws: BufferFileError.tooManyOpen(BufferFiles.capacity)) {
            try files.open(nil, .readWrite, size: 4_096)
        }
    }

    @Test func `cannot be shared without a folder`() {
        #expect(throws: BufferFileError.self) { try BufferFiles().open("x", [.writing, .shared]) }
    }

    // MARK: read and write

    @Test func `return what is there, as a pipe does`() throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking])
        #expect(throws: BufferFileError.wouldBlock) { try files.read(file, count: 10) }
        #expect(try files.write(file, bytes(0..<100)) == 100)
        #expect(try files.read(file, count: 30) == bytes(0..<30))
        #expect(try files.read(file, count: 500) == bytes(30..<100))
        #expect(throws: BufferFileError.wouldBlock) { try files.read(file, count: 1) }
        #expect(try files.read(file, count: 0) == [])
        #expect(try files.write(file, []) == 0)
    }

    @Test func `end when the writer closes, after everything was read`() throws {
        let files = files
        let writer = try files.open("x", .writing)
        let reader = try files.open("x", .reading)
        _ = try files.write(writer, bytes(0..<10))
        try files.close(writer)
        #expect(try files.read(reader, count: 6) == bytes(0..<6))
        #expect(try files.read(reader, count: 6) == bytes(6..<10))
        #expect(try files.read(reader, count: 6) == [])
        #expect(try files.read(reader, count: 6) == [])
    }

    @Test func `take what there is room for if they may not wait`() throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking], size: 4_096)
        #expect(try files.write(file, bytes(0..<6_000)) == 4_096)
        #expect(throws: BufferFileError.wouldBlock) { try files.write(file, [1]) }
        #expect(try files.dropped(file) == 1)
        #expect(try files.read(file, count: 4_000) == bytes(0..<4_000))
        #expect(try files.read(file, count: 4_000) == bytes(4_000..<4_096))
        #expect(throws: BufferFileError.wouldBlock) { try files.read(file, count: 1) }
        #expect(try files.write(file, bytes(0..<10)) == 10)
    }

    @Test(arguments: [BufferFlags.slowReader, .mediumReader])
    func `never wait where the policy drops`(policy: BufferFlags) throws {
        let files = files
        let file = try files.open(nil, [.readWrite, policy, .marked], size: 4_096)
        var written = 0
        while written < 100, (try? files.write(file, bytes(0..<500))) != nil { written += 1 }
        #expect(written > 3 && written < 9)
        #expect(throws: BufferFileError.wouldBlock) { try files.write(file, bytes(0..<500)) }
    }

    @Test(arguments: [BufferFlags.marked, .slots])
    func `keep blocks whole where there are blocks`(kind: BufferFlags) throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking, kind])
        for length in [1, 100, 1_000] { #expect(try files.write(file, bytes(0..<length)) == length) }
        #expect(try files.read(file, count: 5_000) == bytes(0..<1))
        // A block that does not fit stays where it is.
        #expect(throws: BufferFileError.blockTooLong(100)) { try files.read(file, count: 99) }
        #expect(try files.read(file, count: 100) == bytes(0..<100))
        #expect(try files.read(file, count: 5_000) == bytes(0..<1_000))
        #expect(throws: BufferFileError.self) { try files.write(file, bytes(0..<60_000)) }
        let counts = try files.counts(file)
        #expect(counts.published == 3 && counts.read == 3 && counts.lost == 0)
    }

    @Test func `tell a writer when nobody reads any more`() throws {
        let files = files
        let writer = try files.open("x", [.writing, .endsWithReaders])
        #expect(try files.write(writer, [1]) == 1)  // nobody has come yet
        let first = try files.open("x", .reading)
        let second = try files.open("x", .reading)
        #expect(try files.write(writer, [1]) == 1)
        try files.close(first)
        #expect(try files.write(writer, [1]) == 1)
        try files.close(second)
        #expect(throws: BufferFileError.brokenPipe) { try files.write(writer, [1]) }
        #expect(throws: BufferFileError.brokenPipe) { try files.write(writer, bytes(0..<1_000_000)) }
    }

    // MARK: lseek

    @Test(arguments: [BufferFlags.blocking, .slowReader, .fastReader])
    func `go back and forth within the window`(policy: BufferFlags) throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking, policy], size: 8_192)
        _ = try files.write(file, bytes(0..<4_000))
        #expect(try files.read(file, count: 1_000) == bytes(0..<1_000))
        #expect(try files.lseek(file, 100, .start) == 100)
        #expect(try files.read(file, count: 50) == bytes(100..<150))
        #expect(try files.lseek(file, -50, .current) == 100)
        #expect(try files.read(file, count: 50) == bytes(100..<150))
        #expect(try files.lseek(file, -10, .end) == 3_990)
        #expect(try files.read(file, count: 50) == bytes(3_990..<4_000))
        #expect(try files.lseek(file, 0, .end) == 4_000)
        #expect(throws: BufferFileError.wouldBlock) { try files.read(file, count: 1) }
        #expect(throws: BufferFileError.leftWindow(lost: 0, oldest: 0, end: 4_000)) {
            try files.lseek(file, 4_001, .start)
        }
        #expect(throws: BufferFileError.self) { try files.lseek(file, -1, .start) }
        #expect(throws: BufferFileError.self) { try files.lseek(file, .min, .start) }
        let counts = try files.counts(file)
        #expect(counts.published == counts.read + counts.lost)
    }

    @Test func `say what the window is when data has left it`() throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking, .fastReader], size: 4_096)
        _ = try files.write(file, bytes(0..<2_000))
        #expect(try files.read(file, count: 100) == bytes(0..<100))
        _ = try files.lseek(file, 0, .start)
        #expect(try files.read(file, count: 100) == bytes(0..<100))  // the same once more
        for start in stride(from: 2_000, to: 12_000, by: 1_000) {
            _ = try files.write(file, bytes(start..<start + 1_000))
        }
        // The repeated read fails now, and the error names positions that can be read.
        let error = #expect(throws: BufferFileError.self) { try files.lseek(file, 0, .start) }
        guard case .leftWindow(_, let oldest, let end) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(end == 12_000 && oldest >= 12_000 - 4_096 && oldest < end)
        #expect(try files.lseek(file, Int64(oldest), .start) == oldest)
        #expect(try files.read(file, count: 4_096) == bytes(Int(oldest)..<12_000))
    }

    @Test func `tell a gap once and go on behind it`() throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking, .fastReader], size: 4_096)
        for start in stride(from: 0, to: 20_000, by: 1_000) {
            _ = try files.write(file, bytes(start..<start + 1_000))
        }
        let error = #expect(throws: BufferFileError.self) { try files.read(file, count: 100) }
        guard case .leftWindow(let lost, let oldest, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(lost >= 20_000 - 4_096 && oldest > 0)
        let place = Int(try files.lseek(file, 0, .current))
        #expect(place == Int(lost))
        #expect(try files.read(file, count: 100) == bytes(place..<min(place + 100, 20_000)))
        let counts = try files.counts(file)
        #expect(counts.published == counts.read + counts.lost && counts.lost == lost)
    }

    @Test func `seek to whole slots, and only ahead among marked blocks`() throws {
        let files = files
        let slots = try files.open(nil, [.readWrite, .nonBlocking, .slots])
        for number in 0..<5 { _ = try files.write(slots, bytes(number..<number + 10)) }
        #expect(try files.lseek(slots, 3 * 2_048, .start) == 3 * 2_048)
        #expect(try files.read(slots, count: 2_048) == bytes(3..<13))
        #expect(try files.lseek(slots, -4 * 2_048, .current) == 0)
        #expect(try files.read(slots, count: 2_048) == bytes(0..<10))
        #expect(throws: BufferFileError.self) { try files.lseek(slots, 100, .start) }
        let marked = try files.open(nil, [.readWrite, .nonBlocking, .marked])
        for number in 0..<5 { _ = try files.write(marked, bytes(number..<number + 10)) }  // 24 bytes each
        #expect(throws: BufferFileError.self) { try files.lseek(marked, 20, .start) }
        #expect(try files.lseek(marked, 48, .start) == 48)
        #expect(try files.read(marked, count: 100) == bytes(2..<12))
        #expect(throws: BufferFileError.self) { try files.lseek(marked, 0, .start) }
        #expect(try files.lseek(marked, 0, .end) == 120)
        let counts = try files.counts(marked)
        #expect(counts.published == 5 && counts.published == counts.read + counts.lost)
    }

    // MARK: peek

    @Test func `show bytes where they lie, without a copy`() throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking], size: 4_096)
        _ = try files.write(file, bytes(0..<3_000))
        let copied = files.copiedBytes
        let seen = try files.withPeeked(file, atMost: 1_000) { bytes in
            (0..<bytes.byteCount).map { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        }
        #expect(seen == bytes(0..<1_000))
        let block = try files.peek(file)
        #expect(block.length == 2_000 && block.position == Position(1_000))
        #expect(Array(block.bytes) == bytes(1_000..<3_000))
        #expect(try files.isWhole(file))
        #expect(files.copiedBytes == copied)
        #expect(throws: BufferFileError.wouldBlock) { try files.peek(file) }
        // What was shown is held until the next call, so there was no room for more.
        _ = try files.write(file, bytes(3_000..<7_000))
        #expect(try files.read(file, count: 4_096) == bytes(3_000..<7_000))
    }

    @Test func `know when what was shown is overwritten`() throws {
        let files = files
        let file = try files.open(nil, [.readWrite, .nonBlocking, .fastReader], size: 4_096)
        _ = try files.write(file, bytes(0..<1_000))
        _ = try files.peek(file)
        #expect(try files.isWhole(file))
        _ = try files.write(file, bytes(0..<2_000))
        #expect(try files.isWhole(file))
        _ = try files.write(file, bytes(0..<2_000))
        #expect(try !files.isWhole(file))
        _ = try files.read(file, count: 1)
        let result = #expect(throws: BufferFileError.self) {
            try files.withPeeked(file) { _ in
                _ = try? files.write(file, bytes(0..<2_000))
                _ = try? files.write(file, bytes(0..<2_000))
                _ = try? files.write(file, bytes(0..<2_000))
            }
        }
        guard case .leftWindow = result else {
            Issue.record("\(String(describing: result))")
            return
        }
    }
}
