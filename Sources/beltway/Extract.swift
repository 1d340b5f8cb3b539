// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Extract: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the stored packets behind an expression to a capture file.",
        discussion: """
            An expression is one of the query language on flows:
                flow_id == 17        ip == 10.0.0.1 and port == 443
            or a BPF expression that each packet is tried on:
                tcp port 443 and host 10.0.0.1
            """
    )

    @Option(help: ArgumentHelp("Data directory.", valueName: "folder"))
    var data: String?
    @Option(help: ArgumentHelp("Only packets at or after this time.", valueName: "time"))
    var since: String?
    @Option(help: ArgumentHelp("Only packets at or before this time.", valueName: "time"))
    var until: String?
    @Option(
        name: .customShort("w"),
        help: ArgumentHelp("Capture file to write; - is standard output.", valueName: "file")
    )
    var output: String
    @Argument(help: "What to take; everything without it.")
    var expression: [String] = []

    func run() throws {
        var request = ExtractRequest()
        request.expression = expression.joined(separator: " ")
        request.data = data
        request.since = since
        request.until = until
        request.output = output
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}
