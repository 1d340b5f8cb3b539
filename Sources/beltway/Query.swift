// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Query: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the flow store: flows, alerts or transactions, oldest first, the newest with --limit.",
        discussion: """
            An expression selects by fields and operators:
                ip == 10.0.0.0/8 and port in (80, 443) and bytes > 1M
            Times are RFC 3339 or relative: --since 15m --until "2h ago"
            """
    )

    @Option(help: ArgumentHelp("Data directory.", valueName: "folder"))
    var data: String?
    @Option(help: ArgumentHelp("Only what was at or after this time.", valueName: "time"))
    var since: String?
    @Option(help: ArgumentHelp("Only what was at or before this time.", valueName: "time"))
    var until: String?
    @Option(help: ArgumentHelp("The newest so many.", valueName: "number"))
    var limit: Int?
    @Option(help: ArgumentHelp("table, json or csv.", valueName: "form"))
    var format: String = "table"
    @Argument(help: "flows, alerts, or a protocol: dns ...")
    var kind: String
    @Argument(help: "What to select; everything without it.")
    var expression: [String] = []

    func run() throws {
        var request = QueryRequest()
        request.kind = kind
        request.expression = expression.joined(separator: " ")
        request.data = data
        request.since = since
        request.until = until
        request.limit = limit
        guard let format = QueryRequest.Format(rawValue: format) else {
            throw ValidationError("--format takes table, json or csv, not `\(format)`")
        }
        request.format = format
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}

/// Runs a command's work and ends with the exit status that it, or its error, gives.
func exiting(_ work: () throws(ApplianceError) -> Int32) throws {
    let status: Int32
    do throws(ApplianceError) {
        status = try work()
    } catch {
        complain(error.description)
        throw ExitCode(error.exitStatus)
    }
    throw ExitCode(status)
}
