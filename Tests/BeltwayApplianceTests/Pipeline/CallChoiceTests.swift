// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import BeltwayTestSupport
import Foundation
import Testing

@Suite struct `How a stage is reached` {
    private func plan(_ change: (inout RunConfiguration) -> Void) throws(ApplianceError) -> PipelinePlan {
        var configuration = RunConfiguration()
        change(&configuration)
        return try PipelinePlan(configuration, hasDetector: true)
    }

    @Test func `is decided by where packets come from and who shares them, unless somebody wishes otherwise`()
        throws
    {
        let one = try plan {
            $0.captures = ["a"]
            $0.workers = 1
        }
        #expect(one.worker.isCalled && one.statistics.isCalled)
        let two = try plan {
            $0.captures = ["a"]
            $0.workers = 2
        }
        #expect(!two.worker.isCalled && two.statistics.isCalled)
        let live = try plan {
            $0.interfaces = ["a"]
            $0.workers = 1
        }
        #expect(!live.worker.isCalled && !live.statistics.isCalled)
    }

    @Test(arguments: [true, false])
    func `follows the wish where that is possible`(isLive: Bool) throws {
        for wish in [CallWish.called, .signalled] {
            let plan = try plan {
                if isLive { $0.interfaces = ["a"] } else { $0.captures = ["a"] }
                $0.workerWish = wish
                $0.statisticsWish = wish
            }
            #expect(plan.worker.isCalled == (wish == .called))
            #expect(plan.statistics.isCalled == (wish == .called))
            #expect(plan.worker.reason.contains("the configuration wants"))
            if wish == .called { #expect(plan.workers == 1, "a worker that is called is the only one") }
        }
    }

    @Test func `is refused in one line where it is not`() {
        func refusal(_ change: (inout RunConfiguration) -> Void) -> String {
            do {
                _ = try plan(change)
                return "accepted"
            } catch {
                #expect(error.exitStatus == 2)
                return error.description
            }
        }
        let workers = refusal {
            $0.captures = ["a"]
            $0.workers = 3
            $0.workerWish = .called
        }
        #expect(workers.hasPrefix("pipeline.worker: `called` needs one worker, not 3:"))
        let queues = refusal {
            $0.interfaces = ["a"]
            $0.queues = 2
            $0.workerWish = .called
        }
        #expect(queues.hasPrefix("pipeline.worker: `called` needs one capture thread, not 2 (a.0, a.1):"))
        let statistics = refusal {
            $0.interfaces = ["a", "b", "c", "d"]
            $0.statisticsWish = .called
        }
        #expect(
            statistics.hasPrefix(
                "pipeline.statistics: `called` needs one capture thread, not 4 (a.0, b.0, c.0, ...):"
            )
        )
    }
}

extension `The command line` {
    /// Flows and alerts of a run, as sorted lines of eve.json, and the counters that the last statistics say.
    private struct Facts: Equatable {
        var events: [String]
        var decoder: String
    }

    private func facts(
        of captures: [String],
        worker: CallWish,
        statistics: CallWish,
        folder: TemporaryFolder
    ) throws -> Facts {
        let name = "\(worker)-\(statistics)"
        let file = try folder.write(
            "pipeline: {worker: \(worker.rawValue), statistics: \(statistics.rawValue)}\nworkers: 1\n",
            to: "\(name).yaml"
        )
        let data = folder / name
        let outcome = try BeltwayProgram.run(
            ["run", "-c", file, "--data", data, "--no-packets", "--no-flows", "--summary", "json"]
                + captures.flatMap { ["-r", $0] }
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        let ledgers = outcome.json["consumers"] as? [String: [String: Int]] ?? [:]
        #expect(Set(ledgers.keys) == ["worker.0", "statistics"])
        for (name, ledger) in ledgers {
            #expect(ledger["read"] == outcome.json["packets"] as? Int, "\(name) read \(ledger)")
            #expect(ledger["lost"] == 0, "\(name)")
        }
        let lines = try String(contentsOfFile: data + "/eve.json", encoding: .utf8).split(separator: "\n")
        var result = Facts(events: [], decoder: "")
        for line in lines where !line.contains("\"event_type\":\"stats\"") {
            result.events.append(String(line))
        }
        result.events.sort()
        let last = try #require(lines.last { $0.contains("\"event_type\":\"stats\"") })
        let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
        let stats = try #require(object?["stats"] as? [String: Any])
        let decoder = try #require(stats["decoder"])
        result.decoder = String(
            decoding: try JSONSerialization.data(withJSONObject: decoder, options: .sortedKeys),
            as: UTF8.self
        )
        return result
    }

    @Test(arguments: [false, true])
    func `gives the same facts whether stages are called or signalled`(hasTwoLinkTypes: Bool) throws {
        let folder = TemporaryFolder()
        var captures = [Samples.sample]
        if hasTwoLinkTypes {
            // A second ring behind the same thread, opened while the statistics already run.
            var other = PcapBuilder(linkType: 101)
            for number in UInt32(0)..<3000 {
                let packet = PacketBuilder().ipv4(from: "10.2.0.\(number % 200)", to: "10.3.0.1").udp().bytes
                other.add(packet, seconds: Samples.start + number)
            }
            captures.append(try folder.write(other.bytes, to: "raw.pcap"))
            captures.append(try folder.write(Samples.pcap, to: "ten.pcap"))
        }
        let first = try facts(of: captures, worker: .called, statistics: .called, folder: folder)
        #expect(first.events.count > 100)
        #expect(first.decoder.contains("\"pkts\":"))
        for (worker, statistics) in [
            (CallWish.called, CallWish.signalled), (.signalled, .called), (.signalled, .signalled),
            (.automatic, .automatic),
        ] {
            let other = try facts(of: captures, worker: worker, statistics: statistics, folder: folder)
            #expect(other.events == first.events, "worker \(worker), statistics \(statistics)")
            #expect(other.decoder == first.decoder, "worker \(worker), statistics \(statistics)")
        }
    }
}
