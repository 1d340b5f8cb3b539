// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let other hosts tap a running capture, over TCP with mutual TLS.",
        discussion: """
            beltway serve 0.0.0.0:7401 --certificate server.pem --key server.key --clients-ca ca.pem
            beltway tap --from HOST:7401 --certificate client.pem --key client.key --ca ca.pem      (there)

            README.md shows how the certificates are made.
            """
    )

    @Argument(help: ArgumentHelp("Where to listen: ADDRESS:PORT.", valueName: "address:port"))
    var address: String
    @Option(help: ArgumentHelp("Data directory of the instance.", valueName: "folder"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "Only one ring (eth0.1) or all queues of an interface (eth0). Default: all rings.",
            valueName: "name"
        )
    )
    var ring: String?
    @Option(help: ArgumentHelp("The server's certificate, PEM.", valueName: "file"))
    var certificate: String?
    @Option(help: ArgumentHelp("Its private key, PEM.", valueName: "file"))
    var key: String?
    @Option(help: ArgumentHelp("Who signed the certificates of clients, PEM.", valueName: "file"))
    var clientsCa: String?
    @Option(help: ArgumentHelp("Clients that are served at once.", valueName: "number"))
    var clients: Int = 16

    func run() throws {
        var request = ServeRequest()
        request.address = address
        request.data = data
        request.ring = ring
        request.certificate = certificate
        request.key = key
        request.clientsAuthority = clientsCa
        request.maximumClients = clients
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}
