// SPDX-License-Identifier: Apache-2.0
// Which protocol it is: by port where a port says so and the bytes agree, else by the bytes alone.
internal import BeltwayWire

/// Finds protocols.
enum Detection {
    /// Bytes of one direction in which a protocol is looked for.
    static var mostBytes: Int { 2048 }
    /// Segments of one direction that are looked at after its first bytes were no protocol's.
    static var mostWatched: UInt8 { 16 }
    /// Every protocol of streams ruled out.
    static let allStreams: UInt64 = [.dns, .tls, .http, .ssh, .smtp, .ftp, .smb, .http2].reduce(0) {
        $0 | bit($1)
    }

    static func bit(_ application: ApplicationProtocol) -> UInt64 { 1 << UInt64(application.rawValue) }

    /// The protocol of a stream by the first bytes of one direction, or nil if it is none or not yet to be told.
    ///
    /// - Parameters:
    ///   - bytes: The first bytes of the direction.
    ///   - sender: Who sent them.
    ///   - originatorPort: The originator's port.
    ///   - responderPort: The responder's port.
    ///   - ruledOut: What these bytes are not; grows.
    /// - Returns: The protocol.
    static func stream(
        _ bytes: RawSpan,
        from sender: Sender,
        originatorPort: UInt16,
        responderPort: UInt16,
        _ ruledOut: inout UInt64
    ) -> ApplicationProtocol? {
        if ruledOut & bit(.tls) == 0 {
            switch TLSRecord.probe(bytes, from: sender) {
            case .yes: return .tls
            case .no: ruledOut |= bit(.tls)
            case .unknown: break
            }
        }
        if ruledOut & bit(.http2) == 0 {
            switch HTTP2FrameHead.probe(bytes, from: sender) {
            case .yes: return .http2
            case .no: ruledOut |= bit(.http2)
            // Its preface looks like a request of HTTP/1.
            case .unknown: if sender == .originator { return nil }
            }
        }
        if ruledOut & bit(.http) == 0 {
            switch HTTP1.probe(bytes, from: sender) {
            case .yes: return .http
            case .no: ruledOut |= bit(.http)
            case .unknown: break
            }
        }
        if ruledOut & bit(.ssh) == 0 {
            switch SSHBanner.probe(bytes, from: sender) {
            case .yes: return .ssh
            case .no: ruledOut |= bit(.ssh)
            case .unknown: break
            }
        }
        if ruledOut & bit(.smtp) == 0 {
            let isOnPort = [25, 465, 587, 2525].contains(responderPort)
            switch SMTPParser.probe(bytes, from: sender, isOnPort: isOnPort) {
            case .yes: return .smtp
            case .no: ruledOut |= bit(.smtp)
            case .unknown: break
            }
        }
        if ruledOut & bit(.ftp) == 0 {
            switch FTPParser.probe(bytes, from: sender, isOnPort: responderPort == 21) {
            case .yes: return .ftp
            case .no: ruledOut |= bit(.ftp)
            case .unknown: break
            }
        }
        if ruledOut & bit(.smb) == 0 {
            switch SMBStream.probe(bytes, isOnPort: responderPort == 445 || responderPort == 139) {
            case .yes: return .smb
            case .no: ruledOut |= bit(.smb)
            case .unknown: break
            }
        }
        if ruledOut & bit(.dns) == 0 {
            let isMulticastName = originatorPort == 5355 || responderPort == 5355
            let isOnPort = isMulticastName || originatorPort == 53 || responderPort == 53
            switch DNSParser.probeStream(bytes, isOnPort: isOnPort) {
            case .yes: return isMulticastName ? .llmnr : .dns
            case .no: ruledOut |= bit(.dns)
            case .unknown: break
            }
        }
        let found = HandoverParser.probe(bytes, from: sender, responderPort: responderPort)
        return found.flatMap { ruledOut & bit($0) == 0 ? $0 : nil }
    }

