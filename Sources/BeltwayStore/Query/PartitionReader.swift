// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import GRDB

/// The dictionary tables of one partition.
struct PartitionNames {
    struct Source {
        var buffer: UInt16 = 0
        var interface: UInt16 = 0
        var name = ""
    }

    private var sources: [Int64: Source] = [:]
    private var signatures: [Int64: (number: UInt32, info: SignatureInfo)] = [:]

    /// Reads both tables.
    init(_ db: Database) throws {
        let sourceRows = try db.makeStatement(sql: "SELECT id, buffer, interface, name FROM sources")
        try sourceRows.forEachRow { row in
            sources[row.integer(0)] = Source(
                buffer: UInt16(truncatingIfNeeded: row.integer(1)),
                interface: UInt16(truncatingIfNeeded: row.integer(2)),
                name: row.text(3)
            )
        }
        let signatureRows = try db.makeStatement(
            sql: "SELECT id, number, sid, gid, rev, severity, message, category, details FROM signatures"
        )
        try signatureRows.forEachRow { row in
            var info = SignatureInfo(
                id: UInt32(truncatingIfNeeded: row.integer(2)),
                generator: UInt32(truncatingIfNeeded: row.integer(3)),
                revision: UInt32(truncatingIfNeeded: row.integer(4)),
                message: row.text(6),
                category: row.text(7),
                severity: Int(row.integer(5))
            )
            SignatureDetails.apply(row.text(8), to: &info)
            signatures[row.integer(0)] = (UInt32(truncatingIfNeeded: row.integer(1)), info)
        }
    }

    /// The interface of a row; an unnamed one if the file is damaged.
    func source(_ id: Int64) -> Source { sources[id] ?? Source() }

    /// The signature of a row; signature 0 if the file is damaged.
    func signature(_ id: Int64) -> (UInt32, SignatureInfo) { signatures[id] ?? (0, SignatureInfo(id: 0)) }
}

extension Statement {
    /// Steps through the result and hands each row to `body` without copying it.
    func forEachRow(arguments: StatementArguments = [], _ body: (RowReader) -> Void) throws {
        let cursor = try GRDB.Row.fetchCursor(self, arguments: arguments)
        let reader = RowReader(self)
        while try cursor.next() != nil { body(reader) }
    }
}

/// Where a row of a query is: enough to order it among the rows of all partitions, and to fetch it.
struct RowPlace: Comparable {
    var time: Int64
    var row: Int64

    static func < (a: RowPlace, b: RowPlace) -> Bool { a.time != b.time ? a.time < b.time : a.row < b.row }
}

/// Reads one partition, sealed or open, without stopping the writer.
///
/// Two steps, each a short read: first the places of the matching rows (16 bytes each, in order), then the rows
/// themselves by number, batch by batch. Rows never change and are never deleted, so the steps agree; and since
/// no read lasts as long as the caller takes to print, the write-ahead log can always be folded in.
final class PartitionReader {
    let path: String
    private var connection: DatabaseQueue?
    /// Times of the rows if the partition is sealed, else all there are.
    private(set) var flowTimes: ClosedRange<Int64> = .min ... .max
    private(set) var alertTimes: ClosedRange<Int64> = .min ... .max

    private var isSealed = false
    private var kindTimes: [String: ClosedRange<Int64>] = [:]

    /// Times of the transactions of a kind; nil if the partition is sealed and has none.
    func times(of kind: TransactionKind) -> ClosedRange<Int64>? {
        isSealed ? kindTimes["\(kind.name)"] : .min ... .max
    }

    /// Opens the partition, or answers nil for one that has no tables yet.
    init?(path: String) throws(StoreError) {
        self.path = path
        if PartitionFiles.header(path: path) == .empty { return nil }
        do {
            guard try read({ try isPartition($0) }) else { return nil }
            try read { try readSealed($0) }
        } catch {
            if !FileManager.default.fileExists(atPath: path) { return nil }
            throw StoreError(path: path, operation: .open, error)
        }
    }

    /// Closes the file until it is next read.
    func disconnect() { connection = nil }

