// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The partition files of one data directory: `flows/000001.sqlite`, numbered in the order they were begun.
struct PartitionFiles {
    /// The folder `flows` of the data directory.
    let directory: String

    /// The most digits a number is read from; six are written.
    private static let mostDigits = 9

    init(dataDirectory: String) {
        directory = dataDirectory + "/flows"
    }

    /// Makes the directory and the missing ones above it.
    func create() throws(StoreError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw StoreError(path: directory, operation: .createDirectory, error)
        }
    }

    /// Every partition's number and path, oldest first; none if there is no such directory yet.
    func list() throws(StoreError) -> [(number: Int, path: String)] {
        guard FileManager.default.fileExists(atPath: directory) else { return [] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw StoreError(path: directory, operation: .listDirectory, error)
        }
        return names.compactMap { name in
            PartitionFiles.number(of: name).map { (number: $0, path: "\(directory)/\(name)") }
        }.sorted { $0.number < $1.number }
    }

    /// The number in a partition's file name, or nil for any other name.
    static func number(of name: String) -> Int? {
        guard name.hasSuffix(".sqlite") else { return nil }
        let digits = name.dropLast(".sqlite".count)
        guard (6...mostDigits).contains(digits.count), digits.utf8.allSatisfy({ (48...57).contains($0) })
        else {
            return nil
        }
        return Int(digits)
    }

    /// Where the partition of this number is.
    func path(of number: Int) -> String {
        let digits = String(number)
        return directory + "/" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".sqlite"
    }

    /// Bytes of all files of all partitions; 0 if the directory cannot be read.
    func bytes() -> UInt64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.contains(".sqlite") }.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")
            return sum &+ (attributes?[.size] as? UInt64 ?? 0)
        }
    }

    /// What the 100-byte header of a database file tells without opening it (sqlite.org/fileformat2, 1.3).
    enum Header: Equatable {
        /// Nothing was written yet.
        case empty
        /// Indexed, and no write-ahead log is needed to read it.
        case finished
        /// To be sealed, or read with its write-ahead log.
        case unfinished
        /// Not there, not readable, or another kind of file; opening it will say why.
        case unreadable
    }

    /// Reads the header of the file at `path`.
    ///
    /// A file with a log or journal beside it is unfinished whatever its header says.
    static func header(path: String) -> Header {
        guard let file = FileHandle(forReadingAtPath: path) else { return .unreadable }
        let bytes: Data
        do {
            bytes = try file.read(upToCount: 100) ?? Data()
        } catch {
            return .unreadable
        }
        if bytes.isEmpty { return .empty }
        guard bytes.count == 100, bytes.starts(with: Array("SQLite format 3\0".utf8)) else {
            return .unreadable
        }
        let version = bytes[60..<64].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let hasLog = ["-wal", "-journal"].contains { FileManager.default.fileExists(atPath: path + $0) }
        return bytes[18] == 1 && version == PartitionSchema.sealedVersion && !hasLog ? .finished : .unfinished
    }

    /// Makes an empty file; one that exists already is an error, as is no permission, each with its errno.
    ///
    /// Unsafe is only the call of open(2) with a path: Foundation would hide the errno that people need to see.
    static func createExclusively(path: String) throws(StoreError) {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
        guard file >= 0 else {
            let code = errno
            throw StoreError(
                path: path,
                operation: .createPartition,
                code: code,
                reason: StoreError.systemMessage(code)
            )
        }
        close(file)
    }

    /// Removes a partition that holds nothing, with its log.
    static func remove(path: String) throws(StoreError) {
        do {
            for suffix in ["-wal", "-shm", "-journal", ""]
            where FileManager.default.fileExists(atPath: path + suffix) {
                try FileManager.default.removeItem(atPath: path + suffix)
            }
        } catch {
            throw StoreError(path: path, operation: .remove, error)
        }
    }
}
