// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    /// One replay into two queues.
    private struct Replayed {
        var sent = 0
        var rate = 0
        var outcome: ProgramOutcome
        var data: TemporaryFolder
        var dropped: Int { (outcome.json["capture"] as? [String: Int])?["dropped"] ?? -1 }
        var received: Int { (outcome.json["capture"] as? [String: Int])?["received"] ?? -1 }
    }

    private func replay(_ capture: String, perSecond rate: Int) throws -> Replayed {
        let network = try LiveProgram.network()
        let data = TemporaryFolder()
        let program = try LiveProgram.start(
            ["--queues", "2", "--workers", "2", "--data", data.path],
            in: network
        )
        let sent = try LiveProgram.replay(capture, in: network, perSecond: rate)
        return Replayed(sent: sent, rate: rate, outcome: LiveProgram.stop(program), data: data)
    }

    @Test
    func `takes 200,000 packets at 50,000 a second without losing one, and counts what it counts offline`()
        throws
    {
        let folder = TemporaryFolder()
        let capture =
            try LiveCaptures.mixed(packets: 200_000, in: folder)
            ?? LiveCaptures.write(rounds: 50, to: folder)
        var run = try replay(capture, perSecond: 50_000)
        if run.dropped > 0 {
            // The kernel drops when other work keeps the capture threads from the processors for long.
            print(
                "The machine is busy: the kernel dropped \(run.dropped) of \(run.sent) packets at \(run.rate) a "
                    + "second; once more at 15,000."
            )
            run = try replay(capture, perSecond: 15_000)
        }
        let summary = run.outcome.json
        #expect(run.outcome.status == 0, "\(run.outcome.errors)")
        #expect(run.sent == 200_000)
        #expect(run.received == run.sent)
        #expect(summary["packets"] as? Int == run.sent)
        #expect(run.dropped == 0)
        #expect(summary["truncated"] as? Int == 0)
        #expect(summary["facts_dropped"] as? Int == 0)
        let ledgers = LiveProgram.ledgers(summary)
        #expect(Set(ledgers.keys) == ["worker.0", "worker.1", "statistics", "logger"])
        for (name, ledger) in ledgers {
            #expect(ledger.lost == 0, "\(name)")
            #expect(ledger.published == ledger.read, "\(name)")
        }
        #expect(ledgers["statistics"]?.read == run.sent)
        #expect(ledgers["logger"]?.read == run.sent)
        #expect((ledgers["worker.0"]?.read ?? 0) + (ledgers["worker.1"]?.read ?? 0) == run.sent)

        let offline = TemporaryFolder()
        let again = try BeltwayProgram.run(
            ["run", "-r", capture, "--data", offline.path, "--no-packets", "--no-eve", "--summary", "json"])
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.json["bytes"] as? Int == summary["bytes"] as? Int)
        let (live, file) = (
            try LiveProgram.tuples(in: run.data.path), try LiveProgram.tuples(in: offline.path)
        )
        #expect(live.count > 1_000)
        let different = Set(live.keys).union(file.keys).filter { live[$0] != file[$0] }
        #expect(
            different.isEmpty,
            "\(different.count) of \(file.count), such as \(different.sorted().prefix(3))"
        )

        try checkQueues(run.data, packets: run.sent, tuples: live, tunnelled: tunnels(in: capture))
    }

    @Test func `counts the same flows when the capture thread calls worker and statistics itself`() throws {
        let folder = TemporaryFolder()
        let capture = try LiveCaptures.write(rounds: 2, to: folder)
        let network = try LiveProgram.network()
        let called = try folder.write("pipeline: {worker: called, statistics: called}", to: "called.yaml")
        let program = try LiveProgram.start(["-c", called, "--data", folder / "live"], in: network)
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 5_000)
        // Packets first, then silence, in which time goes on all the same.
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.json["packets"] as? Int == sent)
        let ledgers = LiveProgram.ledgers(outcome.json)
        #expect(Set(ledgers.keys) == ["worker.0", "statistics", "logger"])
        for (name, ledger) in ledgers {
            #expect(ledger.read == sent, "\(name)")
            #expect(ledger.lost == 0, "\(name)")
        }
        let offline = try BeltwayProgram.run(
            ["run", "-r", capture, "--data", folder / "file", "--no-packets", "--no-eve"]
        )
        #expect(offline.status == 0, "\(offline.errors)")
        #expect(try LiveProgram.tuples(in: folder / "live") == LiveProgram.tuples(in: folder / "file"))
    }

    private func tunnels(in capture: String) -> TunnelledPackets {
        var tunnels = TunnelledPackets()
        for packet in Corpus.packets(ofPcap: capture) {
            _ = tunnels.add(packet.bytes, linkType: packet.linkType)
        }
        return tunnels
    }

    /// Both directions of each flow are in one queue, and the queues together hold what was sent.
    ///
    /// Flows in tunnels are left out: the kernel spreads packets by their outer ends, of which one is often a number
    /// that each direction makes up for itself. (Workers get them by their inner ends.)
    private func checkQueues(
        _ data: TemporaryFolder,
        packets: Int,
        tuples: [String: LiveProgram.Tuple],
        tunnelled: TunnelledPackets
    ) throws {
        func isPlain(_ tuple: String) -> Bool {
            let words = tuple.split(separator: " ")
            return !tunnelled.inner.contains(
                [String(words[words.count - 3]), String(words[words.count - 1])].sorted()
            )
        }
        var stored = 0
        var queues: [Set<String>] = []
        for queue in 0..<2 {
            let segments = data.files(endingWith: ".pcapng", below: "packets/capture0.\(queue)")
            let counts = try segments.map { try LiveProgram.count($0) ?? -1_000_000 }
            #expect(counts.reduce(0, +) > packets / 10, "queue \(queue) has its share")
            stored += counts.reduce(0, +)
            let analysed = TemporaryFolder()
            let outcome = try BeltwayProgram.run(
                ["run", "--data", analysed.path, "--no-packets", "--no-eve"]
                    + segments.flatMap { ["-r", $0] }
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            let tuples = try LiveProgram.tuples(in: analysed.path)
            queues.append(Set(tuples.filter { $0.value.packets > 0 && isPlain($0.key) }.keys))
        }
        #expect(stored == packets)
        #expect(queues[0].isDisjoint(with: queues[1]))
        #expect(
            queues[0].union(queues[1]) == Set(tuples.filter { $0.value.packets > 0 && isPlain($0.key) }.keys)
        )
        let apart = queues[0].filter { queues[1].contains(Self.reversed($0)) }
        #expect(apart.isEmpty, "\(apart.count) flows are in both queues, such as \(apart.sorted().prefix(3))")
    }

    /// The other direction of a tuple's text.
    private static func reversed(_ tuple: String) -> String {
        let words = tuple.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 3 else { return tuple }
        return (words.dropLast(3) + [words[words.count - 1], ">", words[words.count - 3]]).joined(
            separator: " "
        )
    }
}
