// SPDX-License-Identifier: Apache-2.0
// SSH: one transaction a connection, from what is said before it is encrypted.
//
//     identification lines   versions of protocol and software        RFC 4253, 4.2
//     KEXINIT                what each side can do: HASSH             RFC 4253, 7.1
//
// Written when both sides have sent KEXINIT; or with what there is when one of them goes on without, or the flow ends.
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

    @inline(__always) var heldBytes: Int {
        protocolVersion.count + software.count + hassh.count + details.count
    }
}

/// What is known of a connection.
struct SSHSession {
    var client = SSHSide()
    var server = SSHSide()
    var isWritten = false
    var start = Timestamp.zero
    /// Whether the details were written, which wait for the server's key.
    var isLogged = false
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
    ]

    /// Longest text of a HASSH that is kept, in bytes; ten lists of algorithms are far shorter.
    private static var mostHASSH: Int { 16_384 }

    /// Takes an identification line, or a packet after it.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout SSHSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if session.start == .zero { session.start = output.packet.time }
        return session[sender].hasBanner
            ? packet(bytes, from: sender, &session, &flow, &output)
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
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        let length: Int
        switch SSHPacket.framing(of: bytes) {
        case .needMore: return .needMore
        case .notThisProtocol: return .malformed
        case .complete(let count): length = count
        }
        guard let packet = try? SSHPacket(bytes) else { return .malformed }
        switch packet.type {
        case SSHPacket.keyExchangeInit:
            guard let lists = try? SSHKeyExchangeInit(packet.payload) else { return .malformed }
            var text: [UInt8] = []
            lists.appendHASSH(from: sender, to: &text)
            if text.count <= mostHASSH { session[sender].hassh = text }
            session[sender].hasKeyExchange = true
            if output.wantsDetails { session[sender].details += details(lists, from: sender) }
            guard session[sender.opposite].hasKeyExchange else {
                return output.wantsDetails ? .consumed(length) : .over
            }
            guard output.wantsDetails else { return .flowOver }
            // The event is due, but the log waits for the server's key.
            writeEvent(&session, &flow, &output)
            return .consumed(length)
        case SSHPacket.newKeys: return .over
        case SSHPacket.keyExchangeReply, SSHPacket.groupExchangeReply:
            guard sender == .responder, output.wantsDetails, session.server.hasKeyExchange,
                let place = packet.hostKey
            else { return .consumed(length) }
            // Zeek's form: 24 of the digest's 32 bytes.
            var text = TextBuffer(capacity: 64)
            text.append("SHA256:")
            text.append(base64SHA256Of: packet.payload.field(place), first: 24)
            session.hostKey = text.copy()
            return .flowOver
        default: return .consumed(length)
        }
    }

    /// Writes the transaction unless it is written or there is nothing to say.
    static func finish(
        _ session: inout SSHSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        writeEvent(&session, &flow, &output)
        if output.wantsDetails { writeLog(&session, &output) }
    }

    private static func writeEvent(
        _ session: inout SSHSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard !session.isWritten, session.client.hasBanner || session.server.hasBanner else { return }
        session.isWritten = true
        output.begin(.ssh, number: flow.transactions, object: "ssh")
        write("client", session.client, software: 0, hassh: 2, &output)
        write("server", session.server, software: 1, hassh: 3, &output)
        output.end()
        flow.transactions &+= 1
    }

    /// Writes the details as a record of their own, once.
    private static func writeLog(_ session: inout SSHSession, _ output: inout TransactionStage) {
        guard !session.isLogged, session.client.hasBanner || session.server.hasBanner else { return }
        session.isLogged = true
        output.beginDetails(.ssh)
        output.details.append(.start, number: session.start.nanoseconds)
        output.details.append(session.client.details)
        output.details.append(session.server.details)
        if !session.hostKey.isEmpty { output.details.append(.hostKey, session.hostKey.rawBytes) }
        output.endDetails()
    }

    private static func write(
        _ name: StaticString,
        _ side: SSHSide,
        software: Int,
        hassh: Int,
        _ output: inout TransactionStage
    ) {
        guard side.hasBanner else { return }
        output.text.openObject(name)
        output.member("proto_version", side.protocolVersion.rawBytes)
        output.member("software_version", side.software.rawBytes, column: software)
        TLSParser.writeFingerprint("hassh", side.hassh, hassh, &output)
        output.text.closeObject()
    }

    private static func details(_ banner: borrowing SSHBanner, from sender: Sender) -> [UInt8] {
        var line = Array("SSH-".utf8)
        line.append(copyOf: banner.protocolVersion)
        line.append(0x2d)
        line.append(copyOf: banner.softwareVersion)
        if banner.comment.byteCount > 0 {
            line.append(0x20)
            line.append(copyOf: banner.comment)
        }
        var writer = DetailWriter()
        writer.append(sender == .originator ? .clientBanner : .serverBanner, line.rawBytes)
        return writer.end()
    }

    private static func details(_ lists: borrowing SSHKeyExchangeInit, from sender: Sender) -> [UInt8] {
        var writer = DetailWriter()
        for number in 0..<SSHKeyExchangeInit.listCount {
            writer.append(
                sender == .originator ? .clientList : .serverList,
                lists.list(number),
                most: 1000
            )
        }
        return writer.end()
    }
}
