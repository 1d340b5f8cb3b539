// SPDX-License-Identifier: Apache-2.0
// Several queues, several interfaces: who counts what, and who gets which packets.
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    /// What each ring's queue has received and dropped, by the summary.
    private func queues(_ summary: [String: Any]) -> [String: [String: Int]] {
        summary["queues"] as? [String: [String: Int]] ?? [:]
    }

    /// Runs with these options while frames are sent, and returns the summary.
    private func capture(
        _ options: [String],
        _ frames: [[UInt8]],
        in network: NetworkNamespace,
        to folder: TemporaryFolder
    ) throws -> (sent: Int, summary: [String: Any]) {
        let program = try LiveProgram.start(
            ["--no-packets", "--no-flows", "--no-eve", "--data", folder / "data"] + options,
            in: network
        )
        let sent = try network.run { try FrameSender(interface: "sender0").send(frames, perSecond: 10_000) }
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return (sent, outcome.json)
    }

    @Test func `fragments go to the worker of their datagrams, whichever queue they came by`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        // One pair of addresses: whole datagrams of many ports, and fragments, which have none or only the first.
        var frames: [[UInt8]] = []
        for number in 0..<400 {
            let (there, port) = (number % 2 == 0, UInt16(20_000 + number))
            let ethernet = PacketBuilder().ethernet()
            let (from, to) = there ? ("10.1.2.3", "10.9.8.7") : ("10.9.8.7", "10.1.2.3")
            frames.append(
                ethernet.ipv4(from: from, to: to).udp(from: port, to: 53).payload(
                    [UInt8](repeating: 1, count: 40)
                ).bytes
            )
            let identification = UInt16(number + 1)
            frames.append(
                ethernet.ipv4(from: from, to: to, identification: identification, moreFragments: true)
                    .udp(from: port, to: 53).payload([UInt8](repeating: 2, count: 16)).bytes
            )
            frames.append(
                ethernet.ipv4(
                    from: from,
                    to: to,
                    identification: identification,
                    fragmentOffset: 24,
                    ipProtocol: 17
                ).payload([UInt8](repeating: 3, count: 32)).bytes
            )
        }
        let (sent, summary) = try capture(
            ["--queues", "4", "--workers", "3"],
            frames,
            in: network,
            to: folder
        )
        #expect(sent == frames.count)
        let queues = queues(summary)
        #expect(queues.count == 4)
        #expect(queues.values.reduce(0) { $0 + ($1["received"] ?? 0) } == sent, "\(queues)")
        // The kernel spreads datagrams by their ports and fragments by addresses alone.
        #expect(queues.values.count { ($0["received"] ?? 0) > 0 } > 1, "\(queues)")
        let workers = LiveProgram.ledgers(summary).filter { $0.key.hasPrefix("worker.") }
        #expect(workers.count == 3)
        #expect(workers.values.map(\.read).sorted() == [0, 0, sent], "\(workers)")
    }

    @Test func `several interfaces at once, each with queues of its own, every queue counts for itself`()
        throws
    {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        for command in [
            "link add other0 type veth peer name other1", "link set other0 arp off up",
            "link set other1 arp off up",
        ] {
            try network.ip(command)
        }
        let frames = (0..<500).map { number in
            PacketBuilder().ethernet().ipv4(from: "10.1.0.\(number % 200 + 1)", to: "10.2.0.1")
                .udp(from: UInt16(30_000 + number), to: 53).payload([1, 2, 3]).bytes
        }
        let settings = try folder.write("pin: [0, 0, 0, 0, 0]\n", to: "pinned.yaml")
        let program = try LiveProgram.start(
            [
                "-i", "other0", "--queues", "2", "--no-packets", "--no-flows", "--no-eve", "-c", settings,
                "--data", folder / "data",
            ],
            in: network
        )
        let sent = try network.run {
            [
                try FrameSender(interface: "sender0").send(frames, perSecond: 10_000),
                try FrameSender(interface: "other1").send(Array(frames.prefix(300)), perSecond: 10_000),
            ]
        }
        #expect(sent == [500, 300])
        // Capture threads, named for their rings, run where the configuration wants them.
        let tasks = "/proc/\(program.pid)/task"
        var pinned: [String: String] = [:]
        for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
            let status = (try? String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8)) ?? ""
            let lines = status.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
            func value(_ name: String) -> String? { lines.first { $0.first == name }?.last }
            if let name = value("Name:") { pinned[name] = value("Cpus_allowed_list:") }
        }
        for ring in ["capture0.0", "capture0.1", "other0.0", "other0.1"] { #expect(pinned[ring] == "0") }
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let queues = queues(outcome.json)
        #expect(Set(queues.keys) == ["capture0.0", "capture0.1", "other0.0", "other0.1"])
        for (interface, count) in [("capture0", 500), ("other0", 300)] {
            let mine = [queues["\(interface).0"], queues["\(interface).1"]].compactMap { $0?["received"] }
            #expect(mine.count == 2 && mine.reduce(0, +) == count && mine.allSatisfy { $0 > 0 }, "\(queues)")
        }
        let received = (outcome.json["capture"] as? [String: Int])?["received"]
        #expect(received == 800)
    }

    @Test func `one queue for each processor, at most eight, when that is left to the program`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let frames = [PacketBuilder().ethernet().ipv4().udp(from: 1, to: 2).payload([1]).bytes]
        let (sent, summary) = try capture(["--queues", "auto"], frames, in: network, to: folder)
        let expected = min(8, ProcessInfo.processInfo.activeProcessorCount)
        #expect(queues(summary).count == expected)
        #expect((summary["capture"] as? [String: Int])?["received"] == sent)
    }

    @Test func `a sender at full speed: packets sent are packets received and dropped, read and lost`() throws
    {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let frames = (0..<200).map { number in
            PacketBuilder().ethernet().ipv4(from: "10.1.0.\(number + 1)", to: "10.2.0.1")
                .udp(from: UInt16(30_000 + number), to: 53).payload([UInt8](repeating: 7, count: number * 7))
                .bytes
        }
        let program = try LiveProgram.start(
            ["--queues", "2", "--ring", "8MiB", "--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        let tap = try RunningProgram([LiveProgram.path, "tap", "--data", data, "-w", "/dev/null"])
        #expect(tap.waitFor("tapping"))
        let sent = try network.run {
            let sender = try FrameSender(interface: "sender0")
            var sent = 0
            for _ in 0..<1_500 { for frame in frames where sender.send(frame) { sent += 1 } }
            return sent
        }
        let outcome = LiveProgram.stop(program)
        let capture = outcome.json["capture"] as? [String: Int] ?? [:]
        let (received, dropped) = (capture["received"] ?? -1, capture["dropped"] ?? -1)
        #expect(received + dropped == sent && sent > 0, "\(sent) sent, \(capture)")
        let queues = queues(outcome.json)
        #expect(queues.values.reduce(0) { $0 + ($1["received"] ?? 0) } == received)
        #expect(queues.values.reduce(0) { $0 + ($1["dropped"] ?? 0) } == dropped)
        let ledgers = LiveProgram.ledgers(outcome.json)
        for (name, ledger) in ledgers {
            #expect(ledger.published == ledger.read + ledger.lost, "\(name): \(ledger)")
        }
        #expect(ledgers["statistics"]?.published == received)
        #expect(ledgers["tap.\(tap.pid)"]?.published == received)
        let workers = ledgers.filter { $0.key.hasPrefix("worker.") }
        #expect(workers.values.reduce(0) { $0 + $1.published } == received)
        let end = tap.wait()
        #expect(end.status == 0, "\(end.errors)")
    }

    @Test func `a capture that stood still: its status tells what the kernel dropped, queue by queue`() throws
    {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let frames = (0..<200).map { number in
            PacketBuilder().ethernet().ipv4(from: "10.1.0.\(number + 1)", to: "10.2.0.1")
                .udp(from: UInt16(30_000 + number), to: 53).payload([UInt8](repeating: 7, count: 1_400)).bytes
        }
        let program = try LiveProgram.start(
            ["--queues", "2", "--ring", "8MiB", "--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        // More than the kernel's rings hold, while nobody empties them.
        program.signal(SIGSTOP)
        let sent = try network.run {
            let sender = try FrameSender(interface: "sender0")
            var sent = 0
            for _ in 0..<1_000 { for frame in frames where sender.send(frame) { sent += 1 } }
            return sent
        }
        program.signal(SIGCONT)
        var rings: [String: (received: Int, dropped: Int)] = [:]
        let deadline = Date().addingTimeInterval(20)
        repeat {
            usleep(100_000)
            let status = try BeltwayProgram.run(["status", "--data", data, "--format", "json"]).json
            for ring in status["rings"] as? [[String: Any]] ?? [] {
                guard let name = ring["name"] as? String else { continue }
                rings[name] = (ring["packets"] as? Int ?? 0, ring["dropped"] as? Int ?? 0)
            }
        } while rings.values.reduce(0, { $0 + $1.received + $1.dropped }) < sent && Date() < deadline
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let queues = queues(outcome.json)
        #expect(Set(rings.keys) == Set(queues.keys) && rings.count == 2)
        for (name, ring) in rings {
            #expect(ring.received == queues[name]?["received"] && ring.dropped == queues[name]?["dropped"])
        }
        #expect(rings.values.reduce(0) { $0 + $1.received + $1.dropped } == sent, "\(sent) sent, \(rings)")
        #expect(rings.values.reduce(0) { $0 + $1.dropped } > 0, "\(rings)")
    }
}
