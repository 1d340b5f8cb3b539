// SPDX-License-Identifier: Apache-2.0
// Unmodified tools on the rings of a live capture, by `beltway exec`.
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    @Test(
        .enabled(if: UnmodifiedTools.isBuilt, UnmodifiedTools.absence),
        .enabled(if: isInstalled("dumpcap") && isInstalled("tshark"), "tshark is not installed.")
    )
    func `tcpdump, dumpcap and tshark see every packet of two queues, as from the file that was sent`() throws
    {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 1, to: folder)
        let program = try LiveProgram.start(["--queues", "2", "--data", data], in: network)
        let all = try UnmodifiedTools.start(
            ["tcpdump", "-U", "-n", "-i", "beltway:capture0", "-Z", "root", "-w", folder / "all.pcap"],
            on: data,
            readers: 1
        )
        let cut = try UnmodifiedTools.start(
            [
                "tcpdump", "-U", "-n", "-i", "beltway:capture0", "-s", "96", "-Z", "root",
                "--time-stamp-precision=nano", "-w", folder / "cut.pcap", "udp",
            ],
            on: data,
            readers: 2
        )
        let few = try UnmodifiedTools.start(
            ["tcpdump", "-l", "-n", "--immediate-mode", "-i", "beltway:capture0", "-c", "10"],
            on: data,
            readers: 3
        )
        let dumped = try UnmodifiedTools.start(
            ["dumpcap", "-q", "-i", "beltway:capture0", "-w", folder / "dumpcap.pcapng"],
            on: data,
            readers: 4
        )
        let lines = try UnmodifiedTools.start(
            ["tshark", "-n", "-l", "-i", "beltway:capture0", "-f", "tcp", "-T", "fields", "-e", "frame.len"],
            on: data,
            readers: 5
        )
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        #expect(few.wait().output.split(separator: "\n").count == 10)
        // As long as the slowest time-out among them, and then some.
        let end = Date().addingTimeInterval(20)
        while Date() < end, try LiveProgram.count(folder / "all.pcap") != sent { usleep(100_000) }
        usleep(1_500_000)
        for tool in [all, cut, dumped, lines] { tool.signal(SIGINT) }
        let ends = [all.wait(), cut.wait(), dumped.wait(), lines.wait()]
        #expect(ends[0].errors.contains("\(sent) packets captured"), "\(ends[0].errors)")
        #expect(ends[0].errors.contains("\(sent) packets received by filter"), "\(ends[0].errors)")
        #expect(ends[0].errors.contains("\n0 packets dropped by kernel"), "\(ends[0].errors)")
        let whole = try UnmodifiedTools.packets(capture)
        #expect(whole.count == sent)
        // Queues are merged in order of time; packets of one instant may change places, so each file is compared sorted.
        #expect(try UnmodifiedTools.packets(folder / "all.pcap").sorted() == whole.sorted())
        #expect(
            try UnmodifiedTools.packets(folder / "dumpcap.pcapng").sorted() == whole.sorted(),
            "\(ends[2].errors)"
        )
        let datagrams = try LiveProgram.count(capture, filter: "udp")
        #expect(try LiveProgram.count(folder / "cut.pcap") == datagrams, "\(ends[1].errors)")
        #expect(
            ends[3].output.split(separator: "\n").count == (try LiveProgram.count(capture, filter: "tcp")),
            "\(ends[3].errors)"
        )
        for name in ["all.pcap", "cut.pcap", "dumpcap.pcapng"] {
            let text = try LiveProgram.tool(["tcpdump", "-n", "-tt", "-r", folder / name]).output
            let stamps = text.split(separator: "\n").compactMap { Double($0.prefix { $0 != " " }) }
            #expect(!stamps.isEmpty && stamps == stamps.sorted(), "\(name)")
        }
        let outcome = LiveProgram.stop(program)
        let ledgers = LiveProgram.ledgers(outcome.json).filter { $0.key.hasPrefix("tap.") }
        #expect(ledgers["tap.\(all.pid)"]?.read == sent, "\(outcome.output)")
        for (name, ledger) in ledgers {
            #expect(ledger.published == ledger.read + ledger.lost && ledger.lost == 0, "\(name): \(ledger)")
        }
    }
}
