// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

/// Splice between buffers, files and sockets: every byte, in order.
@Suite(.timeLimit(.minutes(4))) struct `A splice` {
    private func text(_ length: Int, seed: UInt64) -> [UInt8] {
        var random = RandomSource(seed: seed)
        return (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// Moves everything from one system descriptor to another through a buffer, both ends in this thread.
    private func pump(_ input: Int32, _ output: Int32, _ flags: BufferFlags, chunk: Int) throws -> Int {
        let files = BufferFiles()
        let ring = try files.open("ring", flags.union([.writing, .nonBlocking]), size: 65_536)
        let reader = try files.open("ring", [.reading, .nonBlocking])
        var total = 0
        while try !files.splice(fromFile: input, to: ring, atMost: chunk).isAtEnd {
            while try files.poll([BufferPoll(reader, .readable)], milliseconds: 0).count == 1 {
                total += try files.splice(from: reader, toFile: output, atMost: chunk).bytes
            }
        }
        try files.close(ring)
        while true {
            let rest = try files.splice(from: reader, toFile: output, atMost: chunk)
            total += rest.bytes
            if rest.isAtEnd { break }
        }
        #expect(files.copiedBytes == 0)
        return total
    }

    @Test(
        arguments: [
            BufferFlags.stream, .marked, .slots, [.stream, .resizesWithin], [.stream, .replacesMemory],
        ],
        [700, 5_000, 60_000]
    )
    func `from file to ring to file moves every byte and copies none itself`(
        flags: BufferFlags,
        chunk: Int
    ) throws {
        let folder = TemporaryFolder()
        let bytes = text(3_000_001, seed: UInt64(chunk))
        let path = try folder.write(bytes, to: "in")
        let (input, output) = (open(path, O_RDONLY), open(folder / "out", O_RDWR | O_CREAT, 0o600))
        defer {
            close(input)
            close(output)
        }
        #expect(try pump(input, output, flags, chunk: chunk) == bytes.count)
        #expect(FileManager.default.contents(atPath: folder / "out") == Data(bytes))
    }

    @Test func `from socket to ring to socket moves every byte`() throws {
        var (left, right) = ([Int32](repeating: 0, count: 2), [Int32](repeating: 0, count: 2))
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &left) == 0)
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &right) == 0)
        let bytes = text(2_000_003, seed: 7)
        let (from, to) = (left[0], right[1])
        let sender = TestThread {
            _ = bytes.withUnsafeBytes { bytes in
                var done = 0
                while done < bytes.count {
                    let sent = write(from, bytes.baseAddress! + done, bytes.count - done)
                    if sent <= 0 { break }
                    done += sent
                }
                return done
            }
            close(from)
        }
        let received = Received()
        let receiver = TestThread {
            var block = [UInt8](repeating: 0, count: 100_000)
            while true {
                let count = read(to, &block, block.count)
                if count <= 0 { break }
                received.bytes += block[0..<count]
            }
        }
        #expect(try pump(left[1], right[0], .stream, chunk: 50_000) == bytes.count)
        close(right[0])
        #expect(sender.join() && receiver.join())
        #expect(received.bytes == bytes)
        close(left[1])
        close(to)
    }

    private final class Received: @unchecked Sendable { var bytes: [UInt8] = [] }

    @Test func `from buffer to buffer moves blocks whole, and entries into an index buffer`() throws {
        let files = BufferFiles()
        let source = try files.open(nil, [.readWrite, .marked, .nonBlocking])
        let target = try files.open(nil, [.readWrite, .marked, .nonBlocking])
        let index = try files.open(nil, [.readWrite, .index, .nonBlocking])
        for number in 0..<20 { _ = try files.write(source, text(100 + number, seed: UInt64(number))) }
        let copied = files.copiedBytes
        #expect(try files.splice(from: source, to: index, atMost: 1_045).bytes == 1_045)
        #expect(files.copiedBytes == copied && files.splicedEntries == 10)
        let rest = try files.splice(from: source, to: target, atMost: 1 << 20)
        #expect(rest.bytes == 1_145 && !rest.isAtEnd)
        for number in 0..<10 {
            #expect(try files.read(index, count: 500) == text(100 + number, seed: UInt64(number)))
        }
        for number in 10..<20 {
            #expect(try files.read(target, count: 500) == text(100 + number, seed: UInt64(number)))
        }
        #expect(throws: BufferFileError.wouldBlock) { try files.splice(from: source, to: target, atMost: 1) }
    }

    @Test func `leaves in the source what the target has no room for`() throws {
        let files = BufferFiles()
        let source = try files.open(nil, [.readWrite, .nonBlocking], size: 65_536)
        let target = try files.open(nil, [.readWrite, .nonBlocking], size: 4_096)
        let bytes = text(10_000, seed: 3)
        _ = try files.write(source, bytes)
        #expect(try files.splice(from: source, to: target, atMost: 10_000).bytes == 4_096)
        #expect(throws: BufferFileError.wouldBlock) { try files.splice(from: source, to: target, atMost: 9) }
        #expect(try files.read(target, count: 5_000) == Array(bytes[0..<4_096]))
        #expect(try files.splice(from: source, to: target, atMost: 100).bytes == 100)
        #expect(try files.read(source, count: 10_000) == Array(bytes[4_196...]))
    }

    @Test func `to a file that refuses it loses nothing`() throws {
        let files = BufferFiles()
        let source = try files.open(nil, [.readWrite, .nonBlocking])
        let bytes = text(1_000, seed: 3)
        _ = try files.write(source, bytes)
        let error = #expect(throws: BufferFileError.self) {
            try files.splice(from: source, toFile: -1, atMost: 500)
        }
        #expect(error == .system(call: "write", errno: EBADF))
        #expect(throws: BufferFileError.system(call: "read", errno: EBADF)) {
            try files.splice(fromFile: -1, to: source, atMost: 500)
        }
        #expect(try files.read(source, count: 1_000) == bytes)
    }
}
