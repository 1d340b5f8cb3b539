// SPDX-License-Identifier: Apache-2.0
// TLS: one transaction a handshake, from what is said in the clear.
//
//     ClientHello   SNI, ALPN, JA3, JA4          TLS 1.3: written at the ServerHello, since the rest is encrypted
//     ServerHello   version, ALPN, JA3S          before that: at the end of the server's first flight, or when either
//     Certificate   subject, issuer, ..          side begins to encrypt; or at the flow's end, with what there is
//
// After that the flow is over for this parser: no record of application data is ever looked at.
internal import BeltwayWire

/// What is known of a handshake.
struct TLSSession {
    var client = TLSHandshakeJoiner()
    var server = TLSHandshakeJoiner()
    var hasClientHello = false
    var hasServerHello = false
    var hasCertificate = false
    var isWritten = false
    /// Version that the server chose; before its hello, the highest one that the client offers.
    var version: UInt16 = 0
    var serverName: [UInt8] = []
    var ja3: [UInt8] = []
    var ja3s: [UInt8] = []
    var ja4: [UInt8] = []
    /// Names of application protocols, as elements of a JSON array.
    var clientProtocols: [UInt8] = []
    var serverProtocols: [UInt8] = []
    var certificate = TLSCertificateFacts()
    /// None or one: what ssl.log says, if it is written.
    var log: [TLSLog] = []
    /// DTLS: each side's message that came in fragments.
    var fragments = (client: DTLSHandshakeJoiner(), server: DTLSHandshakeJoiner())

    /// Bytes that it holds, for the budget of all flows.
    @inline(__always) var heldBytes: Int {
        client.heldLength + server.heldLength + serverName.count + ja3.count + ja3s.count
            + clientProtocols.count + serverProtocols.count + certificate.heldBytes
            + (log.first?.heldBytes ?? 0)
    }
}

/// What Suricata shows of a certificate.
struct TLSCertificateFacts {
    var subject: [UInt8] = []
    var issuer: [UInt8] = []
    var serial: [UInt8] = []
    var fingerprint: [UInt8] = []
    /// Other names, as elements of a JSON array.
    var names: [UInt8] = []
    var notBefore: Int64 = 0
    var notAfter: Int64 = 0

    @inline(__always) var heldBytes: Int { subject.count + issuer.count + serial.count + names.count }
}

/// Reads TLS handshakes.
public enum TLSParser {
    /// Columns of the table `tls`.
    public static let columns = [
        TransactionColumn("sni", .text), TransactionColumn("version", .text),
        TransactionColumn("ja3", .text), TransactionColumn("ja3s", .text), TransactionColumn("ja4", .text),
        TransactionColumn("subject", .text), TransactionColumn("issuerdn", .text),
        TransactionColumn("fingerprint", .text),
    ]

    enum Column {
        static var name: Int { 0 }
        static var version: Int { 1 }
        static var ja3: Int { 2 }
        static var ja3s: Int { 3 }
        static var ja4: Int { 4 }
        static var subject: Int { 5 }
        static var issuer: Int { 6 }
        static var fingerprint: Int { 7 }
    }

