// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The command line` {
    /// Lines that `beltway trace` prints, without their times.
    private func events(_ outcome: ProgramOutcome) -> [String] {
        outcome.output.split(separator: "\n").map {
            $0.split(separator: " ").dropFirst().joined(separator: " ")
        }
    }

    @Test func `follows the flows of a capture from handshake to end`() throws {
        let outcome = try BeltwayProgram.run(["trace", "-r", Samples.sample, "port == 8000"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let tuple = "flow 3797842185937261 172.24.133.205:43090"
        #expect(
            events(outcome) == [
                "+0.000 ms \(tuple) -- 172.24.133.205:8000 TCP connection begins",
                "+0.018 ms \(tuple) -- 172.24.133.205:8000 handshake complete, round trip to responder 0.010 ms, "
                    + "to originator 0.008 ms",
                "+0.143 ms \(tuple) -> 172.24.133.205:8000 request 1: first 186 bytes \"GET / HTTP/1.1\"",
                "+1.250 ms \(tuple) <- 172.24.133.205:8000 first byte of answer 1 after 1.107 ms: 155 bytes "
                    + "\"HTTP/1.0 200 OK\"",
                "+1.322 ms \(tuple) <- 172.24.133.205:8000 responder finished after 798 bytes",
                "+1.853 ms \(tuple) -> 172.24.133.205:8000 originator finished after 186 bytes",
                "+1.866 ms \(tuple) -- 172.24.133.205:8000 ended by time-out, state closed, to responder 6 packets "
                    + "590 bytes, to originator 6 packets 1202 bytes; SF ShADadfF, retransmitted 0 and 0",
            ]
        )
        #expect(outcome.errorLines == ["beltway: 1 flow followed, 12 packets"])
    }

    @Test func `calls the flows that it follows as the flow store does`() throws {
        let folder = TemporaryFolder()
        _ = try BeltwayProgram.run(["run", "-r", Samples.sample, "--data", folder / "data"])
        let stored = try BeltwayProgram.run(["query", "--data", folder / "data", "--format", "json", "flows"])
        let traced = try BeltwayProgram.run(["trace", "--format", "json", "-r", Samples.sample, "bytes > 0"])
        func identifiers(_ outcome: ProgramOutcome, where isWanted: ([String: Any]) -> Bool) throws -> Set<
            Int
        > {
            let objects = try outcome.output.split(separator: "\n").map {
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
            }
            return Set(objects.filter(isWanted).compactMap { $0["flow_id"] as? Int })
        }
        let ended = try identifiers(traced) { ($0["trace"] as? [String: Any])?["event"] as? String == "end" }
        #expect(ended.count > 100)
        #expect(try ended == identifiers(stored) { _ in true })
    }

    @Test(arguments: [
        (["trace"], 2, "expected an expression such as 'port == 443', found nothing"),
        (
            ["trace", "-r", "x", "prot == 4"], 2,
            "`prot == 4`: column 1: expected a field of flows, found 'prot'"
        ),
        (
            ["trace", "-r", "x", "port == 4 and not app_proto == tls"], 2,
            "column 19: a trace neither parses nor matches rules: it does not know 'app_proto'"
        ),
        (["run", "-r", "x", "--trace", "alerted or port == 4"], 2, "it does not know 'alerted'"),
        (["trace", "-r", "x", "--data", "y", "port == 4"], 2, "give one of them"),
        (["trace", "--format", "xml", "port == 4"], 2, "--format takes lines or json, not `xml`"),
        (["trace", "--packets", "--format", "json", "port == 4"], 2, "--packets prints lines"),
        (["trace", "--data", "none", "port == 4"], 1, "none"),
    ])
    func `refuses a trace that cannot be`(arguments: [String], status: Int32, text: String) throws {
        try expectRefusal(arguments, status: status, says: text)
    }
}

extension `The command line` {
    /// A connection in a tunnel of IPv4 in IPv4 whose long packets the tunnel's end has cut up.
    private static func tunnelled(isCut: Bool) -> [[UInt8]] {
        func packet(
            _ number: UInt8,
            isBack: Bool,
            _ flags: PacketBuilder.TCPFlags,
            _ sequence: UInt32,
            _ text: String
        )
            -> [[UInt8]]
        {
            let ends = isBack ? ("10.0.0.2", "10.0.0.1") : ("10.0.0.1", "10.0.0.2")
            let frame = PacketBuilder().ethernet()
                .ipv4(from: isBack ? "192.0.2.2" : "192.0.2.1", to: isBack ? "192.0.2.1" : "192.0.2.2")
                .ipv4(from: ends.0, to: ends.1)
                .tcp(
                    from: isBack ? 80 : 40_000,
                    to: isBack ? 40_000 : 80,
                    sequence: sequence,
                    acknowledgement: flags.contains(.ack) ? (isBack ? 101 : 501) : 0,
                    flags: flags
                )
                .payload(text).bytes
            return isCut && !text.isEmpty ? frame.fragments(every: 24, number: number) : [frame]
        }
        return packet(1, isBack: false, .syn, 100, "") + packet(2, isBack: true, [.syn, .ack], 500, "")
            + packet(3, isBack: false, .ack, 101, "")
            + packet(4, isBack: false, [.ack, .psh], 101, "GET /inside HTTP/1.1\r\nHost: a\r\n\r\n")
            + packet(5, isBack: true, [.ack, .psh], 501, "HTTP/1.1 204 No Content\r\n\r\n")
    }

    @Test func `follows a flow in a tunnel whose datagrams came in fragments`() throws {
        let folder = TemporaryFolder()
        func lines(isCut: Bool) throws -> [String] {
            var file = PcapBuilder()
            for (number, frame) in Self.tunnelled(isCut: isCut).enumerated() {
                file.add(frame, seconds: 1_767_607_200 + UInt32(number))
            }
            let capture = try folder.write(file.bytes, to: "tunnel.pcap")
            let outcome = try BeltwayProgram.run(["trace", "-r", capture, "ip == 10.0.0.1"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            // Without what times say, which fragments change.
            return outcome.output.split(separator: "\n").compactMap { line in
                line.range(of: "10.0.0.1:40000").map {
                    line[$0.lowerBound...].components(separatedBy: " after ")[0]
                }
            }
        }
        let whole = try lines(isCut: false)
        #expect(whole.contains { $0.contains("request 1: first 33 bytes \"GET /inside") }, "\(whole)")
        #expect(try lines(isCut: true).dropLast() == whole.dropLast())
    }
}
