// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

// The system calls on folders and whole files that the packet store needs, each with a typed error.
//
// Safe because every pointer that is handed to the system is a string or a local variable that outlives the
// call, and what comes back is copied before the call's memory is given up.

enum FileSystem {
    /// What is known of a file without opening it.
    struct FileStatus {
        var length: UInt64
        /// Bytes on the disk, space kept beyond the end included.
        var allocated: UInt64
        var modified: Timespec
        var isFolder: Bool

        struct Timespec: Comparable {
            var seconds: Int
            var nanoseconds: Int
            static func < (a: Timespec, b: Timespec) -> Bool {
                (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
            }
        }
    }

    /// The error number of a pipe that nobody reads.
    static var closedPipe: Int32 { EPIPE }

    static func message(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

    /// Makes a folder and the missing ones above it.
    static func createFolders(_ path: String) throws(PacketStoreError) {
        if unsafe mkdir(path, 0o750) == 0 || errno == EEXIST { return }
        let number = errno
        guard number == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw .system(operation: .createFolder, path: path, errno: number)
        }
        try createFolders(String(path[..<slash]))
        guard unsafe mkdir(path, 0o750) == 0 || errno == EEXIST else {
            throw .system(operation: .createFolder, path: path, errno: errno)
        }
    }

    /// Names in a folder, unsorted, without `.` and `..`; none if there is no such folder.
    static func names(in folder: String) throws(PacketStoreError) -> [String] {
        guard let stream = unsafe opendir(folder) else {
            if errno == ENOENT { return [] }
            throw .system(operation: .listFolder, path: folder, errno: errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func status(_ path: String) -> FileStatus? {
        var raw = stat()
        guard unsafe stat(path, &raw) == 0 else { return nil }
        return FileStatus(
            length: UInt64(max(0, raw.st_size)),
            allocated: UInt64(max(0, raw.st_blocks)) * 512,
            modified: .init(seconds: raw.st_mtim.tv_sec, nanoseconds: raw.st_mtim.tv_nsec),
            isFolder: raw.st_mode & S_IFMT == S_IFDIR
        )
    }

    /// Bytes of the file system that holds `path`: all of it, and what an ordinary user may still take.
    static func space(at path: String) throws(PacketStoreError) -> (size: UInt64, free: UInt64) {
        var raw = statvfs()
        guard unsafe statvfs(path, &raw) == 0 else {
            throw .system(operation: .measure, path: path, errno: errno)
        }
        let unit = UInt64(raw.f_frsize)
        let size = UInt64(raw.f_blocks).multipliedReportingOverflow(by: unit)
        let free = UInt64(raw.f_bavail).multipliedReportingOverflow(by: unit)
        return (size.overflow ? .max : size.partialValue, free.overflow ? .max : free.partialValue)
    }

    /// Removes a file; true if it is gone, whoever removed it.
    static func remove(_ path: String) -> Bool { unsafe unlink(path) == 0 || errno == ENOENT }

    /// Cuts a file to a length, which also frees space kept beyond its end.
    static func cut(_ path: String, to length: UInt64) { _ = unsafe truncate(path, Int(clamping: length)) }

    /// Monotonic nanoseconds, for waiting times.
    static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
