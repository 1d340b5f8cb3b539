// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

@Suite struct `The header beltway.h` {
    @Test(arguments: [
        ["gcc", "-std=c99"], ["gcc", "-std=c11"], ["clang", "-std=c99"], ["g++", "-x", "c++", "-std=c++98"],
        ["g++", "-x", "c++", "-std=c++20"], ["clang++", "-x", "c++", "-std=c++17"],
    ])
    func `compiles without a warning`(compiler: [String]) throws {
        guard isInstalled(compiler[0]) else { try Test.cancel("\(compiler[0]) is not installed") }
        let folder = TemporaryFolder()
        let source = try folder.write("#include <beltway.h>\nint main(void) { return 0; }\n", to: "use.c")
        let outcome = try run(
            compiler + ["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
                + ["-I", Tree.root + "/Sources/CBeltway", source]
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test(.enabled(if: Tree.compiler != nil, "no C compiler is installed"))
    func `keeps the sizes and offsets of its structures`() throws {
        // What programs that are built now rely on for as long as the major version stays.
        let folder = TemporaryFolder()
        let source = try folder.write(
            """
            #include <beltway.h>
            #define HOLDS(name, fact) typedef char name[(fact) ? 1 : -1]
            HOLDS(ring, sizeof(beltway_ring) == 160 && offsetof(beltway_ring, capacity) == 96);
            HOLDS(packet, sizeof(beltway_packet) == 80 && offsetof(beltway_packet, captured_length) == 40);
            HOLDS(buffer, offsetof(beltway_packet, buffer) == 64 && offsetof(beltway_packet, flags) == 70);
            HOLDS(counts, sizeof(beltway_counts) == 64 && offsetof(beltway_counts, ended) == 40);
            HOLDS(version, BELTWAY_VERSION >> 16 == 1);

            """,
            to: "sizes.c"
        )
        let outcome = try run([
            Tree.compiler ?? "cc", "-std=c99", "-fsyntax-only", "-I", Tree.root + "/Sources/CBeltway", source,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test func `declares exactly the functions that the library shows`() throws {
        let map = try Tree.text(Tree.root + "/Sources/CBeltway/beltway.map")
        let shown = Set(map.matches(of: #/\b(beltway_[a-z_]+);/#).map { String($0.output.1) })
        #expect(try Tree.declared() == shown)
        #expect(shown.count == 23)
    }

    @Test(arguments: ["protocols.c", "select.c"])
    func `makes for examples of fewer than 60 lines`(example: String) throws {
        let lines = try Tree.text(Tree.examples + "/" + example).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        #expect(lines.count - 1 < 60 && lines.allSatisfy { $0.count <= 120 })
    }
}

@Suite(.enabled(if: Tree.isBuilt, Tree.absence)) struct `The library libbeltway.so` {
    @Test(.enabled(if: isInstalled("nm"), "nm is not installed"))
    func `shows the functions of its header and nothing else`() throws {
        let outcome = try run(["nm", "-D", "--defined-only", "--extern-only", Tree.library])
        let shown = outcome.output.split(separator: "\n").compactMap {
            $0.split(separator: " ").last.map(String.init)
        }
        #expect(try Set(shown) == Tree.declared())
    }

    @Test(.enabled(if: isInstalled("readelf"), "readelf is not installed"))
    func `needs the C and C++ runtime, no Swift, and no libpcap`() throws {
        let outcome = try run(["readelf", "-d", Tree.library])
        let lines = outcome.output.split(separator: "\n")
        let needed = lines.filter { $0.contains("(NEEDED)") }.compactMap {
            $0.split(separator: "[").last?.dropLast()
        }
        let system = [
            "libc.so", "libm.so", "libstdc++.so", "libgcc_s.so", "ld-linux", "libpthread.so", "libdl.so",
        ]
        #expect(needed.count > 1)
        for library in needed { #expect(system.contains { library.hasPrefix($0) }, "\(library)") }
        #expect(lines.contains { $0.contains("(SONAME)") && $0.contains("[libbeltway.so.1]") })
        #expect(!outcome.output.contains("PATH)"), "no path of the machine that it was built on")
    }

    @Test func `is the one that its header describes`() throws {
        #expect(try Tree.text(Tree.root + "/.build-c/beltway/include/beltway.h") == Tree.text(Tree.header))
    }
}
