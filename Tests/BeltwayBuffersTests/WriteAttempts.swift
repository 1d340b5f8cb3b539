// SPDX-License-Identifier: Apache-2.0
// Every way that Linux has to change a file or memory, tried on what a buffer's owner hands to strangers.
//
// An attempt says whether the kernel let it happen; whether anything did happen is judged by the owner's own view
// (``Handed/isUnchanged``), so an attempt that claims success and changed nothing is told from one that did.

import CLinux
import Foundation

/// A system call by number: what Glibc has no function for, or only one with a variable number of arguments.
private let systemCall: (@convention(c) (Int, Int, Int, Int, Int, Int, Int) -> Int)? = {
    guard let symbol = dlsym(nil, "syscall") else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) (Int, Int, Int, Int, Int, Int, Int) -> Int).self)
}()

private func call(
    _ number: Int32,
    _ a: Int,
    _ b: Int = 0,
    _ c: Int = 0,
    _ d: Int = 0,
    _ e: Int = 0,
    _ f: Int = 0
)
    -> Int
{
    systemCall?(Int(number), a, b, c, d, e, f) ?? -1
}

/// What a stranger holds: an open file, and a mapping of it that may only be read.
struct Handed {
    let descriptor: Int32
    let length: Int
    /// The stranger's mapping.
    let mapping: UnsafeMutableRawPointer
    /// The owner's mapping, and what was in it.
    private let owner: UnsafeRawPointer
    private let before: [UInt8]

    init?(_ descriptor: Int32, owner: UnsafeRawPointer, length: Int) {
        guard let mapping = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), mapping != MAP_FAILED
        else {
            return nil
        }
        self.descriptor = descriptor
        self.length = length
        self.mapping = mapping
        self.owner = owner
        before = Array(UnsafeRawBufferPointer(start: owner, count: length))
    }

    /// Whether the owner still finds every byte that it wrote, and as many of them.
    var isUnchanged: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && Int(status.st_size) == length
            && before.withUnsafeBytes { before in
                before.baseAddress.map { memcmp(owner, $0, length) == 0 } ?? true
            }
    }

    fileprivate func reopened(_ flags: Int32, _ body: (Int32) -> Bool) -> Bool {
        let file = open("/proc/self/fd/\(descriptor)", flags)
        guard file >= 0 else { return false }
        defer { close(file) }
        return body(file)
    }
}

/// A page of ones: what an intruder would like to see in the ring.
private func withOnes<Result>(_ body: (UnsafeMutableRawPointer) -> Result) -> Result {
    let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
    defer { page.deallocate() }
    memset(page, 1, 4096)
    return body(page)
}

private func withPipe(_ body: (_ read: Int32, _ write: Int32) -> Bool) -> Bool {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return false }
    defer { ends.forEach { _ = close($0) } }
    return body(ends[0], ends[1])
}

private func mapsWritable(_ file: Int32, _ length: Int, _ kind: Int32 = MAP_SHARED) -> Bool {
    guard let page = mmap(nil, length, PROT_READ | PROT_WRITE, kind, file, 0), page != MAP_FAILED else {
        return false
    }
    memset(page, 1, 4096)
    munmap(page, length)
    return true
}

private func unprotects(_ mapping: UnsafeMutableRawPointer, _ length: Int) -> Bool {
    guard mprotect(mapping, length, PROT_READ | PROT_WRITE) == 0 else { return false }
    memset(mapping, 1, 4096)
    return true
}

/// One way in.
struct WriteAttempt: CustomStringConvertible, Sendable {
    let description: String
    /// Whether the kernel let it happen.
    let succeeds: @Sendable (Handed) -> Bool

    init(_ description: String, _ succeeds: @escaping @Sendable (Handed) -> Bool) {
        self.description = description
        self.succeeds = succeeds
    }

    /// What must fail on memory that a stranger may only read.
    static let all: [WriteAttempt] = sizes + writes + mappings

    /// What Linux lets nobody do to a shared mapping that is read-only, or to this kind of file, sealed or not.
    static let neverOpen: Set<String> = [
        "fallocate that zeroes, collapses or inserts", "splice into a pipe whose pages are then written",
        "process_vm_writev to the own mapping", "a write to /proc/self/mem", "read(2) into the mapping",
        "MADV_DONTNEED, MADV_FREE or MADV_COLD, if they changed anything",
    ]

