// SPDX-License-Identifier: Apache-2.0
// Opening and rotating: where a file of events begins, and how it makes way for the next.
//
// Why the unsafe calls are safe: paths live for the call; the buffer read into is as long as the call is told.
import Glibc

extension EVEFile {
    /// How far back the end of the last whole line is looked for; no event is that long.
    static var longestLineInBytes: Int { 1 << 20 }

    mutating func open() throws(EVEFileError) {
        let opened = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard opened >= 0 else { throw fail(.open, errno) }
        var information = stat()
        var code = unsafe fstat(opened, &information) == 0 ? 0 : errno
        let kind = information.st_mode & S_IFMT
        if code == 0, kind != S_IFREG, kind != S_IFCHR { code = ENOTSUP }
        guard code == 0 else {
            close(opened)
            throw fail(.open, code)
        }
        let size = kind == S_IFREG ? UInt64(max(0, information.st_size)) : 0
        began(size: size, isRegular: kind == S_IFREG, descriptor: opened)
        if size > 0 { cutUnfinishedLine() }
    }

    /// Cuts what follows the last line feed: the rest of a line whose writer was killed.
    ///
    /// A file without a line feed in its last MiB is not ours to cut; its line is ended instead.
    private mutating func cutUnfinishedLine() {
        let length = min(Int(size), EVEFile.longestLineInBytes)
        // Most files end well: look at one byte before reading a MiB.
        if EVEFile.tail(of: descriptor, size: size, length: 1).last == 0x0a { return }
        let tail = EVEFile.tail(of: descriptor, size: size, length: length)
        let whole = EVEFile.endOfLastLine(tail.span, before: tail.count)
        let kept = size - UInt64(length - whole)
        guard tail.count == length, whole > 0 || UInt64(length) == size,
            ftruncate(descriptor, off_t(kept)) == 0
        else { return couldNotCut() }
        began(size: kept, isRegular: true, descriptor: descriptor)
    }

    /// The last `length` bytes of a file, fewer if they cannot be read.
    private static func tail(of descriptor: Int32, size: UInt64, length: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        var done = 0
        while done < length {
            let offset = off_t(size) - off_t(length - done)
            let count = unsafe bytes.withUnsafeMutableBytes { room in
                unsafe pread(descriptor, room.baseAddress.map { unsafe $0 + done }, length - done, offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return Array(bytes[0..<done]) }
            done += count
        }
        return bytes
    }

    /// Renames `eve.json.9` to `eve.json.10` and so on down to `eve.json`, and begins a new file.
    ///
    /// Only what stands before the first unused number moves, and nothing if the path is free already: so a rotation
    /// that failed half-way and is tried again pushes no file over the end. The last rename replaces what was oldest.
    mutating func rotate() throws(EVEFileError) {
        if limits.kept == 0 {
            guard unsafe unlink(path) == 0 || errno == ENOENT else { throw fail(.rotate, errno) }
        } else if exists(0) {
            let free = (1...limits.kept).first { !exists($0) } ?? limits.kept
            for number in stride(from: free, to: 0, by: -1) {
                guard unsafe rename(name(number - 1), name(number)) == 0 else { throw fail(.rotate, errno) }
            }
        }
        let old = descriptor
        try open()  // if it throws, the descriptor is the old one: the renamed file is written on
        close(old)
    }

    private func name(_ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }

    private func exists(_ number: Int) -> Bool { unsafe access(name(number), F_OK) == 0 }
}
