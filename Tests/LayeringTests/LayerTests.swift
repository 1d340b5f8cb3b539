// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The layers, from the bottom up: what a module may import, of ours and of packages.
///
/// Imports only point down.
/// The compiler refuses targets that are not declared, but lets a file import a dependency of a dependency; this
/// table closes that gap.
private let layers: [String: (ours: Set<String>, packages: Set<String>)] = [
    // 0  C
    "CLinux": ([], []), "CPcap": ([], []), "CPCRE2": ([], []), "CZlib": ([], []), "CRingPeer": ([], []),
    "CBeltway": ([], []), "CTimerFD": ([], []),
    // 1  formats
    "BeltwayWire": ([], []),
    // 2  transport
    "BeltwayBuffers": (["BeltwayWire", "CLinux"], []),
    // 3  producers
    "BeltwayCapture": (["BeltwayBuffers", "BeltwayWire", "CLinux", "CPcap", "CZlib"], []),
    "BeltwayClassify": (["BeltwayBuffers", "BeltwayWire", "CPcap"], []),
    // 4  consumers: never one another, except Flow
    "BeltwayFlow": (["BeltwayClassify", "BeltwayBuffers", "BeltwayWire", "CZlib"], ["Crypto"]),
    "BeltwayDetect": (["BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire", "CPCRE2"], []),
    "BeltwayTrace": (["BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire"], []),
    "BeltwayStore": (["BeltwayFlow", "BeltwayBuffers", "BeltwayWire", "CLinux"], ["GRDB", "GRDBSQLite"]),
    // 5  whole
    "BeltwayAppliance": (
        [
            "BeltwayCapture", "BeltwayClassify", "BeltwayFlow", "BeltwayDetect", "BeltwayTrace",
            "BeltwayStore",
            "BeltwayBuffers", "BeltwayWire", "CLinux",
        ], ["Yams", "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "Crypto"]
    ),
    // 6  programs
    "beltway": (["BeltwayAppliance", "BeltwayStore", "BeltwayBuffers"], ["ArgumentParser"]),
    "BeltwayC": (["BeltwayBuffers", "BeltwayWire", "CBeltway"], []),
    "BeltwayPcap": (["BeltwayBuffers", "BeltwayWire", "CPcap", "CTimerFD"], []),
    "beltway-bench": (
        [
            "BeltwayAppliance", "BeltwayCapture", "BeltwayClassify", "BeltwayFlow", "BeltwayDetect",
            "BeltwayTrace",
            "BeltwayStore", "BeltwayBuffers", "BeltwayWire", "CLinux", "CRingPeer",
        ], ["ArgumentParser"]
    ),
]

/// What comes with the toolchain; BeltwayWire does without all of it.
private let toolchain: Set<String> = [
    "Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization",
]

@Suite struct `The layers` {
    @Test func `have a row for every module, and every row a module`() throws {
        let sources = Repository.root.appending(path: "Sources").path
        let modules = try FileManager.default.contentsOfDirectory(atPath: sources).filter {
            !$0.hasPrefix(".")
        }
        #expect(Set(modules) == Set(layers.keys))
    }

    @Test(arguments: layers.keys.sorted())
    func `let a module import only what lies below it`(module: String) throws {
        let row = try #require(layers[module])
        var allowed = row.ours.union(row.packages)
        if module != "BeltwayWire" { allowed.formUnion(toolchain) }
        for file in Repository.files(in: "Sources/\(module)", ending: ".swift") {
            for name in try imports(of: file) {
                #expect(allowed.contains(name), "\(file) imports \(name)")
            }
        }
    }

    @Test func `point down only: no module can reach itself`() {
        for module in layers.keys {
            var reached: Set<String> = []
            var next = layers[module]?.ours ?? []
            while !next.isEmpty {
                reached.formUnion(next)
                next = next.reduce(into: Set()) { $0.formUnion(layers[$1]?.ours ?? []) }.subtracting(reached)
            }
            #expect(!reached.contains(module))
        }
    }

    @Test func `keep the data plane free of Foundation`() throws {
        let slow: Set<String> = ["Foundation", "FoundationEssentials"]
        for module in [
            "BeltwayWire", "BeltwayBuffers", "BeltwayCapture", "BeltwayClassify", "BeltwayFlow",
            "BeltwayTrace",
        ] {
            for file in Repository.files(in: "Sources/\(module)", ending: ".swift") {
                #expect(Set(try imports(of: file)).isDisjoint(with: slow), "\(file)")
            }
        }
    }

    @Test(arguments: [
        ("import A", ["A"]), ("public import A", ["A"]), ("@preconcurrency internal import A.B", ["A"]),
        ("import struct A.B", ["A"]), ("let x = important", []), ("// import A", []), ("", []),
    ])
    func `are read from import lines of every form`(line: String, expected: [String]) {
        #expect(importedModules(in: [line.hasPrefix("//") ? "" : line]) == expected)
    }

    private func imports(of file: String) throws -> [String] {
        importedModules(in: try Repository.code(file))
    }

    private func importedModules(in lines: [String]) -> [String] {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        return lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index <= 2, index + 1 < words.count else {
                return nil
            }
            var name = words[index + 1]
            if kinds.contains(name), index + 2 < words.count { name = words[index + 2] }
            return name.split(separator: ".").first.map(String.init)
        }
    }
}
