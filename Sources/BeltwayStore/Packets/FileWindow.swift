// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

// A file seen through a window of 1 MiB that moves forward.
//
//   file    |.........|== window: read ==|........|
//                     ^ cursor            ^ read so far
//
// Safe because the window's memory is allocated and released with the value, and a span is handed out only
// for bytes that were read into it, for as long as the value is borrowed. Plain reads and no mapping: a file
// that someone cuts meanwhile gives a short read, not a fault.

@safe struct FileWindow: ~Copyable {
    static let capacity = 1 << 20

    private let descriptor: Int32
    private let memory: UnsafeMutableRawBufferPointer
    private let path: String
    private var start = 0
    private var end = 0
    /// Offset in the file of the byte after `end`.
    private var readOffset: UInt64 = 0

    init(opening path: String) throws(PacketStoreError) {
        let file = unsafe beltway_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard file >= 0 else { throw .system(operation: .open, path: path, errno: errno) }
        descriptor = file
        self.path = path
        unsafe memory = .allocate(byteCount: FileWindow.capacity, alignment: 4096)
        _ = posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit {
        unsafe memory.deallocate()
        close(descriptor)
    }

    /// Offset of the cursor in the file.
    @inline(__always) var offset: UInt64 { readOffset &- UInt64(end &- start) }

    /// Reads on until `count` bytes lie at the cursor, or the file ends.
    ///
    /// - Parameter count: At most the window's capacity.
    /// - Returns: Bytes at the cursor, fewer than `count` only at the end of the file.
    /// - Throws: `system` if the file cannot be read.
    @inline(__always)
    mutating func fill(_ count: Int) throws(PacketStoreError) -> Int {
        if end &- start >= count { return end &- start }
        return try refill(count)
    }

    private mutating func refill(_ count: Int) throws(PacketStoreError) -> Int {
        precondition(count <= FileWindow.capacity, "a window cannot hold so much")
        if start > 0 {
            if end > start, let base = unsafe memory.baseAddress {
                unsafe base.copyMemory(from: base + start, byteCount: end - start)
            }
            end -= start
            start = 0
        }
        while end < count {
            let got = unsafe pread(
                descriptor,
                memory.baseAddress.map { unsafe $0 + end },
                FileWindow.capacity - end,
                off_t(readOffset)
            )
            if got > 0 {
                end += got
                readOffset += UInt64(got)
            } else if got == 0 {
                break
            } else if errno != EINTR {
                throw .system(operation: .read, path: path, errno: errno)
            }
        }
        return end
    }

    /// Hands out `count` bytes from the cursor plus `offset` on, of which ``fill(_:)`` has said that they are
    /// there.
    @inline(__always)
    func withBytes<Result>(_ count: Int, at offset: Int = 0, _ body: (RawSpan) -> Result) -> Result {
        precondition(offset >= 0 && count >= 0 && start &+ offset &+ count <= end, "bytes outside the window")
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: memory[(start &+ offset)..<(start &+ offset &+ count)]
        )
        return unsafe body(bytes.bytes)
    }

    /// The little-endian word at an offset from the cursor, which is there as above.
    @inline(__always)
    func word(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && start &+ offset &+ 4 <= end, "a word outside the window")
        return unsafe UInt32(
            littleEndian: memory.loadUnaligned(fromByteOffset: start &+ offset, as: UInt32.self)
        )
    }

    /// Moves the cursor forward, beyond what was read if need be.
    @inline(__always)
    mutating func skip(_ count: Int) {
        if count <= end &- start {
            start &+= count
        } else {
            readOffset &+= UInt64(count &- (end &- start))
            start = 0
            end = 0
        }
    }

    /// Length of the file now.
    var fileLength: UInt64 {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }

    /// Moves the cursor to an offset in the file.
    mutating func move(to offset: UInt64) {
        readOffset = offset
        start = 0
        end = 0
    }
}
