// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A connection in which somebody put a request that its host drops before the one that it takes, and two datagrams.
private enum Damaged {
    private static func damaged(_ frame: [UInt8]) -> [UInt8] {
        var frame = frame
        frame[frame.count - 1] ^= 1
        return frame
    }

    /// Whole, or in fragments.
    static func frames(isCut: Bool) -> [[UInt8]] {
        let datagram = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2")
            .udp(from: 4000, to: 9).payload("anything that is long enough").bytes
        let other = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2")
            .udp(from: 4001, to: 9).payload("anything that is long enough").bytes
        typealias Packet = PacketBuilder
        return [
            Packet.segment(.syn, 100), Packet.segment([.syn, .ack], 500, isBack: true),
            Packet.segment(.ack, 101),
            damaged(Packet.segment([.ack, .psh], 101, "GET /false HTTP/1.1\r\nHost: a\r\n\r\n?")),
            damaged(Packet.segment([.ack, .rst], 101, "nobody has reset this connection")),
            Packet.segment([.ack, .psh], 101, "GET /taken HTTP/1.1\r\nHost: a\r\n\r\n"),
            Packet.segment([.ack, .psh], 501, isBack: true, "HTTP/1.1 204 No Content\r\n\r\n"),
            datagram, damaged(datagram), damaged(other),
        ]
        .enumerated().flatMap { number, frame in
            // Ethernet, IPv4, and more than one fragment's payload.
            isCut && frame.count > 14 + 20 + 24 ? frame.fragments(every: 24, number: UInt8(number)) : [frame]
        }
    }
}

extension `The command line` {
    @Test(arguments: [
        (true, 1, false), (true, 2, false), (false, 1, false), (true, 1, true), (true, 2, true),
        (false, 1, true),
    ])
    func `leaves packets with wrong checksums out of streams where that is asked for, and counts them`(
        isAsked: Bool,
        workers: Int,
        isCut: Bool
    ) throws {
        let folder = TemporaryFolder()
        var file = PcapBuilder()
        let frames = Damaged.frames(isCut: isCut)
        for (number, frame) in frames.enumerated() {
            file.add(frame, seconds: 1_767_607_200 + UInt32(number))
        }
        let capture = try folder.write(file.bytes, to: "packets.pcap")
        let text = "events: {anomaly: {checksums: \(isAsked ? "yes" : "no"), types: [decode]}}\n"
        let settings = try folder.write(Array(text.utf8), to: "beltway.yaml")
        let outcome = try BeltwayProgram.run([
            "run", "-c", settings, "-r", capture, "--data", folder / "data", "--workers", "\(workers)",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = try String(contentsOfFile: folder / "data/eve.json", encoding: .utf8).split(
            separator: "\n"
        )
        let events = lines.compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        func all(_ type: String) -> [[String: Any]] { events.filter { $0["event_type"] as? String == type } }
        let urls = all("http").compactMap { ($0["http"] as? [String: Any])?["url"] as? String }
        #expect(urls == (isAsked ? ["/taken"] : ["/false"]))
        var histories: [Int: String] = [:]
        var packets = 0
        for flow in all("flow") {
            let metered = flow["metered"] as? [String: Any]
            histories[flow["src_port"] as? Int ?? 0] = metered?["history"] as? String
            let counts = flow["flow"] as? [String: Any] ?? [:]
            packets += (counts["pkts_toserver"] as? Int ?? 0) + (counts["pkts_toclient"] as? Int ?? 0)
        }
        #expect(packets == frames.count)
        // Who was not asked takes the first request, and the reset.
        #expect(histories[40_000]?.hasPrefix(isAsked ? "ShAC" : "ShAD") == true, "\(histories)")
        #expect(histories[40_000]?.contains("R") == !isAsked, "\(histories)")
        #expect(histories[4000] == (isAsked ? "DC" : "D"))
        #expect(histories[4001] == (isAsked ? "C" : "D"))
        #expect(all("anomaly").count == (isAsked ? 4 : 0))
    }
}
