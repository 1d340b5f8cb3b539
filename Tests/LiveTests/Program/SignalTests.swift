// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    @Test(arguments: [SIGINT, SIGTERM])
    func `asked to stop, it takes what it was sent, writes it all and sums up`(signal: Int32) throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 2, to: folder)
        let program = try LiveProgram.start(["--queues", "2", "--data", folder / "data"], in: network)
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        let outcome = LiveProgram.stop(program, with: signal)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.json["packets"] as? Int == sent)
        for (name, ledger) in LiveProgram.ledgers(outcome.json) {
            #expect(ledger.published == ledger.read + ledger.lost, "\(name)")
        }
        let stored = try TemporaryFolder.segments(of: folder / "data").map { try LiveProgram.count($0) ?? -1 }
        #expect(stored.reduce(0, +) == sent)
        let packets = try LiveProgram.tuples(in: folder / "data").values.reduce(0) { $0 + $1.packets }
        #expect(packets == sent)
        let events = try String(contentsOfFile: folder / "data/eve.json", encoding: .utf8).split(
            separator: "\n"
        )
        #expect(events.contains { $0.contains("\"event_type\":\"stats\"") })
        #expect(events.count { $0.contains("\"event_type\":\"flow\"") } == outcome.json["flows"] as? Int)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `asked to stop while it reads a file, it drains what it has read`(signal: Int32) throws {
        let folder = TemporaryFolder()
        let capture = try LiveCaptures.write(rounds: 10, to: folder)
        let captures = Array(repeating: ["-r", capture], count: 200).flatMap(\.self)
        let program = try RunningProgram(
            [
                LiveProgram.path, "run", "--workers", "2", "--no-packets", "--summary", "json", "--data",
                folder / "data",
            ]
                + captures
        )
        #expect(program.waitFor("data directory"))
        usleep(400_000)
        program.signal(signal)
        let outcome = program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let packets = try #require(outcome.json["packets"] as? Int)
        #expect(packets > 0 && packets < 40_000 * 200)
        let ledgers = LiveProgram.ledgers(outcome.json)
        for (name, ledger) in ledgers {
            #expect(ledger.published == ledger.read && ledger.lost == 0, "\(name)")
        }
        #expect((ledgers["worker.0"]?.read ?? 0) + (ledgers["worker.1"]?.read ?? 0) == packets)
        #expect(try LiveProgram.tuples(in: folder / "data").values.reduce(0) { $0 + $1.packets } == packets)
    }

    @Test func `asked twice, it ends at once`() throws {
        let folder = TemporaryFolder()
        // Standard input that never brings anything: a reader that sleeps in `read` does not see the first signal.
        let pipe = folder / "input"
        #expect(mkfifo(pipe, 0o600) == 0)
        let writer = open(pipe, O_RDWR)
        defer { close(writer) }
        let program = try RunningProgram(
            [LiveProgram.path, "run", "-r", "-", "--data", folder / "data"],
            input: pipe
        )
        #expect(program.waitFor("data directory"))
        usleep(200_000)
        program.signal(SIGINT)
        usleep(500_000)
        program.signal(SIGINT)
        let outcome = program.wait(seconds: 30)
        #expect(!outcome.ranTooLong)
        #expect([0, 128 + SIGINT].contains(outcome.status), "\(outcome.status)")
    }
}
