// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Trace: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Follow flows as they go: handshake, requests and answers, retransmissions, the end, with times.",
        discussion: """
            beltway trace 'port == 443'                       flows of a running instance, until Ctrl-C
            beltway trace -r capture.pcap 'ip == 10.0.0.1'    flows of a capture
            beltway trace --packets 'port == 53'              their packets too
            """
    )

    @Option(
        name: .customShort("r"),
        help: ArgumentHelp("Capture file; - is standard input. Several are read in order.", valueName: "file")
    )
    var captures: [String] = []
    @Option(help: ArgumentHelp("Data directory of the instance.", valueName: "folder"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "One ring (eth0.1) or all queues of an interface (eth0). Default: all rings.",
            valueName: "name"
        )
    )
    var ring: String?
    @Flag(help: "A line for each packet, too.")
    var packets = false
    @Option(help: ArgumentHelp("lines or json.", valueName: "form"))
    var format: String = "lines"
    @Argument(help: "Expression on flows, as of `beltway query flows`: ip == 10.0.0.0/8 and port == 443")
    var expression: [String] = []

    func run() throws {
        guard ["lines", "json"].contains(format) else {
            throw ValidationError("--format takes lines or json, not `\(format.prefix(60))`")
        }
        var request = TraceRequest()
        request.captures = captures
        request.data = data
        request.ring = ring
        request.showsPackets = packets
        request.asJSON = format == "json"
        request.expression = expression.joined(separator: " ")
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}
