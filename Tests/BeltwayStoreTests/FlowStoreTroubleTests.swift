// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayWire
import Foundation
import GRDB
import Testing

/// Inserts numbered flows in transactions of 500 into partitions of 3,000 until it kills itself.
///
/// After each round it writes how many flows were committed to the file `committed`.
private func insertUntilKilled(directory: String, milliseconds: UInt32) throws {
    var configuration = FlowStore.Configuration()
    configuration.rowsPerTransaction = 500
    configuration.rowsPerPartition = 3000
    let store = try FlowStore(directory: directory, configuration: configuration)
    store.setInterface(buffer: 0, interface: 0, name: "eth0")
    store.setSignatures(Sample.signatures)
    Thread {
        usleep(milliseconds * 1000); kill(getpid(), SIGKILL)
    }.start()
    var written = 0
    while true {
        for _ in 0..<512 {
            store.insert(Sample.flow(written))
            if written % 3 == 0 { store.insert(Sample.alert(on: Sample.flow(written))) }
            written += 1
        }
        let committed = Data("\(store.counters.flows)".utf8)
        try committed.write(to: URL(filePath: directory + "/committed"), options: .atomic)
    }
}

private func isWhole(_ path: String) throws -> Bool {
    let queue = try DatabaseQueue(path: path)
    return try queue.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok"
}

