// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Testing

/// The fast splice optimisation (paper, 3.9): a write of what was just peeked copies an index entry.
@Suite struct `A write of what was just peeked` {
    let files = BufferFiles()
    private func bytes(_ range: Range<Int>) -> [UInt8] { `Buffers as files`.bytes(range) }

    private func open(
        _ readFlags: BufferFlags = [],
        policy: BufferFlags = .blocking
    ) throws -> (data: Int32, source: Int32, index: Int32) {
        let data = try files.open("data", [.writing, .nonBlocking, policy])
        let source = try files.open("data", readFlags.union([.reading, .nonBlocking]))
        let index = try files.open("index", [.readWrite, .index, .nonBlocking])
        return (data, source, index)
    }

    @Test func `into an index buffer copies an entry, not the data`() throws {
        let (data, source, index) = try open()
        _ = try files.write(data, bytes(0..<20_000))
        let copied = files.copiedBytes
        var peeked = 0
        for length in [1_500, 1, 4_000, 9_000] {
            let block = try files.peek(source, atMost: length)
            #expect(try files.write(index, block.bytes.bytes) == length)
            peeked += length
        }
        #expect(files.copiedBytes == copied)
        #expect(files.splicedEntries == 4)
        #expect(try files.ring(index).tail == Position(4 * 32))
        var place = 0
        for length in [1_500, 1, 4_000, 9_000] {
            #expect(try files.read(index, count: 20_000) == bytes(place..<place + length))
            place += length
        }
        #expect(peeked == place)
    }

    @Test func `of a part of it points to the part`() throws {
        let (data, source, index) = try open()
        _ = try files.write(data, bytes(0..<1_000))
        let block = try files.peek(source)
        let part = UnsafeRawBufferPointer(rebasing: block.bytes[100..<350])
        #expect(try files.write(index, part.bytes) == 250)
        #expect(files.splicedEntries == 1)
        #expect(try files.read(index, count: 1_000) == bytes(100..<350))
    }

    @Test(arguments: [BufferFlags.marked, .slots])
    func `works for blocks too`(kind: BufferFlags) throws {
        let data = try files.open("data", [.writing, kind])
        let source = try files.open("data", [.reading, .nonBlocking])
        let index = try files.open("index", [.readWrite, .index, .nonBlocking])
        for number in 0..<10 { _ = try files.write(data, bytes(number..<number + 900)) }
        for _ in 0..<10 { _ = try files.write(index, files.peek(source).bytes.bytes) }
        #expect(files.splicedEntries == 10)
        for number in 0..<10 {
            #expect(try files.read(index, count: 2_000) == bytes(number..<number + 900))
        }
    }

    @Test func `into any other buffer copies the data`() throws {
        let (data, source, _) = try open()
        let other = try files.open(nil, [.readWrite, .nonBlocking])
        _ = try files.write(data, bytes(0..<1_000))
        let copied = files.copiedBytes
        _ = try files.write(other, files.peek(source).bytes.bytes)
        #expect(files.splicedEntries == 0 && files.copiedBytes == copied + 1_000)
        #expect(try files.read(other, count: 1_000) == bytes(0..<1_000))
    }

    @Test func `is turned off for consumers that modify`() throws {
        let (data, source, index) = try open([.modifies, .splices])
        _ = try files.write(data, bytes(0..<2_000))
        let copied = files.copiedBytes
        _ = try files.write(index, files.peek(source, atMost: 1_000).bytes.bytes)
        #expect(files.splicedEntries == 0 && files.copiedBytes == copied + 1_000)
        var own = [UInt8](repeating: 0, count: 1_000)
        let count = try own.withUnsafeMutableBytes { try files.read(source, into: $0) }
        #expect(count == 1_000)
        own[0] ^= 0xff
        _ = try own.withUnsafeBytes { try files.write(index, $0.bytes) }
        #expect(files.splicedEntries == 0)
        #expect(try files.read(index, count: 1_000) == bytes(0..<1_000))
        #expect(try files.read(index, count: 1_000) == own)  // what was modified, not what was read
    }

    @Test func `may follow a read, if the reader is opened so`() throws {
        let (data, source, index) = try open(.splices)
        _ = try files.write(data, bytes(0..<1_000))
        let copied = files.copiedBytes
        var own = [UInt8](repeating: 0, count: 2_000)
        try own.withUnsafeMutableBytes { (own: UnsafeMutableRawBufferPointer) throws in
            #expect(try files.read(source, into: own) == 1_000)
            let same = UnsafeRawBufferPointer(rebasing: own[0..<1_000])
            #expect(try files.write(index, same.bytes) == 1_000)
        }
        #expect(files.splicedEntries == 1 && files.copiedBytes == copied + 1_000)  // of the read
        #expect(try files.read(index, count: 1_000) == bytes(0..<1_000))
    }

