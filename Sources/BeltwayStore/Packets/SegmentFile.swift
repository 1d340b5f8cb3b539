// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import CLinux
import Glibc

// A file that whole pages are written to straight from the memory they lie in.
//
//   0                     length            allocated
//   +---------------------+- - - - - - - - -+   length is a multiple of 4,096 until `finish`
//   |  verified pages     |  kept ahead     |   [length, allocated) belongs to the file, not to its size
//
// Safe because the system only reads from the span it is handed, which stays valid for the call, and a buffer
// allocated here for pages that must be aligned is released before the function returns. What it reads may
// change meanwhile if it lies in a ring: the caller checks, and takes the pages back with `discard`.

@safe struct SegmentFile: ~Copyable {
    private let descriptor: Int32
    /// Where the file is now: with `.partial` until ``giveName()``.
    private(set) var path: String
    private let finalPath: String
    /// Bytes that count.
    private(set) var length: Int = 0
    /// Bytes the file has on the disk, `length` and what is kept ahead of it.
    private(set) var allocated: Int = 0
    /// Whether writes pass the page cache by.
    let isDirect: Bool
    private var canPreallocate = true
    var hasName: Bool { path == finalPath }

    /// Makes a new file, `path` with `.partial` appended.
    init(creating path: String) throws(PacketStoreError) {
        finalPath = path
        self.path = path + SegmentName.partialSuffix
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        var file = unsafe beltway_open(self.path, flags | beltway_O_DIRECT(), 0o640)
        isDirect = file >= 0
        if file < 0, errno == EINVAL {
            // Some file systems refuse O_DIRECT only after they have made the file.
            _ = FileSystem.remove(self.path)
            file = unsafe beltway_open(self.path, flags, 0o640)
        }
        guard file >= 0 else { throw .system(operation: .create, path: self.path, errno: errno) }
        descriptor = file
    }

    deinit { close(descriptor) }

    /// Keeps space up to `end`; a file system that cannot do so is not asked again.
    mutating func allocate(to end: Int) throws(PacketStoreError) {
        guard end > allocated else { return }
        if canPreallocate {
            let number = beltway_preallocate(descriptor, Int64(allocated), Int64(end - allocated))
            if number == EOPNOTSUPP || number == ENOSYS || number == EINVAL {
                canPreallocate = false
            } else if number != 0 {
                throw .system(operation: .write, path: path, errno: number)
            }
        }
        allocated = end
    }

    /// Writes whole pages behind what counts so far; they count once ``keep(_:)`` says so.
    ///
    /// - Parameter pages: A whole number of pages at a page-aligned address.
    /// - Throws: `system` if not all could be written.
    func write(_ pages: RawSpan) throws(PacketStoreError) {
        try unsafe pages.withUnsafeBytes { (bytes) throws(PacketStoreError) in
            var done = 0
            while done < bytes.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
                let count = unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(length + done))
                if count > 0 {
                    done += count
                } else if count < 0, errno == EINVAL, giveUpDirect() {
                    continue
                } else if count < 0, errno == EINTR {
                    continue
                } else {
                    throw .system(operation: .write, path: path, errno: count == 0 ? ENOSPC : errno)
                }
            }
        }
    }

    /// Writes bytes that may lie anywhere, by way of an aligned copy; a whole number of pages.
    func write(copying bytes: [UInt8]) throws(PacketStoreError) {
        let pages = UnsafeMutableRawBufferPointer.allocate(
            byteCount: bytes.count,
            alignment: SegmentLayout.pageLength
        )
        defer { unsafe pages.deallocate() }
        unsafe pages.copyBytes(from: bytes)
        try unsafe write(UnsafeRawBufferPointer(pages).bytes)
    }

    /// Turns O_DIRECT off; false if it was off already.
    private func giveUpDirect() -> Bool {
        let flags = beltway_fcntl(descriptor, F_GETFL, 0)
        guard flags >= 0, flags & beltway_O_DIRECT() != 0 else { return false }
        return beltway_fcntl(descriptor, F_SETFL, flags & ~beltway_O_DIRECT()) == 0
    }

    /// Lets pages count that were just written.
    mutating func keep(_ count: Int) {
        length += count
        allocated = max(allocated, length)
    }

    /// Takes back pages that were written and do not count, with the space kept ahead.
    mutating func discard() {
        if ftruncate(descriptor, off_t(length)) == 0 { allocated = length }
    }

    /// Gives the file its name: from now on it is a segment.
    mutating func giveName() throws(PacketStoreError) {
        guard !hasName else { return }
        guard unsafe rename(path, finalPath) == 0 else {
            throw .system(operation: .rename, path: path, errno: errno)
        }
        path = finalPath
    }

    /// Cuts the file to `end`, and frees what was kept beyond.
    mutating func finish(at end: Int) throws(PacketStoreError) {
        guard ftruncate(descriptor, off_t(end)) == 0 else {
            throw .system(operation: .truncate, path: path, errno: errno)
        }
        length = end
        allocated = (end + SegmentLayout.pageLength - 1) & ~(SegmentLayout.pageLength - 1)
    }
}
