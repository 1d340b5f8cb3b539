// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayWire
import Foundation
import Testing

/// CPU time of this process, all threads, in nanoseconds.
private func cpuNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Prints what rows cost; run with BELTWAY_SPEED=1 and `-c release`.
///
/// Time is noisy, so nothing is asserted of it.
@Suite(
    .enabled(
        if: ProcessInfo.processInfo.environment["BELTWAY_SPEED"] != nil,
        "set BELTWAY_SPEED=1 to measure"
    )
)
struct `The speed of the flow store` {
    @Test func `of 500,000 rows and of queries over them`() throws {
        let directory = try TemporaryDirectory()
        let count = 500_000
        let records = sample(count)
        let store = try FlowStore(directory: directory.path)
        store.setInterface(buffer: 0, interface: 0, name: "eth0")
        let begin = cpuNanoseconds()
        for record in records { store.insert(record) }
        store.commit()
        let inserted = cpuNanoseconds()
        store.close()
        let sealed = cpuNanoseconds()
        let bytes = try directory.partitions.reduce(0) { sum, name in
            let file = directory.path + "/flows/" + name
            return try sum + (FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0)
        }
        let perRow = { (nanoseconds: UInt64) in Double(nanoseconds) / Double(count) / 1000 }
        print("insert and commit", perRow(inserted - begin), "us CPU a row")
        print(
            "with the seal    ",
            perRow(sealed - begin),
            "us CPU a row,",
            Double(bytes) / Double(count),
            "bytes a row"
        )
        for (text, limit) in [
            ("ip == 10.0.1.5", 100), ("ip == 10.0.1.5 and ip == 192.0.0.0/16", 100), ("port == 443", 100),
            ("src_port == 4242", nil), ("flow_id == \(records[77].flowID)", nil), ("bytes > 109k", nil),
            ("community_id == x", nil), ("in_iface == eth0", nil),
        ] as [(String, Int?)] {
            var query = FlowQuery(directory: directory.path)
            query.limit = limit
            let expression = try QueryExpression(parsing: text, for: .flows, now: Sample.noon)
            let start = ContinuousClock.now
            let outcome = try query.flows(matching: expression) { _ in true }
            #expect(outcome.problems.isEmpty)
            print(
                text,
                limit.map { "limit \($0)" } ?? "",
                "-",
                outcome.rows,
                "rows in",
                ContinuousClock.now - start
            )
        }
    }

    private func sample(_ count: Int) -> [FlowRecord] {
        var generator = SeededGenerator(state: 1)
        return (0..<count).map { number in
            var record = Sample.flow(0)
            record.flowID = generator.next() >> 11
            let jitter = generator.next() % 1_000_000_000
            record.start = Sample.noon.advanced(byNanoseconds: UInt64(number) * 1_000_000 + jitter)
            record.end = record.start.advanced(byNanoseconds: generator.next() % 10_000_000_000)
            record.originator = IPAddress(v4: 0x0a00_0000 | UInt32(generator.next() % 20000))
            record.responder = IPAddress(v4: 0xc000_0000 | UInt32(generator.next() % 60000))
            record.originatorPort = UInt16(truncatingIfNeeded: generator.next())
            record.bytesToResponder = generator.next() % 10000
            record.bytesToOriginator = generator.next() % 100_000
            return record
        }
    }
}