    /// The protocol of a stream whose beginning was not seen, by a segment that fits no other but on its port.
    static func midstream(
        _ bytes: RawSpan,
        from sender: Sender,
        originatorPort: UInt16,
        responderPort: UInt16
    ) -> ApplicationProtocol? {
        if isRecords(bytes, isOnPort: originatorPort == 443 || responderPort == 443) { return .tls }
        guard responderPort == 21 || responderPort == 25, isText(bytes, from: sender) else { return nil }
        return responderPort == 21 ? .ftp : .smtp
    }

    /// Whether bytes begin with a line of FTP or SMTP: a reply with its code, or a command.
    private static func isText(_ bytes: RawSpan, from sender: Sender) -> Bool {
        guard let end = bytes.firstIndex(of: 0x0a, before: 512), end >= 4 else { return false }
        let line = bytes.field(0..<end + 1)
        if sender == .responder { return bytes.byteCount > 5 && (try? ReplyLine(line)) != nil }
        let verb = TextCommand(line).verb
        guard 3...8 ~= verb.byteCount else { return false }
        for word in textVerbs where verb.equals(ignoringCase: word) { return true }
        return false
    }

    /// Commands of FTP (RFC 959, 3659, 4217) and SMTP (RFC 5321).
    private static var textVerbs: [String] {
        [
            "USER", "PASS", "CWD", "CDUP", "TYPE", "PORT", "EPRT", "PASV", "EPSV", "RETR", "STOR", "LIST",
            "NLST",
            "MLSD", "SIZE", "MDTM", "PWD", "DELE", "RNFR", "RNTO", "SYST", "FEAT", "NOOP", "QUIT", "MAIL",
            "RCPT",
            "DATA", "EHLO", "HELO", "RSET", "VRFY",
        ]
    }

    /// Whether bytes that one side sent are what the other side should have: a flow whose beginning was not seen.
    ///
    /// - Parameters:
    ///   - bytes: The first bytes that were seen.
    ///   - sender: Who sent them, as it seems.
    ///   - isFromServicePort: Whether the originator's port is one of SMB's: an encrypted message does not say.
    ///   - isFromTextPort: Whether it is one of FTP or SMTP.
    /// - Returns: Whether it is the other way round.
    static func isTurned(
        _ bytes: RawSpan,
        from sender: Sender,
        isFromServicePort: Bool,
        isFromTextPort: Bool
    ) -> Bool {
        if HTTP1.probe(bytes, from: sender.opposite) == .yes { return true }
        if let isAnswer = SMBStream.isAnswer(bytes) { return isAnswer == (sender == .originator) }
        if isFromTextPort { return isText(bytes, from: sender.opposite) }
        if isFromServicePort, SMBStream.probe(bytes, isOnPort: true) == .yes { return true }
        return TLSRecord.probe(bytes, from: sender.opposite) == .yes
            && TLSRecord.probe(bytes, from: sender) != .yes
    }

    /// The protocol that begins with a segment in the middle of a stream, or nil; surer than at the beginning.
    static func later(_ bytes: RawSpan, from sender: Sender) -> ApplicationProtocol? {
        if HTTP1.probe(bytes, from: sender) == .yes {
            if sender == .responder { return bytes.starts(with: "HTTP/1.") ? .http : nil }
            let end = bytes.firstIndex(of: 0x0a, before: 2048) ?? 0
            let line = bytes.field(0..<end)
            return end > 10 && line.field(end - 10..<end).hasVersion ? .http : nil
        }
        if areRecords(bytes) { return .tls }
        guard sender == .originator, bytes.byteCount >= 11, TLSRecord.probe(bytes, from: sender) == .yes,
            bytes.byte(at: 0) == 22, bytes.byte(at: 9) == 3, bytes.byte(at: 10) <= 4
        else { return nil }
        let record = Int(bytes.bigEndian16(at: 3))
        let message = Int(bytes.byte(at: 6)) << 16 | Int(bytes.bigEndian16(at: 7))
        return message + 4 >= record && message < 1 << 17 ? .tls : nil
    }

    /// Whether a segment is two or more whole records of TLS and nothing else.
    private static func areRecords(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 12, 20...23 ~= bytes.byte(at: 0), bytes.byte(at: 1) == 3 else {
            return false
        }
        let first = 5 + Int(bytes.bigEndian16(at: 3))
        return first < bytes.byteCount && isRecords(bytes, isOnPort: false)
    }

