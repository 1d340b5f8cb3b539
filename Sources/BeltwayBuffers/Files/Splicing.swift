// SPDX-License-Identifier: Apache-2.0

internal import Glibc

// Moving data without the caller touching it (paper, 3.6: "splice", after McVoy).
//
//     buffer -> index buffer    an entry of 32 bytes each
//     buffer -> buffer          one copy, ring to ring
//     buffer -> file, socket    write(2) out of the ring
//     file, socket -> buffer    read(2) into the ring
//
// write(2) and read(2) are used for sockets too; with SIGPIPE ignored a closed one is an error of the call.
//
// Where the policy holds the ring for its readers, bytes cannot change while the kernel takes them. Under fast reader
// preference they can: that is noticed afterwards, and told, with how many bytes of the file may be wrong.
//
// Safe: what the kernel is handed is what peek has shown or the ring has reserved, for the length of the call.

extension BufferFiles {
    /// What a splice has done.
    public struct Spliced: Equatable, Sendable {
        /// Bytes moved.
        public var bytes: Int
        /// Whether the source has ended.
        public var isAtEnd: Bool
    }

    /// Moves data from one buffer to another.
    ///
    /// - Parameters:
    ///   - source: A descriptor open for reading.
    ///   - target: A descriptor open for writing.
    ///   - count: Bytes at most; blocks are moved whole.
    /// - Returns: At least one byte unless the source has ended. It waits for the first block as the descriptors do,
    ///   and for no further one.
    /// - Throws: ``BufferFileError``; what was not moved stays in the source.
    public func splice(
        from source: Int32,
        to target: Int32,
        atMost count: Int
    ) throws(BufferFileError) -> Spliced {
        let (reader, writer) = (try openReader(source), try openWriter(target))
        forgetSeen()
        var done = 0
        while done < count {
            if done > 0, !reader.isReadable { break }
            let block = try reader.peek(atMost: count - done)
            guard let base = unsafe block.base else { return Spliced(bytes: done, isAtEnd: true) }
            do throws(BufferFileError) {
                if !reader.flags.contains(.modifies), try writer.write(entry: block.entry) {
                    note(entry: true, bytes: 0)
                    done += block.length
                    continue
                }
                let bytes = unsafe UnsafeRawBufferPointer(start: base, count: block.length)
                let written = try unsafe writer.write(bytes.bytes)
                note(entry: false, bytes: written)
                done += written
                // What was copied may have been overwritten on the way; the target has it already.
                guard reader.isWhole() else {
                    _ = reader.giveBackLapped()
                    throw .overwrittenInTransfer(written: done, suspect: written)
                }
                if written < block.length {
                    reader.keepOnly(written)
                    break
                }
            } catch {
                if case .overwrittenInTransfer = error { throw error }
                reader.keepOnly(0)
                if done > 0, error == .wouldBlock { break }
                throw error
            }
        }
        reader.release()
        return Spliced(bytes: done, isAtEnd: false)
    }

    /// Moves data from a buffer to a file or socket.
    ///
    /// - Parameters:
    ///   - source: A descriptor open for reading.
    ///   - file: A descriptor of the system, open for writing.
    ///   - count: Bytes at most; blocks are moved whole.
    /// - Returns: As ``splice(from:to:atMost:)``.
    /// - Throws: ``BufferFileError``; ``BufferFileError/overwrittenInTransfer(written:suspect:)`` under fast reader
    ///   preference.
    public func splice(
        from source: Int32,
        toFile file: Int32,
        atMost count: Int
    ) throws(BufferFileError) -> Spliced {
        let reader = try openReader(source)
        forgetSeen()
        var done = 0
        while done < count {
            if done > 0, !reader.isReadable { break }
            let block = try reader.peek(atMost: min(count - done, 1 << 20))
            guard let base = unsafe block.base else { return Spliced(bytes: done, isAtEnd: true) }
            var written = 0
            while written < block.length {
                let moved = unsafe Glibc.write(file, base + written, block.length - written)
                if moved > 0 {
                    written += moved
                    continue
                }
                let number = errno
                if moved < 0, number == EINTR {
                    guard directory.interruption.isAsked else { continue }
                    reader.keepOnly(written)
                    throw .interrupted
                }
                // The rest of a block that has parts is moved next time; of others the caller is told that it is gone.
                reader.keepOnly(written)
                if moved < 0, number == EAGAIN, done + written > 0 {
                    return Spliced(bytes: done + written, isAtEnd: false)
                }
                if number == EAGAIN { throw .wouldBlock }
                if number == EPIPE { throw .brokenPipe }
                throw .system(call: "write", errno: number)
            }
            done += written
            guard reader.isWhole() else {
                _ = reader.giveBackLapped()
                throw .overwrittenInTransfer(written: done, suspect: written)
            }
        }
        reader.release()
        return Spliced(bytes: done, isAtEnd: false)
    }

    /// Moves data from a file or socket to a buffer: read(2) fills the ring in place, one block a call.
    ///
    /// - Parameters:
    ///   - file: A descriptor of the system, open for reading.
    ///   - target: A descriptor open for writing.
    ///   - count: Bytes at most.
    /// - Returns: At least one byte unless the file has ended.
    /// - Throws: ``BufferFileError``.
    public func splice(
        fromFile file: Int32,
        to target: Int32,
        atMost count: Int
    ) throws(BufferFileError) -> Spliced {
        let writer = try openWriter(target)
        guard count > 0 else { return Spliced(bytes: 0, isAtEnd: false) }
        while true {
            var number: Int32 = 0
            let filled = try unsafe writer.fill(atMost: count) { room throws(BufferFileError) in
                let moved = unsafe Glibc.read(file, room.baseAddress, room.count)
                number = moved < 0 ? errno : 0
                return moved
            }
            guard let filled else {
                try writer.waitForRoom()
                continue
            }
            if filled > 0 { return Spliced(bytes: filled, isAtEnd: false) }
            if filled == 0 { return Spliced(bytes: 0, isAtEnd: true) }
            switch number {
            case EINTR: if directory.interruption.isAsked { throw .interrupted }
            case EAGAIN: throw .wouldBlock
            default: throw .system(call: "read", errno: number)
            }
        }
    }
}
