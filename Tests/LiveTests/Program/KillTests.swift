// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    /// Kept small, so that ten runs fit anywhere; segments begin anew often, so that all moments are met.
    private func configuration(in folder: TemporaryFolder) throws -> String {
        try folder.write("packets: {quota: 256MiB, segment: 16MiB}\n", to: "beltway.yaml")
    }

    @Test func `killed ten times while it reads files, it leaves a directory that opens and is whole`() throws
    {
        let folder = TemporaryFolder()
        let capture = try LiveCaptures.write(rounds: 10, to: folder)
        let settings = try configuration(in: folder)
        let captures = Array(repeating: ["-r", capture], count: 200).flatMap(\.self)
        for round in 0..<10 {
            let program = try RunningProgram(
                [LiveProgram.path, "run", "-c", settings, "--data", folder / "data"] + captures
            )
            #expect(program.waitFor("data directory"), "round \(round): \(program.errors)")
            usleep(.random(in: 20_000...900_000))
            program.signal(SIGKILL)
            #expect(program.wait().status == 128 + SIGKILL)
            try checkWhole(folder / "data", "round \(round)")
        }
        try checkItGoesOn(folder, capture, settings)
    }

    @Test func `killed ten times while it captures, it leaves a directory that opens and is whole`() throws {
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 10, to: folder)
        let settings = try configuration(in: folder)
        let load = try LiveProgram.startReplay(capture, in: network, perSecond: 20_000, loops: 100)
        for round in 0..<10 {
            let program = try LiveProgram.start(
                ["-c", settings, "--queues", "2", "--ring", "8MiB", "--data", folder / "data"],
                in: network
            )
            usleep(.random(in: 20_000...1_200_000))
            program.signal(SIGKILL)
            #expect(program.wait().status == 128 + SIGKILL)
            try checkWhole(folder / "data", "round \(round)")
        }
        load.signal(SIGTERM)
        _ = load.wait()
        #expect(!TemporaryFolder.segments(of: folder / "data").isEmpty)
        try checkItGoesOn(folder, capture, settings)
    }

    /// Queries answer, every partition is whole, every segment can be read to its end.
    private func checkWhole(_ data: String, _ comment: Comment) throws {
        let query = try BeltwayProgram.run([
            "query", "--data", data, "--format", "csv", "--limit", "10", "flows",
        ])
        #expect(query.status == 0, "\(comment): \(query.errors)")
        for partition in TemporaryFolder.files(in: data + "/flows", endingWith: ".sqlite") {
            let check = try LiveProgram.tool(["sqlite3", partition, "PRAGMA integrity_check"])
            #expect(check.output == "ok\n", "\(comment): \(partition): \(check.output)\(check.errors)")
        }
        for segment in TemporaryFolder.segments(of: data) {
            let check = try LiveProgram.tool(["tcpdump", "-Z", "root", "-n", "--count", "-r", segment])
            let complaints = check.errorLines.filter { !$0.hasPrefix("reading from file") }
            #expect(check.status == 0 && complaints.isEmpty, "\(comment): \(segment): \(check.errors)")
        }
    }

    /// The next run in the same directory works to its end.
    private func checkItGoesOn(_ folder: TemporaryFolder, _ capture: String, _ settings: String) throws {
        let run = try BeltwayProgram.run(
            ["run", "-c", settings, "--data", folder / "data", "-r", capture, "--summary", "json"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.json["packets"] as? Int == 40_000)
        try checkWhole(folder / "data", "after the last run")
        for line in try String(contentsOfFile: folder / "data/eve.json", encoding: .utf8).split(
            separator: "\n"
        ) {
            guard (try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil else {
                Issue.record("eve.json holds a line that is no JSON: \(line.prefix(200))")
                break
            }
        }
    }
}

extension TemporaryFolder {
    /// Packet segments of a data directory.
    static func segments(of data: String) -> [String] { files(in: data + "/packets", endingWith: ".pcapng") }

    /// All files below a folder whose names end so.
    static func files(in folder: String, endingWith suffix: String) -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: folder) else { return [] }
        return walk.compactMap { $0 as? String }.filter { $0.hasSuffix(suffix) }.map { folder + "/" + $0 }
            .sorted()
    }
}
