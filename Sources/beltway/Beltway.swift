// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance
internal import Foundation

/// The command line.
///
/// Exit status: 0 all went well, 1 it failed, 2 it was asked for wrongly.
@main struct Program {
    static func main() {
        // A reader that goes away is an error of a write, never a death: `beltway query ... | head -1`.
        signal(SIGPIPE, SIG_IGN)
        refuseUnknownCommand()
        do {
            var command = try Beltway.parseAsRoot()
            try command.run()
        } catch let exit as ExitCode {
            Foundation.exit(exit.rawValue)
        } catch {
            let code = Beltway.exitCode(for: error)
            if code == .success {
                print(Beltway.fullMessage(for: error))
                Foundation.exit(0)
            }
            // One line: what was expected and what was found; the usage is a word away.
            let message = Beltway.message(for: error).split(whereSeparator: \.isNewline).joined(
                separator: " "
            )
            complain(message)
            Foundation.exit(code == .validationFailure ? 2 : 1)
        }
    }
}

/// Ends the program if its first word names no command.
func refuseUnknownCommand() {
    var known = ["help"]
    for command in Beltway.configuration.subcommands { known.append(command._commandName) }
    guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), !known.contains(word)
    else { return }
    complain(
        "no command is called `\(word.prefix(60))`; did you mean `\(nearestWord(to: word, among: known))`?"
    )
    exit(2)
}

/// Prints one line on standard error.
func complain(_ message: String) {
    FileHandle.standardError.write(Data("beltway: \(message)\n".utf8))
}

struct Beltway: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "beltway",
        abstract: "A network monitoring appliance: one capture, any number of analyzers.",
        discussion: """
            beltway run -r capture.pcap          flows, alerts, packets of a file
            beltway run -i eth0                  the same from a live interface
            beltway query flows 'port == 443'    ask the flow store
            """,
        version: "beltway 0.1.0",
        subcommands: [
            Run.self, Streams.self, Tap.self, Serve.self, Pipe.self, Rings.self, Status.self, Query.self,
            Extract.self, Trace.self, Extcap.self, Exec.self,
            Rules.self,
        ]
    )
}
