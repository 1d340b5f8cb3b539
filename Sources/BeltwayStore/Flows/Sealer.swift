// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
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
    private struct State {
        var problems: [StoreError] = []
        /// Sealed partitions that a reader kept open: their log goes when the next partition is sealed.
        var held: [String] = []
    }

    private let queue = DispatchQueue(label: "beltway.store.seal", qos: .utility)
    private let state = Mutex(State())

    /// Errors kept until someone takes them; later ones are only worth their count.
    private static let mostProblems = 16

    /// Seals later, one partition at a time; what goes wrong is kept for ``takeProblems()``.
    func sealLater(path: String) {
        queue.async { [self] in
            let held = state.withLock { state in
                defer { state.held = [] }
                return state.held
            }
            for path in held + [path] { seal(path: path) }
        }
    }

    /// Returns once everything asked for so far is done.
    func wait() { queue.sync {} }

    /// The errors since the last call.
    func takeProblems() -> [StoreError] {
        state.withLock { state in
            defer { state.problems = [] }
            return state.problems
        }
    }

    private func seal(path: String) {
        do throws(StoreError) {
            if try !Sealer.seal(path: path) { state.withLock { $0.held.append(path) } }
        } catch {
            state.withLock { if $0.problems.count < Sealer.mostProblems { $0.problems.append(error) } }
        }
    }

    /// Makes the indexes, unless they are there, and leaves a file that needs no write-ahead log.
    ///
    /// A partition without rows is removed.
    ///
    /// - Returns: False if the log had to stay because a reader has the partition open.
    private static func seal(path: String) throws(StoreError) -> Bool {
        var isEmpty = PartitionFiles.header(path: path) == .empty
        var isFinished = isEmpty
        if !isEmpty {
            do {
                let queue = try connect(path: path)
                try PartitionSchema.migrator.migrate(queue)
                isEmpty = try queue.write { try index($0) }
                if !isEmpty { isFinished = queue.inDatabase { dropLog($0) } }
                try queue.close()
            } catch {
                throw StoreError(path: path, operation: .seal, error)
            }
        }
        if isEmpty { try PartitionFiles.remove(path: path) }
        return isEmpty || isFinished
    }

    private static func connect(path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        // 32 MiB for sorting; what does not fit goes to SQLite's temporary file.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -32768") }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Makes the indexes unless they are there.
    ///
    /// - Returns: Whether there is nothing to index.
    private static func index(_ db: Database) throws -> Bool {
        let version = try UInt32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        if version == PartitionSchema.sealedVersion { return false }
        let kinds = try TransactionKind.allCases.map { TransactionTable($0) }
            .filter { try db.tableExists($0.name) }
        let tables = ["flows", "alerts"] + kinds.map(\.name)
        let isEmpty = try tables.allSatisfy { table in
            try Int.fetchOne(db, sql: "SELECT 1 FROM \(table) LIMIT 1") == nil
        }
        if !isEmpty {
            for kind in kinds { try db.execute(sql: kind.seal) }
            try db.execute(sql: PartitionSchema.seal)
        }
        return isEmpty
    }

    /// Changes the journal mode, for which nobody else may have the file open.
    private static func dropLog(_ db: Database) -> Bool {
        // Whoever reads may do so for long; the next seal tries again.
        _ = try? Int.fetchOne(db, sql: "PRAGMA busy_timeout = 100")
        return (try? String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE")) == "delete"
    }
}