@Suite struct `A flow store in trouble` {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(arguments: [3, 17, 40, 61, 88, 120, 151, 190, 230, 300] as [UInt32])
    func `is whole after kill -9, with every row that was committed`(milliseconds: UInt32) async throws {
        let path = directory.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, milliseconds] in
            try insertUntilKilled(directory: path, milliseconds: milliseconds)
        }
        let committed =
            (try? String(contentsOfFile: path + "/committed", encoding: .utf8)).flatMap(Int.init) ?? 0
        // Queries answer before anything is repaired.
        let before = try flows(in: directory)
        #expect(before.count >= committed)
        #expect(before.map(\.record.flowID) == Array(1...UInt64(before.count + 1)).dropLast())

        let store = try FlowStore(directory: path)
        store.insert(Sample.flow(before.count))
        store.close()
        #expect(store.takeErrors().isEmpty)
        #expect(try flows(in: directory).count == before.count + 1)
        for number in directory.partitions {
            #expect(try isWhole(path + "/flows/" + number))
        }
        let remains = try FileManager.default.contentsOfDirectory(atPath: path + "/flows")
        #expect(remains.allSatisfy { $0.hasSuffix(".sqlite") }, "everything is sealed and no log left")
    }

    @Test func `counts the rows that a full disk refuses, and stores again when there is space`() throws {
        var configuration = FlowStore.Configuration()
        configuration.maximumPages = 30
        configuration.rowsPerTransaction = 1000
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        for number in 0..<20_000 { store.insert(Sample.flow(number)) }
        store.commit()
        let counters = store.counters
        #expect(counters.rowsLost > 0)
        #expect(counters.flows > 0)
        #expect(counters.flows + counters.rowsLost == 20_000)
        let error = try #require(store.takeErrors().first)
        #expect(error.description.contains(directory.partition(1)))
        #expect(error.description.contains("database or disk is full"))
        #expect(error.code == 13)
        #expect(try flows(in: directory).count == Int(counters.flows))
        store.close()
        #expect(try isWhole(directory.partition(1)))
    }

    @Test func `says why it cannot begin`() throws {
        try Data().write(to: URL(filePath: directory.path + "/flows"))
        let inTheWay = try #require(throws: StoreError.self) { try FlowStore(directory: directory.path) }
        #expect(inTheWay.description.contains(directory.path + "/flows: cannot create the directory"))
        #expect(!inTheWay.description.contains("\n"))
        // The kernel refuses files here even to root.
        let readOnly = try #require(throws: StoreError.self) { try FlowStore(directory: "/proc/self") }
        #expect(readOnly.description.contains("/proc/self/flows"))
        #expect(readOnly.operation == .createDirectory)
    }

    @Test(.enabled(if: geteuid() != 0, "root may write anywhere"))
    func `says that a directory is read-only`() throws {
        chmod(directory.path, 0o555)
        defer { chmod(directory.path, 0o755) }
        let error = try #require(throws: StoreError.self) { try FlowStore(directory: directory.path) }
        #expect(error.code == EACCES)
    }

    @Test func `goes on in the full partition if no new one can be begun`() throws {
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = 1000
        configuration.rowsPerTransaction = 500
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        try Data("in the way".utf8).write(to: URL(filePath: directory.partition(2)))
        for number in 0..<3000 { store.insert(Sample.flow(number)) }
        store.commit()
        #expect(store.counters.flows == 3000)
        #expect(store.counters.rowsLost == 0)
        #expect(store.takeErrors().first?.code == EEXIST)
        try FileManager.default.removeItem(atPath: directory.partition(2))
        store.insert(Sample.flow(3000))
        store.close()
        #expect(try flows(in: directory).count == 3001)
    }

    @Test
    func `answers from a partition of an earlier version, which has no columns for what it did not measure`()
        throws
    {
        let store = try FlowStore(directory: directory.path)
        for number in 0..<100 { store.insert(Sample.flow(number)) }
        store.close()
        let old = try DatabaseQueue(path: directory.partition(1))
        try old.write { db in
            let names = try db.columns(in: "flows").map(\.name).drop { $0 != "history" }
            #expect(names.count == 19)
            for name in names { try db.execute(sql: "ALTER TABLE flows DROP COLUMN \(name)") }
        }
        try old.close()
        func count(_ text: String) throws -> Int {
            let expression = try QueryExpression(parsing: text, for: .flows, now: Sample.noon)
            var rows = 0
            let outcome = try FlowQuery(directory: directory.path).flows(matching: expression) {
                rows += $0.count
                return true
            }
            #expect(outcome.problems.isEmpty)
            return rows
        }
        #expect(try count("port == 443") == 100)
        #expect(try count("retransmits == 0 and history == \"\" and flow_id > 50") == 50)
        #expect(try count("rtt >= 0 or retransmits > 0") == 0)
    }

    @Test func `answers from the other partitions if one is damaged`() throws {
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = 1000
        configuration.rowsPerTransaction = 500
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        for number in 0..<4000 { store.insert(Sample.flow(number)) }
        store.close()
        #expect(directory.partitions.count >= 4)
        // One loses its header, one its second half, one is somebody else's, one is no file at all.
        let first = try #require(FileHandle(forUpdatingAtPath: directory.partition(1)))
        try first.write(contentsOf: Data(repeating: 0x55, count: 4096))
        let second = try #require(FileHandle(forUpdatingAtPath: directory.partition(2)))
        try second.truncate(atOffset: 3 * 4096)
        let foreign = try DatabaseQueue(path: directory.path + "/flows/000098.sqlite")
        try foreign.write { try $0.execute(sql: "CREATE TABLE other (x)") }
        try FileManager.default.createDirectory(
            atPath: directory.path + "/flows/000099.sqlite",
            withIntermediateDirectories: false
        )

        for limit in [nil, 5000] {
            var query = FlowQuery(directory: directory.path)
            query.limit = limit
            var ids: [UInt64] = []
            let outcome = try query.flows {
                ids += $0.map(\.record.flowID); return true
            }
            #expect(ids.suffix(1900) == Array(2101...4000)[...].suffix(1900))
            #expect(
                Set(outcome.problems.map { $0.path.suffix(13) }).isSuperset(of: [
                    "000001.sqlite", "000002.sqlite", "000098.sqlite", "000099.sqlite",
                ])
            )
        }
        // A start is not kept from its work either.
        let next = try FlowStore(directory: directory.path)
        next.insert(Sample.flow(9000))
        next.close()
        #expect(next.counters.flows == 1)
        #expect(!next.takeErrors().isEmpty)
    }

    @Test func `survives any single damaged page`() throws {
        let store = try FlowStore(directory: directory.path)
        store.setSignatures(Sample.signatures)
        for number in 0..<600 {
            store.insert(Sample.flow(number))
            if number % 5 == 0 { store.insert(Sample.alert(on: Sample.flow(number))) }
        }
        store.close()
        let file = URL(filePath: directory.partition(1))
        let whole = try Data(contentsOf: file)
        var generator = SeededGenerator(state: 42)
        let expression = try QueryExpression(
            parsing: "ip == 10.0.0.1 and bytes > 1",
            for: .flows,
            now: Sample.noon
        )
        for round in 0..<120 {
            var damaged = whole
            let page = Int(generator.next() % UInt64(whole.count / 4096)) * 4096
            for _ in 0..<(1 + generator.next() % 64) {
                damaged[page + Int(generator.next() % 4096)] = UInt8(truncatingIfNeeded: generator.next())
            }
            try damaged.write(to: file)
            // No trap and no hang, whatever the answer; rows are never more than there were.
            let query = FlowQuery(directory: directory.path)
            var rows = 0
            _ = try query.flows(matching: round % 2 == 0 ? nil : expression) {
                rows += $0.count; return rows < 10_000
            }
            _ = try query.alerts {
                rows += $0.count; return rows < 10_000
            }
            #expect(rows < 10_000, "seed 42, round \(round)")
        }
    }

    @Test func `reads beside a writer that never pauses`() throws {
        var configuration = FlowStore.Configuration()
        configuration.rowsPerTransaction = 512
        configuration.rowsPerPartition = 5000
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        var seen = 0
        for round in 0..<24 {
            for number in 0..<512 { store.insert(Sample.flow(round * 512 + number)) }
            // The writer goes on in the middle of a query: inside the callback.
            var inserted = false
            let outcome = try FlowQuery(directory: directory.path).flows { rows in
                if !inserted, round % 8 == 7 {
                    for number in 0..<1024 { store.insert(Sample.flow(100_000 + number)) }
                    inserted = true
                }
                return true
            }
            #expect(outcome.problems.isEmpty)
            #expect(outcome.rows >= seen)
            seen = outcome.rows
        }
        store.close()
        #expect(store.counters.rowsLost == 0)
        #expect(store.takeErrors().isEmpty)
    }

    @Test func `a query ends when its caller has enough`() throws {
        let store = try FlowStore(directory: directory.path)
        for number in 0..<5000 { store.insert(Sample.flow(number)) }
        store.close()
        var batches = 0
        let outcome = try FlowQuery(directory: directory.path).flows { _ in
            batches += 1; return batches < 2
        }
        #expect(batches == 2)
        #expect(outcome.rows < 5000)
    }

    @Test func `since and until choose what was alive between them`() throws {
        let store = try FlowStore(directory: directory.path)
        for number in 0..<100 {
            store.insert(Sample.flow(number))
            store.insert(Sample.alert(on: Sample.flow(number)))
        }
        store.close()
        var query = FlowQuery(directory: directory.path)
        query.since = Sample.noon.advanced(byNanoseconds: 10_200_000_000)
        query.until = Sample.noon.advanced(byNanoseconds: 20_000_000_000)
        var ids: [UInt64] = []
        _ = try query.flows {
            ids += $0.map(\.record.flowID); return true
        }
        #expect(ids == Array(11...20), "flow 11 began 0.2 s before and ended 0.3 s after")
        var times: [UInt64] = []
        _ = try query.alerts {
            times += $0.map(\.alert.flowID); return true
        }
        #expect(times == Array(12...20))
    }
}

@Suite struct `A partition that is read while it is sealed` {
    @Test func `keeps its log until the next one is sealed`() throws {
        let directory = try TemporaryDirectory()
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = 500
        configuration.rowsPerTransaction = 500
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        // Visible, and not yet full: whoever reads now reads before the partition is sealed.
        for number in 0..<400 { store.insert(Sample.flow(number)) }
        store.commit()
        var patient = Configuration()
        patient.busyMode = .timeout(5)  // the store may be writing at this moment
        let reader = try DatabaseQueue(path: directory.partition(1), configuration: patient)
        try reader.read { db in
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM flows")
            #expect(count == 400)
            for number in 400..<1024 { store.insert(Sample.flow(number)) }
            store.close()
        }
        #expect(store.bytesOnDisk() > 0)
        #expect(store.takeErrors().isEmpty)
        #expect(FileManager.default.fileExists(atPath: directory.partition(1) + "-wal"))
        try reader.close()
        let next = try FlowStore(directory: directory.path)
        next.close()
        #expect(next.takeErrors().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: directory.partition(1) + "-wal"))
        #expect(try flows(in: directory).count == 1024)
    }
}
