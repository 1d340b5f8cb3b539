// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Tap: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Attach to a running capture: packets by a filter of your own, as lines or as pcapng.",
        discussion: """
            beltway tap 'tcp port 443'                a line per packet, until Ctrl-C
            beltway tap -w - | tshark -r -            all queues of all interfaces, merged in order of time
            beltway tap --ring eth0 -w out.pcapng     what eth0 captures, into a file
            """
    )

    @Option(help: ArgumentHelp("Data directory of the instance.", valueName: "folder"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "One ring (eth0.1) or all queues of an interface (eth0). Default: all rings.",
            valueName: "name"
        )
    )
    var ring: String?
    @Option(
        name: .customShort("w"),
        help: ArgumentHelp("Capture file to write; - is standard output.", valueName: "file")
    )
    var output: String?
    @Option(help: ArgumentHelp("End after so many packets.", valueName: "number"))
    var count: UInt64?
    @Option(help: ArgumentHelp("Write at most so many bytes of each packet.", valueName: "bytes"))
    var snap: Int?
    @Option(
        help: ArgumentHelp(
            "Milliseconds to sleep once everything is read; more costs less, 0 sees packets at once.",
            valueName: "milliseconds"
        )
    )
    var delay: Int = 1
    @Argument(help: "BPF expression; every packet without it.")
    var expression: [String] = []

    func run() throws {
        var request = TapRequest()
        request.origin = .instance(data: data)
        request.ring = ring
        request.output = output
        request.count = count
        request.snapLength = snap
        request.delayMilliseconds = delay
        request.expression = expression.joined(separator: " ")
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}
