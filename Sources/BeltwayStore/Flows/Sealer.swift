// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import GRDB
import Synchronization

/// Gives partitions that take no more rows their indexes, away from the writer's thread.
///
///     begun ----rows----> full or closed ----seal----> indexed, `user_version` 1 ----> no write-ahead log
///       |                       |                          |
///       `---- kill -9 ----------+--------------------------'   found unfinished at the next start, and resumed
///
/// Each step is one transaction and can be repeated, so it does not matter where a crash fell.
final class Sealer: Sendable {
    private let queue = DispatchQueue(label: "beltway.store.seal", qos: .utility)
    private let problems = Mutex<[StoreError]>([])

    /// Errors kept until someone takes them; later ones are only worth their count.
    private static let mostProblems = 16

    /// Seals later, one partition at a time; what goes wrong is kept for ``takeProblems()``.
    func sealLater(path: String) {
        queue.async { [self] in
            do throws(StoreError) {
                try Sealer.seal(path: path)
            } catch {
                problems.withLock { if $0.count < Sealer.mostProblems { $0.append(error) } }
            }
        }
    }

    /// Returns once everything asked for so far is done.
    func wait() { queue.sync {} }

    /// The errors since the last call.
    func takeProblems() -> [StoreError] {
        problems.withLock { list in
            defer { list = [] }
            return list
        }
    }

    /// Makes the indexes, unless they are there, and leaves a file that needs no write-ahead log.
    ///
    /// A partition without rows is removed.
    static func seal(path: String) throws(StoreError) {
        if PartitionFiles.header(path: path) == .empty { return try PartitionFiles.remove(path: path) }
        var isEmpty = false
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            // 32 MiB for sorting; what does not fit goes to SQLite's temporary file.
            try queue.inDatabase { try $0.execute(sql: "PRAGMA cache_size = -32768") }
            try PartitionSchema.migrator.migrate(queue)
            try queue.write { db in
                let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                if version == PartitionSchema.sealedVersion { return }
                isEmpty =
                    try Bool.fetchOne(
                        db,
                        sql: "SELECT NOT EXISTS (SELECT 1 FROM flows) AND NOT EXISTS (SELECT 1 FROM alerts)"
                    ) ?? false
                if !isEmpty { try db.execute(sql: PartitionSchema.seal) }
            }
            // A reader that has it open keeps the log; the next start tries again.
            if !isEmpty {
                queue.inDatabase { _ = try? String.fetchOne($0, sql: "PRAGMA journal_mode = DELETE") }
            }
            try queue.close()
        } catch {
            throw StoreError(path: path, operation: .seal, error)
        }
        if isEmpty { try PartitionFiles.remove(path: path) }
    }
}
