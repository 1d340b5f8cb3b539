// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The command line` {
    @Test(arguments: [
        (["run", "-r", "none.pcap"], Int32(1), "cannot read none.pcap: No such file or directory"),
        (["run", "-r", "."], 1, "cannot read .: Is a directory"),
        (
            ["run", "-r", Samples.sample, "--rules", "none"], 1,
            "cannot read the rules at none: No such file or directory"
        ),
        (["run", "-r", Samples.sample, "--filter", "tcp prot 80"], 2, "filter expression \"tcp prot 80\""),
        (
            ["run", "-r", Samples.sample, "--ring", "5M"], 2,
            "a power of two from 8 MiB to 64 GiB, not 5 MiB; the next one is 8 MiB"
        ),
        (["run", "-r", Samples.sample, "--ring", "48MiB"], 2, "the next one is 64 MiB"),
        (["run", "-r", Samples.sample, "--ring", "4M"], 2, "a power of two from 8 MiB"),
        (["run", "-r", Samples.sample, "--ring", "128G"], 2, "a power of two from 8 MiB to 64 GiB"),
        (["run", "-r", Samples.sample, "--ring", "big"], 2, "--ring takes a size such as 64MiB, not `big`"),
        (["run", "-r", Samples.sample, "--workers", "0"], 2, "--workers takes 1 to 60, not 0"),
        (["run", "-r", Samples.sample, "--workers", "99999999999999999999"], 2, "--workers takes a number"),
        (["run", "-r", Samples.sample, "--workers", "two"], 2, "--workers takes a number, not `two`"),
        (["run", "-i", "lo", "--queues", "0"], 2, "--queues takes 1 to 64 or auto, not 0"),
        (["run", "-i", "lo", "--queues", "many"], 2, "--queues takes a number or auto, not `many`"),
        (["run", "-r", Samples.sample, "--queues", "2"], 2, "--queues is for live capture"),
        (["run", "-r", Samples.sample, "-i", "lo"], 2, "-i and -r exclude each other"),
        (["run", "-i", "lo", "-i", "lo"], 2, "an interface is named twice"),
        (["run", "-r", "-", "-r", "-"], 2, "standard input (-r -) can be read once"),
        (
            ["run", "-r", Samples.sample, "--api", "127.0.0.1:8080"], 2,
            "the API is not built into this version"
        ),
        (["run", "-r", Samples.sample, "--summary", "xml"], 2, "--summary takes text or json, not `xml`"),
        (["run", "-r", Samples.sample, "--frob"], 2, "Unknown option '--frob'"),
        (["run", "-r"], 2, "Missing value for '-r <capture>'"),
        (["run", Samples.sample], 2, "Unexpected argument"),
        (["run", "-i", "no-such-interface-here"], 1, "no interface no-such-interface-here; there are: "),
        (
            ["run", "-c", "none.yaml"], 2,
            "none.yaml: cannot read the configuration file: No such file or directory"
        ),
        (["quer"], 2, "no command is called `quer`; did you mean `query`?"),
        (["query", "--data", "none", "flows"], 1, "no data directory at none"),
        (["query", "flows"], 1, "run `beltway run -r FILE` first"),
        (["query", "flos"], 2, "nothing called `flos` to query; did you mean `flows`?"),
        (["query", "stats"], 2, "`query stats` is not built into this version"),
        (["query", "--format", "xml", "flows"], 2, "--format takes table, json or csv, not `xml`"),
        (["query", "--limit", "-1", "flows"], 2, "--limit"),
        (["query", "--limit", "x", "flows"], 2, "--limit"),
        (["query", "--since", "whenever", "flows"], 2, "--since takes"),
        (
            ["query", "flows", "prot == 4"], 2,
            "column 1: expected a field of flows, found 'prot'; the nearest is 'proto'"
        ),
        (["query", "flows", "port == 'http'"], 2, "column"),
        (["query", "flows", "port =="], 2, "expression `port ==`: "),
        (["query", "flows", "(port == 1"], 2, "expression `(port == 1`: "),
        (["query", "flows", String(repeating: "(", count: 100_000)], 2, "expression"),
        (["extract", "port == 443"], 2, "-w"),
        (["extract", "--data", "none", "-w", "x.pcapng"], 1, "no data directory at none"),
        (["rules", "check", "none"], 1, "cannot read the rules at none: No such file or directory"),
    ])
    func `refuses in one line, with the right status`(arguments: [String], status: Int32, text: String) throws
    {
        try expectRefusal(arguments, status: status, says: text)
    }

    @Test func `refuses a configuration file with the place and the nearest key`() throws {
        let folder = TemporaryFolder()
        func refuse(_ text: String, _ says: String) throws {
            try folder.write(text, to: "c.yaml")
            try expectRefusal(["run", "-c", "c.yaml"], status: 2, says: "c.yaml", says, in: folder)
        }
        try refuse("workers: 1\nruls: x\n", ":2:1: unknown key `ruls` in the file; did you mean `rules`?")
        try refuse("workers: lots\n", ":1:10: expected a number from 1 to 60, found `lots`")
        try refuse("workers: [1\n", ":2:1: not YAML: ")
        try refuse("workers: 1\nworkers: 2\n", "`workers` is set twice")
        try refuse("captures: x\nworkers: " + String(repeating: "[", count: 100_000), "not YAML")
        try refuse(String(repeating: "# comment\n", count: 200_000), "at most 1 MiB")
        try folder.write([0xff, 0xfe, 0, 1], to: "c.yaml")
        try expectRefusal(["run", "-c", "c.yaml"], status: 2, says: "not UTF-8 text", in: folder)
        try expectRefusal(["run", "-c", "."], status: 2, says: "Is a directory", in: folder)
    }

    @Test func `leaves nothing behind when it refuses`() throws {
        let folder = TemporaryFolder()
        for arguments in [["-r", "none"], ["-i", "none"], ["-r", Samples.sample, "--filter", "tcp prot"]] {
            _ = try BeltwayProgram.run(["run"] + arguments, in: folder.path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func `prints how to use it when there is nothing to capture`() throws {
        let outcome = try BeltwayProgram.run(["run"])
        #expect(outcome.status == 2)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errors.contains("nothing to capture"))
        #expect(outcome.output.contains("USAGE: beltway run") && outcome.output.contains("-r <capture>"))
    }

    @Test(arguments: [
        ["--help"], ["help"], [], ["run", "--help"], ["query", "--help"], ["extract", "--help"],
    ])
    func `explains itself in 80 columns`(arguments: [String]) throws {
        let outcome = try BeltwayProgram.run(arguments)
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        #expect(outcome.output.contains("USAGE: beltway"))
        // The usage line itself is not wrapped.
        let long = outcome.output.split(separator: "\n").filter { $0.count > 80 && !$0.hasPrefix("USAGE") }
        #expect(long.isEmpty, "\(long)")
    }

    @Test func `tells a usage error from a failure when two things are wrong`() throws {
        // What was asked for is looked at before what there is.
        try expectRefusal(["run", "-r", "none.pcap", "--workers", "0"], status: 2, says: "--workers")
    }
}
