// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BeltwayAppliance
@testable import BeltwayFlow

@Suite struct `The summary of a run` {
    private var summary: RunSummary {
        var summary = RunSummary()
        summary.packets = 1_842_514
        summary.bytes = 1_234_567_890
        summary.flows = 12
        summary.alerts = 3
        summary.truncated = 4
        summary.seconds = 2.5
        summary.received = 1_842_515
        summary.dropped = 1
        summary.cpuSeconds = 0.25
        summary.peakRSSInBytes = 61_900_000
        summary.consumers = [
            RunSummary.Consumer(name: "worker.0", published: 10, read: 9, lost: 1, payloadSkipped: 2),
            RunSummary.Consumer(name: "logger", published: 10, read: 10, lost: 0),
        ]
        return summary
    }

    @Test func `is one line of JSON with the keys that scripts rely on`() throws {
        #expect(!summary.json.contains("\n"))
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(summary.json.utf8)) as? [String: Any]
        )
        let expected: Set = [
            "packets", "bytes", "truncated", "flows", "alerts", "facts_dropped", "seconds", "capture",
            "consumers",
            "cpu_seconds", "peak_rss_bytes",
        ]
        #expect(expected.isSubset(of: object.keys))
        #expect(object["packets"] as? Int == 1_842_514)
        #expect(object["seconds"] as? Double == 2.5)
        #expect(object["cpu_seconds"] as? Double == 0.25)
        let capture = try #require(object["capture"] as? [String: Int])
        #expect(capture["received"] == 1_842_515 && capture["dropped"] == 1)
        let consumers = try #require(object["consumers"] as? [String: [String: Int]])
        #expect(Set(consumers.keys) == ["worker.0", "logger"])
        #expect(consumers["worker.0"] == ["published": 10, "read": 9, "lost": 1, "payload_skipped": 2])
    }

    @Test func `says what each queue took, for people only where there are several`() throws {
        var summary = summary
        #expect(!summary.json.contains("queues"))
        summary.queues = [RunSummary.Queue(name: "eth0.0", received: 5, dropped: 1, filtered: 2)]
        #expect(!summary.table.contains("eth0.0"))
        summary.queues.append(RunSummary.Queue(name: "eth0.1", received: 7_000, dropped: 0, filtered: 0))
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(summary.json.utf8)) as? [String: Any]
        )
        let queues = try #require(object["queues"] as? [String: [String: Int]])
        #expect(queues["eth0.0"] == ["received": 5, "dropped": 1, "filtered": 2])
        #expect(queues["eth0.1"] == ["received": 7_000, "dropped": 0, "filtered": 0])
        #expect(summary.table.split(separator: "\n").contains { $0.hasSuffix("7 000 received, 0 dropped") })
    }

    @Test func `says of each protocol that was seen how many flows spoke it and what could not be read`()
        throws
    {
        var summary = summary
        summary.applications.add(.flows, .tls, transport: 6)
        summary.applications.add(.flows, .dns, transport: 6)
        summary.applications.add(.flows, .dns, transport: 17)
        summary.applications.add(.malformed, .dns, transport: 17)
        summary.applications.cut = 3
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(summary.json.utf8)) as? [String: Any]
        )
        #expect(
            object["applications"] as? [String: [String: Int]] == [
                "tls": ["flows": 1, "malformed": 0], "dns": ["flows": 2, "malformed": 1],
            ]
        )
        #expect(object["malformed"] as? Int == 1 && object["flows_cut"] as? Int == 3)
    }

    @Test func `escapes what a path may hold`() throws {
        var summary = summary
        summary.data = "/tmp/a \"b\"\\c\n\u{1}d"
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(summary.json.utf8)) as? [String: Any]
        )
        #expect(object["data"] as? String == summary.data)
    }

    @Test func `is a table for people, its second column aligned`() {
        let lines = summary.table.split(separator: "\n")
        #expect(lines.contains { $0.contains("packets") && $0.contains("1 842 514  (1.2 GB)") })
        #expect(
            lines.contains {
                $0.contains("worker.0") && $0.contains("9 read, 1 lost, 2 payloads passed over")
            }
        )
        let columns = lines.map { line in
            line.dropFirst(2).prefix { $0 != " " }.count
                + line.dropFirst(2).drop { $0 != " " }.prefix { $0 == " " }.count
        }
        #expect(Set(columns).count == 1, "\(columns)")
    }

    @Test func `stays finite when nothing happened`() throws {
        let empty = RunSummary()
        #expect(try JSONSerialization.jsonObject(with: Data(empty.json.utf8)) is [String: Any])
        #expect(empty.table.contains("0 packets/s"))
    }
}
