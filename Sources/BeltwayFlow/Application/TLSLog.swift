// SPDX-License-Identifier: Apache-2.0
// What Zeek's ssl.log says of a handshake beyond EVE: followed until both sides encrypt, one letter for each message.
//
//     client   C                 X G I         large letters are the client's, small ones the server's:
//     server     s x k r n               t i   C hello, x certificate, I change of ciphers, l alert ..
//
// Only kept if somebody asks for it. Bounds: 100 letters, 10 certificates of each side.
internal import BeltwayWire

/// What is noted of one handshake.
struct TLSLog {
    var start: Timestamp
    var history: [UInt8] = []
    var cipher: UInt16 = 0
    var group: UInt16 = 0
    var isResumed = false
    /// Whether the client showed a session that the server may resume.
    var session: [UInt8] = []
    var alert: UInt8?
    var nextProtocol: [UInt8] = []
    var clientCertificates: [[UInt8]] = []
    var serverCertificates: [[UInt8]] = []
    var hasCertificates = false
    var namesMatch: Bool?
    var clientEncrypts = false
    var serverEncrypts = false
    var isEstablished = false
    var isWritten = false

    var heldBytes: Int { 64 * (clientCertificates.count + serverCertificates.count) + history.count + 32 }

    /// Whether what a side sends cannot be read any more.
    func encrypts(_ sender: Sender) -> Bool { sender == .originator ? clientEncrypts : serverEncrypts }

    mutating func add(_ letter: UInt8, from sender: Sender) {
        guard history.count < 100 else { return }
        history.append(sender == .originator ? letter & ~0x20 : letter | 0x20)
    }

    /// Takes a handshake message that can be read.
    mutating func note(_ message: borrowing TLSHandshake, from sender: Sender, _ session: TLSSession) {
        note(message.kind, type: message.type, message.body, isDatagram: false, from: sender, session)
    }

    /// Takes a handshake message that can be read, of TLS or of DTLS.
    mutating func note(
        _ kind: TLSHandshake.Kind,
        type: UInt8,
        _ body: RawSpan,
        isDatagram: Bool,
        from sender: Sender,
        _ session: TLSSession
    ) {
        var isRetry = false
        if kind == .serverHello, let hello = try? TLSServerHello(body) {
            isRetry = hello.isRetryRequest
        }
        add(isRetry ? 0x6a : TLSLog.letter(type), from: sender)
        switch kind {
        case .clientHello where sender == .originator:
            guard let hello = try? TLSClientHello(body, isDatagram: isDatagram) else { return }
            self.session = []
            self.session.append(copyOf: hello.sessionID)
        case .serverHello where sender == .responder && !isRetry:
            guard let hello = try? TLSServerHello(body) else { return }
            noteHello(hello)
        case .certificate: noteCertificates(body, from: sender, session)
        case .serverKeyExchange where sender == .responder && TLSLog.isEllipticCurve(cipher):
            // RFC 8422, 5.4: 3 says that the curve is named.
            if body.byteCount >= 3, body.byte(at: 0) == 3 { group = body.bigEndian16(at: 1) }
        default: break
        }
    }

    private mutating func noteHello(_ hello: borrowing TLSServerHello) {
        cipher = hello.cipherSuite
        let isVersion13 = TLSLog.isVersion13(hello.version)
        if !isVersion13, !session.isEmpty {
            var echoed: [UInt8] = []
            echoed.append(copyOf: hello.sessionID)
            isResumed = echoed == session
        }
        var names = hello.applicationProtocols
        if let name = names.next() { nextProtocol.append(copyOf: names.bytes.extracting(name)) }
        if let selected = hello.selectedGroup { group = selected }
        if hello.hasPreSharedKey { isResumed = true }
    }

    private mutating func noteCertificates(_ body: RawSpan, from sender: Sender, _ session: TLSSession) {
        guard var chain = try? TLSCertificateChain(body) else { return }
        hasCertificates = true
        var prints: [[UInt8]] = []
        while prints.count < 10, let place = chain.next() {
            let certificate = chain.bytes.extracting(place)
            if prints.isEmpty, sender == .responder, !session.serverName.isEmpty,
                let leaf = try? X509Certificate(certificate)
            {
                namesMatch = TLSLog.matches(session.serverName, leaf)
            }
            var text = TextBuffer(capacity: 64)
            text.append(sha256Of: certificate, first: 32)
            prints.append(text.copy())
        }
        if sender == .originator { clientCertificates = prints } else { serverCertificates = prints }
    }

    /// Whether a certificate is for a host (RFC 6125, 6.4): one of its names, or one whose first label is a star.
    static func matches(_ host: [UInt8], _ certificate: borrowing X509Certificate) -> Bool {
        let host = host.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        var names = certificate.alternativeNames
        while let name = names.next() {
            guard case .dns(let place) = name else { continue }
            let bytes = names.bytes.extracting(place)
            let pattern = (0..<bytes.byteCount).map { bytes.byte(at: $0) }
                .map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
            if pattern == host { return true }
            if pattern.starts(with: [0x2a, 0x2e]), let dot = host.firstIndex(of: 0x2e),
                host[dot...].elementsEqual(pattern.dropFirst())
            {
                return true
            }
        }
        return false
    }

    static func isVersion13(_ version: UInt16) -> Bool {
        version == 0x0304 || version >> 8 == 0x7f || version >> 8 == 0x7e
    }

    /// Whether the server says in its key exchange which curve is used: ECDHE and ECDH_anon.
    private static func isEllipticCurve(_ cipher: UInt16) -> Bool {
        TLSNames.cipherSuite(cipher)?.contains("_ECDH") == true
    }

    /// Zeek's letter of a handshake message (`ssl_history`, base/protocols/ssl/main.zeek).
    private static func letter(_ type: UInt8) -> UInt8 {
        switch type {
        case 0: 0x68
        case 1: 0x63
        case 2: 0x73
        case 3: 0x76
        case 4: 0x74
        case 5: 0x65
        case 6: 0x6a
        case 8: 0x6f
        case 11: 0x78
        case 12: 0x6b
        case 13: 0x72
        case 14: 0x6e
        case 15: 0x79
        case 16: 0x67
        case 20: 0x66
        case 21: 0x77
        case 22: 0x75
        case 23: 0x61
        case 24: 0x70
        case 254: 0x6d
        default: 0x7a
        }
    }
}
