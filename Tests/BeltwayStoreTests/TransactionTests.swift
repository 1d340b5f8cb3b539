// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayWire
import GRDB
import Testing

/// A request for `name`, `number` seconds after noon, as the parser would hand it over.
private func request(_ number: Int, _ name: String) -> (record: TransactionRecord, body: [UInt8]) {
    let head = #","dns":{"type":"request","queries":[{"rrname":"#
    var record = TransactionRecord()
    record.time = Sample.noon.advanced(byNanoseconds: UInt64(number) * 1_000_000_000)
    record.flowID = UInt64(number) + 1
    record.number = UInt32(number)
    record.source = IPAddress(v4: 0x0a00_0001)
    record.destination = IPAddress(v4: 0xc000_0235)
    record.sourcePort = 40_000
    record.destinationPort = 53
    record.transportProtocol = 17
    record.ipVersion = 4
    record.kind = .dns
    record.marks[0] = UInt32(head.utf8.count) | UInt32(name.utf8.count + 2) << 16
    return (record, Array((head + "\"" + name + "\"}]}").utf8))
}

/// Transactions that a query gives.
private func transactions(
    in directory: TemporaryDirectory,
    _ expression: String? = nil
) throws -> [TransactionRow] {
    let now = Sample.noon
    let parsed = try expression.map {
        try QueryExpression(parsing: $0, for: .transactions(.dns), now: now)
    }
    var rows: [TransactionRow] = []
    let outcome = try FlowQuery(directory: directory.path).transactions(.dns, matching: parsed) { batch in
        rows += batch
        return true
    }
    #expect(outcome.problems.isEmpty)
    return rows
}

@Suite struct `Transactions in the flow store` {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func fill(_ names: [String], rowsPerPartition: Int = 1000) throws {
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = rowsPerPartition
        configuration.rowsPerTransaction = rowsPerPartition
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        for (number, name) in names.enumerated() {
            let (record, body) = request(number, name)
            store.insert(record, body: body.span)
        }
        store.close()
        #expect(store.counters.transactions == UInt64(names.count))
        #expect(store.counters.rowsLost == 0)
        #expect(store.takeErrors().isEmpty)
    }

    @Test func `come back with their body and their columns`() throws {
        try fill(["www.example.org", #"a\"b\\c"#])
        let rows = try transactions(in: directory)
        #expect(rows.map { $0.columns[0] } == ["www.example.org", #"a"b\c"#])
        #expect(rows[0].body == #"{"dns":{"type":"request","queries":[{"rrname":"www.example.org"}]}}"#)
        #expect(rows[0].record.kind == .dns)
        #expect(rows[0].record.destinationPort == 53)
        #expect(rows.map(\.record.flowID) == [1, 2])
    }

    @Test func `are selected by their own fields and by the common ones`() throws {
        try fill(["www.example.org", "mail.example.org", "www.example.com"])
        func names(_ expression: String) throws -> [String] {
            try transactions(in: directory, expression).map { $0.columns[0] }
        }
        #expect(try names(#"dns.rrname ~ "*.example.org""#) == ["www.example.org", "mail.example.org"])
        #expect(try names("rrname == www.example.com and port == 53") == ["www.example.com"])
        #expect(try names("flow_id == 2") == ["mail.example.org"])
        #expect(try names("dns.id > 0").isEmpty)
        #expect(try names("ip == 10.0.0.0/8 and not dns.rrname ~ \"w*\"") == ["mail.example.org"])
    }

    @Test func `come from a partition of an earlier version, which lacks columns`() throws {
        try fill(["www.example.org", "mail.example.org"])
        let old = try DatabaseQueue(path: directory.partition(1))
        try old.write { db in
            let names = try db.columns(in: "t_dns").map(\.name)
            #expect(names.contains("f_rrtype") && names.contains("f_id"))
            for name in ["f_rrtype", "f_id"] { try db.execute(sql: "ALTER TABLE t_dns DROP COLUMN \(name)") }
        }
        try old.close()
        #expect(
            try transactions(in: directory).map { $0.columns[0] } == ["www.example.org", "mail.example.org"]
        )
        #expect(try transactions(in: directory, "rrname == mail.example.org").count == 1)
        #expect(try transactions(in: directory, "dns.rrtype == A or dns.id > 0").isEmpty)
    }

    @Test func `are one log over several partitions`() throws {
        try fill((0..<2500).map { "host\($0).example.org" }, rowsPerPartition: 512)
        #expect(directory.partitions.count >= 4)
        let rows = try transactions(in: directory)
        #expect(rows.map(\.record.flowID) == (1...2500).map { UInt64($0) })
    }

    @Test func `have fields that are refused by name`() {
        #expect(throws: ExpressionError.self) {
            _ = try QueryExpression(parsing: "dns.rname == x", for: .transactions(.dns), now: Sample.noon)
        }
        #expect(throws: ExpressionError.self) {
            _ = try QueryExpression(parsing: "bytes > 1", for: .transactions(.dns), now: Sample.noon)
        }
    }
}
