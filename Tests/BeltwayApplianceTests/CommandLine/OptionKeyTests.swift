// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The command line` {
    /// What each option of `run` is called in a configuration file; an option that is not here has no key yet.
    private static let keys: [String: (key: String, value: String)] = [
        "-i": ("interfaces", "[lo]"), "-r": ("captures", "[a.pcap]"), "--rules": ("rules", "[a.rules]"),
        "--data": ("data", "/tmp/x"), "--filter": ("filter", "tcp"), "--queues": ("queues", "auto"),
        "--ring": ("ring", "64MiB"), "--workers": ("workers", "2"), "--api": ("api", "off"),
        "--summary": ("summary", "json"), "--trace": ("trace", "port == 1"), "--explain": ("explain", "yes"),
        "--no-packets": ("store-packets", "no"), "--no-flows": ("store-flows", "no"),
        "--no-eve": ("write-events", "no"), "--zeek": ("zeek", "json"),
        "--no-protocols": ("parse-protocols", "no"),
    ]

    @Test func `has a key in the configuration file for every option of run`() throws {
        let help = try BeltwayProgram.run(["run", "--help"]).output
        let options = help.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("  -") else { return nil }
            return line.dropFirst(2).prefix { $0 != " " && $0 != "," }.description
        }
        #expect(options.count >= 15)
        for option in options where !["-c", "--version", "-h"].contains(option) {
            #expect(Self.keys[option] != nil, "\(option) has no key")
        }
        // Every key is known: what is refused in the end is only that there is nothing to capture.
        let folder = TemporaryFolder()
        let lines = Self.keys.filter { $0.key != "-i" && $0.key != "-r" }.values.map {
            "\($0.key): \($0.value)\n"
        }
        try folder.write(lines.sorted().joined(), to: "c.yaml")
        let outcome = try BeltwayProgram.run(["run", "-c", "c.yaml"], in: folder.path)
        #expect(outcome.errors.contains("nothing to capture"), "\(outcome.errors)")
    }

    @Test func `takes everything from a configuration file, and options win`() throws {
        let folder = TemporaryFolder()
        let capture = try folder.write(Samples.pcap, to: "ten.pcap")
        try folder.write(
            """
            # Comments are allowed.
            captures: \(capture)
            data: \(folder / "data")
            workers: 2
            summary: json
            filter: src port 53
            store-packets: no
            write-events: no
            parse-protocols: no
            """,
            to: "c.yaml"
        )
        let outcome = try BeltwayProgram.run(["run", "-c", "c.yaml"], in: folder.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.json["packets"] as? Int == 5)
        #expect(
            Set((outcome.json["consumers"] as? [String: Any] ?? [:]).keys) == [
                "worker.0", "worker.1", "statistics",
            ]
        )
        #expect(folder.files(endingWith: "eve.json", below: "data").isEmpty)
        let other = try BeltwayProgram.run(
            [
                "run", "-c", "c.yaml", "--filter", "dst host 10.0.0.3", "--workers", "1", "--data",
                folder / "other",
            ],
            in: folder.path
        )
        #expect(other.json["packets"] as? Int == 1, "\(other.errors)")
        #expect(!folder.files(endingWith: ".sqlite", below: "other").isEmpty)
    }
}
