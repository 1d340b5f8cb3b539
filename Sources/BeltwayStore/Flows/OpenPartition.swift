// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import GRDB

/// The partition that rows are appended to: one connection, two prepared statements, no index.
///
/// A transaction stays open between calls until `commit`; whatever fails rolls it back, so that the rows lost
/// are always whole transactions and the file is always consistent.
final class OpenPartition {
    let number: Int
    let path: String
    /// Rows committed to this partition.
    private(set) var rows = 0
    /// Rows of the open transaction.
    private(set) var rowsInTransaction = 0

    private let queue: DatabaseQueue
    /// The two INSERT statements; gone once closed, for SQLite closes no connection that has statements.
    private var writers: (flows: RowWriter, alerts: RowWriter)?
    /// INSERT statements of kinds of transactions, by the kind's number; their tables are made when first needed.
    private var kindWriters: [TransactionWriter?] = []
    /// Row of `sources` by buffer and interface, 0 before the first row that needs it.
    private var sourceIDs: [[Int64]] = []
    /// Row of `signatures` by the number that alerts carry.
    private var signatureIDs: [UInt32: Int64] = [:]

    /// Makes the file; one that exists already is an error, so that two stores never share a partition.
    init(number: Int, path: String, configuration: FlowStore.Configuration) throws(StoreError) {
        self.number = number
        self.path = path
        try PartitionFiles.createExclusively(path: path)
        do {
            queue = try DatabaseQueue(path: path, configuration: OpenPartition.connection(configuration))
            try PartitionSchema.migrator.migrate(queue)
            writers = try queue.inDatabase { db in
                (
                    RowWriter(try db.makeStatement(sql: PartitionSchema.insertFlow)),
                    RowWriter(try db.makeStatement(sql: PartitionSchema.insertAlert))
                )
            }
        } catch {
            try? PartitionFiles.remove(path: path)
            throw StoreError(path: path, operation: .createPartition, error)
        }
    }

