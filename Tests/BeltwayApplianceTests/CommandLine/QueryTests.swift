// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The command line` {
    private func query(_ arguments: [String], _ data: String) throws -> [Substring] {
        let outcome = try BeltwayProgram.run(["query", "--data", data] + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\n")
    }

    @Test func `answers as a table whose columns are aligned`() throws {
        let folder = TemporaryFolder()
        let lines = try query(["flows"], Samples.analysed(in: folder))
        #expect(lines.count == 6)
        for name in ["SECONDS", "PACKETS", "BYTES"] {
            let end = try #require(lines[0].range(of: name)?.upperBound)
            let column = lines[0].distance(from: lines[0].startIndex, to: end)
            #expect(lines.allSatisfy { Array($0)[column] == " " && Array($0)[column - 1] != " " }, "\(name)")
        }
        #expect(lines[1].hasPrefix("2026-01-05 10:00:00.000000 "))
        #expect(lines[1].contains("10.0.0.1:40000  10.0.1.1:53"))
    }

    @Test func `answers as JSON, the very lines of eve.json`() throws {
        let folder = TemporaryFolder()
        let data = try Samples.analysed(in: folder)
        let lines = try query(["--format", "json", "flows"], data)
        let events = try String(contentsOfFile: data + "/eve.json", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 5)
        #expect(Set(lines) == Set(events.filter { $0.contains("\"event_type\":\"flow\"") }))
    }

    @Test func `answers as comma-separated values with a head`() throws {
        let folder = TemporaryFolder()
        let lines = try query(["--format", "csv", "flows"], Samples.analysed(in: folder))
        #expect(lines.count == 6)
        #expect(lines[0].hasPrefix("start,end,flow_id,community_id,"))
        let widths = Set(lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count })
        #expect(widths.count == 1)
    }

    @Test func `answers with the newest of them, oldest first`() throws {
        let folder = TemporaryFolder()
        let data = try Samples.analysed(in: folder)
        let all = try query(["--format", "csv", "flows"], data).dropFirst()
        #expect(
            Array(try query(["--format", "csv", "--limit", "2", "flows"], data).dropFirst())
                == Array(all.suffix(2))
        )
        #expect(try query(["--format", "json", "--limit", "0", "flows"], data).isEmpty)
        #expect(try query(["--limit", "0", "flows"], data) == ["no flows"])
        #expect(all.map { String($0.prefix(26)) } == all.map { String($0.prefix(26)) }.sorted())
    }

    @Test func `answers for a span of time`() throws {
        let folder = TemporaryFolder()
        let data = try Samples.analysed(in: folder)
        func count(_ arguments: [String]) throws -> Int {
            try query(["--format", "json"] + arguments + ["flows"], data).count
        }
        #expect(try count(["--since", "2026-01-05T10:00:04Z"]) == 3)
        #expect(try count(["--until", "2026-01-05T10:00:01Z"]) == 1)
        #expect(try count(["--since", "2026-01-05T10:00:02Z", "--until", "2026-01-05T10:00:05Z"]) == 2)
        #expect(try count(["--until", "2020-01-01T00:00:00Z"]) == 0)
        #expect(try count(["--since", "1h ago"]) == 0)
    }

    @Test func `selects by an expression, in one word or several`() throws {
        let folder = TemporaryFolder()
        let data = try Samples.analysed(in: folder)
        #expect(try query(["--format", "json", "flows", "ip == 10.0.0.2 and port == 53"], data).count == 1)
        #expect(try query(["--format", "json", "flows", "ip", "==", "10.0.0.0/24"], data).count == 5)
        #expect(try query(["--format", "json", "flows", "port == 9"], data).isEmpty)
    }

    @Test func `shows alerts in each form`() throws {
        let folder = TemporaryFolder()
        let rules = try folder.write(
            #"alert udp any any -> any 53 (msg:"a question, \"quoted\""; content:"question"; sid:7; rev:2;)"#,
            to: "own.rules"
        )
        let data = try Samples.analysed(in: folder, ["--rules", rules])
        #expect(try query(["alerts"], data).count == 6)
        #expect(try query(["alerts"], data)[1].contains("a question"))
        #expect(try query(["--format", "csv", "alerts"], data).count == 6)
        for line in try query(["--format", "json", "alerts"], data) {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect((object?["alert"] as? [String: Any])?["signature_id"] as? Int == 7)
        }
    }

    @Test func `ends quietly when nobody reads on`() throws {
        let folder = TemporaryFolder()
        var file = PcapBuilder()
        for number in 0..<20_000 {
            file.add(
                PacketBuilder().ethernet().ipv4(from: "10.1.\(number / 250).\(number % 250)", to: "10.2.0.1")
                    .udp(from: 1_000, to: 2_000).payload("x").bytes,
                seconds: Samples.start
            )
        }
        let capture = try folder.write(file.bytes, to: "many.pcap")
        let data = folder / "data"
        #expect(try BeltwayProgram.run(["run", "-r", capture, "--data", data, "--no-packets"]).status == 0)
        for format in ["table", "csv", "json"] {
            let outcome = try RunningProgram(
                [
                    "bash", "-c",
                    "\"$0\" query --data '\(data)' --format \(format) flows | head -n 1; echo ${PIPESTATUS[0]}",
                    BeltwayProgram.path ?? "",
                ]
            ).wait()
            #expect(!outcome.ranTooLong)
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(["0", "1"].contains(lines.last ?? ""), "not by a signal: \(lines.last ?? "")")
            #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        }
        let run = try RunningProgram(
            [
                "bash", "-c",
                "\"$0\" run -r '\(capture)' --data '\(data)' | head -n 1 > /dev/null; echo ${PIPESTATUS[0]}",
                BeltwayProgram.path ?? "",
            ]
        ).wait()
        #expect(run.output == "0\n", "\(run.errors)")
    }

    @Test func `extracts by an expression and by a BPF expression, to a file and to standard output`() throws
    {
        let folder = TemporaryFolder()
        let data = try Samples.analysed(in: folder)
        for (expression, packets) in [
            ("ip == 10.0.0.2", 2), ("udp and host 10.0.0.2 and src port 53", 1), ("", 10),
        ] {
            let words = expression.isEmpty ? [] : [expression]
            let written = try BeltwayProgram.run(
                ["extract", "--data", data, "-w", folder / "out.pcapng"] + words
            )
            #expect(written.status == 0, "\(written.errors)")
            let again = try BeltwayProgram.run(
                [
                    "run", "-r", folder / "out.pcapng", "--no-packets", "--no-flows", "--no-eve", "--summary",
                    "json",
                ])
            #expect(again.json["packets"] as? Int == packets, "\(expression): \(again.errors)")
            let piped = try RunningProgram(
                [
                    "sh", "-c",
                    "\"$0\" extract --data '\(data)' -w - '\(expression)' | cmp - '\(folder / "out.pcapng")'",
                    BeltwayProgram.path ?? "",
                ]
            ).wait()
            #expect(piped.status == 0, "\(expression): \(piped.output)\(piped.errors)")
        }
        try expectRefusal(
            ["extract", "--data", data, "-w", folder / "x.pcapng", "port === 4"],
            status: 2,
            says: "expression `port === 4`",
            "as BPF"
        )
    }
}
