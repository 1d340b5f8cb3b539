// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import BeltwayTrace
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayFlow

@Suite struct `A stats event` {
    private func event(_ progress: PipelineProgress) throws -> [String: Any] {
        var statistics = Statistics()
        statistics.select(.ethernet)
        var headers = PacketHeaders()
        headers.layers = [.link, .ip, .udp]
        headers.ipVersion = 4
        headers.source = IPAddress(v4: 0x0a00_0001)
        for tenth in 0..<25 {
            statistics.account(
                headers,
                originalLength: 100,
                time: Timestamp(nanoseconds: 7_000_000_000 + UInt64(tenth) * 100_000_000)
            )
        }
        let snapshot = statistics.snapshot(
            at: Timestamp(seconds: 9, nanoseconds: 400_000_000),
            progress: progress
        )
        let event = try object(lines { $0.append(stats: snapshot) }[0])
        #expect(event["event_type"] as? String == "stats")
        #expect(event["timestamp"] as? String == "1970-01-01T00:00:09.400000+0000")
        return try #require(event["stats"] as? [String: Any])
    }

    @Test func `has what was counted under Suricata's names`() throws {
        var progress = PipelineProgress()
        progress.capture.received = 25
        progress.capture.dropped = 3
        progress.flows.total = 2
        progress.detection.alerts = 1
        progress.detection.rulesLoaded = 12
        progress.factsDropped = 4
        let stats = try event(progress)
        #expect(stats["uptime"] as? Int == 2)
        #expect((stats["capture"] as? [String: Any])?["kernel_drops"] as? Int == 3)
        let decoder = try #require(stats["decoder"] as? [String: Any])
        #expect(decoder["pkts"] as? Int == 25)
        #expect(decoder["bytes"] as? Int == 2500)
        #expect(decoder["udp"] as? Int == 25)
        #expect(decoder["tcp"] as? Int == 0)
        #expect((stats["flow"] as? [String: Any])?["total"] as? Int == 2)
        #expect((stats["detect"] as? [String: Any])?["alert"] as? Int == 1)
        #expect(stats["facts_dropped"] as? Int == 4)
        let rates = try #require(stats["rates"] as? [String: [String: Int]])
        #expect(rates["last_second"] == ["packets_per_second": 10, "bytes_per_second": 1000])
    }

    @Test func `counts flows, transactions and what could not be read by protocol, as Suricata names them`()
        throws
    {
        var progress = PipelineProgress()
        var record = TransactionRecord()
        record.kind = .dns
        record.transportProtocol = 17
        for _ in 0..<3 { progress.applications.add(record) }
        progress.applications.add(.flows, .dns, transport: 17)
        progress.applications.add(.flows, .failed, transport: 6)
        progress.applications.add(.malformed, .tls, transport: 6)
        progress.applications.cut = 2
        let counts = try #require(try event(progress)["app_layer"] as? [String: Any])
        let flows = try #require(counts["flow"] as? [String: Int])
        #expect(
            flows["dns_udp"] == 1 && flows["dns_tcp"] == 0 && flows["failed_tcp"] == 1 && flows["tls"] == 0
        )
        let transactions = try #require(counts["tx"] as? [String: Int])
        #expect(transactions["dns_udp"] == 3 && transactions["http"] == 0)
        let errors = try #require(counts["error"] as? [String: [String: Int]])
        #expect(errors["tls"] == ["parser": 1] && errors["ssh"] == ["parser": 0])
        #expect(counts["flows_cut"] as? Int == 2)
    }

    @Test func `lists talkers, sizes, link types and how far each consumer is behind`() throws {
        var progress = PipelineProgress()
        progress.consumers = [
            ConsumerProgress(name: "worker.0", published: 25, read: 20, lost: 1, behindInPackets: 4),
            ConsumerProgress(name: "odd \"name\"\n", behindInBytes: .max),
        ]
        let stats = try event(progress)
        let talkers = try #require(stats["talkers"] as? [String: [[String: Any]]])
        #expect(talkers["by_bytes"]?.first?["ip"] as? String == "10.0.0.1")
        #expect(talkers["by_bytes"]?.first?["bytes"] as? Int == 2500)
        #expect((stats["packet_sizes"] as? [String: Int])?["127"] == 25)
        #expect(
            (stats["link_types"] as? [[String: Int]])?.first == ["link_type": 1, "pkts": 25, "bytes": 2500]
        )
        let consumers = try #require(stats["consumers"] as? [String: [String: Any]])
        #expect(consumers["worker.0"]?["behind_packets"] as? Int == 4)
        #expect(consumers["odd \"name\"\n"] != nil)
    }
}
