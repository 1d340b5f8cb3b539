// SPDX-License-Identifier: Apache-2.0
// Where a capture file's bytes come from: a descriptor, plain or through zlib. One of the files that say
// `unsafe`.
//
// The interface is safe because bytes leave only into memory that the caller lends for one call, never more
// of them than it has room for, and because the descriptor is closed once, by the one owner. Plain read(2)
// and no mapping: a file that is cut while it is read then ends early, where a mapping would kill the process
// by SIGBUS.
import CLinux
import CZlib
import Glibc

/// A descriptor to read from, closed when this goes away if it was opened here.
struct ByteSource: ~Copyable {
    let descriptor: Int32
    private let owned: Bool
    /// Whether it is a file on a disk, so that reading never waits for a writer.
    let isRegularFile: Bool
    /// Bytes of the file as stored, or nil where that cannot be known.
    let storedLength: UInt64?
    /// Bytes read so far, as stored.
    private(set) var storedOffset: UInt64 = 0
    private var inflater: Inflater?
    /// Whether the input ended inside a compressed stream.
    private(set) var endedInsideStream = false

    /// Opens a file; `-` is standard input.
    ///
    /// Without waiting: a named pipe that nobody writes to yet would keep its reader in open(2), where no stop
    /// reaches it. It is waited for by ``waitForBytes(milliseconds:)``, as every pipe is.
    init(path: String) throws(CaptureFileError) {
        if path == "-" {
            try self.init(descriptor: 0, owned: false)
            return
        }
        var opened: Int32
        repeat {
            opened = unsafe beltway_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0)
        } while opened < 0 && errno == EINTR
        guard opened >= 0 else { throw .cannotOpen(errno: errno) }
        try self.init(descriptor: opened, owned: true)
    }

    /// Reads from an open descriptor.
    init(descriptor: Int32, owned: Bool) throws(CaptureFileError) {
        self.descriptor = descriptor
        self.owned = owned
        var status = stat()
        let known = unsafe fstat(descriptor, &status) == 0
        let kind = known ? status.st_mode & S_IFMT : 0
        isRegularFile = kind == S_IFREG
        storedLength = isRegularFile ? UInt64(max(0, status.st_size)) : nil
        inflater = nil
        guard known else { throw .cannotOpen(errno: errno) }
        guard kind != S_IFDIR else { throw .isDirectory }
        if isRegularFile { posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
    }

    deinit {
        if owned { close(descriptor) }
    }

    /// Waits until there is something to read, or the end.
    ///
    /// - Returns: Whether a read would not block now; false after `milliseconds` without.
    func waitForBytes(milliseconds: Int32) -> Bool {
        if isRegularFile || inflater?.hasInput == true { return true }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // An error is left to read(2), which names it.
        return unsafe poll(&request, 1, milliseconds) != 0 && request.revents != 0
    }

    /// Whether the bytes go through zlib.
    var isInflating: Bool { inflater != nil }

    /// Takes what was read so far for gzip, and inflates everything from here on.
    mutating func beginInflating(_ prefix: RawSpan) {
        inflater = Inflater(prefix: prefix)
    }

    /// Reads once.
    ///
    /// - Parameters:
    ///   - room: Where to; at least one byte.
    ///   - offset: Bytes delivered so far, for an error.
    /// - Returns: Bytes read; 0 at the end.
    /// - Throws: ``CaptureFileError`` if the system refuses, or the compressed data are damaged.
    mutating func read(into room: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(CaptureFileError)
        -> Int
    {
        guard inflater != nil else { return try unsafe readStored(into: room, at: offset) }
        while true {
            let step = unsafe inflater?.inflate(into: room) ?? .ended
            switch step {
            case .produced(let count): return count
            case .ended: return 0
            case .damaged(let message): throw .compression(offset: offset, message)
            case .needsInput:
                guard let compressed = unsafe inflater?.inputRoom else { return 0 }
                let count = try unsafe readStored(into: compressed, at: offset)
                if count == 0 {
                    endedInsideStream = inflater?.isBetweenMembers == false
                    return 0
                }
                inflater?.accept(count)
            }
        }
    }

    private mutating func readStored(
        into room: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(CaptureFileError) -> Int {
        while true {
            let count = unsafe Glibc.read(descriptor, room.baseAddress, room.count)
            if count >= 0 {
                storedOffset &+= UInt64(count)
                return count
            }
            guard errno == EINTR || errno == EAGAIN else { throw .readFailed(offset: offset, errno: errno) }
            if errno == EAGAIN { _ = waitForBytes(milliseconds: 100) }
        }
    }
}

/// Bytes of a file on a disk; 0 for pipes, and for what cannot be looked at.
func storedLength(of path: String) -> UInt64 {
    var status = stat()
    guard path != "-", unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return 0 }
    return UInt64(max(0, status.st_size))
}

/// The last part of a path, which names the interface of a capture that names none.
func baseName(of path: String) -> String {
    guard path != "-" else { return "stdin" }
    let name = path.split(separator: "/").last.map(String.init)
    return name ?? path
}
