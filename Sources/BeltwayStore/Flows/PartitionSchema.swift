// SPDX-License-Identifier: Apache-2.0
import GRDB

// One partition of the flow store: an SQLite file that needs no other file to be understood.
//
//   sources      id -> buffer, interface, name          one row per interface seen by this partition
//   signatures   id -> everything an alert shows        one row per signature that alerted
//   flows        one narrow row per flow record         bits and vlan: see RowCoding.swift
//   alerts       one narrow row per alert record
//   t_dns ..     one row per transaction, a table per kind (TransactionTable.swift)
//   sealed       one row, once indexed: counts and the least and greatest times
//
// Times are nanoseconds since 1970 (the 64 bits of a `Timestamp`; past the year 2262 they read as negative).
// Addresses: IPv4 is an integer, IPv6 a blob of 16 bytes; SQLite orders every integer before every blob.
// No column is ever NULL, so `not` in a query has two outcomes and no third; a time that was not measured is -1.
enum PartitionSchema {
    /// `user_version` of a sealed partition; part of the same transaction as its indexes.
    static let sealedVersion: UInt32 = 1
    /// `application_id`, "BWFL": what kind of database file this is.
    static let applicationID = 0x4257_464c

    /// The columns of `flows` in the order that ``RowWriter`` binds and ``RowReader`` reads them.
    static let flowColumns =
        [
            "flow_id", "start", "duration", "originator", "responder", "originator_port", "responder_port",
            "proto",
            "bits", "vlan", "source", "packets_to_responder", "packets_to_originator", "bytes_to_responder",
            "bytes_to_originator",
        ] + meteredColumns.map(\.name)

    /// Columns of `flows` that partitions of earlier versions lack, and what they read as there.
    ///
    /// Round trips are in microseconds, from a segment to the responder (to the originator) to what acknowledges it.
    static let meteredColumns: [(name: String, missing: String)] = [
        ("history", "''"), ("ip_bytes_to_responder", "0"), ("ip_bytes_to_originator", "0"),
        ("payload_bytes_to_responder", "0"), ("payload_bytes_to_originator", "0"), ("tunnel_id", "0"),
        ("parent_id", "0"), ("rtt_to_responder", "-1"), ("rtt_to_originator", "-1"),
        ("data_rtt_to_responder", "-1"), ("data_rtt_to_originator", "-1"),
        ("retransmits_to_responder", "0"), ("retransmits_to_originator", "0"),
        ("out_of_order_to_responder", "0"), ("out_of_order_to_originator", "0"),
        ("zero_windows_to_responder", "0"), ("zero_windows_to_originator", "0"),
        ("missed_bytes_to_responder", "0"), ("missed_bytes_to_originator", "0"),
    ]

    /// The columns of `alerts`, likewise.
    static let alertColumns = [
        "time", "flow_id", "signature", "ordinal", "source_address", "destination_address", "source_port",
        "destination_port", "proto", "bits", "vlan", "source", "flow_start", "packets_to_responder",
        "packets_to_originator", "bytes_to_responder", "bytes_to_originator",
    ]

    static let insertFlow = insert(into: "flows", flowColumns)
    static let insertAlert = insert(into: "alerts", alertColumns)

    /// How a partition comes to its present form; later versions of Beltway append a step.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("flows and alerts") { db in
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            try db.execute(
                sql: """
                    CREATE TABLE sources (id INTEGER PRIMARY KEY, buffer INTEGER NOT NULL,
                        interface INTEGER NOT NULL, name TEXT NOT NULL);
                    CREATE TABLE signatures (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, sid INTEGER NOT NULL,
                        gid INTEGER NOT NULL, rev INTEGER NOT NULL, severity INTEGER NOT NULL,
                        message TEXT NOT NULL, category TEXT NOT NULL, details TEXT NOT NULL);
                    CREATE TABLE flows (\(flowColumns.map { $0 + " NOT NULL" }.joined(separator: ", ")));
                    CREATE TABLE alerts (\(alertColumns.map { $0 + " NOT NULL" }.joined(separator: ", ")));
                    CREATE TABLE sealed (flows INTEGER NOT NULL, alerts INTEGER NOT NULL,
                        least_start INTEGER NOT NULL, greatest_start INTEGER NOT NULL,
                        greatest_end INTEGER NOT NULL, least_time INTEGER NOT NULL,
                        greatest_time INTEGER NOT NULL);
                    """
            )
        }
        migrator.registerMigration("transactions") { db in
            try db.execute(
                sql: """
                    CREATE TABLE sealed_transactions (kind TEXT NOT NULL, rows INTEGER NOT NULL,
                        least_time INTEGER NOT NULL, greatest_time INTEGER NOT NULL);
                    """
            )
        }
        return migrator
    }

    /// What sealing does in one transaction: nothing here costs the insert path anything.
    static let seal = """
        CREATE INDEX flows_start ON flows (start);
        CREATE INDEX flows_originator ON flows (originator, responder);
        CREATE INDEX flows_responder ON flows (responder);
        CREATE INDEX flows_id ON flows (flow_id);
        CREATE INDEX alerts_time ON alerts (time);
        CREATE INDEX alerts_signature ON alerts (signature);
        CREATE INDEX alerts_flow ON alerts (flow_id);
        INSERT INTO sealed SELECT
            (SELECT count(*) FROM flows), (SELECT count(*) FROM alerts),
            coalesce((SELECT min(start) FROM flows), 0), coalesce((SELECT max(start) FROM flows), 0),
            coalesce((SELECT max(start + duration) FROM flows), 0),
            coalesce((SELECT min(time) FROM alerts), 0), coalesce((SELECT max(time) FROM alerts), 0);
        PRAGMA user_version = \(sealedVersion);
        """

    private static func insert(into table: String, _ columns: [String]) -> String {
        let places = Array(repeating: "?", count: columns.count).joined(separator: ", ")
        return "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))"
    }
}
