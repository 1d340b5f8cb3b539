// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

private let folders = ["Sources", "Tests", "rules", "deployments", "dashboards", ".ci"]
private var swiftFiles: [String] {
    Repository.files(in: "Sources", ending: ".swift") + Repository.files(in: "Tests", ending: ".swift")
}

@Suite struct `The repository` {
    @Test func `has nothing at its top that the layout does not name`() throws {
        let card: Set<String> = [
            "Package.swift", "Package.resolved", "README.md", "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md",
            "SECURITY.md", "NOTICE", "Sources", "Tests", "rules", "deployments", "dashboards",
            // left by a run, ignored by git
            "beltway-data",
        ]
        let entries = try FileManager.default.contentsOfDirectory(atPath: Repository.root.path)
        #expect(entries.filter { !$0.hasPrefix(".") && !card.contains($0) } == [])
    }

    @Test(arguments: ["./deployments/run", "./deployments/test"])
    func `names both of its commands in README`(command: String) throws {
        #expect(try Repository.text("README.md").contains(command))
    }

    @Test(arguments: [
        "deployments/run", "deployments/test", "deployments/build-c", "deployments/build-pcap", ".ci/run",
    ])
    func `has scripts that can be run`(script: String) {
        #expect(FileManager.default.isExecutableFile(atPath: Repository.root.appending(path: script).path))
    }

    @Test func `begins every source file with its licence`() throws {
        let scripts = [
            "deployments/run", "deployments/test", "deployments/build-c", "deployments/build-pcap",
            "deployments/steps.sh", ".ci/run",
        ]
        for file in swiftFiles + Repository.files(in: "Sources", ending: ".c") + scripts + ["Package.swift"] {
            // A script's first line names its interpreter, the manifest's the tools.
            let head = try Repository.text(file).split(separator: "\n").prefix(2).joined()
            #expect(head.contains("SPDX-License-Identifier: Apache-2.0"), "\(file)")
        }
    }

    @Test func `has no source file of more than 500 lines`() throws {
        for file in swiftFiles {
            let lines = try Repository.text(file).split(separator: "\n", omittingEmptySubsequences: false)
                .count
            #expect(lines <= 501, "\(file) has \(lines - 1) lines: look for a seam")
        }
    }

    @Test func `has no file of more than one megabyte`() throws {
        for folder in folders {
            for file in Repository.files(in: folder) {
                let values = try Repository.root.appending(path: file).resourceValues(forKeys: [.fileSizeKey])
                #expect((values.fileSize ?? 0) <= 1 << 20, "\(file)")
            }
        }
    }

    @Test func `has no file whose name hides a missing idea`() {
        for file in swiftFiles {
            let name = file.split(separator: "/").last ?? ""
            for vague in ["Utils", "Utilities", "Helper", "Helpers", "Manager", "Extras", "Misc", "Common"] {
                #expect(!name.hasSuffix("\(vague).swift"), "\(file)")
            }
        }
    }

    @Test func `names no path of one machine`() throws {
        // Put together here, so that this file does not name one itself.
        let roots = ["work", "farm", "root"].joined(separator: "|")
        let path = try Regex("(^|[^A-Za-z0-9_.])/(\(roots))/")
        for folder in folders {
            for file in Repository.files(in: folder) {
                guard let text = try? Repository.text(file) else { continue }  // captures are not text
                for line in text.split(separator: "\n") where line.firstMatch(of: path) != nil {
                    Issue.record("\(file): \(line)")
                }
            }
        }
    }
}
