// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A generator of random numbers that gives the same ones for the same seed (splitmix64).
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}

extension `The corpus` {
    @Suite struct `Packets extracted by flow id` {
        static let seed: UInt64 = 20_261_122

        /// Captures whose packets the tests' own decoder understands.
        static let captures: [Corpus.Capture] = {
            let usable = Corpus.captures.filter {
                ($0.linkType == "ether" || $0.linkType.hasPrefix("rawip"))
                    && (20...3000).contains($0.packets ?? 0)
                    && Oddity.all[$0.name] == nil
                    && ($0.name.hasPrefix("protocols/") || $0.name.hasPrefix("sessions/"))
            }
            let step = max(1, usable.count / 20)
            // And one in which time runs backwards within a flow.
            let backwards = Corpus.captures.filter { $0.name == "formats/gopacket/le/test101.pcapng" }
            return backwards + stride(from: 0, to: usable.count, by: step).prefix(20).map { usable[$0] }
        }()

        @Test func `are the originals of captures of many kinds`() throws {
            #expect(Self.captures.count == 21)
            let problems = try withTemporaryFolder { folder in
                twoAtATime(Self.captures) { Self.check($0.path, share: 0.05, in: folder, within: 20) }
            }
            for (capture, problem) in zip(Self.captures, problems) where problem.message != nil {
                Issue.record("\(capture.name), seed \(Self.seed): \(problem.message ?? "")")
            }
            print(
                "extracted: \(problems.reduce(0) { $0 + $1.packets }) packets of \(problems.reduce(0) { $0 + $1.flows }) flows"
            )
        }

        @Test(
            .timeLimit(.minutes(6)),
            .enabled(
                if: Program.installed("python3") != nil,
                "python3, which makes the capture, is not installed."
            )
        )
        func `are the originals of a large mix`() throws {
            let mixed = try #require(MixedCapture.shared)
            let result = try withTemporaryFolder { Self.check(mixed.path, share: 0.05, in: $0, within: 60) }
            #expect(result.message == nil, "seed \(Self.seed)")
            #expect(result.flows > 200)
            print("extracted: \(result.packets) packets of \(result.flows) flows of the mix")
        }

        struct Outcome: Sendable {
            var flows = 0
            var packets = 0
            var message: String?
        }

        /// Extracts a random share of a capture's flows, each with all flows of its tuple, and compares.
        static func check(_ path: String, share: Double, in folder: String, within seconds: Double) -> Outcome
        {
            let run = Run.of(path, in: folder, within: seconds, keepsData: true)
            defer { try? FileManager.default.removeItem(atPath: run.data) }
            guard run.ending.status == 0 else { return Outcome(message: run.ending.description) }
            var outcome = Outcome()
            do {
                let original = Dictionary(grouping: try CaptureFile(path).packets.filter { $0.tuple != nil })
                { $0.tuple }
                var ids: [Tuple: [UInt64]] = [:]
                for event in try run.events("flow") {
                    guard let tuple = event.tuple, let id = event.flow_id, original[tuple] != nil else {
                        continue
                    }
                    ids[tuple, default: []].append(id)
                }
                var random = SeededGenerator(state: seed)
                let sorted = ids.keys.sorted {
                    ($0.lower, $0.upper, $0.proto) < ($1.lower, $1.upper, $1.proto)
                }
                let chosen = sorted.shuffled(using: &random)
                    .prefix(max(1, Int((Double(ids.count) * share).rounded(.up))))
                for start in stride(from: 0, to: chosen.count, by: 50) {
                    let tuples = chosen[start..<min(start + 50, chosen.count)]
                    let flows = tuples.flatMap { ids[$0] ?? [] }
                    let file = folder + "/" + UUID().uuidString + ".pcapng"
                    defer { try? FileManager.default.removeItem(atPath: file) }
                    let expression =
                        flows.count == 1
                        ? "flow_id == \(flows[0])"
                        : "flow_id in (\(flows.map(String.init).joined(separator: ", ")))"
                    let ending = Program.run(
                        Program.beltway ?? "",
                        ["extract", "--data", run.data, "-w", file, expression],
                        within: seconds,
                        in: folder
                    )
                    guard ending.status == 0 else { return Outcome(message: ending.description) }
                    let extracted = Dictionary(grouping: try CaptureFile(file).packets) { $0.tuple }
                    for tuple in tuples {
                        let what = "\(tuple.proto) \(tuple.lower.text) \(tuple.upper.text)"
                        if let problem = `Stored packets`.difference(
                            original[tuple] ?? [],
                            extracted[tuple] ?? []
                        ) {
                            return Outcome(message: "\(what): \(problem)")
                        }
                        outcome.packets += extracted[tuple]?.count ?? 0
                    }
                    if extracted.count != tuples.count {
                        return Outcome(
                            message:
                                "packets of \(extracted.count) tuples came out, asked for \(tuples.count)"
                        )
                    }
                    outcome.flows += flows.count
                }
            } catch {
                outcome.message = "\(error)"
            }
            return outcome
        }
    }
}
