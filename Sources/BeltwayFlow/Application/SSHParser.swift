// SPDX-License-Identifier: Apache-2.0
// SSH: one transaction a connection, from what is said before it is encrypted.
//
//     identification lines   versions of protocol and software        RFC 4253, 4.2
//     KEXINIT                what each side can do: HASSH             RFC 4253, 7.1
//     lengths after NEWKEYS  who tried to log in, and whether it went `SSHLogin`
//
// Written when it is known how the login went, or that this cannot be known: bytes are missing, one side goes on without
// KEXINIT, the flow ends. Its time and packet are those of the second KEXINIT, where there was one.
internal import BeltwayWire

/// What is known of one side.
struct SSHSide {
    var hasBanner = false
    var hasKeyExchange = false
    var protocolVersion: [UInt8] = []
    var software: [UInt8] = []
    /// The text whose MD5 is HASSH or hasshServer.
    var hassh: [UInt8] = []
    /// What the log of connections says of it beyond that.
    var details: [UInt8] = []
    /// Its lists of what the server may answer with: ciphers, MACs, compression.
    var answers: (cipher: [UInt8], mac: [UInt8], compression: [UInt8]) = ([], [], [])
    /// Whether what it sends is encrypted.
    var isEncrypted = false

    @inline(__always) var heldBytes: Int {
        protocolVersion.count + software.count + hassh.count + details.count
            + answers.cipher.count + answers.mac.count + answers.compression.count
    }
}

/// What is known of a connection.
struct SSHSession {
    var client = SSHSide()
    var server = SSHSide()
    var isWritten = false
    var start = Timestamp.zero
    /// Time and number of the packet that brought the second KEXINIT.
    var told: (time: Timestamp, packet: UInt64)?
    var login = SSHLogin()
    var pieces = SSHPieces()
    /// Who answers in the key exchange: mostly who was called, but a server may call as well.
    var answerer = Sender.responder
    /// Fingerprint of the server's key, as its log has it.
    var hostKey: [UInt8] = []

    @inline(__always) var heldBytes: Int { client.heldBytes + server.heldBytes + hostKey.count }

    subscript(sender: Sender) -> SSHSide {
        @inline(__always) _read {
            if sender == .originator { yield client } else { yield server }
        }
        _modify {
            if sender == .originator { yield &client } else { yield &server }
        }
    }
}

/// Reads the beginnings of SSH connections.
public enum SSHParser {
    /// Columns of the table `ssh`.
    public static let columns = [
        TransactionColumn("client", .text), TransactionColumn("server", .text),
        TransactionColumn("hassh", .text), TransactionColumn("hassh_server", .text),
        TransactionColumn("auth_attempts", .number), TransactionColumn("auth_success", .text),
    ]

    /// Longest text of a HASSH that is kept, in bytes; ten lists of algorithms are far shorter.
    private static var mostHASSH: Int { 16_384 }

