// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Streams: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams",
        abstract: "The TCP streams of a capture: digests, or one file per direction.",
        discussion: """
            beltway streams -r capture.pcap --digest           length and SHA-256 of each direction
            beltway streams -r capture.pcap -o streams         one file per direction
            """
    )

    @Option(
        name: .customShort("r"),
        help: ArgumentHelp("Capture file; - is standard input. Several are read in order.", valueName: "file")
    )
    var captures: [String] = []
    @Option(
        help: ArgumentHelp(
            "Whose bytes stand where segments overlap: first, last, drop, or a target's system (bsd, linux, windows ...).",
            valueName: "policy"
        )
    )
    var overlap = "first"
    @Flag(help: "Print one JSON object per stream.")
    var digest = false
    @Option(
        name: .customShort("o"),
        help: ArgumentHelp("Folder to write one file per direction to.", valueName: "folder")
    )
    var output: String?

    func run() throws {
        var request = StreamsRequest()
        request.captures = captures
        request.overlap = overlap
        request.digest = digest
        request.output = output
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}
