// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

// Commands that look at a running instance.

/// What they have in common.
struct InstanceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Data directory of the instance.", valueName: "folder"))
    var data: String?
    @Option(help: ArgumentHelp("table or json.", valueName: "form"))
    var format: String = "table"

    /// What is asked.
    func report() throws -> InstanceReport {
        guard ["table", "json"].contains(format) else {
            throw ValidationError("--format takes table or json, not `\(format)`")
        }
        var report = InstanceReport()
        report.data = data
        report.asJSON = format == "json"
        return report
    }
}

struct Rings: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the rings of a running instance, and who may attach to them."
    )
    @OptionGroup var options: InstanceOptions

    func run() throws {
        let report = try options.report()
        try exiting { () throws(ApplianceError) in try report.printRings() }
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who reads a running instance: how far behind, and what was lost."
    )
    @OptionGroup var options: InstanceOptions

    func run() throws {
        let report = try options.report()
        try exiting { () throws(ApplianceError) in try report.printStatus() }
    }
}
