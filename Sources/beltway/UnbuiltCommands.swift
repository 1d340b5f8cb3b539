// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

// Commands of the contract whose part is not in this version: refused by name, so that nobody's script goes on in
// the belief that something was done.

let unbuiltCommands: [any ParsableCommand.Type] = [
    Trace.self
]

protocol UnbuiltCommand: ParsableCommand {
    var rest: [String] { get }
}

extension UnbuiltCommand {
    func run() throws {
        throw ValidationError("`beltway \(Self._commandName)` is not built into this version")
    }
}

struct Trace: UnbuiltCommand {
    static let configuration = CommandConfiguration(commandName: "trace", shouldDisplay: false)
    @Argument(parsing: .captureForPassthrough) var rest: [String] = []
}