    /// Whether a segment in the middle of a stream is records of TLS: at least one, with an end or a next head; on TLS's
    /// port the head of one is enough.
    static func isRecords(_ bytes: RawSpan, isOnPort: Bool) -> Bool {
        var position = 0
        var count = 0
        while position + 5 <= bytes.byteCount, count < 4 {
            let length = Int(bytes.bigEndian16(at: position + 3))
            guard 20...23 ~= bytes.byte(at: position), bytes.byte(at: position + 1) == 3,
                1...4 ~= bytes.byte(at: position + 2), 1...TLSRecord.maximumLength ~= length
            else { return false }
            position += 5 + length
            count += 1
        }
        return position == bytes.byteCount || (count > 1 || isOnPort) && position > bytes.byteCount
    }

    /// Whether a datagram is nothing but whole records of DTLS: a connection whose handshake was not seen.
    private static func isDatagramRecords(_ payload: RawSpan) -> Bool {
        var position = 0
        while position < payload.byteCount {
            let rest = payload.extracting(droppingFirst: position)
            guard case .complete(let length) = DTLSRecord.framing(of: rest),
                let record = try? DTLSRecord(rest),
                record.epoch > 0 || record.content == .handshake
            else { return false }
            position += length
        }
        return position > DTLSRecord.headerLength
    }

    /// Whether the datagram that says what a flow speaks is an answer of its originator, or a question of its responder.
    ///
    /// What is sent to a group, or to a server's port from another one, is no answer, whatever it says.
    static func isTurned(
        _ payload: RawSpan,
        of application: ApplicationProtocol,
        _ headers: borrowing PacketHeaders,
        _ toResponder: Bool
    ) -> Bool {
        if application == .dtls, !toResponder { return DTLSRecord.isHello(payload, of: .originator) }
        let isGroup = headers.destination.isGroup(version: headers.ipVersion)
        guard toResponder, !isGroup else { return false }
        let servers: UInt16
        switch application {
        case .dns: servers = 53
        case .llmnr: servers = 5355
        case .dtls: return DTLSRecord.isHello(payload, of: .responder)
        default: return false
        }
        if headers.destinationPort == servers, headers.sourcePort != servers { return false }
        return payload.byteCount > 2 && payload.byte(at: 2) & 0x80 != 0
    }

    /// The protocol of a datagram, or `unknown`.
    static func datagram(
        _ payload: RawSpan,
        from sender: Sender,
        source: UInt16,
        destination: UInt16
    ) -> ApplicationProtocol {
        if source == 53 || destination == 53, DNSParser.isLikely(payload) { return .dns }
        if source == 5353 || destination == 5353, DNSParser.isLikely(payload) { return .mdns }
        if source == 5355 || destination == 5355, DNSParser.isLikely(payload, ofAnyOpcode: true) {
            return .llmnr
        }
        if source == 123 || destination == 123, NTPPacket.isLikely(payload) { return .ntp }
        if DHCPMessage.probe(payload) == .yes { return .dhcp }
        if DTLSRecord.probe(payload, from: sender) == .yes || isDatagramRecords(payload) { return .dtls }
        if QUICParser.isLikely(payload) { return .quic }
        // NetBIOS (RFC 1002) has the same header and other names.
        let isNetBIOS = source == 137 || destination == 137
        if !isNetBIOS, DNSMessage.probe(payload) == .yes { return .dns }
        if NTPPacket.probe(payload) == .yes { return .ntp }
        if KerberosMessage.isMessage(payload) { return .kerberos }
        if BitTorrentDHT.isMessage(payload) { return .bitTorrentDHT }
        // A message that is damaged further on.
        if source == 53 || destination == 53, DNSParser.hasLikelyHeader(payload) { return .dns }
        return .unknown
    }
}

extension RawSpan {
    /// Whether `HTTP/1.` stands in it: the end of a request's first line.
    fileprivate var hasVersion: Bool {
        for index in 0..<Swift.min(byteCount, 4)
        where extracting(droppingFirst: index).starts(with: "HTTP/1.") { return true }
        return false
    }
}