    /// Takes one record.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout TLSSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        let length: Int
        switch TLSRecord.framing(of: bytes) {
        case .complete(let count): length = count
        case .needMore: return .needMore
        case .notThisProtocol: return .malformed
        }
        guard let record = try? TLSRecord(bytes) else { return .malformed }
        if output.wantsDetails, let step = follow(record, from: sender, &session, &output) { return step }
        let step = read(record, from: sender, &session)
        guard output.wantsDetails else { return step ?? .consumed(length) }
        switch step {
        case .over, .flowOver:
            // The event is due, but the log goes on until both sides encrypt.
            if case .flowOver = step { writeEvent(&session, &flow, &output) }
            return .consumed(length)
        default: return step ?? .consumed(length)
        }
    }

    /// Reads one record; nil if more is of interest.
    private static func read(
        _ record: borrowing TLSRecord,
        from sender: Sender,
        _ session: inout TLSSession
    ) -> ParserStep? {
        switch record.content {
        case .handshake:
            var joiner = TLSHandshakeJoiner()
            if sender == .originator {
                swap(&joiner, &session.client)
            } else {
                swap(&joiner, &session.server)
            }
            joiner.take(record.fragment) { message in
                read(message.kind, message.body, from: sender, carrier: .tcp, &session)
                if !session.log.isEmpty { note(message, from: sender, &session) }
            }
            let isBroken = joiner.isBroken
            if sender == .originator {
                swap(&joiner, &session.client)
            } else {
                swap(&joiner, &session.server)
            }
            if isBroken { return .malformed }
        case .changeCipherSpec:
            // What the client has to say was in its hello. After a request to say it again (RFC 8446, 4.1.4) both
            // sides send this too, before the server's hello.
            if session.hasServerHello { return .flowOver }
        case .applicationData:
            // This side encrypts from here on; early data of the client comes before the server's hello.
            return sender == .originator && !session.hasServerHello ? .over : .flowOver
        case .alert, .heartbeat: break
        }
        let isComplete = session.hasServerHello && (session.version >= 0x0304 || session.hasCertificate)
        return isComplete && session.hasClientHello ? .flowOver : nil
    }

    /// Writes what is known unless it is written or there is nothing to say.
    static func finish(
        _ session: inout TLSSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        writeEvent(&session, &flow, &output)
        if output.wantsDetails { writeLog(&session, &output) }
    }

    static func writeEvent(
        _ session: inout TLSSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard !session.isWritten, session.hasClientHello || session.hasServerHello else { return }
        session.isWritten = true
        write(session, flow, &output)
        flow.transactions &+= 1
    }

    static func read(
        _ kind: TLSHandshake.Kind,
        _ body: RawSpan,
        from sender: Sender,
        carrier: JA4Text.Carrier,
        _ session: inout TLSSession
    ) {
        switch kind {
        case .clientHello where sender == .originator && !session.hasClientHello:
            guard let hello = try? TLSClientHello(body, isDatagram: carrier == .dtls) else { return }
            session.hasClientHello = true
            readHello(hello, carrier: carrier, &session)
        case .serverHello where sender == .responder && !session.hasServerHello:
            guard let hello = try? TLSServerHello(body) else { return }
            // Of two hellos, the first being a request to say it again (RFC 8446, 4.1.4), the first one's, as elsewhere.
            if session.ja3s.isEmpty { hello.appendJA3S(to: &session.ja3s) }
            if hello.isRetryRequest { return }
            session.hasServerHello = true
            session.version = hello.version
            session.serverProtocols = list(hello.applicationProtocols)
        case .certificate where sender == .responder && !session.hasCertificate:
            guard var chain = try? TLSCertificateChain(body), let place = chain.next() else { return }
            session.hasCertificate = true
            readCertificate(chain.bytes.extracting(place), &session.certificate)
        default: break
        }
    }

    private static func readHello(
        _ hello: borrowing TLSClientHello,
        carrier: JA4Text.Carrier,
        _ session: inout TLSSession
    ) {
        session.version = hello.highestVersion
        if let name = hello.serverName { session.serverName.append(copyOf: name) }
        session.clientProtocols = list(hello.applicationProtocols)
        hello.appendJA3(to: &session.ja3)
        session.ja4 = ja4(hello, carrier: carrier)
    }

    /// The JA4 of a hello: prefix, and twelve digits of two digests.
    static func ja4(_ hello: borrowing TLSClientHello, carrier: JA4Text.Carrier) -> [UInt8] {
        var parts = JA4Text()
        parts.set(hello, carrier: carrier)
        var text = TextBuffer(capacity: 64)
        text.append(parts.prefix.span)
        append(parts.ciphers, to: &text)
        append(parts.extensions, to: &text)
        return text.copy()
    }

    private static func append(_ part: [UInt8], to text: inout TextBuffer) {
        text.append(0x5f)
        if part.isEmpty {
            text.append("000000000000")
        } else {
            text.append(sha256Of: part.rawBytes, first: 6)
        }
    }

    private static func list(_ names: consuming TLSProtocolNames) -> [UInt8] {
        var text = TextBuffer(capacity: 128)
        while let name = names.next(), text.count < 2048 {
            if !text.isEmpty { text.append(0x2c) }
            text.append(wireString: names.bytes.extracting(name), most: 255)
        }
        return text.copy()
    }
}
