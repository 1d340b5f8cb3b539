// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A connection in which somebody put a request that its host drops before the one that it takes, and two datagrams.
private enum Damaged {
    private static func segment(
        _ flags: PacketBuilder.TCPFlags,
        _ sequence: UInt32,
        isBack: Bool = false,
        _ text: String = ""
    ) -> [UInt8] {
        PacketBuilder().ethernet().ipv4(
            from: isBack ? "10.0.0.2" : "10.0.0.1",
            to: isBack ? "10.0.0.1" : "10.0.0.2"
        )
        .tcp(
            from: isBack ? 80 : 40_000,
            to: isBack ? 40_000 : 80,
            sequence: sequence,
            acknowledgement: flags.contains(.ack) ? (isBack ? 101 : 501) : 0,
            flags: flags
        )
        .payload(text).bytes
    }

    private static func damaged(_ frame: [UInt8]) -> [UInt8] {
        var frame = frame
        frame[frame.count - 1] ^= 1
        return frame
    }

    static let frames: [[UInt8]] = {
        let datagram = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2")
            .udp(from: 4000, to: 9).payload("anything").bytes
        let other = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2")
            .udp(from: 4001, to: 9).payload("anything").bytes
        return [
            segment(.syn, 100), segment([.syn, .ack], 500, isBack: true), segment(.ack, 101),
            damaged(segment([.ack, .psh], 101, "GET /false HTTP/1.1\r\nHost: a\r\n\r\n?")),
            segment([.ack, .psh], 101, "GET /taken HTTP/1.1\r\nHost: a\r\n\r\n"),
            segment([.ack, .psh], 501, isBack: true, "HTTP/1.1 204 No Content\r\n\r\n"),
            datagram, damaged(datagram), damaged(other),
        ]
    }()
}

extension `The command line` {
    @Test(arguments: [(true, 1), (true, 2), (false, 1)])
    func `leaves packets with wrong checksums out of streams where that is asked for, and counts them`(
        isAsked: Bool,
        workers: Int
    ) throws {
        let folder = TemporaryFolder()
        var file = PcapBuilder()
        for (number, frame) in Damaged.frames.enumerated() {
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
        #expect(packets == Damaged.frames.count)
        #expect(histories[40_000]?.hasPrefix(isAsked ? "ShAC" : "ShAD") == true, "\(histories)")
        #expect(histories[4000] == (isAsked ? "DC" : "D"))
        #expect(histories[4001] == (isAsked ? "C" : "D"))
        #expect(all("anomaly").count == (isAsked ? 3 : 0))
    }
}