    private func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        if let connection { return try connection.read(body) }
        do {
            return try connect(readOnly: true).read(body)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_READONLY {
            // A crash fell into the moment in which a file's journal mode changes: SQLite must roll that back
            // before anyone can read, and may not through a read-only connection.
            return try connect(readOnly: false).read(body)
        }
    }

    private func connect(readOnly: Bool) throws -> DatabaseQueue {
        connection = nil
        var configuration = Configuration()
        configuration.readonly = readOnly
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            // A damaged or doctored file gets no more trust than its rows need.
            try db.execute(sql: "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF")
            QueryFunctions.add(to: db)
            try PartitionSchema.complete(db)
        }
        let opened = try DatabaseQueue(path: path, configuration: configuration)
        connection = opened
        return opened
    }

    /// False for a file that was only just begun; throws for somebody else's.
    private func isPartition(_ db: Database) throws -> Bool {
        if try db.tableExists("sealed") { return true }
        // The migrator's own table comes first, in a transaction of its own.
        let sql = "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'"
        if try Int.fetchOne(db, sql: sql) == 0 { return false }
        throw StoreError(path: path, operation: .open, code: 0, reason: "not a partition of the flow store")
    }

    private func readSealed(_ db: Database) throws {
        let statement = try db.makeStatement(
            sql: "SELECT least_start, greatest_end, least_time, greatest_time FROM sealed"
        )
        try statement.forEachRow { row in
            // Times past 2262 read as negative (PartitionSchema): then nothing is known.
            let times = (0..<4).map { row.integer($0) }
            if times.allSatisfy({ $0 >= 0 }), times[0] <= times[1], times[2] <= times[3] {
                flowTimes = times[0]...times[1]
                alertTimes = times[2]...times[3]
                isSealed = true
            }
        }
        guard isSealed, try db.tableExists("sealed_transactions") else { return }
        let kinds = try db.makeStatement(
            sql: "SELECT kind, least_time, greatest_time FROM sealed_transactions"
        )
        try kinds.forEachRow { row in
            let (least, greatest) = (row.integer(1), row.integer(2))
            if least >= 0, least <= greatest { kindTimes[row.text(0)] = least...greatest }
        }
    }

    /// The matching rows' places, at most `limit` of them, all greater than `after`.
    func places(
        of shape: RowShape,
        _ condition: SQLCondition,
        after: RowPlace? = nil,
        newestFirst: Bool,
        limit: Int
    ) throws(StoreError) -> [RowPlace] {
        let time = shape.timeColumn
        var sql = "SELECT \(time), rowid FROM \(shape.table) WHERE (\(condition.sql))"
        var arguments = condition.arguments
        if let after {
            sql += " AND (\(time), rowid) > (?, ?)"
            arguments += [after.time.databaseValue, after.row.databaseValue]
        }
        let order = newestFirst ? "DESC" : "ASC"
        sql += " ORDER BY \(time) \(order), rowid \(order) LIMIT ?"
        arguments.append(limit.databaseValue)
        do {
            return try read { db in
                // A kind's table is there once it has a row.
                guard try db.tableExists(shape.table) else { return [] }
                var places: [RowPlace] = []
                try db.makeStatement(sql: sql).forEachRow(arguments: StatementArguments(arguments)) { row in
                    places.append(RowPlace(time: row.integer(0), row: row.integer(1)))
                }
                return places
            }
        } catch {
            throw StoreError(path: path, operation: .query, error)
        }
    }

    /// The rows at these places, in the same order.
    func rows<Row: StoredRow>(
        of type: Row.Type,
        _ shape: RowShape,
        at places: ArraySlice<RowPlace>
    ) throws(StoreError) -> [Row] {
        do {
            return try read { db in
                let names = try PartitionNames(db)
                let columns = shape.columns.joined(separator: ", ")
                let statement = try db.cachedStatement(
                    sql: "SELECT \(columns) FROM \(shape.table) WHERE rowid = ?"
                )
                var rows: [Row] = []
                rows.reserveCapacity(places.count)
                let reader = RowReader(statement)
                defer { reader.reset() }
                for place in places where try reader.find(place.row, path: path) {
                    rows.append(Row.read(reader, names: names))
                }
                return rows
            }
        } catch {
            throw StoreError(path: path, operation: .query, error)
        }
    }
}
