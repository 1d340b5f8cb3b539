// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A TCP connection whose long packets are compressed, as hosts do that agreed on it (RFC 3173, 2.2).
private enum Compressed {
    static let request =
        "GET /compressed HTTP/1.1\r\nHost: ipcomp.example\r\nX: \(String(repeating: "a", count: 400))\r\n\r\n"

    static func frames(isCompressed: Bool, isTunnel: Bool, isCut: Bool = false) -> [[UInt8]] {
        func packet(
            _ isBack: Bool,
            _ flags: UInt8,
            _ sequence: UInt32,
            _ acknowledged: UInt32,
            _ text: String
        )
            -> [UInt8]
        {
            let (client, server) = ("192.168.7.1", "192.168.7.2")
            let ends = isBack ? (server, client) : (client, server)
            var builder = PacketBuilder().ethernet().ipv4(
                from: isTunnel ? "10.9.0.1" : ends.0,
                to: isTunnel ? "10.9.0.2" : ends.1
            )
            if isCompressed, !text.isEmpty { builder = builder.compressed(index: isBack ? 0x3333 : 2) }
            if isTunnel { builder = builder.ipv4(from: ends.0, to: ends.1) }
            return builder.tcp(
                from: isBack ? 80 : 40_000,
                to: isBack ? 40_000 : 80,
                sequence: sequence,
                acknowledgement: acknowledged,
                flags: PacketBuilder.TCPFlags(rawValue: flags)
            )
            .payload(text).bytes
        }
        let answer = "HTTP/1.1 204 No Content\r\n\r\n"
        let end = 101 + UInt32(request.utf8.count)
        let packets = [
            packet(false, 0x02, 100, 0, ""), packet(true, 0x12, 500, 101, ""),
            packet(false, 0x10, 101, 501, ""),
            packet(false, 0x18, 101, 501, request), packet(true, 0x18, 501, end, answer),
        ]
        guard isCut else { return packets }
        // What is compressed is cut up afterwards (RFC 3173, 2).
        return packets.enumerated().flatMap { number, packet in
            number < 3 ? [packet] : packet.fragments(every: 24, number: UInt8(number))
        }
    }
}

extension Compressed {
    fileprivate static func pcap(_ frames: [[UInt8]]) -> [UInt8] {
        var file = PcapBuilder()
        for (number, frame) in frames.enumerated() {
            file.add(frame, seconds: 1_767_607_200 + UInt32(number))
        }
        return file.bytes
    }