    @Test func `does not follow a read otherwise`() throws {
        let (data, source, index) = try open()
        _ = try files.write(data, bytes(0..<1_000))
        var own = [UInt8](repeating: 0, count: 1_000)
        try own.withUnsafeMutableBytes { (own: UnsafeMutableRawBufferPointer) throws in
            #expect(try files.read(source, into: own) == 1_000)
            #expect(try files.write(index, UnsafeRawBufferPointer(own).bytes) == 1_000)
        }
        #expect(files.splicedEntries == 0)
        #expect(try files.read(index, count: 1_000) == bytes(0..<1_000))
    }

    @Test func `is forgotten when its reader is closed`() throws {
        let (data, source, index) = try open()
        _ = try files.write(data, bytes(0..<1_000))
        let block = try files.peek(source)
        let keeper = try files.ring(source)  // the memory stays mapped
        try files.close(source)
        _ = try files.write(index, block.bytes.bytes)
        #expect(files.splicedEntries == 0)
        #expect(keeper.tail == Position(1_000))
        #expect(try files.read(index, count: 1_000) == bytes(0..<1_000))
    }

    @Test func `that was overwritten since is refused to who reads it`() throws {
        let (data, source, index) = try open(policy: .fastReader)
        _ = try files.write(data, bytes(0..<10_000))
        _ = try files.write(index, files.peek(source, atMost: 1_000).bytes.bytes)
        _ = try files.write(index, files.peek(source, atMost: 1_000).bytes.bytes)
        #expect(try files.read(index, count: 1_000) == bytes(0..<1_000))
        for _ in 0..<7 { _ = try files.write(data, bytes(0..<10_000)) }
        let error = #expect(throws: BufferFileError.self) { try files.read(index, count: 1_000) }
        guard case .entryLapsed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let counts = try files.counts(index)
        #expect(counts.published == 2 && counts.read == 1 && counts.lost == 1)
        #expect(throws: BufferFileError.wouldBlock) { try files.read(index, count: 1_000) }
    }

    @Test func `goes on from index buffer to index buffer`() throws {
        let (data, source, index) = try open()
        let second = try files.open("second", [.readWrite, .index, .nonBlocking])
        _ = try files.write(data, bytes(0..<3_000))
        _ = try files.write(index, files.peek(source).bytes.bytes)
        _ = try files.write(second, files.peek(index).bytes.bytes)
        #expect(files.splicedEntries == 2)
        #expect(try files.read(second, count: 3_000) == bytes(0..<3_000))
    }

    @Test func `points into several data buffers from one index buffer`() throws {
        let index = try files.open("index", [.readWrite, .index, .nonBlocking])
        var sources: [Int32] = []
        for number in 0..<5 {
            let writer = try files.open("data\(number)", .writing)
            sources.append(try files.open("data\(number)", [.reading, .nonBlocking]))
            _ = try files.write(writer, bytes(number * 1_000..<number * 1_000 + 500))
        }
        for source in sources { _ = try files.write(index, files.peek(source).bytes.bytes) }
        #expect(try files.write(index, bytes(7..<77)) == 70)  // and its own data between
        for source in sources { try files.close(source) }
        for number in 0..<5 {
            #expect(try files.read(index, count: 500) == bytes(number * 1_000..<number * 1_000 + 500))
        }
        #expect(try files.read(index, count: 500) == bytes(7..<77))
    }

    @Test func `keeps data of its own as long as an entry that is protected points to it`() throws {
        let index = try files.open("index", [.readWrite, .index, .nonBlocking], size: 65_536)
        // 2,048 entries and 1 MiB of data: the data is the narrower one for blocks of 2,000 bytes.
        var (written, read) = (0, 0)
        for round in 0..<5 {
            while (try? files.write(index, bytes(written..<written + 2_000))) != nil { written += 1 }
            #expect(written - read > 300 && written - read < 2_048, "round \(round)")
            while read < written - 100 {
                #expect(try files.read(index, count: 2_000) == bytes(read..<read + 2_000))
                read += 1
            }
        }
        while read < written {
            #expect(try files.read(index, count: 2_000) == bytes(read..<read + 2_000))
            read += 1
        }
        #expect(try files.counts(index).lost == 0)
    }
}
