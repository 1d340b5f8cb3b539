// SPDX-License-Identifier: Apache-2.0

import BeltwayTestSupport
import Foundation
import Testing

/// `beltway pipe` in a shell, as a person uses it.
@Suite(
    .serialized,
    .enabled(if: BeltwayProgram.path != nil, "\(BeltwayProgram.absence)"),
    .timeLimit(.minutes(3))
)
struct `A pipe in a shell` {
    let folder = TemporaryFolder()

    /// Runs a line of shell with `$B` for the program and `$D` for the data directory.
    private func shell(_ line: String, seconds: Double = 60) throws -> ProgramOutcome {
        let path = BeltwayProgram.path ?? "beltway"
        return try RunningProgram(["bash", "-c", "B=\(path); D=\(folder.path); set -o pipefail; \(line)"])
            .wait(seconds: seconds)
    }

    @Test func `carries a million lines byte for byte`() throws {
        let outcome = try shell(
            """
            seq 1 1000000 | $B pipe write x --data $D & \
            $B pipe read x --data $D | sha256sum; s=$?; wait $!; echo $s $?; seq 1 1000000 | sha256sum
            """
        )
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == lines[2] && lines[1] == "0 0", "\(outcome)")
    }

    @Test func `gives all to each of three readers, whoever comes first`() throws {
        let outcome = try shell(
            """
            for n in 1 2; do $B pipe read x --data $D | sha256sum & done; sleep 0.2; \
            seq 1 300000 | $B pipe write x --readers 3 --size 16K --resize --data $D & sleep 0.2; \
            $B pipe read x --data $D | sha256sum; wait; seq 1 300000 | sha256sum
            """
        )
        let sums = outcome.output.split(separator: "\n")
        #expect(sums.count == 4 && Set(sums).count == 1, "\(outcome)")
    }

    @Test func `goes on without a reader that is killed`() throws {
        let outcome = try shell(
            """
            seq 1 3000000 | $B pipe write x --readers 2 --data $D & w=$!; \
            $B pipe read x --data $D > /dev/full & $B pipe read x --data $D | sha256sum; \
            wait $w; echo $?; seq 1 3000000 | sha256sum
            """
        )
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == lines[2] && lines[1] == "0", "\(outcome)")
        #expect(outcome.errors.contains("pipe x: write failed: No space left on device"))
    }

    @Test func `ends the writer when all readers have gone`() throws {
        let outcome = try shell(
            "yes | $B pipe write x --data $D & $B pipe read x --data $D | head -3; wait $!; echo $?"
        )
        #expect(outcome.output == "y\ny\ny\n1\n", "\(outcome)")
        #expect(outcome.errors.contains("pipe x: all readers have gone"))
    }

    @Test func `tells a reader that the writer died`() throws {
        let outcome = try shell(
            """
            mkfifo $D/in; $B pipe write x --data $D < $D/in & w=$!; exec 9> $D/in; echo one >&9; \
            ($B pipe read x --data $D; echo $?) & r=$!; sleep 1; kill -KILL $w; wait $r
            """
        )
        #expect(outcome.output == "one\n1\n", "\(outcome)")
        #expect(outcome.errors.contains("the writer died"))
    }

    @Test(arguments: [SIGINT, SIGTERM]) func `ends at a signal and leaves no socket`(number: Int32) throws {
        let path = try #require(BeltwayProgram.path)
        let writer = try RunningProgram([path, "pipe", "write", "x", "--data", folder.path])
        let reader = try RunningProgram([path, "pipe", "read", "y", "--data", folder.path])
        for program in [writer, reader] { #expect(program.waitFor("waiting for")) }
        #expect(FileManager.default.fileExists(atPath: folder / "run/pipes/x"))
        for program in [writer, reader] { program.signal(number) }
        let (wrote, read) = (writer.wait(seconds: 10), reader.wait(seconds: 10))
        #expect(wrote.status == 1 && read.status == 1)
        let place = "in \(folder.path)/run/pipes"
        for (outcome, whom) in [(wrote, "1 readers of pipe x"), (read, "a writer of pipe y")] {
            #expect(outcome.errors.contains("stopped before its end"), "\(outcome)")
            #expect(outcome.errors.contains("waiting for \(whom) \(place)"), "\(outcome)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder / "run/pipes/x"))
    }

    @Test(
        arguments: [
            ("write ../x", 2, "cannot name a ring's socket"), ("read a/b", 2, "cannot name a ring's socket"),
            ("write .x", 2, "cannot name"), ("write x --policy gentle", 2, "--policy takes blocking"),
            ("write x --size 12", 2, "--size takes 4KiB to 1GiB"), ("write x --size lots", 2, "--size takes"),
            ("write x --readers -1", 2, "readers"), ("write x --mode 9", 2, "--mode takes"),
            ("write", 2, "name"),
        ]
    )
    func `refuses in one line`(arguments: String, status: Int, text: String) throws {
        let outcome = try shell("$B pipe \(arguments) --data $D")
        #expect(Int(outcome.status) == status, "\(outcome)")
        #expect(outcome.errorLines.count == 1 && outcome.errors.contains(text), "\(outcome)")
    }

    @Test func `has one writer`() throws {
        let outcome = try shell(
            """
            sleep 3 | $B pipe write x --readers 0 --data $D & sleep 0.5; \
            echo | $B pipe write x --data $D; echo $?; wait
            """
        )
        #expect(outcome.output == "1\n" && outcome.errors.contains("pipe x has a writer already"))
    }

    @Test func `counts what a policy that does not wait gives up`() throws {
        let outcome = try shell(
            """
            seq 1 500000 | $B pipe write x --policy slow --size 4K --data $D & \
            $B pipe read x --data $D | (sleep 1; wc -c); wait
            """
        )
        let read = Int(outcome.output.filter(\.isNumber)) ?? 0
        let words = outcome.errors.split(separator: " ")
        let dropped = words.firstIndex(of: "bytes").flatMap { Int(words[$0 - 1]) } ?? 0
        #expect(read > 0 && read + dropped == 3_388_895, "\(outcome)")
    }
}
