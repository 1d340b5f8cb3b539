// SPDX-License-Identifier: Apache-2.0
// Captures to replay: one made of the corpus, one made here.
import BeltwayTestSupport
import Foundation

enum LiveCaptures {
    /// Writes rounds of 4,000 packets, both directions of 2,000 flows, some IPv6, some in a VLAN, 0 to 1,400 bytes of
    /// payload.
    ///
    /// - Returns: The file.
    static func write(rounds: Int, to folder: TemporaryFolder, name: String = "made.pcap") throws -> String {
        var pcap = PcapBuilder()
        var offsets: [Int] = []
        let headerLength = pcap.bytes.count
        for frame in frames {
            offsets.append(pcap.bytes.count - headerLength)
            pcap.add(frame)
        }
        var round = Array(pcap.bytes.dropFirst(headerLength))
        _ = FileManager.default.createFile(
            atPath: folder / name,
            contents: Data(pcap.bytes.prefix(headerLength))
        )
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder / name))
        defer { try? file.close() }
        try file.seekToEnd()
        for number in 0..<rounds {
            for (index, offset) in offsets.enumerated() {
                let micros = UInt64(number * offsets.count + index) * 20
                let seconds = UInt32(1_767_600_000 + micros / 1_000_000)
                let rest = UInt32(micros % 1_000_000)
                for byte in 0..<4 {
                    round[offset + byte] = UInt8(truncatingIfNeeded: seconds >> UInt32(8 * byte))
                    round[offset + 4 + byte] = UInt8(truncatingIfNeeded: rest >> UInt32(8 * byte))
                }
            }
            try file.write(contentsOf: round)
        }
        return folder / name
    }

    /// One round.
    private static let frames: [[UInt8]] = {
        let payload = [UInt8](repeating: 0x78, count: 1_400)
        return (0..<2_000).flatMap { flow -> [[UInt8]] in
            let (low, high) = (flow % 250 + 1, flow / 250)
            let data = Array(payload.prefix(flow * 7 % 1_400))
            let (client, server) = (UInt16(20_000 + flow), UInt16([80, 443, 53, 22, 8_080][flow % 5]))
            return [false, true].map { isAnswer in
                var packet = PacketBuilder().ethernet(
                    from: [2, 0, 0, 0, 0, isAnswer ? 2 : 1],
                    to: [2, 0, 0, 0, 0, isAnswer ? 1 : 2]
                )
                if flow % 16 == 5 { packet = packet.vlan(42) }
                let names =
                    flow % 10 == 3
                    ? ("2001:db8::\(low)", "2001:db8:1::\(high + 1)")
                    : ("10.1.\(high).\(low)", "10.2.0.\(high + 1)")
                let (from, to) = isAnswer ? (names.1, names.0) : names
                packet = flow % 10 == 3 ? packet.ipv6(from: from, to: to) : packet.ipv4(from: from, to: to)
                let (source, destination) = isAnswer ? (server, client) : (client, server)
                packet =
                    flow % 3 == 0
                    ? packet.udp(from: source, to: destination)
                    : packet.tcp(from: source, to: destination, flags: [.ack, .psh])
                return packet.payload(data).bytes
            }
        }
    }()

    /// At least `packets` packets of the corpus, mixed by its own program; nil without it.
    static func mixed(packets: Int, in folder: TemporaryFolder) throws -> String? {
        guard let root = Corpus.root, FileManager.default.fileExists(atPath: root + "/make-big"),
            isInstalled("python3")
        else { return nil }
        let whole = folder / "mixed.pcap"
        let made = try LiveProgram.tool(
            ["python3", root + "/make-big", "--size-mb", "135", "--out", whole],
            seconds: 120
        )
        guard made.status == 0 else { return nil }
        let cut = try LiveProgram.tool(
            ["tcpdump", "-Z", "root", "-n", "-r", whole, "-c", "\(packets)", "-w", folder / "replay.pcap"])
        try FileManager.default.removeItem(atPath: whole)
        guard cut.status == 0, try LiveProgram.count(folder / "replay.pcap") == packets else { return nil }
        return folder / "replay.pcap"
    }
}
