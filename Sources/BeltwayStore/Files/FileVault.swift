// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow

// Files that flows carried, on disk by what they hold; written by one thread from the pieces of a FileQueue.
//
//     files/incoming/17                              what has come of number 17
//        | end: rename                               the only way to a final name
//     files/3a/3a7bd3e2360a3d29eea436fcfb7e44c7..    all 64 digits of its SHA-256
//
// No name off the wire is part of a path. No descriptor is kept between two pieces: thousands of files may be open.
//
// Invariant 1. Under a final name is the whole of what the name is the digest of; what a crash leaves is in `incoming`,
//              which is emptied at the start.
// Invariant 2. Each file that the queue began is ended in it once, with the bytes that were handed over.

/// Writes files that flows carried.
public struct FileVault: ~Copyable {
    private struct Open {
        var digest = ContentDigest()
        var bytes: UInt64 = 0
        /// Whether some of it is in `incoming`.
        var isOnDisk = false
        /// Whether the disk has refused some of it.
        var isBroken = false
    }

    private let queue: FileQueue
    private let folder: String
    private let incoming: String
    private let floor: UInt64
    private var open: [UInt64: Open] = [:]
    private let report: (String) -> Void
    private var isTroubled = false

    /// Opens a folder of files, empties `incoming`, and counts what is there.
    ///
    /// - Parameters:
    ///   - folder: `files` of the data directory; made if it is missing.
    ///   - queue: Where files come from.
    ///   - floor: Bytes of the file system that stay free; by default 5 % of it, and never more than 5 GiB.
    ///   - report: Gets one line when the disk refuses files, and one when it takes them again.
    /// - Throws: ``PacketStoreError`` if the folder cannot be made or listed.
    public init(
        folder: String,
        queue: FileQueue,
        floor: UInt64? = nil,
        report: @escaping (String) -> Void
    ) throws(PacketStoreError) {
        let incoming = folder + "/incoming"
        try FileSystem.createFolders(incoming)
        for name in try FileSystem.names(in: incoming) { _ = FileSystem.remove("\(incoming)/\(name)") }
        let space = try FileSystem.space(at: folder)
        var (files, bytes) = (0, UInt64(0))
        for part in try FileSystem.names(in: folder) where part.utf8.count == 2 {
            for name in try FileSystem.names(in: "\(folder)/\(part)") where name.utf8.count == 64 {
                guard let status = FileSystem.status("\(folder)/\(part)/\(name)") else { continue }
                files += 1
                bytes &+= status.length
            }
        }
        queue.found(files: files, bytes: bytes)
        self.folder = folder
        self.incoming = incoming
        self.queue = queue
        self.floor = floor ?? min(space.size / 20, StorageBudget.greatestDefaultFloor)
        self.report = report
    }

    /// Writes what waits.
    ///
    /// - Returns: Pieces that were taken; nil once the queue has ended.
    public mutating func drain() -> Int? {
        guard let pieces = queue.take() else { return nil }
        for piece in pieces {
            take(piece)
            queue.done(piece.count)
        }
        return pieces.count
    }

    /// Gives up what has not ended: call it when the queue has.
    public mutating func close() {
        for identifier in open.keys.sorted() { finish(identifier, .dropped) }
    }

    private mutating func take(_ piece: FileQueue.Piece) {
        switch piece {
        case .bytes(let identifier, let bytes): write(bytes, of: identifier)
        case .end(let identifier, let bytes):
            // What comes whole and is there already is not written at all.
            var file = open[identifier, default: Open()]
            file.digest.update(bytes)
            let path = path(file.digest.name)
            if FileSystem.status(path) != nil {
                file.bytes &+= UInt64(bytes.count)
                open[identifier] = file
                finish(identifier, .duplicate)
            } else {
                if !bytes.isEmpty { write(bytes, of: identifier) }
                keep(identifier, as: path)
            }
        case .dropped(let identifier): finish(identifier, .dropped)
        }
    }

    private func path(_ name: String) -> String { "\(folder)/\(name.prefix(2))/\(name)" }

    private mutating func write(_ bytes: [UInt8], of identifier: UInt64) {
        var file = open[identifier, default: Open()]
        file.bytes &+= UInt64(bytes.count)
        file.digest.update(bytes)
        if !file.isBroken {
            do throws(PacketStoreError) {
                try checkRoom(for: UInt64(bytes.count))
                file.isOnDisk = true
                try FileSystem.append(bytes, to: "\(incoming)/\(identifier)")
            } catch {
                file.isBroken = true
                note(error)
            }
        }
        open[identifier] = file
    }

    private func checkRoom(for bytes: UInt64) throws(PacketStoreError) {
        let space = try FileSystem.space(at: incoming)
        guard space.free < floor &+ bytes else { return }
        throw .noRoom(
            path: folder,
            needed: bytes,
            used: 0,
            quota: queue.limits.total,
            free: space.free,
            floor: floor
        )
    }

    /// Gives a file that has come whole its name.
    private mutating func keep(_ identifier: UInt64, as path: String) {
        guard let file = open[identifier], !file.isBroken else { return finish(identifier, .failed) }
        do throws(PacketStoreError) {
            if let slash = path.lastIndex(of: "/") {
                try FileSystem.createFolders(String(path[..<slash]))
            }
            try FileSystem.rename("\(incoming)/\(identifier)", to: path)
        } catch {
            note(error)
            return finish(identifier, .failed)
        }
        open[identifier]?.isOnDisk = false
        finish(identifier, .stored)
        if isTroubled {
            isTroubled = false
            report("files are stored again")
        }
    }

    private mutating func finish(_ identifier: UInt64, _ outcome: FileQueue.Outcome) {
        let file = open.removeValue(forKey: identifier) ?? Open()
        if file.isOnDisk { _ = FileSystem.remove("\(incoming)/\(identifier)") }
        queue.ended(outcome, bytes: file.bytes)
    }

    private mutating func note(_ error: PacketStoreError) {
        if !isTroubled { report("files are not stored: \(error)") }
        isTroubled = true
    }
}
