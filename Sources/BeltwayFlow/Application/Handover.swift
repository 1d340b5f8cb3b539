// SPDX-License-Identifier: Apache-2.0
// Protocols of which only the beginning is read, until they hand the stream over: to a proxy's peer, or to TLS.
//
//     SOCKS          .. a request               granted       the peer's protocol follows (HandoverParser+SOCKS)
//     LDAP           .. an extended request     result 0      TLS (HandoverParser+LDAP)
//     IMAP, POP3     .. a STARTTLS / STLS       a OK / +OK    TLS (RFC 2595, RFC 9051)
//     PostgreSQL     SSLRequest, 8 bytes        S             TLS
//     IRC, XMPP      .. a STARTTLS              670, proceed  TLS (HandoverParser+Chat)
//
// They have no transactions of their own. A flow in which nothing was handed over keeps their name.
internal import BeltwayWire

/// What is known of one connection.
struct HandoverSession {
    /// What SOCKS says next; one side speaks at a time.
    enum Step: Equatable { case hello, method, login, status, request, reply }

    var step = Step.hello
    /// SOCKS 4 has one question and one answer.
    var isVersion4 = false
    /// Whether TLS was asked for, and is not agreed to yet.
    var isAsked = false
    /// IMAP: the tag of the question.
    var tag: [UInt8] = []
    /// Lines or messages of the client; after a few it will not ask any more.
    var messages: UInt8 = 0

    @inline(__always) var heldBytes: Int { tag.count }
}

/// Reads them.
enum HandoverParser {
    /// Messages of a client before it asks for TLS: after more it is let go.
    static var mostMessages: UInt8 { 24 }
    static var mostLine: Int { 2048 }

    /// Takes one message.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession,
        _ flow: ApplicationFlow
    ) -> ParserStep {
        switch flow.application {
        case .socks: socks(bytes, from: sender, &session)
        case .postgreSQL: postgreSQL(bytes, from: sender, &session)
        case .ldap: ldap(bytes, from: sender, &session)
        case .irc: irc(bytes, from: sender, &session)
        case .xmpp: xmpp(bytes, from: sender, &session)
        default: line(bytes, from: sender, &session, isIMAP: flow.application == .imap)
        }
    }

    /// The protocol whose first bytes these are, or nil; an answer decides before all bytes are there, if it can.
    ///
    /// - Parameters:
    ///   - bytes: The first bytes of a direction.
    ///   - sender: Who sent them.
    ///   - responderPort: The flow's responder's port, for what is too short to be sure by itself.
    /// - Returns: The protocol.
    static func probe(_ bytes: RawSpan, from sender: Sender, responderPort: UInt16) -> ApplicationProtocol? {
        guard bytes.byteCount > 0 else { return nil }
        if isXMPP(bytes) { return .xmpp }
        if isIRC(bytes, from: sender, isOnPort: isIRCPort(responderPort)) { return .irc }
        if RemoteFrameBuffer.isGreeting(bytes) { return .rfb }
        if DNP3Message.isMessage(bytes) { return .dnp3 }
        if responderPort == 502, ModbusMessage.areMessages(bytes) { return .modbus }
        if KerberosMessage.isFirst(inStream: bytes) { return .kerberos }
        if sender == .responder {
            if bytes.starts(ignoringCase: "* OK ") || bytes.starts(ignoringCase: "* PREAUTH ") {
                return .imap
            }
            if bytes.starts(with: "+OK"), responderPort == 110 || bytes.byteCount > 8 { return .pop3 }
            return nil
        }
        if isSOCKS4(bytes) || isSOCKS5(bytes) { return .socks }
        if bytes.byteCount >= 8, isPostgreSQL(bytes) { return .postgreSQL }
        if isLDAP(bytes, isOnPort: responderPort == 389 || responderPort == 3268) { return .ldap }
        return nil
    }

    // MARK: IMAP and POP3

    private static func line(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession,
        isIMAP: Bool
    ) -> ParserStep {
        guard case .complete(let length) = TextLine.framing(of: bytes) else {
            return bytes.byteCount < mostLine ? .needMore : .flowOver
        }
        let command = TextCommand(bytes.extracting(0..<length))
        guard sender == .originator else {
            guard session.isAsked else { return .consumed(length) }
            if isIMAP {
                // Answers without the tag come between (RFC 9051, 7).
                guard command.verb.equals(session.tag.rawBytes) else { return .consumed(length) }
                session.isAsked = false
                return command.argument.starts(ignoringCase: "OK") ? .upgraded(length) : .consumed(length)
            }
            session.isAsked = false
            return command.verb.starts(with: "+OK") ? .upgraded(length) : .consumed(length)
        }
        session.messages &+= 1
        if session.messages > mostMessages { return .flowOver }
        if isIMAP {
            guard command.argument.equals(ignoringCase: "STARTTLS") else { return .consumed(length) }
            session.tag = []
            session.tag.append(copyOf: command.verb.field(0..<min(command.verb.byteCount, 64)))
            session.isAsked = true
        } else if command.isVerb("STLS") {
            session.isAsked = true
        }
        return .consumed(length)
    }

    // MARK: PostgreSQL

    /// SSLRequest, a request to cancel, or a start message of version 3 (the protocol's documentation, 55.7).
    private static func isPostgreSQL(_ bytes: RawSpan) -> Bool {
        let (length, code) = (bytes.bigEndian32(at: 0), bytes.bigEndian32(at: 4))
        if length == 8 { return code == 80_877_103 && bytes.byteCount == 8 }
        if length == 16 { return code == 80_877_102 && bytes.byteCount == 16 }
        return code == 0x0003_0000 && 16...8192 ~= length
            && bytes.field(8..<min(bytes.byteCount, 512)).hasParameter
    }

    private static func postgreSQL(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        if sender == .originator {
            guard bytes.byteCount >= 8 else { return .needMore }
            guard !session.isAsked, bytes.bigEndian32(at: 4) == 80_877_103 else { return .flowOver }
            session.isAsked = true
            return .consumed(8)
        }
        return session.isAsked && bytes.byte(at: 0) == 0x53 ? .upgraded(1) : .flowOver
    }
}

extension RawSpan {
    /// Whether a start message names a user, a database or a program.
    fileprivate var hasParameter: Bool {
        starts(with: "user") || starts(with: "database") || starts(with: "application_name")
            || starts(with: "client_encoding") || starts(with: "options")
    }

    func starts(with bytes: [UInt8]) -> Bool {
        guard byteCount >= bytes.count else { return false }
        for index in bytes.indices where byte(at: index) != bytes[index] { return false }
        return true
    }

    fileprivate func equals(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        for index in 0..<byteCount where byte(at: index) != other.byte(at: index) { return false }
        return true
    }
}
