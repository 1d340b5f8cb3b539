// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A disk that cannot take what the program wants to write, in a mount namespace of the program's own: nothing is
/// left mounted.
enum BadDisk: String, CaseIterable, CustomTestStringConvertible {
    case full = "a full disk"
    case readOnly = "a read-only directory"

    var testDescription: String { rawValue }

    /// A command that mounts over `folder` and then becomes the program, whose name and arguments follow it.
    func wrapper(_ folder: String) -> [String] {
        let mount =
            switch self {
            case .full: "mount -t tmpfs -o size=1m tmpfs '\(folder)'"
            case .readOnly: "mount --bind '\(folder)' '\(folder)' && mount -o remount,bind,ro '\(folder)'"
            }
        return ["unshare", "--mount", "sh", "-c", "\(mount) && exec \"$0\" \"$@\""]
    }
}

extension `The program, live` {
    @Test(arguments: BadDisk.allCases)
    func `reads a file to its end on a disk that fails, says so and exits with 1`(disk: BadDisk) throws {
        let folder = TemporaryFolder()
        let data = TemporaryFolder()
        let capture = try LiveCaptures.write(rounds: 10, to: folder)
        let outcome = try RunningProgram(
            disk.wrapper(data.path)
                + [LiveProgram.path, "run", "-r", capture, "--data", data.path, "--summary", "json"]
        ).wait()
        #expect(outcome.json["packets"] as? Int == 40_000)
        try check(outcome, disk, data.path)
        #expect(data.files(endingWith: "").isEmpty, "nothing is left outside the mount")
    }

    @Test(arguments: BadDisk.allCases)
    func `captures to the end on a disk that fails, says so and exits with 1`(disk: BadDisk) throws {
        let folder = TemporaryFolder()
        let data = TemporaryFolder()
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 3, to: folder)
        let program = try LiveProgram.start(
            ["--data", data.path],
            in: network,
            wrapper: disk.wrapper(data.path)
        )
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 10_000)
        let outcome = LiveProgram.stop(program)
        #expect(outcome.json["packets"] as? Int == sent)
        try check(outcome, disk, data.path)
    }

    private func check(_ outcome: ProgramOutcome, _ disk: BadDisk, _ data: String) throws {
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(!outcome.ranTooLong)
        let reason = disk == .full ? "No space left on device" : "Read-only file system"
        #expect(outcome.errorLines.contains { $0.contains(reason) && $0.contains(data) }, "\(outcome.errors)")
        #expect(outcome.errorLines.count < 12, "each thing is said once: \(outcome.errors)")
        for (name, ledger) in LiveProgram.ledgers(outcome.json) {
            #expect(ledger.published == ledger.read + ledger.lost, "\(name)")
        }
    }
}
