// SPDX-License-Identifier: Apache-2.0
// Protocols of which only the beginning is read, until they hand the stream over: to a proxy's peer, or to TLS.
//
//     SOCKS 4, 4a    client 4 1 port ip user 0 [name 0]      server 0 90 ........          the peer's protocol follows
//     SOCKS 5        methods | [login] | request              method | [status] | reply     (RFC 1928, RFC 1929)
//     IMAP, POP3     .. a STARTTLS / STLS                     a OK / +OK                    TLS (RFC 2595, RFC 9051)
//     LDAP           extended request 1.3.6.1.4.1.1466.20037  result 0                      TLS (RFC 4511, 4.14)
//     PostgreSQL     SSLRequest, 8 bytes                      S                             TLS
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

    var heldBytes: Int { tag.count }
}

/// Reads them.
enum HandoverParser {
    /// Messages of a client before it asks for TLS: after more it is let go.
    private static var mostMessages: UInt8 { 24 }
    private static var mostLine: Int { 2048 }

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

    // MARK: SOCKS

    /// A whole request of version 4: its texts end where the segment ends.
    private static func isSOCKS4(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 9, bytes.byteCount <= 600, bytes.byte(at: 0) == 4,
            1...2 ~= bytes.byte(at: 1), let user = bytes.firstIndex(of: 0, from: 8)
        else { return false }
        if user == bytes.byteCount - 1 { return true }
        // Version 4a: an address 0.0.0.x says that a name follows.
        return bytes.bigEndian32(at: 4) >> 8 == 0 && bytes.byte(at: 7) != 0
            && bytes.firstIndex(of: 0, from: user + 1) == bytes.byteCount - 1
    }

    /// The methods of version 5, and nothing else.
    private static func isSOCKS5(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 3, bytes.byte(at: 0) == 5, 1...16 ~= bytes.byte(at: 1),
            bytes.byteCount == 2 + Int(bytes.byte(at: 1))
        else { return false }
        for index in 2..<bytes.byteCount where 0x0a..<0x80 ~= bytes.byte(at: index) { return false }
        return true
    }

    private static func socks(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        let isClients = session.step == .hello || session.step == .login || session.step == .request
        // What comes before its turn waits: a client may go on before it was answered.
        guard isClients == (sender == .originator) else {
            return bytes.byteCount < mostLine ? .needMore : .flowOver
        }
        guard bytes.byteCount >= 2 else { return .needMore }
        let second = Int(bytes.byte(at: 1))
        switch session.step {
        case .hello where bytes.byte(at: 0) == 4:
            session.isVersion4 = true
            session.step = .reply
            return isSOCKS4(bytes) ? .consumed(bytes.byteCount) : .flowOver
        case .hello:
            guard bytes.byteCount >= 2 + second else { return .needMore }
            session.step = .method
            return .consumed(2 + second)
        case .method:
            guard bytes.byte(at: 0) == 5, second == 0 || second == 2 else { return .flowOver }
            session.step = second == 0 ? .request : .login
            return .consumed(2)
        case .login:
            guard bytes.byteCount >= 3 + second else { return .needMore }
            let length = 3 + second + Int(bytes.byte(at: 2 + second))
            guard bytes.byteCount >= length else { return .needMore }
            session.step = .status
            return .consumed(length)
        case .status:
            guard second == 0 else { return .flowOver }
            session.step = .request
            return .consumed(2)
        case .request:
            guard let length = addressEnd(bytes) else { return bytes.byteCount < 7 ? .needMore : .flowOver }
            // Only a connection is what follows; a binding or datagrams are not.
            guard second == 1, bytes.byte(at: 0) == 5 else { return .flowOver }
            guard bytes.byteCount >= length else { return .needMore }
            session.step = .reply
            return .consumed(length)
        case .reply where session.isVersion4:
            guard bytes.byteCount >= 8 else { return .needMore }
            return bytes.byte(at: 0) == 0 && second == 90 ? .upgraded(8) : .flowOver
        case .reply:
            guard let length = addressEnd(bytes) else { return bytes.byteCount < 7 ? .needMore : .flowOver }
            guard second == 0 else { return .flowOver }
            return bytes.byteCount >= length ? .upgraded(length) : .needMore
        }
    }

