// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// Captures in which packets travel in packets, through the whole program.
private enum Tunnelled {
    private static let vxlan: [UInt8] = [8, 0, 0, 0, 0, 0, 9, 0]

    /// Twelve questions and their answers in VXLAN between two hosts, each in a flow and under a port of its own; every
    /// fourth in one more tunnel (GRE), and one datagram of the outer port that carries none.
    static let frames: [[UInt8]] = {
        var frames: [[UInt8]] = []
        for number in 0..<12 {
            for isAnswer in [false, true] {
                let hosts = isAnswer ? ("10.9.0.2", "10.9.0.1") : ("10.9.0.1", "10.9.0.2")
                var around = PacketBuilder().ethernet()
                if number % 4 == 0 {
                    around = around.ipv4(from: "192.0.2.1", to: "192.0.2.2", ipProtocol: 47).payload([
                        0, 0, 8, 0,
                    ])
                }
                around = around.ipv4(from: hosts.0, to: hosts.1).udp(
                    from: UInt16(50_000 + number / 2),
                    to: 4789
                )
                .payload(vxlan)
                let (client, server) = ("10.0.0.\(number + 1)", "10.0.1.1")
                let inside = around.ethernet()
                frames.append(
                    isAnswer
                        ? inside.ipv4(from: server, to: client).udp(from: 53, to: 40_000).payload("an answer")
                            .bytes
                        : inside.ipv4(from: client, to: server).udp(from: 40_000, to: 53).payload("question")
                            .bytes
                )
            }
        }
        frames.append(
            PacketBuilder().ethernet().ipv4(from: "10.9.0.1", to: "10.9.0.2").udp(from: 50_001, to: 4789)
                .payload("?").bytes
        )
        return frames
    }()

    static var pcap: [UInt8] {
        var file = PcapBuilder()
        for (number, frame) in frames.enumerated() {
            file.add(frame, seconds: 1_767_607_200 + UInt32(number))
        }
        return file.bytes
    }
}

/// Tunnels whose datagrams come in fragments.
private enum Cut {
    /// A TCP connection with a request in HTTP inside GTP-U, the request or every packet cut.
    ///
    /// Behind it comes a datagram of another port that is cut, too.
    static func frames(isReversed: Bool, all: Bool) -> [[UInt8]] {
        let (client, server) = ("192.168.7.1", "192.168.7.2")
        func user(_ isBack: Bool, _ flags: UInt8, _ sequence: UInt32, _ acknowledged: UInt32, _ text: String)
            -> [UInt8]
        {
            let link = PacketBuilder()
            let ends = isBack ? (server, client) : (client, server)
            let ports: (UInt16, UInt16) = isBack ? (80, 40_000) : (40_000, 80)
            let inside = link.ipv4(from: ends.0, to: ends.1)
                .tcp(
                    from: ports.0,
                    to: ports.1,
                    sequence: sequence,
                    acknowledgement: acknowledged,
                    flags: PacketBuilder.TCPFlags(rawValue: flags)
                )
                .payload(text).bytes
            let length = inside.count
            let head: [UInt8] = [0x30, 255, UInt8(length >> 8), UInt8(length & 255), 0, 0, 0, isBack ? 8 : 7]
            let hosts = isBack ? ("10.9.0.2", "10.9.0.1") : ("10.9.0.1", "10.9.0.2")
            return PacketBuilder().ethernet().ipv4(from: hosts.0, to: hosts.1).udp(from: 2152, to: 2152)
                .payload(head + inside).bytes
        }
        let request = "GET /in-fragments HTTP/1.1\r\nHost: tunnel.example\r\n\r\n"
        let answer = "HTTP/1.1 204 No Content\r\n\r\n"
        let packets = [
            user(false, 0x02, 100, 0, ""), user(true, 0x12, 500, 101, ""), user(false, 0x10, 101, 501, ""),
            user(false, 0x18, 101, 501, request),
            user(true, 0x18, 501, 101 + UInt32(request.utf8.count), answer),
        ]
        var frames: [[UInt8]] = []
        for (number, packet) in packets.enumerated() {
            let cut = all || number == 3 ? packet.fragments(every: 16, number: UInt8(number)) : [packet]
            frames += isReversed ? cut.reversed() : cut
        }
        let plain = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.1.1").udp(from: 40_000, to: 9)
            .payload("a datagram of many bytes that needs no port of a tunnel").bytes
        return frames + plain.fragments(every: 16, number: 77)
    }
}