    /// Events of a run but statistics, and the summary.
    fileprivate static func run(
        _ capture: String,
        data: String,
        workers: Int
    ) throws -> (events: [[String: Any]], summary: [String: Any]) {
        let outcome = try BeltwayProgram.run([
            "run", "-r", capture, "--data", data, "--workers", "\(workers)", "--summary", "json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        func object(_ text: some StringProtocol) -> [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
        }
        let lines = try String(contentsOfFile: data + "/eve.json", encoding: .utf8).split(separator: "\n")
        return (
            lines.map { object($0) }.filter { $0["event_type"] as? String != "stats" }, object(outcome.output)
        )
    }
}

extension `The command line` {
    @Test(arguments: [false, true])
    func `sees compressed packets as what they hold, the same for any number of workers`(isTunnel: Bool)
        throws
    {
        let folder = TemporaryFolder()
        var known: [Set<String>] = []
        for (isCompressed, workers) in [(false, 1), (true, 1), (true, 2), (true, 3)] {
            let frames = Compressed.frames(isCompressed: isCompressed, isTunnel: isTunnel)
            let capture = try folder.write(Compressed.pcap(frames), to: "packets.pcap")
            let data = folder / "data-\(isCompressed)-\(workers)"
            let (events, summary) = try Compressed.run(capture, data: data, workers: workers)
            let consumers = summary["consumers"] as? [String: [String: Int]] ?? [:]
            let shares = consumers.filter { $0.key.hasPrefix("worker.") }.values
            #expect(shares.reduce(0) { $0 + ($1["read"] ?? 0) } == frames.count)
            #expect(shares.allSatisfy { $0["published"] == $0["read"] })
            let inflated = (summary["ipcomp"] as? [String: Any])?["inflated"] as? Int
            #expect(inflated == (isCompressed ? 2 : nil))
            var facts: Set<String> = []
            for event in events {
                let flow = event["flow"] as? [String: Any] ?? [:]
                let http = event["http"] as? [String: Any] ?? [:]
                let said: [Any?] = [
                    event["event_type"], event["flow_id"], event["src_ip"], event["dest_port"],
                    event["proto"],
                    flow["pkts_toserver"], flow["pkts_toclient"], http["url"], http["status"],
                ]
                facts.insert(said.map { $0.map { "\($0)" } ?? "-" }.joined(separator: " "))
            }
            #expect(facts.contains { $0.hasPrefix("http") && $0.hasSuffix("/compressed 204") })
            known.append(facts)
        }
        #expect(known.allSatisfy { $0 == known[0] })
    }
    @Test(arguments: [false, true])
    func `sees compressed packets that came in fragments as what they hold, for any number of workers`(
        isTunnel: Bool
    ) throws {
        let folder = TemporaryFolder()
        var known: [Set<String>] = []
        for (isCompressed, workers) in [(false, 1), (true, 1), (true, 2), (true, 3)] {
            let frames = Compressed.frames(isCompressed: isCompressed, isTunnel: isTunnel, isCut: true)
            let capture = try folder.write(Compressed.pcap(frames), to: "packets.pcap")
            let data = folder / "data-\(isCompressed)-\(workers)"
            let (events, summary) = try Compressed.run(capture, data: data, workers: workers)
            let inflated = (summary["ipcomp"] as? [String: Any])?["inflated"] as? Int
            #expect(inflated == (isCompressed ? 2 : nil))
            let packets = events.filter { isTunnel == ($0["dest_ip"] as? String == "10.9.0.2") }.reduce(0) {
                let flow = $1["flow"] as? [String: Any] ?? [:]
                return $0 + (flow["pkts_toserver"] as? Int ?? 0) + (flow["pkts_toclient"] as? Int ?? 0)
            }
            #expect(packets == frames.count)
            known.append(
                Set(
                    events.map { event in
                        let http = event["http"] as? [String: Any] ?? [:]
                        let said: [Any?] = [
                            event["event_type"], event["flow_id"], event["src_ip"], event["dest_port"],
                            event["proto"], http["url"], http["status"],
                        ]
                        return said.map { $0.map { "\($0)" } ?? "-" }.joined(separator: " ")
                    }
                )
            )
            #expect(known.last?.contains { $0.hasSuffix("/compressed 204") } == true)
        }
        #expect(known.allSatisfy { $0 == known[0] })
    }

    @Test(arguments: [false, true], [false, true])
    func `follows the streams of compressed packets, and traces them`(isTunnel: Bool, isCut: Bool) throws {
        let folder = TemporaryFolder()
        var digests: [String] = []
        for isCompressed in [false, true] {
            let frames = Compressed.frames(isCompressed: isCompressed, isTunnel: isTunnel, isCut: isCut)
            let capture = try folder.write(Compressed.pcap(frames), to: "packets-\(isCompressed).pcap")
            let streams = try BeltwayProgram.run(["streams", "-r", capture, "--digest"])
            #expect(streams.status == 0, "\(streams.errors)")
            #expect(streams.output.contains("\"bytes\":\(Compressed.request.utf8.count)"))
            digests.append(streams.output)
            let trace = try BeltwayProgram.run(["trace", "-r", capture, "port == 80"])
            #expect(trace.output.contains("GET /compressed HTTP/1.1"), "\(trace.output)")
        }
        #expect(digests[0] == digests[1])
    }

    @Test(arguments: [false, true])
    func `extracts compressed packets by the flow of what they hold`(isTunnel: Bool) throws {
        let folder = TemporaryFolder()
        let frames = Compressed.frames(isCompressed: true, isTunnel: isTunnel)
        let capture = try folder.write(Compressed.pcap(frames), to: "packets.pcap")
        _ = try Compressed.run(capture, data: folder / "data", workers: 1)
        let extracted = try BeltwayProgram.run([
            "extract", "--data", folder / "data", "-w", folder / "out.pcapng", "port == 80",
        ])
        #expect(extracted.status == 0, "\(extracted.errors)")
        #expect(extracted.errors.contains("\(frames.count) packets"), "\(extracted.errors)")
    }
}
