// SPDX-License-Identifier: Apache-2.0
// Building programs in C against the library, and running them where there is no Swift.
import BeltwayTestSupport
import Foundation
import Testing

/// The tree that the tests were built from, and what `deployments/build-c` has made of it.
enum Tree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .standardizedFileURL.path
    static let header = root + "/Sources/CBeltway/beltway.h"
    static let examples = root + "/Sources/BeltwayC/Examples"
    static let programs = root + "/Tests/BeltwayCTests/Programs"
    static let library = root + "/.build-c/beltway/lib/libbeltway.so.1"
    static let isBuilt = FileManager.default.fileExists(atPath: library)
    static let absence: Comment = "The C library is not built; run ./deployments/build-c first."
    /// A C compiler of the system's, or nil.
    static let compiler = ["gcc", "cc", "clang"].first(where: isInstalled)

    static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// Functions that the header declares.
    static func declared() throws -> Set<String> {
        let code = try text(header).replacing(#/\/\*.*?\*\//#.dotMatchesNewlines(), with: "")
        return Set(code.matches(of: #/\b(beltway_[a-z_]+)\(/#).map { String($0.output.1) })
    }
}

/// Runs a program to its end.
func run(_ command: [String], seconds: Double = 60) throws -> ProgramOutcome {
    try RunningProgram(command).wait(seconds: seconds)
}

/// A program in C, built into a folder of its own.
struct CProgram {
    private let folder = TemporaryFolder()
    private let path: String

    /// Compiles and links a source file; every warning is an error.
    init(_ source: String, flags: [String] = []) throws {
        path = folder / "program"
        let compiler = try #require(Tree.compiler, "no C compiler is installed")
        let libraries = Tree.root + "/.build-c/beltway/lib"
        let warnings = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
        let outcome = try BeltwayCTests.run(
            [compiler, "-std=c99", "-O2", "-pthread"] + warnings + flags
                + ["-I", Tree.root + "/.build-c/beltway/include", source]
                + ["-L", libraries, "-lbeltway", "-o", path]
        )
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    /// Starts it with an environment of nothing but where the library is: no Swift on any path.
    func start(_ arguments: [String], under tool: [String] = []) throws -> RunningCProgram {
        let libraries = Tree.root + "/.build-c/beltway/lib"
        let environment = ["env", "-i", "PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=" + libraries]
        return RunningCProgram(
            program: try RunningProgram(environment + tool + [path] + arguments),
            folder: folder
        )
    }

    /// Runs it to its end.
    func run(_ arguments: [String], under tool: [String] = [], seconds: Double = 60) throws -> ProgramOutcome
    {
        try start(arguments, under: tool).wait(seconds: seconds)
    }
}

/// A program that runs, and the folder that it lies in.
struct RunningCProgram {
    fileprivate let program: RunningProgram
    fileprivate let folder: TemporaryFolder

    func waitFor(_ text: String, seconds: Double = 30) -> Bool { program.waitFor(text, seconds: seconds) }
    func wait(seconds: Double = 60) -> ProgramOutcome { program.wait(seconds: seconds) }
    func signal(_ number: Int32) { program.signal(number) }
}