extension `The command line` {
    @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
    func `looks into tunnels that come in fragments, the same for any number of workers`(
        isReversed: Bool,
        all: Bool
    ) throws {
        let folder = TemporaryFolder()
        var file = PcapBuilder()
        let frames = Cut.frames(isReversed: isReversed, all: all)
        for (number, frame) in frames.enumerated() {
            file.add(frame, seconds: 1_767_607_200 + UInt32(number))
        }
        let capture = try folder.write(file.bytes, to: "cut.pcap")
        let rules = try folder.write(
            #"alert tcp any any -> any 80 (msg:"inside"; content:"in-fragments"; sid:9;)"#,
            to: "own.rules"
        )
        var known: Set<String>?
        for workers in 1...3 {
            let outcome = try BeltwayProgram.run([
                "run", "-r", capture, "--data", folder / "data\(workers)", "--workers", "\(workers)",
                "--rules", rules,
                "--summary", "json",
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let summary = try #require(try objects(outcome.output).last)
            #expect(summary["packets"] as? Int == frames.count)
            let consumers = summary["consumers"] as? [String: [String: Int]] ?? [:]
            let shares = consumers.filter { $0.key.hasPrefix("worker.") }.values
            #expect(shares.reduce(0) { $0 + ($1["read"] ?? 0) } == frames.count)
            let events = try String(contentsOfFile: folder / "data\(workers)/eve.json", encoding: .utf8)
                .split(separator: "\n").map(String.init).filter { !$0.contains("\"event_type\":\"stats\"") }
            #expect(known == nil || Set(events) == known)
            known = Set(events)
        }
        let events = try objects((known ?? []).joined(separator: "\n"))
        func kind(_ event: [String: Any]) -> String { event["event_type"] as? String ?? "" }
        let flows = events.filter { kind($0) == "flow" }
        let inside = flows.filter { ($0["tunnel"] as? [String: Any])?["depth"] as? Int == 1 }
        #expect(inside.count == 1 && flows.count == 3)
        let counts = inside.first?["flow"] as? [String: Any] ?? [:]
        #expect(counts["pkts_toserver"] as? Int == 3 && counts["pkts_toclient"] as? Int == 2)
        let outside = flows.filter { ($0["src_port"] as? Int) == 2152 }
        #expect(outside.count == 1)
        #expect(inside.first?["parent_id"] as? NSNumber == outside.first?["flow_id"] as? NSNumber)
        let packets = outside.first?["flow"] as? [String: Any] ?? [:]
        #expect(
            (packets["pkts_toserver"] as? Int ?? 0) + (packets["pkts_toclient"] as? Int ?? 0) == frames.count
                - 4
        )
        let http = events.filter { kind($0) == "http" }.compactMap { $0["http"] as? [String: Any] }
        #expect(http.map { $0["url"] as? String } == ["/in-fragments"])
        #expect(http.map { $0["status"] as? Int } == [204])
        let alerts = events.filter { kind($0) == "alert" }
        #expect(alerts.count == 1)
        #expect(alerts.first?["flow_id"] as? NSNumber == inside.first?["flow_id"] as? NSNumber)
    }

    private func objects(_ text: some StringProtocol) throws -> [[String: Any]] {
        try text.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }

    @Test func `tells of the flows that carry others, the same for any number of workers`() throws {
        let folder = TemporaryFolder()
        let capture = try folder.write(Tunnelled.pcap, to: "tunnels.pcap")
        var known: [String]?
        for workers in 1...3 {
            let outcome = try BeltwayProgram.run([
                "run", "-r", capture, "--data", folder / "data\(workers)", "--workers", "\(workers)",
                "--summary", "json",
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let summary = try #require(try objects(outcome.output).last)
            #expect(summary["packets"] as? Int == 25)
            let consumers = summary["consumers"] as? [String: [String: Int]] ?? [:]
            let shares = consumers.filter { $0.key.hasPrefix("worker.") }.values
            #expect(shares.count == workers)
            #expect(shares.reduce(0) { $0 + ($1["read"] ?? 0) } == 25)
            #expect(shares.allSatisfy { $0["published"] == $0["read"] && $0["lost"] == 0 })
            #expect(consumers["statistics"]?["read"] == 25)
            #expect(consumers["logger"]?["read"] == 25)
            let events = try String(contentsOfFile: folder / "data\(workers)/eve.json", encoding: .utf8)
                .split(separator: "\n").map(String.init).filter { $0.contains("\"event_type\":\"flow\"") }
            #expect(summary["flows"] as? Int == events.count)
            #expect(known == nil || Set(events) == Set(known ?? []))
            known = events
        }
        let flows = try objects((known ?? []).joined(separator: "\n"))
        func depth(_ flow: [String: Any]) -> Int { (flow["tunnel"] as? [String: Any])?["depth"] as? Int ?? 0 }
        func identifier(_ flow: [String: Any], _ key: String = "flow_id") -> UInt64? {
            (flow[key] as? NSNumber)?.uint64Value
        }
        // Innermost: twelve; VXLAN: one for each port, direction and surroundings; GRE: one.
        #expect(flows.count { ($0["dest_port"] as? Int) == 53 } == 12)
        #expect(flows.count { ($0["proto"] as? String) == "GRE" } == 1)
        let byName = Dictionary(grouping: flows) { identifier($0) }
        for flow in flows {
            #expect((identifier(flow, "parent_id") == nil) == (depth(flow) == 0))
            guard let parent = identifier(flow, "parent_id") else { continue }
            #expect(byName[parent]?.count == 1)
            #expect(byName[parent].map { depth($0[0]) } == depth(flow) - 1)
        }
        let packets = flows.filter { depth($0) == 0 }.map { $0["flow"] as? [String: Any] ?? [:] }
        #expect(
            packets.reduce(0) {
                $0 + ($1["pkts_toserver"] as? Int ?? 0) + ($1["pkts_toclient"] as? Int ?? 0)
            } == 25
        )
    }

    @Test func `extracts the packets of a flow that carries others, and of one inside`() throws {
        let folder = TemporaryFolder()
        let capture = try folder.write(Tunnelled.pcap, to: "tunnels.pcap")
        let outcome = try BeltwayProgram.run(["run", "-r", capture, "--data", folder / "data"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let query = try BeltwayProgram.run(["query", "--data", folder / "data", "--format", "json", "flows"])
        let flows = try objects(query.output)
        #expect(flows.count > 12)
        for flow in flows {
            let name = (flow["flow_id"] as? NSNumber)?.uint64Value ?? 0
            let counts = flow["flow"] as? [String: Any] ?? [:]
            let count = (counts["pkts_toserver"] as? Int ?? 0) + (counts["pkts_toclient"] as? Int ?? 0)
            let file = folder / "\(name).pcap"
            let extracted = try BeltwayProgram.run([
                "extract", "--data", folder / "data", "-w", file, "flow_id == \(name)",
            ])
            #expect(extracted.status == 0, "\(extracted.errors)")
            #expect(extracted.errors.contains("\(count) packet"), "\(extracted.errors)")
        }
    }
}
