// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Rules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at rules without running them.",
        subcommands: [Check.self]
    )

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load rules and list what was refused, and why; exit status 1 if anything was."
        )

        @Argument(help: "Rule files or folders.")
        var paths: [String]

        func run() throws {
            try exiting { () throws(ApplianceError) in try RuleCheck(paths: paths).run() }
        }
    }
}
