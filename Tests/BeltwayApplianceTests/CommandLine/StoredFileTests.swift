// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Crypto
import Foundation
import Testing

extension `The command line` {
    /// The objects `fileinfo` of a run over the sample.
    private func files(_ settings: String, in folder: TemporaryFolder) throws -> [[String: Any]] {
        let configuration = try folder.write(settings, to: "files.yaml")
        try? FileManager.default.removeItem(atPath: folder / "data/eve.json")
        let outcome = try BeltwayProgram.run([
            "run", "-r", Samples.sample, "-c", configuration, "--data", folder / "data", "--no-packets",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = try String(contentsOfFile: folder / "data/eve.json", encoding: .utf8).split(
            separator: "\n"
        )
        return try lines.compactMap { line in
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return event?["fileinfo"] as? [String: Any]
        }
    }

    /// Names and digests of what is below a folder.
    private func stored(_ folder: String) -> [(path: String, digest: String)] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.compactMap { path in
            FileManager.default.contents(atPath: folder + "/" + path).map { data in
                (path, SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined())
            }
        }
    }

    @Test(arguments: [1, 3])
    func `stores files by what they hold, and says which`(workers: Int) throws {
        let folder = TemporaryFolder()
        let files = try files("{files: {extract: yes}, workers: \(workers)}\n", in: folder)
        let told = files.filter { $0["stored"] as? Bool == true }
        #expect(told.count >= 10)
        #expect(told.count == files.count { $0["state"] as? String == "CLOSED" })
        let found = stored(folder / "data/files")
        #expect(Set(found.map(\.digest)) == Set(told.compactMap { $0["sha256"] as? String }))
        for file in found { #expect(file.path == "\(file.digest.prefix(2))/\(file.digest)") }
        let query = try BeltwayProgram.run([
            "query", "--data", folder / "data", "files", "fileinfo.stored == true", "--format", "csv",
        ])
        #expect(query.output.split(separator: "\n").count == told.count + 1, "\(query.errors)")
    }

    @Test func `stores files within limits that hold over runs`() throws {
        let folder = TemporaryFolder()
        _ = try files("files: {extract: {count: 3, largest: 1KiB}}\n", in: folder)
        let found = stored(folder / "data/files").map(\.path)
        #expect((1...3).contains(found.count))
        let later = try files("files: {extract: {count: 1}}\n", in: folder)
        #expect(later.allSatisfy { $0["stored"] as? Bool == false })
        #expect(stored(folder / "data/files").map(\.path) == found)
    }

    @Test func `counts files in its summary and its statistics`() throws {
        let folder = TemporaryFolder()
        let configuration = try folder.write("{files: {extract: yes}, summary: json}\n", to: "files.yaml")
        let outcome = try BeltwayProgram.run([
            "run", "-r", Samples.sample, "-c", configuration, "--data", folder / "data", "--no-packets",
        ])
        let found = stored(folder / "data/files").count
        let events = try String(contentsOfFile: folder / "data/eve.json", encoding: .utf8).split(
            separator: "\n"
        )
        let last = try #require(events.last { $0.contains("\"event_type\":\"stats\"") })
        let seen = events.count { $0.contains("\"event_type\":\"fileinfo\"") }
        for text in [outcome.output, String(last)] {
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            let counters = object?["stats"] as? [String: Any] ?? object
            #expect((counters?["files"] as? [String: Int])?["seen"] == seen, "\(text)")
            #expect((counters?["file_store"] as? [String: Int])?["stored"] == found, "\(text)")
        }
    }

    @Test func `stores no files unless told to`() throws {
        let folder = TemporaryFolder()
        let files = try files("files: {extract: no}\n", in: folder)
        #expect(files.allSatisfy { $0["stored"] as? Bool == false })
        #expect(!FileManager.default.fileExists(atPath: folder / "data/files"))
    }
}
