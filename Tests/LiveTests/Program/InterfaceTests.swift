// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    private static let frames = (0..<100).map { number in
        PacketBuilder().ethernet().ipv4().udp(from: UInt16(30_000 + number), to: 53).payload("question").bytes
    }

    private func send(in network: NetworkNamespace) throws -> Int {
        try network.run { try FrameSender(interface: "sender0").send(Self.frames, perSecond: 5_000) }
    }

    @Test func `an interface that goes down and comes up again is captured on`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let program = try LiveProgram.start(["--data", folder / "data"], in: network)
        var sent = try send(in: network)
        usleep(100_000)
        try network.ip("link set capture0 down")
        usleep(300_000)
        #expect(program.isRunning, "\(program.errors)")
        try network.ip("link set capture0 up")
        usleep(100_000)
        sent += try send(in: network)
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(sent == 200)
        #expect(outcome.json["packets"] as? Int == sent)
    }

    @Test func `an interface that is deleted ends the capture with a sentence and status 1`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let program = try LiveProgram.start(["--queues", "2", "--data", folder / "data"], in: network)
        let sent = try send(in: network)
        usleep(300_000)
        try network.ip("link del capture0")
        let outcome = program.wait(seconds: 10)
        #expect(!outcome.ranTooLong)
        #expect(outcome.status == 1)
        #expect(outcome.json["packets"] as? Int == sent)
        #expect(
            outcome.errorLines.count { $0.contains("interface capture0 is gone") } == 1,
            "\(outcome.errors)"
        )
        #expect(try LiveProgram.tuples(in: folder / "data").values.reduce(0) { $0 + $1.packets } == sent)
    }

    @Test func `an unknown interface is named, with those there are`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let outcome = try network.run {
            try BeltwayProgram.run(["run", "-i", "capture9", "--data", folder / "data"])
        }
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        let line = try #require(outcome.errorLines.last)
        #expect(line.hasPrefix("beltway: no interface capture9; there are: "))
        #expect(line.contains("capture0") && line.contains("sender0"))
        #expect(
            !FileManager.default.fileExists(atPath: folder / "data"),
            "nothing was made before it was found out"
        )
    }

    @Test func `without permission, the command that grants it is named`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        // A copy, since nobody else may look into the folder that it was built in. Made by cp: a descriptor of ours that
        // is open for writing may be inherited by a program that another test starts, and the copy is busy then.
        let program = folder / "beltway"
        let copied = try RunningProgram(["cp", LiveProgram.path, program]).wait()
        try #require(copied.status == 0)
        chmod(folder.path, 0o777)
        let outcome = try network.run {
            try RunningProgram(
                [
                    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "run", "-i",
                    "capture0",
                    "--data", folder / "data",
                ]
            ).wait()
        }
        #expect(outcome.status == 1)
        #expect(
            outcome.errorLines.last
                == "beltway: no permission to capture on capture0; grant it: sudo setcap cap_net_raw,cap_net_admin+ep "
                + program,
            "\(outcome.errors)"
        )
    }
}
