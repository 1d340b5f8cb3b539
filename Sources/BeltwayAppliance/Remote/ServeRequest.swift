// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture

/// What `beltway serve` is asked: the rings of a running instance, for other hosts.
public struct ServeRequest: Sendable {
    /// Where to listen, `ADDRESS:PORT`; port 0 lets the system choose one.
    public var address = ""
    /// Data directory of the instance; nil to look for one that runs.
    public var data: String?
    /// The only ring, or the only interface, that is served; nil for all.
    public var ring: String?
    /// PEM: the server's certificate.
    public var certificate: String?
    /// PEM: its private key.
    public var key: String?
    /// PEM: who signed the certificates of clients.
    public var clientsAuthority: String?
    /// Clients that are served at once.
    public var maximumClients = 16

    /// Asks for nothing yet.
    public init() {}

    /// Serves until somebody stops it.
    ///
    /// - Returns: Exit status.
    /// - Throws: ``ApplianceError`` for bad options or files, or if the port cannot be had, or nothing runs.
    public func run() throws(ApplianceError) -> Int32 {
        guard (1...256).contains(maximumClients) else {
            throw .usage("--clients takes 1 to 256, not \(maximumClients)")
        }
        let place = try HostAndPort(address, option: "serve")
        let identity = try TLSIdentity(
            .server,
            certificate: certificate,
            key: key,
            authority: clientsAuthority,
            option: "--clients-ca"
        )
        let instance = try RunningInstance.find(data)
        _ = try instance.select(ring)
        let stop = StopFlag()
        let signals = StopSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        let console = Console()
        let server = RingServer(
            InstanceRings(data: instance.data, ring: ring),
            identity: identity,
            maximumClients: maximumClients,
            console: console,
            stop: stop
        )
        let opened = try server.listen(host: place.host, port: place.port)
        console.note("serving the rings of \(instance.data) on \(opened.text); Ctrl-C ends it")
        while !stop.isRequested { sleepBriefly() }
        server.close(seconds: 5)
        let counts = server.numbers
        console.note(
            "\(counts.served) clients served, \(humanBytes(counts.bytesSent)) sent; \(counts.turnedAway) turned away, "
                + "\(counts.untrusted) not trusted, \(counts.malformed) broke the protocol"
        )
        return 0
    }
}

/// The rings of an instance on this machine, each client with an attachment of its own.
struct InstanceRings: RingProvider {
    let data: String
    let ring: String?

    func attach(_ name: String) -> ProvidedRing {
        // Looked up anew for each client: a capture may have been started again meanwhile.
        guard let instance = try? RunningInstance.find(data), let names = try? instance.select(ring),
            let wanted = name.isEmpty ? names.first : names.first(where: { $0 == name })
        else {
            let known = (try? RunningInstance.find(data).select(ring)) ?? []
            return .none(known: known)
        }
        guard let attached = try? instance.attach(wanted, as: "serve").first else {
            return .none(known: names)
        }
        // The attachment lives as long as the closure does.
        return .ring(attached.buffer, names: names, isGone: { attached.owner == .gone })
    }
}
