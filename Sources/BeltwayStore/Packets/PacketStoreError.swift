// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Why packets could not be stored or read back, in words for the person who runs it.
public enum PacketStoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call on a file or folder failed.
    case system(operation: Operation, path: String, errno: Int32)
    /// Storing more would exceed the quota, or leave less free space than the floor.
    case noRoom(path: String, needed: UInt64, used: UInt64, quota: UInt64, free: UInt64, floor: UInt64)
    /// A file is no packet segment, or stops being one at a byte offset.
    case damaged(path: String, offset: UInt64, why: String)

    /// What was being done when a system call failed.
    public enum Operation: String, Sendable {
        case createFolder = "create the folder"
        case listFolder = "list the folder"
        case measure = "find the free space"
        case create = "create the file"
        case open = "open the file"
        case read = "read the file"
        case write = "write the file"
        case rename = "rename the file"
        case truncate = "cut the file"
    }

    /// Whether whoever read the output has gone: `beltway tap -w - | head`.
    public var isClosedPipe: Bool {
        if case .system(.write, _, let number) = self { return number == FileSystem.closedPipe }
        return false
    }

    /// One line: which file, what failed, and why.
    public var description: String {
        switch self {
        case .system(let operation, let path, let number):
            return "\(path): cannot \(operation.rawValue): \(FileSystem.message(number))"
        case .noRoom(let path, let needed, let used, let quota, let free, let floor):
            return """
                \(path): no room for \(needed) more bytes: \(used) of at most \(quota) bytes are used, \
                \(free) bytes are free and at least \(floor) must stay free
                """
        case .damaged(let path, let offset, let why):
            return "\(path): \(why) at byte \(offset)"
        }
    }
}