    /// Takes an identification line, or a packet after it.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout SSHSession,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if session.start == .zero { session.start = output.packet.time }
        if session[sender].isEncrypted { return encrypted(bytes, from: sender, &session) }
        return session[sender].hasBanner
            ? packet(bytes, from: sender, &session, &output)
            : banner(bytes, from: sender, &session, wantsDetails: output.wantsDetails)
    }

    private static func banner(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout SSHSession,
        wantsDetails: Bool
    ) -> ParserStep {
        switch SSHBanner.framing(of: bytes) {
        case .needMore: return .needMore
        case .notThisProtocol:
            // A server may say other things before (RFC 4253, 4.2), line by line.
            guard sender == .responder, bytes.byte(at: 0) != 0x53 || bytes.byteCount < SSHBanner.maximumLength
            else { return .malformed }
            guard let end = bytes.firstIndex(of: 0x0a, before: SSHBanner.maximumLength) else {
                return bytes.byteCount < SSHBanner.maximumLength ? .needMore : .malformed
            }
            return .consumed(end + 1)
        case .complete(let length):
            guard let banner = try? SSHBanner(bytes) else { return .malformed }
            session[sender].hasBanner = true
            session[sender].protocolVersion.append(copyOf: banner.protocolVersion)
            session[sender].software.append(copyOf: banner.softwareVersion)
            if wantsDetails { session[sender].details = details(banner, from: sender) }
            return .consumed(length)
        }
    }

    private static func packet(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout SSHSession,
        _ output: inout TransactionStage
    ) -> ParserStep {
        let length: Int
        switch SSHPacket.framing(of: bytes) {
        case .needMore: return .needMore
        case .notThisProtocol: return malformed(session, from: sender)
        case .complete(let count): length = count
        }
        guard let packet = try? SSHPacket(bytes) else { return malformed(session, from: sender) }
        switch packet.type {
        case SSHPacket.keyExchangeInit:
            guard !session[sender].hasKeyExchange else { return .consumed(length) }
            guard let lists = try? SSHKeyExchangeInit(packet.payload) else { return .malformed }
            take(lists, from: sender, &session, &output)
            if session[sender.opposite].hasKeyExchange {
                session.told = (output.packet.time, output.packet.packet)
            }
            return .consumed(length)
        case SSHPacket.newKeys:
            guard session.told != nil else { return .over }
            session[sender].isEncrypted = true
            if sender == session.answerer { agree(&session) }
            return session.login.isOver ? .flowOver : .consumed(length)
        case SSHPacket.keyExchangeReply, SSHPacket.groupExchangeReply:
            guard session.told != nil, let place = packet.hostKey else { return .consumed(length) }
            session.answerer = sender
            if output.wantsDetails, session.hostKey.isEmpty {
                // Zeek's form: 24 of the digest's 32 bytes.
                var text = TextBuffer(capacity: 64)
                text.append("SHA256:")
                text.append(base64SHA256Of: packet.payload.field(place), first: 24)
                session.hostKey = text.copy()
            }
            return .consumed(length)
        default: return .consumed(length)
        }
    }

    /// Between KEXINIT and NEWKEYS there is nothing to show: what cannot be read there only hides the login.
    private static func malformed(_ session: SSHSession, from sender: Sender) -> ParserStep {
        if session.told != nil { return .flowOver }
        return session[sender].hasKeyExchange ? .over : .malformed
    }

    private static func take(
        _ lists: borrowing SSHKeyExchangeInit,
        from sender: Sender,
        _ session: inout SSHSession,
        _ output: inout TransactionStage
    ) {
        var text: [UInt8] = []
        lists.appendHASSH(from: sender, to: &text)
        if text.count <= mostHASSH { session[sender].hassh = text }
        session[sender].hasKeyExchange = true
        // One byte more than is looked through, so that a list that is too long agrees with nothing.
        let most = SSHAlgorithms.longestList + 1
        session[sender].answers.cipher.append(copyOf: lists.list(3).field(0..<most))
        session[sender].answers.mac.append(copyOf: lists.list(5).field(0..<most))
        session[sender].answers.compression.append(copyOf: lists.list(7).field(0..<most))
        if output.wantsDetails { session[sender].details += details(lists, from: sender) }
    }

    /// The server's packets are encrypted from here on: decides what their lengths tell.
    private static func agree(_ session: inout SSHSession) {
        let server = session[session.answerer].answers
        let client = session[session.answerer.opposite].answers
        session[session.answerer].answers = ([], [], [])
        session[session.answerer.opposite].answers = ([], [], [])
        let compression = agreed(client.compression, server.compression)
        // OpenSSH's begins after the login; of any other the lengths are those of what was compressed.
        let plain = [Array("none".utf8), Array("zlib@openssh.com".utf8)]
        guard plain.contains(compression) else { return session.login.giveUp() }
        session.pieces.clearTag = SSHAlgorithms.clearTag(
            cipher: agreed(client.cipher, server.cipher).rawBytes,
            mac: agreed(client.mac, server.mac).rawBytes
        )
    }

    private static func agreed(_ client: [UInt8], _ server: [UInt8]) -> [UInt8] {
        SSHAlgorithms.agreed(client: client.rawBytes, server: server.rawBytes).map { Array(client[$0]) } ?? []
    }

    /// Takes what is encrypted: of the server its lengths.
    private static func encrypted(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout SSHSession
    ) -> ParserStep {
        guard sender == session.answerer else {
            session.login.clientSpoke()
            return session.login.isOver ? .flowOver : .consumed(bytes.byteCount)
        }
        let length = bytes.byteCount >= 4 ? bytes.bigEndian32(at: 0) : nil
        switch session.pieces.take(count: bytes.byteCount, length: length) {
        case .part(let count): return .consumed(count)
        case .packet(let length, let done):
            session.login.serverSpoke(length)
            return session.login.isOver ? .flowOver : .consumed(done)
        case .needMore: return .needMore
        case .malformed:
            session.login.giveUp()
            return .flowOver
        }
    }

    /// Bytes of either side are lost: lengths tell nothing any more.
    static func lost(_ session: inout SSHSession) { session.login.giveUp() }
}
