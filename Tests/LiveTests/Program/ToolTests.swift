// SPDX-License-Identifier: Apache-2.0
// Each option of tcpdump's, and each other tool, on a live capture: what it shows is what it shows of a file.
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    @Test(.enabled(if: UnmodifiedTools.isBuilt, UnmodifiedTools.absence))
    func `tcpdump's options mean on a ring what they mean on an interface`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let program = try LiveProgram.start(["--no-packets", "--no-eve", "--data", data], in: network)
        // The ring's own order of packets, which everybody else must have too.
        let tap = try RunningProgram(
            [LiveProgram.path, "tap", "--data", data, "-w", folder / "ring.pcapng"]
        )
        try #require(tap.waitFor("tapping"), "\(tap.errors)")
        var readers = 1
        func tcpdump(_ arguments: [String]) throws -> RunningProgram {
            readers += 1
            let command = ["tcpdump", "-n", "-i", "beltway:capture0"] + arguments
            return try UnmodifiedTools.start(command, on: data, readers: readers)
        }
        let parts = try tcpdump(["-Z", "root", "-G", "1", "-w", folder / "part-%s.pcap"])
        let cut = try tcpdump(["-Z", "root", "-s", "64", "-w", folder / "cut.pcap"])
        let nano = try tcpdump(
            ["-Z", "root", "--time-stamp-precision=nano", "-w", folder / "nano.pcap"]
        )
        let text = try tcpdump(["-Z", "nobody", "-l", "-t", "udp"])
        let first = try tcpdump(["-Z", "root", "-c", "10", "-w", folder / "first.pcap"])
        let quick = try tcpdump(["--immediate-mode", "-l", "-c", "1"])

        let sent = try LiveProgram.replay(capture, in: network, perSecond: 2_500)
        #expect(quick.wait().output.split(separator: "\n").count == 1)
        #expect(first.wait().status == 0)
        try UnmodifiedTools.wait(until: sent, on: data)
        // -l: every line is there before the program ends.
        let datagrams = try LiveProgram.count(capture, filter: "udp") ?? 0
        let end = Date().addingTimeInterval(20)
        while Date() < end, text.output.split(separator: "\n").count < datagrams { usleep(50_000) }
        let lines = text.output
        #expect(Self.user(of: text.pid) != 0, "-Z nobody")
        for tool in [tap, parts, cut, nano, text] { tool.signal(SIGINT) }
        for tool in [parts, cut, nano] {
            let errors = tool.wait().errors
            #expect(errors.contains("\(sent) packets captured"), "\(errors)")
            #expect(errors.contains("\(sent) packets received by filter"), "\(errors)")
            #expect(errors.contains("\n0 packets dropped by kernel"), "\(errors)")
        }
        #expect(text.wait().errors.contains("\(datagrams) packets captured"))
        #expect(tap.wait().status == 0)
        #expect(LiveProgram.stop(program).status == 0)

        let ring = folder / "ring.pcapng"
        let whole = try UnmodifiedTools.packets(ring)
        #expect(try whole.count == sent && whole.sorted() == UnmodifiedTools.packets(capture).sorted())
        #expect(try UnmodifiedTools.packets(folder / "nano.pcap") == whole)
        #expect(try UnmodifiedTools.times(folder / "nano.pcap") == UnmodifiedTools.times(ring))
        #expect(try UnmodifiedTools.packets(folder / "first.pcap") == Array(whole.prefix(10)))
        let files = folder.files(endingWith: ".pcap").filter { $0.contains("part-") }.sorted()
        #expect(files.count > 1, "\(files)")
        #expect(try files.flatMap { try UnmodifiedTools.packets($0) } == whole)
        let again = ["tcpdump", "-Z", "root", "-n", "-t", "-r", ring, "udp"]
        #expect(try LiveProgram.tool(again).output == lines)
        let originals = Corpus.packets(ofPcap: folder / "nano.pcap")
        let shortened = Corpus.packets(ofPcap: folder / "cut.pcap")
        #expect(shortened.map(\.bytes) == originals.map { Array($0.bytes.prefix(64)) })
        #expect(shortened.map(\.originalLength) == originals.map(\.originalLength))
    }

    /// Who a process runs as.
    private static func user(of process: pid_t) -> Int? {
        let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("Uid:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
    }

    /// Handshakes for p0f, datagrams with a word in them for ngrep.
    private static func conversations(in folder: TemporaryFolder) throws -> String {
        var pcap = PcapBuilder()
        for number in 0..<100 {
            let (client, server) = ("10.3.0.\(number + 1)", "10.4.0.1")
            let port = UInt16(30_000 + number)
            func frame(_ isAnswer: Bool) -> PacketBuilder {
                PacketBuilder().ethernet(
                    from: [2, 0, 0, 0, 0, isAnswer ? 2 : 1],
                    to: [2, 0, 0, 0, 0, isAnswer ? 1 : 2]
                ).ipv4(from: isAnswer ? server : client, to: isAnswer ? client : server)
            }
            let segment: [UInt8] = [2, 4, 5, 0xb4]
            pcap.add(frame(false).tcp(from: port, to: 80, flags: [.syn], options: segment).bytes)
            pcap.add(
                frame(true).tcp(
                    from: 80,
                    to: port,
                    acknowledgement: 2,
                    flags: [.syn, .ack],
                    options: segment
                )
                .bytes
            )
            pcap.add(frame(false).udp(from: port, to: 53).payload(Array("beltway \(number)".utf8)).bytes)
        }
        return try folder.write(pcap.bytes, to: "conversations.pcap")
    }

    @Test(
        .enabled(if: UnmodifiedTools.isBuilt, UnmodifiedTools.absence),
        .enabled(
            if: ["ngrep", "p0f", "softflowd", "softflowctl", "argus"].allSatisfy { isInstalled($0) },
            "ngrep, p0f, softflowd or argus is not installed."
        )
    )
    func `ngrep, p0f, softflowd and argus see what they see in a file`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try Self.conversations(in: folder)
        let program = try LiveProgram.start(["--no-packets", "--no-eve", "--data", data], in: network)
        let found = try UnmodifiedTools.start(
            ["ngrep", "-q", "-W", "single", "-d", "beltway:capture0", "beltway", "udp"],
            on: data,
            readers: 1
        )
        let fingerprints = try UnmodifiedTools.start(
            ["p0f", "-i", "beltway:capture0", "-o", folder / "live.log"],
            on: data,
            readers: 2
        )
        let control = folder / "softflowd.ctl"
        let exporter = try UnmodifiedTools.start(
            [
                "softflowd", "-d", "-i", "beltway-capture0", "-n", "127.0.0.1:9", "-c", control, "-p",
                folder / "softflowd.pid",
            ],
            on: data,
            readers: 3
        )
        // It asks the kernel about the interface: by its own name, where it is.
        let auditor = try network.run {
            try UnmodifiedTools.start(
                ["argus", "-i", "capture0", "-w", folder / "argus.out"],
                on: data,
                readers: 4,
                options: ["--instead"]
            )
        }
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 1_000)
        try UnmodifiedTools.wait(until: sent, on: data)
        let statistics = try LiveProgram.tool(["softflowctl", "-c", control, "statistics"]).output
        #expect(statistics.contains("Packets processed: \(sent)"), "\(statistics)")
        let tracked = try LiveProgram.tool(["softflowctl", "-c", control, "dump-flows"]).output
        for tool in [found, fingerprints, exporter, auditor] { tool.signal(SIGINT) }
        let matches = found.wait().output
        for tool in [fingerprints, exporter, auditor] { _ = tool.wait() }
        let ledgers = LiveProgram.ledgers(LiveProgram.stop(program).json)
        for tool in [found, fingerprints, exporter, auditor] {
            let ledger = ledgers["tap.\(tool.pid)"]
            #expect(ledger?.read == sent && ledger?.lost == 0, "\(ledgers)")
        }

        let again = try LiveProgram.tool(
            ["ngrep", "-q", "-W", "single", "-I", capture, "beltway", "udp"]
        )
        #expect(Self.datagrams(matches) == Self.datagrams(again.output))
        #expect(Self.datagrams(matches).count == 100)
        _ = try LiveProgram.tool(["p0f", "-r", capture, "-o", folder / "file.log"])
        let seen = try Self.fingerprints(folder / "live.log")
        #expect(try seen == Self.fingerprints(folder / "file.log"))
        #expect(seen.count >= 100)
        let exported = try LiveProgram.tool([
            "softflowd", "-D", "-r", capture, "-c", "none", "-p", folder / "file.pid",
        ])
        let flows = Self.flows(tracked, "ACTIVE")
        #expect(flows == Self.flows(exported.output + exported.errors, "EXPIRED:"))
        #expect(flows.count == 200)
        guard isInstalled("ra") else {
            #expect((FileManager.default.contents(atPath: folder / "argus.out")?.count ?? 0) > 1_000)
            return
        }
        _ = try LiveProgram.tool(["argus", "-r", capture, "-w", folder / "argus-file.out"])
        let records = try Self.records(folder / "argus.out")
        #expect(try records == Self.records(folder / "argus-file.out"))
        #expect(records.count == 200)
    }

    /// ngrep's lines that are packets.
    private static func datagrams(_ output: String) -> [Substring] {
        output.split(separator: "\n").filter { $0.hasPrefix("U ") }
    }

    /// softflowd's flows, sorted: addresses, ports, packets, octets and flags, but no times.
    private static func flows(_ output: String, _ kind: String) -> [String] {
        output.split(separator: "\n").filter { $0.hasPrefix(kind) }.map { line in
            line.split(separator: " ").dropFirst().filter { word in
                !["start:", "finish:", "(0x"].contains { word.hasPrefix($0) }
            }.joined(separator: " ")
        }.sorted()
    }

    /// argus' flows, sorted: addresses, ports, direction, packets and bytes, but no times.
    private static func records(_ file: String) throws -> [Substring] {
        let fields = "proto saddr sport dir daddr dport spkts dpkts sbytes dbytes".split(separator: " ")
        let command = ["ra", "-n", "-c", ",", "-r", file, "-s"] + fields.map(String.init) + ["-", "ip"]
        let outcome = try LiveProgram.tool(command)
        // Below a line of the columns' names.
        return outcome.output.split(separator: "\n").dropFirst().sorted()
    }

    /// p0f's lines without their times.
    private static func fingerprints(_ log: String) throws -> [Substring] {
        try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").compactMap { line in
            line.firstIndex(of: "]").map { line[$0...] }
        }
    }
}
