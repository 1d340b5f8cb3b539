// SPDX-License-Identifier: Apache-2.0
// Other processes on the rings of a live capture: the issue's own scenes.
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    private func tap(_ data: String, _ arguments: [String]) throws -> RunningProgram {
        let tap = try RunningProgram([LiveProgram.path, "tap", "--data", data] + arguments)
        try #require(tap.waitFor("tapping"), "it did not attach: \(tap.errors)")
        return tap
    }

    /// Packets of a capture without their times, sorted; what tcpdump makes of them.
    private func packets(_ capture: String, _ filter: String = "") throws -> [Substring] {
        let command =
            ["tcpdump", "-Z", "root", "-n", "-t", "-xx", "-r", capture] + (filter.isEmpty ? [] : [filter])
        let text = try LiveProgram.tool(command).output
        // A packet is a line that does not begin with white space, and the lines with its bytes.
        return text.replacing("\n\t", with: " ").split(separator: "\n").sorted()
    }

    /// `eth0.0: 12 published = 10 read + 2 lost` of every ring, added up.
    private func ledger(_ outcome: ProgramOutcome) -> (published: Int, read: Int, lost: Int) {
        var sum = (published: 0, read: 0, lost: 0)
        for line in outcome.errorLines where line.contains(" published = ") {
            let numbers = line.split { !$0.isNumber && $0 != "." }.compactMap { Int($0) }.suffix(3)
            guard numbers.count == 3 else { continue }
            let first = numbers.startIndex
            sum.published += numbers[first]
            sum.read += numbers[first + 1]
            sum.lost += numbers[first + 2]
        }
        return sum
    }

    @Test func `a trace of a running instance tells what happened on the flows it was asked for`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let expected = try BeltwayProgram.run(["trace", "-r", capture, "--format", "json", "packets > 0"])
        let program = try LiveProgram.start(["--data", data], in: network)
        let trace = try RunningProgram(
            [LiveProgram.path, "trace", "--data", data, "--format", "json", "packets > 0"]
        )
        try #require(trace.waitFor("following"), "it did not attach: \(trace.errors)")
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let traced = trace.wait()
        #expect(traced.status == 0, "\(traced.errors)")
        let sum = ledger(traced)
        #expect(sum.published == sent && sum.read == sent && sum.lost == 0, "\(traced.errors)")
        /// What happened on which flow, how often; times and ids are the network's.
        func happened(_ outcome: ProgramOutcome) throws -> [String: Int] {
            var counts: [String: Int] = [:]
            for line in outcome.output.split(separator: "\n") {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
                let event = (object["trace"] as? [String: Any])?["event"] as? String ?? "?"
                counts["\(event) \(object["community_id"] ?? "")", default: 0] += 1
            }
            return counts
        }
        let (live, file) = (try happened(traced), try happened(expected))
        #expect(live == file)
        #expect(live.keys.contains { $0.hasPrefix("begin ") } && live.keys.contains { $0.hasPrefix("end ") })
    }

    @Test(.enabled(if: isInstalled("tshark"), "tshark is not installed."))
    func `two taps and tshark see each packet once, in order, whole, and the run accounts for them`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 2, to: folder)
        let program = try LiveProgram.start(["--queues", "2", "--data", data], in: network)
        let rings = try BeltwayProgram.run(["rings", "--data", data, "--format", "json"])
        let listed = rings.json["rings"] as? [[String: Any]] ?? []
        #expect(listed.map { $0["name"] as? String } == ["capture0.0", "capture0.1"], "\(rings.errors)")

        let everything = try tap(data, ["-w", folder / "tap.pcapng"])
        let datagrams = try tap(data, ["--ring", "capture0", "udp"])
        let shark = try RunningProgram([
            "sh", "-c", "\"$0\" tap --data \"$1\" -w - | tshark -n -r - -T fields -e frame.time_epoch",
            LiveProgram.path, data,
        ])
        #expect(shark.waitFor("tapping"))
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        usleep(300_000)
        let status = try BeltwayProgram.run(["status", "--data", data, "--format", "json"])
        let ringStatus = status.json["rings"] as? [[String: Any]] ?? []
        let readers = ringStatus.compactMap { $0["readers"] as? [[String: Any]] }
        #expect(readers.map(\.count) == [3, 3], "\(status.errors)")
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")

        let taps = [everything.wait(), datagrams.wait(), shark.wait()]
        for tap in taps {
            #expect(tap.status == 0, "\(tap.errors)")
            let sum = ledger(tap)
            #expect(sum.published == sent && sum.read == sent && sum.lost == 0, "\(tap.errors)")
        }
        // Byte for byte what was sent, and in order of time.
        #expect(try packets(folder / "tap.pcapng") == packets(capture))
        for times in [
            try LiveProgram.tool(["tcpdump", "-n", "-tt", "-r", folder / "tap.pcapng"]).output,
            taps[2].output,
        ] {
            let stamps = times.split(separator: "\n").compactMap { Double($0.prefix { $0 != " " }) }
            #expect(stamps.count == sent && stamps == stamps.sorted())
        }
        #expect(
            taps[1].output.split(separator: "\n").count == (try LiveProgram.count(capture, filter: "udp"))
        )
        #expect(
            taps[1].output.split(separator: "\n").allSatisfy {
                $0.contains(" capture0 ") && $0.contains(" UDP ")
            }
        )

        let ledgers = LiveProgram.ledgers(outcome.json).filter { $0.key.hasPrefix("tap.") }
        #expect(ledgers.count == 3 && ledgers.keys.contains("tap.\(everything.pid)"))
        for (name, ledger) in ledgers {
            #expect(ledger.published == ledger.read + ledger.lost && ledger.read == sent, "\(name)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: data + "/run").filter {
            $0.contains(".")
        }
        #expect(left.isEmpty)
    }

    @Test func `a tap ends after as many packets as asked for, cut as asked for, or when nobody reads on`()
        throws
    {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let program = try LiveProgram.start(
            ["--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        let counted = try tap(data, ["--count", "100", "--snap", "60", "-w", folder / "cut.pcapng", "tcp"])
        let head = try RunningProgram([
            "sh", "-c", "\"$0\" tap --data \"$1\" | head -1", LiveProgram.path, data,
        ])
        #expect(head.waitFor("tapping"))
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        let outcomes = [counted.wait(), head.wait()]
        #expect(outcomes.allSatisfy { $0.status == 0 && !$0.ranTooLong }, "\(outcomes)")
        #expect(outcomes[1].output.split(separator: "\n").count == 1)
        #expect(try LiveProgram.count(folder / "cut.pcapng") == 100)
        // 100 records of 60 bytes and what goes round them: most of what was sent is longer.
        let size = try FileManager.default.attributesOfItem(atPath: folder / "cut.pcapng")[.size] as? Int
        #expect((size ?? 0) > 100 * 92 && (size ?? 0) < 100 * 104 + 512)
        let outcome = LiveProgram.stop(program)
        #expect(outcome.json["packets"] as? Int == sent)
        let refused = try BeltwayProgram.run(["tap", "--data", data])
        #expect(
            refused.status == 1 && refused.errors == "beltway: no instance runs in \(data)\n",
            "\(refused.errors)"
        )
    }

    @Test func `a tap that is stopped or killed costs nobody a packet, and its own loss is known`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 10, to: folder)
        let program = try LiveProgram.start(
            ["--no-packets", "--no-flows", "--no-eve", "--ring", "8MiB", "--data", data],
            in: network
        )
        let steady = try tap(data, ["-w", "/dev/null"])
        let stopped = try tap(data, ["-w", "/dev/null"])
        let killed = try tap(data, ["-w", "/dev/null"])
        stopped.signal(SIGSTOP)
        killed.signal(SIGKILL)
        // Several times what the ring holds.
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 15_000)
        // Until nothing more comes: what was sent is received or dropped.
        var (rings, known, status) = ([[String: Any]](), -1, "")
        for _ in 0..<40 where known < sent {
            usleep(500_000)
            let outcome = try BeltwayProgram.run(["status", "--data", data, "--format", "json"])
            (rings, status) = (outcome.json["rings"] as? [[String: Any]] ?? [], outcome.output)
            let received = rings.first?["packets"] as? Int ?? 0
            if received == known { break }
            known = received
        }
        let readers = rings.first?["readers"] as? [[String: Any]] ?? []
        #expect(readers.count == 2)
        let behind = readers.first { $0["pid"] as? Int == Int(stopped.pid) }
        let received = ((rings.first?["packets"] as? Int) ?? 0)
        #expect(behind?["behind_packets"] as? Int == received, "\(status)")
        stopped.signal(SIGCONT)
        usleep(500_000)
        let outcome = LiveProgram.stop(program)
        let dropped = (outcome.json["capture"] as? [String: Int])?["dropped"] ?? -1
        #expect(received + dropped == sent)
        let (good, bad) = (ledger(steady.wait()), ledger(stopped.wait()))
        #expect(good.published == received && good.read == received && good.lost == 0, "\(good)")
        #expect(bad.published == received && bad.read + bad.lost == received && bad.lost > 0, "\(bad)")
        let ledgers = LiveProgram.ledgers(outcome.json)
        #expect(ledgers["tap.\(stopped.pid)"]?.lost == bad.lost)
        #expect(ledgers["statistics"]?.lost == 0 && ledgers["statistics"]?.read == received)
        #expect(killed.wait().status == 128 + SIGKILL)
    }

    @Test func `a run that is killed ends its taps with a message, and the next one can be tapped`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let options = ["--no-packets", "--no-flows", "--no-eve", "--data", data]
        let first = try LiveProgram.start(options, in: network)
        let orphan = try tap(data, ["-w", folder / "orphan.pcapng"])
        first.signal(SIGKILL)
        #expect(first.wait().status == 128 + SIGKILL)
        let outcome = orphan.wait()
        #expect(
            outcome.status == 1 && outcome.errors.contains("its capture died: capture0.0"),
            "\(outcome.errors)"
        )
        #expect(try LiveProgram.count(folder / "orphan.pcapng") == 0)
        // Its socket is still there: nobody listens at it, and the next run takes its place.
        #expect(FileManager.default.fileExists(atPath: data + "/run/capture0.0"))
        let second = try LiveProgram.start(options, in: network)
        let next = try tap(data, ["--count", "1"])
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        _ = try LiveProgram.replay(capture, in: network, perSecond: 10_000, limit: 10)
        #expect(next.wait().status == 0)
        #expect(LiveProgram.stop(second).status == 0)
    }

    @Test func `who is outside the policy may not tap, and whom it names may`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        // A copy, since nobody else may look into the folder that it was built in.
        let copy = folder / "beltway"
        try #require(try RunningProgram(["cp", LiveProgram.path, copy]).wait().status == 0)
        let nobody = [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "rings", "--data", data,
        ]
        let settings = try folder.write("sharing: {users: [65534]}\n", to: "shared.yaml")
        for (options, status) in [([], 1), (["-c", settings], 0)] as [([String], Int32)] {
            let program = try LiveProgram.start(
                options + ["--no-packets", "--no-flows", "--no-eve", "--data", data],
                in: network
            )
            let outcome = try RunningProgram(nobody).wait()
            #expect(outcome.status == status, "\(outcome.errors)")
            if status != 0 { #expect(outcome.errors.contains("its owner lets in neither this user")) }
            #expect(LiveProgram.stop(program).status == 0)
        }
        let off = try folder.write("sharing: off\n", to: "off.yaml")
        let program = try LiveProgram.start(["-c", off, "--no-packets", "--data", data], in: network)
        let outcome = try BeltwayProgram.run(["tap", "--data", data])
        #expect(outcome.status == 1 && outcome.errors.contains("no ring is shared"), "\(outcome.errors)")
        #expect(LiveProgram.stop(program).status == 0)
    }
}