    /// What containers take even from root.
    static let perhapsClosed: Set<String> = [
        "a write to /proc/self/map_files", "userfaultfd on the mapping",
    ]

    /// What must fail on every file that is handed over, a reader's own page included.
    static let sizes: [WriteAttempt] = [
        WriteAttempt("ftruncate to nothing") { ftruncate($0.descriptor, 0) == 0 },
        WriteAttempt("ftruncate to less") { ftruncate($0.descriptor, $0.length - 4096) == 0 },
        WriteAttempt("ftruncate to more") { ftruncate($0.descriptor, $0.length + 4096) == 0 },
        WriteAttempt("ftruncate of a reopened file") { handed in
            handed.reopened(O_RDWR) { ftruncate($0, 0) == 0 || ftruncate($0, handed.length * 2) == 0 }
        },
        WriteAttempt("open with O_TRUNC") { handed in
            let opened = handed.reopened(O_RDWR | O_TRUNC) { _ in true }
            return opened && !handed.isUnchanged
        },
        WriteAttempt("fallocate beyond the end") {
            call(SYS_fallocate, Int($0.descriptor), 0, 0, $0.length + 4096) == 0
        },
        WriteAttempt("F_ADD_SEALS") { handed in
            [1, 2, 4, 8, 16, 32].contains { call(SYS_fcntl, Int(handed.descriptor), 1033, $0) == 0 }
        },
    ]

    private static let writes: [WriteAttempt] = [
        WriteAttempt("write") { handed in withOnes { write(handed.descriptor, $0, 4096) > 0 } },
        WriteAttempt("pwrite") { handed in withOnes { pwrite(handed.descriptor, $0, 4096, 0) > 0 } },
        WriteAttempt("write to the file reopened for writing") { handed in
            handed.reopened(O_RDWR) { file in withOnes { pwrite(file, $0, 4096, 0) > 0 } }
                || handed.reopened(O_WRONLY) { file in withOnes { pwrite(file, $0, 4096, 0) > 0 } }
                || handed.reopened(O_RDWR | O_APPEND) { file in withOnes { write(file, $0, 4096) > 0 } }
        },
        // PUNCH_HOLE | KEEP_SIZE.
        WriteAttempt("fallocate that punches a hole") {
            call(SYS_fallocate, Int($0.descriptor), 0x03, 0, 4096) == 0
        },
        WriteAttempt("fallocate that zeroes, collapses or inserts") { handed in
            [0x10, 0x11, 0x08, 0x20].contains {
                call(SYS_fallocate, Int(handed.descriptor), $0, 0, 4096) == 0
            }
        },
        WriteAttempt("vmsplice of own pages and splice into the file") { handed in
            withPipe { read, write in
                withOnes { page in
                    var vector = iovec(iov_base: page, iov_len: 4096)
                    guard
                        withUnsafePointer(
                            to: &vector,
                            { call(SYS_vmsplice, Int(write), Int(bitPattern: $0), 1, 0) }
                        ) > 0
                    else { return false }
                    return call(SYS_splice, Int(read), 0, Int(handed.descriptor), 0, 4096, 2) > 0
                }
            }
        },
        WriteAttempt("splice into a pipe whose pages are then written") { handed in
            // What Dirty Pipe (CVE-2022-0847) did: a write to the pipe that is merged into the page of the file.
            withPipe { _, write in
                guard call(SYS_splice, Int(handed.descriptor), 0, Int(write), 0, 1, 0) != -2 else {
                    return false
                }
                _ = withOnes { Glibc.write(write, $0, 64) }
                return !handed.isUnchanged
            }
        },
        WriteAttempt("sendfile into the file") { handed in
            withOtherFile { call(SYS_sendfile, Int(handed.descriptor), Int($0), 0, 4096) > 0 }
        },
        WriteAttempt("copy_file_range into the file") { handed in
            withOtherFile { call(SYS_copy_file_range, Int($0), 0, Int(handed.descriptor), 0, 4096, 0) > 0 }
        },
    ]

