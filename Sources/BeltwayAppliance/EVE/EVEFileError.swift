// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Why events could not reach their file; the capture goes on, the events are counted as lost.
public struct EVEFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done.
    public enum Operation: String, Sendable {
        case open, write, rotate
    }

    /// What was being done.
    public let operation: Operation
    /// The file.
    public let path: String
    /// The system's error number.
    public let code: Int32

    init(_ operation: Operation, _ path: String, _ code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// One line for people: what failed, on which file, why, and what would help where that is known.
    public var description: String {
        let hint =
            switch code {
            case ENOSPC, EDQUOT: "; free some space, later events are written again then"
            case ENOTSUP: "; a file is expected, not a pipe or socket"
            case EROFS, EACCES, EPERM: "; choose a writable folder with --data"
            default: ""
            }
        let reason = unsafe String(cString: strerror(code))
        return "cannot \(operation.rawValue) \(path): \(reason)\(hint)"
    }
}
