// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The corpus` {
    @Suite struct `Facts of one capture` {
        /// Captures of many kinds, the same ones every time.
        static let varied: [Corpus.Capture] = {
            let large = Corpus.captures.filter { ($0.packets ?? 0) > 20 }
            let step = max(1, large.count / 60)
            return stride(from: 0, to: large.count, by: step).prefix(60).map { large[$0] }
        }()

        @Test func `are the same for one worker, two and three, and from run to run`() throws {
            let captures = Self.varied
            #expect(captures.count == 60)
            let problems = try withTemporaryFolder { folder in
                twoAtATime(captures) { Self.differences(of: $0.path, in: folder, within: 20) }
            }
            for (capture, problem) in zip(captures, problems) where !problem.isEmpty {
                Issue.record("\(capture.name): \(problem)")
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `are the same for any number of workers on a large mix`() throws {
            let mixed = try #require(MixedCapture.shared)
            let problem = try withTemporaryFolder { Self.differences(of: mixed.path, in: $0, within: 60) }
            #expect(problem == "")
        }

        @Test func `are the same when link types share a capture whose times run backwards`() throws {
            // Ethernet flows of two packets, five seconds apart, and between them more than a ring's chunk of raw
            // IP from hours later: whoever looks at that ring's clock finds the Ethernet flows over.
            let start: UInt64 = 1_600_000_000_000_000
            let conversations = (1...30).map {
                PacketBuilder().ethernet().ipv4(from: "10.0.0.\($0)", to: "10.1.0.\($0)").udp().bytes
            }
            let filler = PacketBuilder().ipv4(from: "192.0.2.1", to: "192.0.2.2").udp()
                .payload([UInt8](repeating: 0, count: 1300)).bytes
            var file = PcapngBuilder()
            file.section()
            file.interface(linkType: 1)
            file.interface(linkType: 101)
            for packet in conversations { file.enhanced(packet, interface: 0, time: start) }
            for number in UInt64(0)..<3000 {
                file.enhanced(filler, interface: 1, time: start + 10_000_000_000 + number)
            }
            for packet in conversations { file.enhanced(packet, interface: 0, time: start + 5_000_000) }
            let problem = try withTemporaryFolder { folder in
                let path = folder + "/two-link-types.pcapng"
                try Data(file.bytes).write(to: URL(fileURLWithPath: path))
                return Self.differences(of: path, in: folder, within: 20)
            }
            #expect(problem == "")
        }

        /// Runs a capture four times and says what is not the same, or nothing.
        static func differences(of capture: String, in folder: String, within seconds: Double) -> String {
            var first: [Data]?
            for workers in ["1", "1", "2", "3"] {
                let run = Run.of(capture, in: folder, Run.lean + ["--workers", workers], within: seconds)
                guard let summary = run.summary else {
                    return "\(workers) workers: \(run.ending.description)"
                }
                for (name, consumer) in summary.consumers where consumer.lost != 0 {
                    return "\(workers) workers: \(name) lost \(consumer.lost)"
                }
                let shares = summary.consumers.filter { $0.key.hasPrefix("worker.") }.values.map(\.read)
                if shares.count != Int(workers) || shares.reduce(0, +) != summary.packets {
                    return "\(workers) workers read \(shares) of \(summary.packets) packets"
                }
                let facts = run.lines.sorted { $0.lexicographicallyPrecedes($1) }
                guard let known = first else {
                    first = facts
                    continue
                }
                if facts == known { continue }
                let odd = Set(facts).symmetricDifference(known).map { String(decoding: $0, as: UTF8.self) }
                    .sorted()
                return "\(workers) workers: \(known.count) facts became \(facts.count): \(odd.prefix(4))"
            }
            return ""
        }
    }
}
