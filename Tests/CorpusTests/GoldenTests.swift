// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The folders of Tests/Golden.
private let cases: [String] = {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let golden = tests.appendingPathComponent("Golden").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: golden)) ?? []
    return names.sorted().map { golden + "/" + $0 }
        .filter { FileManager.default.fileExists(atPath: $0 + "/input.pcapng") }
}()

@Suite(
    .enabled(
        if: Program.beltway != nil,
        "The program is not built beside the tests: swift build --build-tests"
    )
)
struct `A golden case` {
    @Test(arguments: cases)
    func `gives the expected events, each key and value the same`(folder: String) throws {
        let run = try withTemporaryFolder {
            Run.of(folder + "/input.pcapng", in: $0, Run.lean + ["--rules", folder + "/case.rules"])
        }
        #expect(run.ending.status == 0, "\(run.ending.description)")
        let expected = try Data(contentsOf: URL(fileURLWithPath: folder + "/expected.eve.json"))
        #expect(
            try Self.canonical(run.lines) == Self.canonical(expected.split(separator: 0x0a).map { Data($0) })
        )
    }

    @Test func `has a README that says where the expectation comes from`() {
        #expect(cases.count >= 5)
        for folder in cases {
            #expect(FileManager.default.fileExists(atPath: folder + "/README.md"), "\(folder)")
        }
    }

    /// Events as sorted lines whose keys are sorted.
    private static func canonical(_ lines: [Data]) throws -> [String] {
        try lines.map { line in
            let event = try JSONSerialization.jsonObject(with: line)
            let sorted = try JSONSerialization.data(withJSONObject: event, options: [.sortedKeys])
            return String(decoding: sorted, as: UTF8.self)
        }.sorted()
    }
}
