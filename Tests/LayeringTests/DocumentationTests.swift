// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What a person finds who opens the documentation: pictures that are there, in both colours, and nothing beside them.
@Suite struct `The documentation` {
    private static let catalogs = Set(
        Repository.files(in: "Sources", ending: ".md").compactMap { path -> String? in
            guard let end = path.firstRange(of: ".docc/") else { return nil }
            return String(path[..<end.upperBound].dropLast())
        }
    ).sorted()

    private static func pictures(_ catalog: String) -> [String] {
        Repository.files(in: catalog, ending: ".svg")
    }

    @Test func `has every picture that an article shows, and shows every picture that it has`() throws {
        for catalog in Self.catalogs {
            var shown: Set<String> = []
            for article in Repository.files(in: catalog, ending: ".md") {
                for match in try Repository.text(article).matches(of: /!\[([^\]]*)\]\(([^)]+)\)/) {
                    #expect(
                        !match.output.1.isEmpty,
                        "\(article): a picture without words for those who cannot see it"
                    )
                    shown.insert(String(match.output.2))
                }
            }
            let names = Set(
                Self.pictures(catalog).compactMap { $0.split(separator: "/").last?.dropLast(4) }
                    .filter { !$0.hasSuffix("~dark") }.map(String.init)
            )
            #expect(shown == names, "\(catalog)")
        }
    }

    @Test func `has each picture for light and for dark pages, and they differ in colours only`() throws {
        for path in Self.catalogs.flatMap({ Self.pictures($0) }) where !path.hasSuffix("~dark.svg") {
            let dark = String(path.dropLast(4)) + "~dark.svg"
            func shape(_ path: String) throws -> String {
                try Repository.text(path).replacing(/#[0-9a-f]{6}/, with: "#")
            }
            #expect(try shape(path) == shape(dark), "\(path)")
            #expect(try Repository.text(path) != Repository.text(dark), "\(path)")
        }
    }

    @Test func `links to articles that there are`() throws {
        for catalog in Self.catalogs {
            let articles = Repository.files(in: catalog, ending: ".md")
            let names = Set(
                articles.compactMap { $0.split(separator: "/").last.map { String($0.dropLast(3)) } }
            )
            for article in articles {
                for match in try Repository.text(article).matches(of: /<doc:([^>#]+)>/) {
                    #expect(names.contains(String(match.output.1)), "\(article): \(match.output.1)")
                }
            }
        }
    }

    @Test func `names no source file and no suite of tests that is gone`() throws {
        let files = Repository.files(in: "Sources") + Repository.files(in: "Tests")
        let names = Set(files.compactMap { $0.split(separator: "/").last.map(String.init) })
        let texts = Repository.files(in: "Sources").filter { $0.hasSuffix(".swift") || $0.hasSuffix(".md") }
        for text in texts {
            for match in try Repository.text(text).matches(of: /`([A-Z][A-Za-z+]*(?:Tests|\.swift))`/) {
                let name = String(match.output.1)
                let file = name.hasSuffix(".swift") ? name : name + ".swift"
                #expect(names.contains(file) || isFolderOfTests(name), "\(text): \(name)")
            }
        }
    }

    private func isFolderOfTests(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: Repository.root.appending(path: "Tests/\(name)").path)
    }
}
