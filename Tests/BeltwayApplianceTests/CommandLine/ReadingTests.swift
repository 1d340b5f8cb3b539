// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The command line` {
    private func summary(_ arguments: [String], input: String? = nil, folder: TemporaryFolder) throws
        -> ProgramOutcome
    {
        try BeltwayProgram.run(
            ["run", "--summary", "json"] + arguments + ["--data", folder / "data"],
            in: folder.path,
            input: input
        )
    }

    @Test func `sums a run up in the keys of the contract`() throws {
        let folder = TemporaryFolder()
        let outcome = try summary(["-r", Samples.sample, "--workers", "2"], folder: folder)
        #expect(outcome.status == 0)
        #expect(outcome.output.split(separator: "\n").count == 1)
        let object = outcome.json
        for key in ["packets", "bytes", "truncated", "flows", "alerts", "facts_dropped", "peak_rss_bytes"] {
            #expect(object[key] is Int, "\(key)")
        }
        for key in ["seconds", "cpu_seconds"] { #expect(object[key] is Double, "\(key)") }
        #expect(
            Set((object["capture"] as? [String: Int] ?? [:]).keys).isSuperset(of: ["received", "dropped"])
        )
        #expect(object["packets"] as? Int == 692)
        #expect((object["alerts"] as? Int ?? 0) > 0, "the bundled rules find something in the sample")
        let consumers = try #require(object["consumers"] as? [String: [String: Int]])
        #expect(Set(consumers.keys) == ["worker.0", "worker.1", "logger", "statistics"])
        for (name, ledger) in consumers {
            #expect(ledger["lost"] == 0, "\(name)")
            #expect(ledger["published"] == ledger["read"], "\(name)")
        }
        #expect((consumers["worker.0"]?["read"] ?? 0) + (consumers["worker.1"]?["read"] ?? 0) == 692)
    }

    @Test func `tells a person in a short table, with three commands that work`() throws {
        let folder = TemporaryFolder()
        let outcome = try BeltwayProgram.run(["run", "-r", Samples.sample], in: folder.path)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("packets     692"))
        #expect(!outcome.output.contains("dropped"), "nothing can be dropped from a file")
        let lines = outcome.output.split(separator: "\n")
        let next = try #require(lines.firstIndex { $0.hasPrefix("Try next:") })
        #expect(lines.count - next - 1 == 3)
        for command in lines.dropFirst(next + 1) {
            let shell = try RunningProgram(["sh", "-c", String(command)], in: folder.path).wait()
            #expect(shell.status == 0, "\(command): \(shell.errors)")
        }
    }

    @Test func `reads standard input, gzip and several files alike`() throws {
        let folder = TemporaryFolder()
        let capture = try folder.write(Samples.pcap, to: "ten.pcap")
        let zipped = try RunningProgram(["gzip", "-k", capture]).wait()
        #expect(zipped.status == 0)
        for (number, arguments) in [["-r", "-"], ["-r", capture], ["-r", capture + ".gz"]].enumerated() {
            let own = TemporaryFolder()
            let outcome = try summary(arguments, input: capture, folder: own)
            #expect(outcome.status == 0, "\(number): \(outcome.errors)")
            #expect(outcome.json["packets"] as? Int == 10)
            #expect(outcome.json["flows"] as? Int == 5)
        }
        let several = try summary(
            ["-r", capture, "-r", Samples.sample, "-r", capture + ".gz", "-r", "-"],
            input: capture,
            folder: folder
        )
        #expect(several.status == 0, "\(several.errors)")
        #expect(several.json["packets"] as? Int == 10 + 692 + 10 + 10)
    }

    @Test func `analyses a cut capture up to the cut, warns, and exits with 1`() throws {
        let folder = TemporaryFolder()
        let capture = try folder.write(Array(Samples.pcap.dropLast(7)), to: "cut.pcap")
        let outcome = try summary(["-r", capture], folder: folder)
        #expect(outcome.status == 1)
        #expect(outcome.json["packets"] as? Int == 9)
        #expect(outcome.json["flows"] as? Int == 5)
        #expect(
            outcome.errorLines.contains {
                $0.contains("cut.pcap") && $0.contains("byte") && $0.contains("9 packets")
            }
        )
    }

    @Test(
        arguments: [[], Array("not a capture at all, but a text".utf8), [0xd4, 0xc3, 0xb2, 0xa1]] as [[UInt8]]
    )
    func `says what is wrong with a file that is no capture, and goes on with the next`(bytes: [UInt8]) throws
    {
        let folder = TemporaryFolder()
        let bad = try folder.write(bytes, to: "bad.pcap")
        let good = try folder.write(Samples.pcap, to: "good.pcap")
        let outcome = try summary(["-r", bad, "-r", good], folder: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errorLines.contains { $0.contains("bad.pcap") }, "\(outcome.errors)")
        #expect(outcome.json["packets"] as? Int == 10)
    }

    @Test func `leaves out what it is told to leave out`() throws {
        func present(_ arguments: [String]) throws -> Set<String> {
            let folder = TemporaryFolder()
            let capture = try folder.write(Samples.pcap, to: "ten.pcap")
            let outcome = try summary(["-r", capture] + arguments, folder: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let consumers = outcome.json["consumers"] as? [String: Any] ?? [:]
            #expect((consumers["logger"] == nil) == arguments.contains("--no-packets"))
            var found: Set<String> = []
            if !folder.files(endingWith: ".pcapng", below: "data").isEmpty { found.insert("packets") }
            if !folder.files(endingWith: ".sqlite", below: "data").isEmpty { found.insert("flows") }
            if !folder.files(endingWith: "eve.json", below: "data").isEmpty { found.insert("eve") }
            return found
        }
        #expect(try present([]) == ["packets", "flows", "eve"])
        #expect(try present(["--no-packets"]) == ["flows", "eve"])
        #expect(try present(["--no-flows"]) == ["packets", "eve"])
        #expect(try present(["--no-eve"]) == ["packets", "flows"])
        #expect(try present(["--no-packets", "--no-flows", "--no-eve"]) == [])
    }

    @Test func `takes a filter by tcpdump's rules`() throws {
        let folder = TemporaryFolder()
        let capture = try folder.write(Samples.pcap, to: "ten.pcap")
        let outcome = try summary(
            ["-r", capture, "--filter", "src port 53 and dst host 10.0.0.3"],
            folder: folder
        )
        #expect(outcome.status == 0)
        #expect(outcome.json["packets"] as? Int == 1)
    }

    @Test func `explains the pipeline that it runs, in text and for Graphviz`() throws {
        let folder = TemporaryFolder()
        func explain(_ workers: String) throws -> String {
            let outcome = try BeltwayProgram.run(
                ["run", "-r", Samples.sample, "--workers", workers, "--explain"],
                in: folder.path
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.output
        }
        let (one, two) = (try explain("1"), try explain("2"))
        #expect(one.contains("digraph beltway {") && one.hasSuffix("}\n"))
        #expect(!one.contains("index buffer"), "the worker is called: no index buffer exists")
        #expect(two.contains("classify file.0  [capture thread file.0]"))
        #expect(
            two.components(separatedBy: "index buffer").count - 1 == 4,
            "two edges, each in text and graph"
        )
        for (form, begins) in [("text", "capture file.0 "), ("dot", "digraph beltway {")] {
            let outcome = try BeltwayProgram.run(
                ["run", "--explain", form, "-r", Samples.sample],
                in: folder.path
            )
            #expect(outcome.output.hasPrefix(begins), "\(outcome.output.prefix(40))")
            #expect(outcome.output.contains("digraph") == (form == "dot"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty, "nothing ran")
        // What runs has the consumers that the graph names.
        for (workers, text) in [("1", one), ("2", two)] {
            let run = try summary(["-r", Samples.sample, "--workers", workers], folder: TemporaryFolder())
            let consumers = run.json["consumers"] as? [String: Any] ?? [:]
            for name in consumers.keys { #expect(text.contains(name), "\(name)") }
            #expect(consumers.keys.count { $0.hasPrefix("worker.") } == Int(workers))
        }
    }

    @Test func `chooses a fresh directory for each run over files, and links the latest`() throws {
        let folder = TemporaryFolder()
        for _ in 0..<2 {
            #expect(try BeltwayProgram.run(["run", "-r", Samples.sample], in: folder.path).status == 0)
        }
        guard !FileManager.default.isWritableFile(atPath: "/var/lib/beltway") else { return }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder / "beltway-data")
        #expect(names.count == 3 && names.contains("latest"))
        let latest = try FileManager.default.destinationOfSymbolicLink(atPath: folder / "beltway-data/latest")
        #expect(latest == names.filter { $0 != "latest" }.max())
    }

    @Test func `refuses a data directory that another run uses`() throws {
        let folder = TemporaryFolder()
        let pipe = folder / "pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let writer = open(pipe, O_RDWR)
        defer { close(writer) }
        let first = try RunningProgram(
            [BeltwayProgram.path ?? "", "run", "-r", "-", "--data", folder / "data"],
            input: pipe
        )
        #expect(first.waitFor("data directory"))
        let second = try summary(["-r", Samples.sample], folder: folder)
        #expect(second.status == 1)
        #expect(
            second.errorLines.last?.contains("another beltway (process \(first.pid)) uses the data directory")
                == true
        )
        first.signal(SIGKILL)
        _ = first.wait()
        #expect(try summary(["-r", Samples.sample], folder: folder).status == 0)
    }
}
