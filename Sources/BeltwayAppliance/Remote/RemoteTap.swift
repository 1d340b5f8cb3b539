// SPDX-License-Identifier: Apache-2.0
public import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayWire

/// How `beltway tap --from` reaches a server of rings.
public struct RemoteTapOptions: Equatable, Sendable {
    /// `HOST:PORT`, or `[ADDRESS]:PORT`.
    public var from: String
    /// How the rings are read.
    public var strategy = RemoteStrategy.cachedCopy
    /// PEM: this end's certificate.
    public var certificate: String?
    /// PEM: its private key.
    public var key: String?
    /// PEM: who signed the server's certificate.
    public var authority: String?
    /// Bytes of each packet that are moved; nil for what the output needs, 0 for all.
    public var headerLength: Int?

    /// Options for a server.
    public init(from: String) { self.from = from }
}

extension TapRequest {
    /// Bytes of each packet that are moved: `--headers`, `--snap`, or for lines of headers as much as those show.
    func bytesMoved(_ options: RemoteTapOptions) -> Int {
        let isFiltered = expression.contains { !$0.isWhitespace }
        let wanted = options.headerLength ?? (output == nil && !isFiltered ? 256 : 0)
        let most = wanted > 0 ? wanted : RecordLayout.maximumCapturedLength
        // A filter sees what is moved: a shorter file must not shorten what it decides by.
        return isFiltered ? most : min(most, snapLength ?? most)
    }

    /// Taps rings of another host.
    func run(_ options: RemoteTapOptions, until stop: StopFlag) throws(ApplianceError) -> Int32 {
        if let length = options.headerLength, length < 0 {
            throw .usage("--headers takes 0 or more bytes, not \(length)")
        }
        let address = try HostAndPort(options.from, option: "--from")
        let identity = try TLSIdentity(
            .client,
            certificate: options.certificate,
            key: options.key,
            authority: options.authority,
            option: "--ca"
        )
        let connection = RemoteConnection(address: address, identity: identity)
        let bytes = bytesMoved(options)
        var reading = RemoteReaderOptions()
        // A part that is known beforehand is asked for ahead from the first batch on.
        if bytes < RecordLayout.maximumCapturedLength {
            reading.headerLength = bytes
            reading.demandLength = max(bytes, 64)
        }
        switch options.strategy {
        case .zeroCopy:
            return try tap(connection, reading, bytes, stop) { channel, options throws(RemoteError) in
                try ZeroCopyReader(channel, options: options)
            }
        case .copyOnce:
            return try tap(connection, reading, bytes, stop) { channel, options throws(RemoteError) in
                try CopyOnceReader(channel, options: options)
            }
        case .cachedCopy:
            return try tap(connection, reading, bytes, stop) { channel, options throws(RemoteError) in
                try CachedCopyReader(channel, options: options)
            }
        case .copyOnDemand:
            return try tap(connection, reading, bytes, stop) { channel, options throws(RemoteError) in
                try CopyOnDemandReader(channel, options: options)
            }
        }
    }

    private func tap<Reader: RemoteRecordReader & ~Copyable>(
        _ connection: RemoteConnection,
        _ options: RemoteReaderOptions,
        _ bytes: Int,
        _ stop: StopFlag,
        _ open: (consuming TLSChannel, RemoteReaderOptions) throws(RemoteError) -> Reader
    ) throws(ApplianceError) -> Int32 {
        let totals = RemoteTapTotals()
        let source: RemoteTapSource<Reader>
        do throws(RemoteError) {
            // The server's first ring tells which others there are.
            let first = try open(try connection.open(), options)
            let firstName = first.ring.name
            let names = try select(first.ring.siblings.isEmpty ? [firstName] : first.ring.siblings)
            var lanes = OwnedArray<RemoteLane<Reader>>(capacity: names.count)
            if names[0] == firstName { lanes.append(RemoteLane(first)) }
            for name in names.dropFirst(lanes.count) {
                var options = options
                options.ring = name
                lanes.append(RemoteLane(try open(try connection.open(), options)))
            }
            source = RemoteTapSource(lanes, bytes: bytes, totals: totals)
        } catch {
            throw .failure("\(error)")
        }
        return try run(source, until: stop) { totals.lines }
    }

    /// The rings that are meant: all, one, or all queues of an interface.
    private func select(_ all: [String]) throws(RemoteError) -> [String] {
        guard let ring else { return all }
        if all.contains(ring) { return [ring] }
        let queues = all.filter { $0.hasPrefix(ring + ".") }
        guard queues.isEmpty else { return queues }
        throw .refused(.noSuchRing, all.joined(separator: ", "))
    }
}

/// Where a server is, and who asks.
struct RemoteConnection: Sendable {
    let address: HostAndPort
    let identity: TLSIdentity

    /// Opens a connection of its own for a ring.
    func open() throws(RemoteError) -> TLSChannel {
        try TLSChannel.connect(host: address.host, port: address.port, identity: identity)
    }
}

/// `HOST:PORT` as people write it, an IPv6 address in brackets.
struct HostAndPort: Equatable, Sendable {
    let host: String
    let port: Int

    init(_ text: String, option: String) throws(ApplianceError) {
        let expected = "\(option) takes HOST:PORT, or [ADDRESS]:PORT"
        guard let colon = text.lastIndex(of: ":") else {
            throw .usage("\(expected); `\(excerpt(text))` has no port")
        }
        let digits = text[text.index(after: colon)...]
        guard let port = Int(digits), (0...65_535).contains(port), digits.allSatisfy(\.isNumber) else {
            throw .usage("\(expected); `\(excerpt(String(digits)))` is no port")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw .usage("\(expected); an IPv6 address goes in brackets")
        }
        guard !host.isEmpty else { throw .usage("\(expected); `\(excerpt(text))` has no host") }
        self.host = String(host)
        self.port = port
    }
}
