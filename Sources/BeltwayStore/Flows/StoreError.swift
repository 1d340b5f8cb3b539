// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRDB

/// Why a file of the flow store could not be made, written or read, in words for the person who runs it.
public struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done when it failed.
    public enum Operation: String, Sendable {
        case createDirectory = "create the directory"
        case listDirectory = "list the directory"
        case createPartition = "create the partition"
        case insertRows = "insert rows"
        case commit = "commit rows"
        case seal = "seal the partition"
        case remove = "remove the empty partition"
        case open = "open the partition"
        case query = "read rows"
    }

    /// The file or directory.
    public var path: String
    /// What was being done.
    public var operation: Operation
    /// SQLite's extended result code, or the system's `errno` for directories.
    public var code: Int32
    /// What SQLite or the system says about it.
    public var reason: String

    /// One line: path, what failed, why, and the number.
    public var description: String { "\(path): cannot \(operation.rawValue): \(reason) (\(code))" }

    init(path: String, operation: Operation, code: Int32, reason: String) {
        self.path = path
        self.operation = operation
        self.code = code
        self.reason = reason
    }

    /// Takes the numbers out of what GRDB or Foundation threw.
    init(path: String, operation: Operation, _ error: any Error) {
        switch error {
        case let error as StoreError:
            self = error
        case let error as DatabaseError:
            self.init(
                path: path,
                operation: operation,
                code: error.extendedResultCode.rawValue,
                reason: error.message ?? error.extendedResultCode.description
            )
        default:
            let outer = error as NSError
            let inner = outer.userInfo[NSUnderlyingErrorKey] as? NSError
            let code = inner?.code ?? outer.code
            let system = inner?.domain == NSPOSIXErrorDomain || outer.domain == NSPOSIXErrorDomain
            self.init(
                path: path,
                operation: operation,
                code: Int32(clamping: code),
                reason: system ? StoreError.systemMessage(Int32(clamping: code)) : outer.localizedDescription
            )
        }
    }

    static func systemMessage(_ code: Int32) -> String {
        POSIXErrorCode(rawValue: code).map {
            NSError(domain: NSPOSIXErrorDomain, code: Int($0.rawValue)).localizedDescription
        }
            ?? "error \(code)"
    }
}
