// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import GRDB

// Partitions of earlier versions. They are written by the version that made them, and only read by later ones: what a table
// lacks, a view of its name adds for the connection that reads, with the value that says "not known".
//
//     main.t_files   time .. f_filename f_size             (an earlier version's)
//     temp.t_files   time .. f_filename f_size, 0 AS f_stored

extension PartitionSchema {
    /// Lets queries on this connection see a partition of an earlier version as one of this.
    static func complete(_ db: Database) throws {
        guard try db.tableExists("flows") else { return }
        var missing = [
            (
                "flows", flowColumns,
                Dictionary(uniqueKeysWithValues: meteredColumns.map { ($0.name, $0.missing) })
            )
        ]
        for kind in TransactionKind.allCases {
            let table = TransactionTable(kind)
            let values = kind.columns.map { (TransactionTable.column($0), $0.form == .text ? "''" : "-1") }
            missing.append((table.name, table.columns, Dictionary(uniqueKeysWithValues: values)))
        }
        let present = try presentColumns(db)
        for (table, columns, values) in missing {
            guard let there = present[table] else { continue }
            let list = columns.compactMap { column in
                there.contains(column) ? column : values[column].map { "\($0) AS \(column)" }
            }
            // One that lacks what every version had is damaged: its queries say so.
            guard list.count == columns.count, !columns.allSatisfy(there.contains) else { continue }
            let names = list.joined(separator: ", ")
            try db.execute(
                sql: "CREATE TEMP VIEW \(table) AS SELECT rowid AS rowid, \(names) FROM main.\(table)"
            )
        }
    }

    /// Names of the columns of each table, as the file has them.
    private static func presentColumns(_ db: Database) throws -> [String: Set<String>] {
        let sql = """
            SELECT tables.name, columns.name FROM main.sqlite_master AS tables,
                pragma_table_info(tables.name, 'main') AS columns WHERE tables.type = 'table'
            """
        var present: [String: Set<String>] = [:]
        try db.makeStatement(sql: sql).forEachRow { row in
            present[row.text(0), default: []].insert(row.text(1))
        }
        return present
    }
}
