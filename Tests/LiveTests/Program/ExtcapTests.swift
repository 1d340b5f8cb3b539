// SPDX-License-Identifier: Apache-2.0
// Wireshark's command line on the rings of a live capture, as on an interface of its own.
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    /// tshark of a user who may not capture, with our script among its extcap programs. (root's ignores the variable.)
    func tshark(_ folder: TemporaryFolder, _ arguments: [String]) -> [String] {
        [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env",
            "WIRESHARK_EXTCAP_DIR=\(folder / "extcap")", "HOME=\(folder / "nobody")", "tshark",
        ] + arguments
    }

    /// Installs our script where ``tshark(_:_:)`` looks for it.
    ///
    /// - Returns: The configuration file of a capture whose rings that user may read.
    func installExtcap(in folder: TemporaryFolder, on data: String) throws -> String {
        // A copy, since nobody else may look into the folder that it was built in.
        let copy = folder / "beltway"
        try #require(try LiveProgram.tool(["cp", LiveProgram.path, copy]).status == 0)
        let made = try LiveProgram.tool([copy, "extcap", "--install", folder / "extcap", "--data", data])
        #expect(made.status == 0, "\(made.errors)")
        return try folder.write("sharing: {users: [65534]}\n", to: "shared.yaml")
    }

    /// What lines of `tshark -T fields` say, one packet each.
    private func packets(_ outcome: ProgramOutcome) -> [[Substring]] {
        outcome.output.split(separator: "\n").map { $0.split(separator: "\t") }
    }

    @Test(.enabled(if: isInstalled("tshark"), "tshark is not installed."))
    func `tshark captures from a ring as from an interface, by its own filters and ours`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 2, to: folder)
        let settings = try installExtcap(in: folder, on: data)
        let before = try LiveProgram.tool(tshark(folder, ["-D"]))
        #expect(!before.output.contains("beltway"), "\(before.output)")

        let program = try LiveProgram.start(
            ["-c", settings, "--queues", "2", "--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        let listed = try LiveProgram.tool(tshark(folder, ["-D"]))
        #expect(
            listed.output.contains("beltway:capture0 (Beltway: capture0, 2 queues merged)"),
            "\(listed.output)\(listed.errors)"
        )
        let linkTypes = try LiveProgram.tool(tshark(folder, ["-i", "beltway:capture0", "-L"]))
        #expect((linkTypes.output + linkTypes.errors).contains("EN10MB (Ethernet)"), "\(linkTypes)")

        let fields = [
            "-n", "-l", "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "ip.proto",
        ]
        let all = try RunningProgram(
            tshark(folder, ["-i", "beltway:capture0", "-c", "3000"] + fields)
        )
        let datagrams = try RunningProgram(
            tshark(folder, ["-i", "beltway:capture0", "-f", "udp and ip", "-c", "500"] + fields)
        )
        let oneQueue = try RunningProgram(
            tshark(
                folder,
                [
                    "-o", "extcap.beltway_capture0.ring:capture0.1", "-i", "beltway:capture0", "-c", "100",
                ] + fields
            )
        )
        func readers(_ ring: Int) throws -> Int {
            let status = try BeltwayProgram.run(["status", "--data", data, "--format", "json"])
            let rings = status.json["rings"] as? [[String: Any]] ?? []
            return (rings[ring]["readers"] as? [[String: Any]] ?? []).count
        }
        let deadline = Date().addingTimeInterval(30)
        while try readers(0) < 2 || readers(1) < 3, Date() < deadline { usleep(50_000) }
        #expect(try [readers(0), readers(1)] == [2, 3])
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)

        let outcomes = [all.wait(seconds: 30), datagrams.wait(seconds: 30), oneQueue.wait(seconds: 30)]
        for outcome in outcomes { #expect(outcome.status == 0 && !outcome.ranTooLong, "\(outcome.errors)") }
        #expect(outcomes.map { packets($0).count } == [3000, 500, 100])
        let times = packets(outcomes[0]).compactMap { Double($0[0]) }
        #expect(times.count == 3000 && times == times.sorted())
        #expect(packets(outcomes[1]).allSatisfy { $0.count == 3 && $0[2] == "17" })
        // tshark tells each of its extcap programs to stop: none is left at a ring.
        while try readers(0) + readers(1) > 0, Date() < deadline { usleep(50_000) }
        #expect(try readers(0) + readers(1) == 0)

        let outcome = LiveProgram.stop(program)
        #expect(outcome.json["packets"] as? Int == sent)
    }

    @Test func `an extcap capture ends with its reader, and a pipe that nobody reads with a signal`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let program = try LiveProgram.start(
            ["--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        #expect(try LiveProgram.tool(["mkfifo", folder / "read", folder / "unread"]).status == 0)
        func start(_ pipe: String) throws -> RunningProgram {
            try RunningProgram([
                LiveProgram.path, "extcap", "--data", data, "--capture", "--extcap-interface",
                "beltway:capture0", "--fifo", folder / pipe, "--snap", "60",
            ])
        }
        let reader = try RunningProgram(["sh", "-c", "head -c 4000 '\(folder / "read")' | wc -c"])
        let (read, unread) = (try start("read"), try start("unread"))
        usleep(2_000_000)
        #expect(unread.isRunning)
        unread.signal(SIGTERM)
        let ended = unread.wait()
        #expect(ended.status == 0 && !ended.ranTooLong && ended.errors.isEmpty, "\(ended)")
        _ = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        let outcome = read.wait()
        #expect(outcome.status == 0 && !outcome.ranTooLong && outcome.errors.isEmpty, "\(outcome)")
        #expect(reader.wait().output.split(separator: "\n") == ["4000"])
        #expect(LiveProgram.stop(program).status == 0)
    }
}
