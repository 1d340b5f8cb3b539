// SPDX-License-Identifier: Apache-2.0
internal import CPcap
internal import Glibc
internal import Synchronization

// Room for what a program writes to a file, 64 KiB instead of the 4 KiB that C's library takes: at 1,514 bytes a packet a
// system call for 43 packets, not for less than three. The program's pcap_dump_flush (tcpdump -U) works as ever.
//
// pcap_dump writes twice per packet, and each fwrite(3) locks and unlocks its file: four locked instructions, which wait
// for the stores of the copy before. In a process of one thread (`__libc_single_threaded`, glibc 2.32) nobody is locked
// out, so for the file that was opened last the same is done without.
//
// Safe because a buffer belongs to its file from `give`, before anything but the file's head was written, to `take`, which
// pcap_dump_close calls; it is freed when the file is closed. A file that a program closes by itself keeps its buffer.

/// The buffers of files that were opened through handles of ours.
@safe final class DumpBuffers: @unchecked Sendable {
    static let shared = DumpBuffers()
    private static let length = 1 << 16
    private let buffers = Mutex<[UInt: UInt]>([:])
    /// The file that was opened last, 0 once it is closed.
    private let latest = Atomic<UInt>(0)
    /// Not 0 as long as the process has one thread; nil where C's library does not say.
    private let isSingle = unsafe dlsym(nil, "__libc_single_threaded")?.assumingMemoryBound(to: UInt8.self)

    /// Gives a file its buffer, if a handle of ours has opened it; standard output keeps what it has, since somebody may
    /// watch it.
    func give(to file: OpaquePointer?, of handle: OpaquePointer?, _ path: UnsafePointer<CChar>?) {
        guard let file = unsafe file, unsafe ours(handle) != nil, let path = unsafe path,
            unsafe strcmp(path, "-") != 0, let stream = unsafe pcap_dump_file(file)
        else { return }
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: Self.length, alignment: 64)
        let characters = unsafe buffer.assumingMemoryBound(to: CChar.self)
        guard unsafe fflush(stream) == 0, unsafe setvbuf(stream, characters, _IOFBF, Self.length) == 0 else {
            unsafe buffer.deallocate()
            return
        }
        buffers.withLock { $0[UInt(bitPattern: file)] = UInt(bitPattern: buffer) }
        latest.store(UInt(bitPattern: file), ordering: .relaxed)
    }

    /// A file that may be written without locking it: ours, and nobody else's, since there is one thread.
    @inline(__always)
    func unlocked(_ file: UnsafeMutablePointer<UInt8>?) -> UnsafeMutablePointer<FILE>? {
        guard let file = unsafe file, UInt(bitPattern: file) == latest.load(ordering: .relaxed),
            let isSingle = unsafe isSingle, unsafe isSingle.pointee != 0
        else { return nil }
        return unsafe UnsafeMutableRawPointer(file).assumingMemoryBound(to: FILE.self)
    }

    /// Takes a file's buffer, to be freed once the file is closed.
    func take(from file: OpaquePointer?) -> UnsafeMutableRawPointer? {
        let number = UInt(bitPattern: file)
        if latest.load(ordering: .relaxed) == number { latest.store(0, ordering: .relaxed) }
        let buffer = buffers.withLock { $0.removeValue(forKey: number) }
        return unsafe buffer.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) }
    }
}