    /// Where a message with an address ends (RFC 1928, 4 and 6); nil if its kind is not known (yet).
    private static func addressEnd(_ bytes: RawSpan) -> Int? {
        guard bytes.byteCount >= 5 else { return nil }
        return switch bytes.byte(at: 3) {
        case 1: 10
        case 3: 7 + Int(bytes.byte(at: 4))
        case 4: 22
        default: nil
        }
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

    /// SSLRequest, or a start message of version 3 (the protocol's documentation, 55.7).
    private static func isPostgreSQL(_ bytes: RawSpan) -> Bool {
        let (length, code) = (bytes.bigEndian32(at: 0), bytes.bigEndian32(at: 4))
        if length == 8 { return code == 80_877_103 && bytes.byteCount == 8 }
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

    // MARK: LDAP

    /// Whether bytes begin with a message of LDAP (RFC 4511, 4.1.1) that a client begins with.
    private static func isLDAP(_ bytes: RawSpan, isOnPort: Bool) -> Bool {
        guard let message = LDAPMessage(bytes) else { return false }
        switch message.operation {
        // A bind says its version; an extended request has a name.
        case 0x60:
            return bytes.field(message.content).starts(with: [2, 1, 2])
                || bytes.field(message.content).starts(with: [2, 1, 3])
        case 0x77: return bytes.field(message.content).starts(with: [0x80])
        case 0x63: return isOnPort
        default: return false
        }
    }

    private static func ldap(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        guard let message = LDAPMessage(bytes) else {
            return bytes.byteCount < 10 ? .needMore : .flowOver
        }
        guard bytes.byteCount >= message.length else {
            return message.length <= StreamState.mostCarried ? .needMore : .flowOver
        }
        let content = bytes.field(message.content)
        if sender == .originator {
            session.messages &+= 1
            if session.messages > mostMessages { return .flowOver }
            if message.operation == 0x77, content.byteCount >= 24,
                content.field(2..<24).starts(with: "1.3.6.1.4.1.1466.20037")
            {
                session.isAsked = true
            }
        } else if session.isAsked, message.operation == 0x78 {
            session.isAsked = false
            // resultCode: an enumeration, success is 0.
            if content.starts(with: [0x0a, 1, 0]) { return .upgraded(message.length) }
        }
        return .consumed(message.length)
    }
}

/// Where the parts of a message of LDAP lie.
private struct LDAPMessage {
    /// Bytes of the message.
    let length: Int
    /// Tag of its operation.
    let operation: UInt8
    /// What the operation says, as far as it is here.
    let content: Range<Int>

    /// Reads the head of a message; nil if these bytes are none, or too few.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 7, bytes.byte(at: 0) == 0x30,
            let outer = Self.length(bytes, at: 1), outer.start + 3 < bytes.byteCount,
            bytes.byte(at: outer.start) == 2
        else { return nil }
        let digits = Int(bytes.byte(at: outer.start + 1))
        let tag = outer.start + 2 + digits
        guard 1...4 ~= digits, tag < bytes.byteCount, let inner = Self.length(bytes, at: tag + 1) else {
            return nil
        }
        length = outer.start + outer.length
        guard length <= 1 << 24, inner.start + inner.length <= length else { return nil }
        operation = bytes.byte(at: tag)
        content = min(inner.start, bytes.byteCount)..<min(inner.start + inner.length, bytes.byteCount)
    }

    /// A length in BER's definite forms (X.690, 8.1.3), and where what it counts begins.
    private static func length(_ bytes: RawSpan, at place: Int) -> (length: Int, start: Int)? {
        guard place < bytes.byteCount else { return nil }
        let first = Int(bytes.byte(at: place))
        if first < 0x80 { return (first, place + 1) }
        let count = first & 0x7f
        guard 1...4 ~= count, place + count < bytes.byteCount else { return nil }
        var length = 0
        for index in 1...count { length = length << 8 | Int(bytes.byte(at: place + index)) }
        return (length, place + 1 + count)
    }
}

extension RawSpan {
    /// Whether a start message names a user, a database or a program.
    fileprivate var hasParameter: Bool {
        starts(with: "user") || starts(with: "database") || starts(with: "application_name")
            || starts(with: "client_encoding") || starts(with: "options")
    }

    fileprivate func starts(with bytes: [UInt8]) -> Bool {
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
