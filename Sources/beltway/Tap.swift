// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance
internal import BeltwayBuffers

struct Tap: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Attach to a running capture: packets by a filter of your own, as lines or as pcapng.",
        discussion: """
            beltway tap 'tcp port 443'                a line per packet, until Ctrl-C
            beltway tap -w - | tshark -r -            all queues of all interfaces, merged in order of time
            beltway tap --ring eth0 -w out.pcapng     what eth0 captures, into a file
            beltway tap --from HOST:7401 --certificate client.pem --key client.key --ca ca.pem
                                                      the same from another host (beltway serve)
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
            "Milliseconds that packets may wait for more; more costs less, 0 sees each at once. Default: 100 with -w FILE, "
                + "else 20.",
            valueName: "milliseconds"
        )
    )
    var delay: Int?
    @Option(
        help: ArgumentHelp(
            "A host that serves its rings (`beltway serve`): HOST:PORT.",
            valueName: "host:port"
        )
    )
    var from: String?
    @Option(
        help: ArgumentHelp(
            "With --from: cached (blocks as they are needed), demand (headers, whole packets when needed), once "
                + "(everything), zero (each access by itself).",
            valueName: "strategy"
        )
    )
    var strategy: String?
    @Option(
        help: ArgumentHelp(
            "Headers only: filter and show only so many bytes of each packet (with --from, nothing else is moved); 0 for "
                + "all. Default: all, but with --from 256 for lines without a filter.",
            valueName: "bytes"
        )
    )
    var headers: Int?
    @Option(help: ArgumentHelp("With --from: our certificate, PEM.", valueName: "file"))
    var certificate: String?
    @Option(help: ArgumentHelp("With --from: its private key, PEM.", valueName: "file"))
    var key: String?
    @Option(help: ArgumentHelp("With --from: who signed the server's certificate, PEM.", valueName: "file"))
    var ca: String?
    @Argument(help: "BPF expression; every packet without it.")
    var expression: [String] = []

    func run() throws {
        var request = TapRequest()
        request.origin = try origin()
        request.ring = ring
        request.output = output
        request.count = count
        request.snapLength = snap
        request.delayMilliseconds = delay
        if from == nil { request.headerLength = headers == 0 ? nil : headers }
        request.expression = expression.joined(separator: " ")
        try exiting { () throws(ApplianceError) in try request.run() }
    }
    private func origin() throws -> TapRequest.Origin {
        guard let from else {
            for (option, value) in [
                ("--strategy", strategy), ("--certificate", certificate), ("--key", key), ("--ca", ca),
            ] where value != nil {
                throw ValidationError("\(option) goes with --from HOST:PORT")
            }
            return .instance(data: data)
        }
        guard data == nil else {
            throw ValidationError(
                "--data names an instance on this machine, --from one on another: give one of them"
            )
        }
        var options = RemoteTapOptions(from: from)
        if let strategy {
            guard let known = RemoteStrategy(rawValue: strategy) else {
                let words = RemoteStrategy.allCases.map(\.rawValue)
                throw ValidationError(
                    "--strategy takes \(words.joined(separator: ", ")), not `\(strategy.prefix(60))`; did you mean "
                        + "`\(nearestWord(to: strategy, among: words))`?"
                )
            }
            options.strategy = known
        }
        options.certificate = certificate
        options.key = key
        options.authority = ca
        options.headerLength = headers
        return .remote(options)
    }
}