    private static func connection(_ settings: FlowStore.Configuration) -> Configuration {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(1)
        // Transactions span many calls of `append` on purpose.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { db in
            // Before the first table is made; rows of transactions are long.
            try db.execute(sql: "PRAGMA page_size = \(FlowStore.Configuration.pageBytes)")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = \(settings.walPages)")
            // SQLite answers this pragma with a row.
            let limit = settings.walPages * FlowStore.Configuration.pageBytes
            _ = try Int.fetchOne(db, sql: "PRAGMA journal_size_limit = \(limit)")
            if let pages = settings.maximumPages {
                _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(pages)")
            }
        }
        return configuration
    }

    /// Appends rows to the open transaction, which it begins if there is none.
    func append(
        flows: [FlowRecord],
        alerts: [AlertRecord],
        transactions: WaitingTransactions = WaitingTransactions(),
        names: InterfaceNames,
        signatures: [SignatureInfo]
    ) throws(StoreError) {
        guard let writers else { return }
        do {
            try queue.inDatabase { db in
                if !db.isInsideTransaction { try db.beginTransaction(.immediate) }
                for record in flows {
                    let source = try sourceID(db, record.buffer, record.interface, names)
                    try writers.flows.insert(record, source: source, path: path)
                }
                for alert in alerts {
                    let source = try sourceID(db, alert.buffer, alert.interface, names)
                    let signature = try signatureID(db, alert.signature, signatures)
                    try writers.alerts.insert(alert, signature: signature, source: source, path: path)
                }
                for index in 0..<transactions.count {
                    let record = transactions.records[index]
                    let source = try sourceID(db, record.buffer, record.interface, names)
                    let writer = try kindWriter(db, record.kind)
                    try writer.insert(record, body: transactions.body(index), source: source, path: path)
                }
            }
            rowsInTransaction += flows.count + alerts.count + transactions.count
        } catch {
            throw StoreError(path: path, operation: .insertRows, error)
        }
    }

    /// Commits the open transaction, if there is one.
    func commit() throws(StoreError) {
        do {
            try queue.inDatabase { db in
                if db.isInsideTransaction { try db.commit() }
            }
            rows += rowsInTransaction
            rowsInTransaction = 0
        } catch {
            throw StoreError(path: path, operation: .commit, error)
        }
    }

    /// Gives up the open transaction after a failure, and says how many of its rows are lost with it.
    func rollback() -> Int {
        queue.inDatabase { db in
            // SQLite has rolled back already after some errors (a full disk); if this fails, so will the next
            // commit, and its rows are counted then.
            if db.isInsideTransaction { try? db.rollback() }
        }
        // Names interned by that transaction are gone with it.
        forgetNames()
        defer { rowsInTransaction = 0 }
        return rowsInTransaction
    }

    /// Writes names anew at their next use: they changed, or their rows were rolled back.
    func forgetNames() {
        sourceIDs = []
        signatureIDs = [:]
        kindWriters = []
    }

    /// Closes the connection; SQLite then folds the log into the file.
    func close() throws(StoreError) {
        writers = nil
        kindWriters = []
        do {
            try queue.close()
        } catch {
            throw StoreError(path: path, operation: .commit, error)
        }
    }

    private func sourceID(_ db: Database, _ buffer: UInt16, _ interface: UInt16, _ names: InterfaceNames)
        throws -> Int64
    {
        let (buffer, interface) = (Int(buffer), Int(interface))
        if buffer < sourceIDs.count, interface < sourceIDs[buffer].count, sourceIDs[buffer][interface] != 0 {
            return sourceIDs[buffer][interface]
        }
        try db.execute(
            sql: "INSERT INTO sources (buffer, interface, name) VALUES (?, ?, ?)",
            arguments: [buffer, interface, names[buffer, interface]]
        )
        while sourceIDs.count <= buffer { sourceIDs.append([]) }
        while sourceIDs[buffer].count <= interface { sourceIDs[buffer].append(0) }
        sourceIDs[buffer][interface] = db.lastInsertedRowID
        return db.lastInsertedRowID
    }

    private func kindWriter(_ db: Database, _ kind: TransactionKind) throws -> TransactionWriter {
        let index = Int(kind.rawValue)
        if index < kindWriters.count, let writer = kindWriters[index] { return writer }
        while kindWriters.count <= index { kindWriters.append(nil) }
        let table = TransactionTable(kind)
        try db.execute(sql: table.create)
        let writer = TransactionWriter(try db.makeStatement(sql: table.insert), kind)
        kindWriters[index] = writer
        return writer
    }

    private func signatureID(_ db: Database, _ number: UInt32, _ signatures: [SignatureInfo]) throws -> Int64
    {
        if let id = signatureIDs[number] { return id }
        // An alert whose number has no signature keeps its packet's facts; what it names reads as signature 0.
        let signature = Int(number) < signatures.count ? signatures[Int(number)] : SignatureInfo(id: 0)
        try db.execute(
            sql: """
                INSERT INTO signatures (number, sid, gid, rev, severity, message, category, details)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Int64(number), Int64(signature.id), Int64(signature.generator), Int64(signature.revision),
                signature.severity, signature.message, signature.category, SignatureDetails.json(signature),
            ]
        )
        signatureIDs[number] = db.lastInsertedRowID
        return db.lastInsertedRowID
    }
}

/// Interface names by buffer and number in it: two array look-ups, no hashing on the insert path.
struct InterfaceNames {
    private var names: [[String]] = []

    subscript(buffer: Int, interface: Int) -> String {
        get {
            buffer < names.count && interface < names[buffer].count ? names[buffer][interface] : ""
        }
        set {
            while names.count <= buffer { names.append([]) }
            while names[buffer].count <= interface { names[buffer].append("") }
            names[buffer][interface] = newValue
        }
    }
}
