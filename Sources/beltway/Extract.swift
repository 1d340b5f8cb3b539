// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Extract: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the stored packets behind an expression to a capture file.",
        discussion: """
            EXPRESSION is one of the query language on flows:   flow_id == 17   ip == 10.0.0.1 and port == 443
            or a BPF expression that each packet is tried on:    tcp port 443 and host 10.0.0.1
            """
    )

    @Option(help: "Data directory.")
    var data: String?
    @Option(help: "Only packets at or after this time.")
    var since: String?
    @Option(help: "Only packets at or before this time.")
    var until: String?
    @Option(name: .customShort("w"), help: "Capture file to write; - is standard output.")
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
