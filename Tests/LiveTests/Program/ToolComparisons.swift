// SPDX-License-Identifier: Apache-2.0
// tshark and scapy on the rings of a live capture: what they show is, byte for byte, what they show of the tap's file.
import BeltwayTestSupport
import Foundation
import Testing

/// Scapy, as these tests run it.
enum Scapy {
    /// A Python that has it, which need not be the first on the path; nil if there is none.
    static let python: String? = ["python3", "/usr/bin/python3"].first { python in
        let outcome = try? LiveProgram.tool([python, "-c", "import scapy.all"], seconds: 20)
        return outcome?.status == 0
    }
    static let absence: Comment = "Scapy (Debian: python3-scapy) is not installed."

    /// Writes a line of hexadecimal digits for each packet of a file, or of so many of an interface.
    static let script = """
        import sys
        from scapy.all import conf, sniff

        conf.use_pcap = True
        source, count, name = sys.argv[1:]
        where = {"offline": source} if "/" in source else {"iface": source, "count": int(count), "timeout": 40}
        with open(name, "w") as lines:
            sniff(store=False, prn=lambda packet: print(packet.original.hex(), file=lines), **where)

        """
}

extension `The program, live` {
    /// The ring's own order of packets, which everybody else must have too.
    private func startTap(of data: String, to file: String) throws -> RunningProgram {
        let tap = try RunningProgram([LiveProgram.path, "tap", "--data", data, "-w", file])
        try #require(tap.waitFor("tapping"), "\(tap.errors)")
        return tap
    }

    /// Where what was said of a capture departs from what is said of a file; nil if nowhere.
    private static func difference(_ live: [Substring], _ file: [Substring]) -> String? {
        let common = zip(live, file).prefix { $0.0 == $0.1 }.count
        guard common < max(live.count, file.count) else { return nil }
        let (here, there) = (live.dropFirst(common).first, file.dropFirst(common).first)
        let line = "line \(common + 1) of \(live.count) and \(file.count)"
        return "\(line): \(here ?? "none"), in the file \(there ?? "none")"
    }

    /// How many readers elsewhere took so many packets and lost none; 0 if there is one that did not.
    private static func wholeReaders(_ outcome: ProgramOutcome, of sent: Int) -> Int {
        let readers = LiveProgram.ledgers(outcome.json).filter { $0.key.hasPrefix("tap.") }
        return readers.values.allSatisfy { $0.read == sent && $0.lost == 0 } ? readers.count : 0
    }

    @Test(
        .enabled(if: UnmodifiedTools.isBuilt, UnmodifiedTools.absence),
        .enabled(if: isInstalled("dumpcap") && isInstalled("tshark"), "tshark is not installed.")
    )
    func `tshark shows two queues as it shows the tap's file, to the byte and in order`() throws {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let settings = try installExtcap(in: folder, on: data)
        let program = try LiveProgram.start(
            ["-c", settings, "--queues", "2", "--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        let tap = try startTap(of: data, to: folder / "ring.pcapng")
        // Its line of each packet, with the ring's time, and all its bytes.
        let shown = ["-n", "-l", "-P", "-x"]
        let live = ["-i", "beltway:capture0", "-c", "4000"] + shown
        let preloaded = try UnmodifiedTools.start(["tshark"] + live, on: data, readers: 2)
        let extcap = try RunningProgram(tshark(folder, live))
        func areAttached() throws -> Bool {
            let counts = try UnmodifiedTools.readers(of: data).map(\.count)
            return counts.count == 2 && counts.allSatisfy { $0 == 3 }
        }
        let deadline = Date().addingTimeInterval(20)
        while Date() < deadline, try !areAttached() { usleep(50_000) }
        try #require(try areAttached(), "\(extcap.errors)")

        let sent = try LiveProgram.replay(capture, in: network, perSecond: 5_000)
        #expect(sent == 4_000)
        let outcomes = [preloaded.wait(seconds: 40), extcap.wait(seconds: 40)]
        try UnmodifiedTools.wait(until: sent, on: data)
        tap.signal(SIGINT)
        #expect(tap.wait().status == 0)
        let end = LiveProgram.stop(program)
        #expect(Self.wholeReaders(end, of: sent) == 3, "\(end.output)")

        let again = try LiveProgram.tool(["tshark", "-r", folder / "ring.pcapng"] + shown)
        let expected = again.output.split(separator: "\n")
        #expect(expected.count(where: { $0.hasPrefix("0000  ") }) == sent, "\(again.errors)")
        for outcome in outcomes {
            #expect(outcome.status == 0 && !outcome.ranTooLong, "\(outcome.errors)")
            #expect(Self.difference(outcome.output.split(separator: "\n"), expected) == nil)
        }
    }

    @Test(
        .enabled(if: UnmodifiedTools.isBuilt, UnmodifiedTools.absence),
        .enabled(if: Scapy.python != nil, Scapy.absence)
    )
    func `scapy sniffs two queues as it reads the tap's file, to the byte and in order`() throws {
        let python = try #require(Scapy.python)
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let script = try folder.write(Scapy.script, to: "sniff.py")
        let program = try LiveProgram.start(
            ["--queues", "2", "--no-packets", "--no-flows", "--no-eve", "--data", data],
            in: network
        )
        let tap = try startTap(of: data, to: folder / "ring.pcapng")
        // It asks the kernel about the interface: by its own name, where it is.
        let sniffer = try network.run {
            try UnmodifiedTools.start(
                [python, script, "capture0", "4000", folder / "live.txt"],
                on: data,
                readers: 2,
                options: ["--instead"]
            )
        }
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 5_000)
        #expect(sent == 4_000)
        let outcome = sniffer.wait(seconds: 50)
        #expect(outcome.status == 0 && !outcome.ranTooLong, "\(outcome.errors)")
        try UnmodifiedTools.wait(until: sent, on: data)
        tap.signal(SIGINT)
        #expect(tap.wait().status == 0)
        let end = LiveProgram.stop(program)
        #expect(Self.wholeReaders(end, of: sent) == 2, "\(end.output)")

        func lines(_ name: String) throws -> [Substring] {
            try String(contentsOfFile: folder / name, encoding: .utf8).split(separator: "\n")
        }
        /// Scapy reads files by itself, without libpcap.
        func packets(of file: String) throws -> [Substring] {
            let reading = try LiveProgram.tool([python, script, file, "0", folder / "file.txt"])
            #expect(reading.status == 0, "\(reading.errors)")
            return try lines("file.txt")
        }
        let live = try lines("live.txt")
        #expect(live.count == sent)
        #expect(try Self.difference(live, packets(of: folder / "ring.pcapng")) == nil)
        #expect(try Self.difference(live.sorted(), packets(of: capture).sorted()) == nil)
    }
}