    private static let mappings: [WriteAttempt] = [
        WriteAttempt("mmap for writing") { mapsWritable($0.descriptor, $0.length) },
        WriteAttempt("mmap for writing of a reopened file") { handed in
            handed.reopened(O_RDWR) { mapsWritable($0, handed.length) }
        },
        WriteAttempt("mprotect of the mapping") { unprotects($0.mapping, $0.length) },
        WriteAttempt("mprotect of a mapping of the reopened file") { handed in
            handed.reopened(O_RDWR) { file in
                guard let page = mmap(nil, handed.length, PROT_READ, MAP_SHARED, file, 0), page != MAP_FAILED
                else {
                    return false
                }
                defer { munmap(page, handed.length) }
                return unprotects(page, handed.length)
            }
        },
        WriteAttempt("mprotect of a mapping that mremap made from nothing") { handed in
            let page = call(SYS_mremap, Int(bitPattern: handed.mapping), 0, handed.length, 1)
            guard page > 0, let mapping = UnsafeMutableRawPointer(bitPattern: page) else { return false }
            defer { munmap(mapping, handed.length) }
            return unprotects(mapping, handed.length)
        },
        WriteAttempt("process_vm_writev to the own mapping") { handed in
            withOnes { page in
                var local = iovec(iov_base: page, iov_len: 4096)
                var remote = iovec(iov_base: handed.mapping, iov_len: 4096)
                return withUnsafePointer(to: &local) { local in
                    withUnsafePointer(to: &remote) { remote in
                        call(
                            SYS_process_vm_writev,
                            Int(getpid()),
                            Int(bitPattern: local),
                            1,
                            Int(bitPattern: remote),
                            1
                        )
                    }
                } > 0
            }
        },
        WriteAttempt("a write to /proc/self/mem") { handed in
            let memory = open("/proc/self/mem", O_RDWR)
            guard memory >= 0 else { return false }
            defer { close(memory) }
            return withOnes { pwrite(memory, $0, 4096, Int(bitPattern: handed.mapping)) > 0 }
        },
        WriteAttempt("a write to /proc/self/map_files") { handed in
            let start = Int(bitPattern: handed.mapping)
            let name = String(start, radix: 16) + "-" + String(start + handed.length, radix: 16)
            let file = open("/proc/self/map_files/\(name)", O_RDWR)
            guard file >= 0 else { return false }
            defer { close(file) }
            return mapsWritable(file, handed.length) || withOnes { pwrite(file, $0, 4096, 0) > 0 }
        },
        WriteAttempt("read(2) into the mapping") { handed in
            let zeros = open("/dev/zero", O_RDONLY)
            guard zeros >= 0 else { return false }
            defer { close(zeros) }
            return read(zeros, handed.mapping, 4096) > 0
        },
        WriteAttempt("MADV_REMOVE") { madvise($0.mapping, $0.length, 9) == 0 },
        WriteAttempt("MADV_DONTNEED, MADV_FREE or MADV_COLD, if they changed anything") { handed in
            for advice: Int32 in [4, 8, 20, 21] { _ = madvise(handed.mapping, handed.length, advice) }
            return !handed.isUnchanged
        },
        WriteAttempt("userfaultfd on the mapping") { handed in
            // UFFD_USER_MODE_ONLY: open to everybody.
            let faults = Int32(call(SYS_userfaultfd, 1))
            guard faults >= 0 else { return false }
            defer { close(faults) }
            var interface: [UInt64] = [0xAA, 0, 0]
            guard call(SYS_ioctl, Int(faults), 0xC018_AA3F, address(&interface)) == 0 else { return false }
            var range: [UInt64] = [UInt64(UInt(bitPattern: handed.mapping)), UInt64(handed.length), 1, 0]
            return call(SYS_ioctl, Int(faults), 0xC020_AA00, address(&range)) == 0
        },
    ]

    /// What may be written because it reaches nobody else: a private copy of the mapping.
    static let privateCopy = WriteAttempt("mmap of a private copy") {
        mapsWritable($0.descriptor, $0.length, MAP_PRIVATE)
    }

    private static func address(_ words: UnsafeMutablePointer<UInt64>) -> Int { Int(bitPattern: words) }

    private static func withOtherFile(_ body: (Int32) -> Bool) -> Bool {
        let file = Int32("other".withCString { call(SYS_memfd_create, Int(bitPattern: $0), 0) })
        guard file >= 0 else { return false }
        defer { close(file) }
        return withOnes { pwrite(file, $0, 4096, 0) } == 4096 && lseek(file, 0, SEEK_SET) == 0 && body(file)
    }
}
