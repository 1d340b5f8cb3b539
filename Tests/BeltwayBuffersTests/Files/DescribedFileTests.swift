// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Foundation
import Testing

/// Buffers with headers out of band, opened by name as files.
@Suite struct `A buffer with headers out of band, as a file` {
    let files = BufferFiles()
    private func bytes(_ range: Range<Int>) -> [UInt8] { `Buffers as files`.bytes(range) }

    private func open(_ flags: BufferFlags = []) throws -> (writer: Int32, reader: Int32) {
        let writer = try files.open("x", flags.union([.writing, .described, .nonBlocking]))
        return (writer, try files.open("x", [.reading, .nonBlocking]))
    }

    @Test func `returns one whole block a call`() throws {
        let (writer, reader) = try open()
        for length in [1, 8, 700, 4_000] { _ = try files.write(writer, bytes(0..<length)) }
        for length in [1, 8, 700] { #expect(try files.read(reader, count: 5_000) == bytes(0..<length)) }
        #expect(throws: BufferFileError.blockTooLong(4_000)) { try files.read(reader, count: 3_999) }
        #expect(try files.read(reader, count: 4_000) == bytes(0..<4_000))
        #expect(throws: BufferFileError.wouldBlock) { try files.read(reader, count: 1) }
        try files.close(writer)
        #expect(try files.read(reader, count: 1) == [])
        let counts = try files.counts(reader)
        #expect(counts.published == 4 && counts.read == 4 && counts.lost == 0)
    }

    @Test func `goes to any block by its number, forth and back`() throws {
        let (writer, reader) = try open()
        for number in 0..<50 { _ = try files.write(writer, bytes(number..<number + 1 + number * 7)) }
        for number in [0, 49, 17, 18, 3, 48] {
            #expect(try files.lseek(reader, Int64(number), .start) == UInt64(number))
            #expect(try files.read(reader, count: 1_000) == bytes(number..<number + 1 + number * 7))
        }
        #expect(try files.lseek(reader, -2, .end) == 48)
        #expect(try files.lseek(reader, 2, .current) == 50)
        #expect(throws: BufferFileError.wouldBlock) { try files.read(reader, count: 1) }
        #expect(throws: BufferFileError.leftWindow(lost: 0, oldest: 0, end: 50)) {
            try files.lseek(reader, 51, .start)
        }
        #expect(throws: BufferFileError.self) { try files.lseek(reader, -1, .start) }
        #expect(throws: BufferFileError.self) { try files.lseek(reader, .max, .end) }
        _ = try files.write(writer, bytes(0..<9))
        #expect(try files.read(reader, count: 100) == bytes(0..<9))
    }

    @Test func `says which blocks can be read once others are overwritten`() throws {
        let (writer, reader) = try open(.fastReader)
        for number in 0..<1_000 { _ = try files.write(writer, bytes(number..<number + 1_000)) }
        let error = #expect(throws: BufferFileError.self) { try files.read(reader, count: 1_000) }
        guard case .leftWindow(let lost, let oldest, let end) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(lost > 0 && end == 1_000 && oldest > 900 && oldest < 1_000)
        #expect(try files.lseek(reader, Int64(oldest), .start) == oldest)
        #expect(try files.read(reader, count: 1_000) == bytes(Int(oldest)..<Int(oldest) + 1_000))
        #expect(throws: BufferFileError.self) { try files.lseek(reader, 0, .start) }
    }

    @Test func `is filled from a file, and emptied into one, in place`() throws {
        let (writer, reader) = try open()
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let text = bytes(0..<300)
        #expect(text.withUnsafeBytes { Foundation.write(ends[1], $0.baseAddress, $0.count) } == 300)
        #expect(try files.splice(fromFile: ends[0], to: writer, atMost: 1_000).bytes == 300)
        #expect(try files.splice(from: reader, toFile: ends[1], atMost: 1_000).bytes == 300)
        var back = [UInt8](repeating: 0, count: 400)
        #expect(back.withUnsafeMutableBytes { Foundation.read(ends[0], $0.baseAddress, $0.count) } == 300)
        #expect(Array(back[..<300]) == text)
    }

    @Test func `has its blocks spliced by an entry`() throws {
        let (writer, reader) = try open()
        let index = try files.open("index", [.readWrite, .index, .nonBlocking])
        for number in 0..<10 { _ = try files.write(writer, bytes(number..<number + 900)) }
        for _ in 0..<10 { _ = try files.write(index, files.peek(reader).bytes.bytes) }
        #expect(files.splicedEntries == 10)
        for number in 0..<10 {
            #expect(try files.read(index, count: 2_000) == bytes(number..<number + 900))
        }
    }

    @Test func `is told of by poll when there is a block, and when there is room`() throws {
        let (writer, reader) = try open(.blocking)
        #expect(try files.poll([BufferPoll(reader, .readable)], milliseconds: 0).isEmpty)
        var written = 0
        while (try? files.write(writer, bytes(0..<1_000))) != nil { written += 1 }
        #expect(written > 30)
        #expect(try files.poll([BufferPoll(reader, .readable)], milliseconds: 1_000).count == 1)
        #expect(try files.poll([BufferPoll(writer, .writable)], milliseconds: 0).isEmpty == false)
        for _ in 0..<written { #expect(try files.read(reader, count: 1_000).count == 1_000) }
        #expect(throws: BufferFileError.wouldBlock) { try files.read(reader, count: 1_000) }
        #expect(try files.write(writer, bytes(0..<1_000)) == 1_000)
    }
}
