// SPDX-License-Identifier: Apache-2.0
// IRC and XMPP until a client asks for TLS and gets it.
//
//     IRC    client: STARTTLS                    server: :name 670 nick :go ahead         (IRCv3's tls extension)
//     XMPP   client: <starttls xmlns='...'/>     server: <proceed xmlns='...'/>           (RFC 6120, 5.4)
internal import BeltwayWire

extension HandoverParser {
    /// Bytes of a line that a connection of IRC begins with, at most (RFC 2812, 2.3).
    static var mostFirstLine: Int { 512 }

    /// Whether more bytes may make a first line of IRC, or the first element of XMPP, of these; no other parser waits then.
    static func mayBegin(_ bytes: RawSpan) -> Bool {
        for element in ["<?xml", "<stream:stream"] where bytes.isBeginning(of: element) { return true }
        if bytes.starts(with: "<?xml") {
            guard let end = bytes.firstIndex(of: 0x3e, before: mostDeclaration) else {
                return bytes.byteCount < mostDeclaration
            }
            var rest = bytes.extracting(droppingFirst: end + 1)
            while rest.byteCount > 0, rest.byte(at: 0) <= 0x20, rest.byteCount < mostFirstLine {
                rest = rest.extracting(droppingFirst: 1)
            }
            return rest.isBeginning(of: "<stream:stream")
        }
        guard bytes.firstIndex(of: 0x0a, before: mostFirstLine) == nil else {
            return bytes.starts(ignoringCase: "PASS ") && bytes.byteCount < 2 * mostFirstLine
                && bytes.byte(at: bytes.byteCount - 1) == 0x0a
        }
        guard bytes.byteCount < mostFirstLine else { return false }
        for verb in ["NICK ", "USER ", "CAP ", "PASS ", "STARTTLS", "NOTICE ", ":"] {
            if bytes.isBeginning(of: verb) || bytes.starts(with: verb) { return true }
        }
        return false
    }

    // MARK: IRC

    /// Ports of IRC (RFC 7194, 1; IANA's service names).
    static func isIRCPort(_ port: UInt16) -> Bool {
        port == 194 || port == 6660 || 6665...6669 ~= port || port == 7000
    }

    /// Whether bytes begin with a line that a connection of IRC begins with (RFC 2812, 3.1; IRCv3 `CAP`).
    ///
    /// A lone STARTTLS is so on its ports alone: a client of Sieve (RFC 5804) or of NNTP (RFC 4642) begins with it too.
    static func isIRC(_ bytes: RawSpan, from sender: Sender, isOnPort: Bool) -> Bool {
        guard let end = bytes.firstIndex(of: 0x0a, before: mostFirstLine) else { return false }
        let line = TextCommand(bytes.field(0..<end + 1))
        guard sender == .originator else {
            let isNamed = line.verb.starts(with: ":")
            let text = isNamed ? TextCommand(line.argument) : line
            let isGreeting = text.isVerb("NOTICE") || isNamed && (text.isVerb("001") || text.isVerb("020"))
            return isGreeting && text.argument.firstIndex(of: 0x3a, before: mostFirstLine) != nil
        }
        if line.isVerb("PASS") {
            let rest = bytes.extracting(droppingFirst: end + 1)
            return rest.starts(ignoringCase: "NICK ") || rest.starts(ignoringCase: "CAP ")
        }
        if line.isVerb("NICK") { return line.argument.byteCount > 0 && line.argument.words == 1 }
        if line.isVerb("USER") { return line.argument.words >= 4 }
        if line.isVerb("CAP") {
            return line.argument.starts(ignoringCase: "LS") || line.argument.starts(ignoringCase: "REQ")
        }
        return isOnPort && line.isVerb("STARTTLS") && line.argument.byteCount == 0
    }

    static func irc(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        guard case .complete(let length) = TextLine.framing(of: bytes) else {
            return bytes.byteCount < mostLine ? .needMore : .flowOver
        }
        let line = TextCommand(bytes.extracting(0..<length))
        guard sender == .originator else {
            let text = line.verb.starts(with: ":") ? TextCommand(line.argument) : line
            if session.isAsked, text.isVerb("670") { return .upgraded(length) }
            // 691 says no; others come between.
            if text.isVerb("691") { session.isAsked = false }
            return .consumed(length)
        }
        session.messages &+= 1
        if session.messages > mostMessages { return .flowOver }
        if line.isVerb("STARTTLS") { session.isAsked = true }
        return .consumed(length)
    }

    // MARK: XMPP

    /// Bytes of an XML declaration, at most.
    static var mostDeclaration: Int { 256 }

    /// Whether bytes begin a stream of XMPP (RFC 6120, 4.2): its first element, with or without a declaration before.
    static func isXMPP(_ bytes: RawSpan) -> Bool {
        var place = 0
        if bytes.starts(with: "<?xml") {
            guard let end = bytes.firstIndex(of: 0x3e, before: mostDeclaration) else { return false }
            place = end + 1
            while place < bytes.byteCount, bytes.byte(at: place) <= 0x20 { place += 1 }
        }
        return bytes.extracting(droppingFirst: place).starts(with: "<stream:stream")
    }

    /// Takes one tag with the text before it.
    static func xmpp(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        guard let end = bytes.firstIndex(of: 0x3e, before: min(bytes.byteCount, mostLine)) else {
            return bytes.byteCount < mostLine ? .needMore : .flowOver
        }
        let tag = bytes.field((bytes.firstIndex(of: 0x3c, before: end) ?? end)..<end + 1)
        guard sender == .originator else {
            return session.isAsked && tag.starts(with: "<proceed") ? .upgraded(end + 1) : .consumed(end + 1)
        }
        session.messages &+= 1
        if session.messages > mostMessages { return .flowOver }
        if tag.starts(with: "<starttls") { session.isAsked = true }
        return .consumed(end + 1)
    }
}

extension RawSpan {
    /// Whether a text begins with these bytes: with fewer than all of it.
    fileprivate func isBeginning(of text: String) -> Bool {
        guard byteCount < text.utf8.count else { return false }
        var index = 0
        for byte in text.utf8.prefix(byteCount) {
            if self.byte(at: index) != byte { return false }
            index += 1
        }
        return true
    }

    /// How many words it has, counted to 8; what follows a colon is one (RFC 2812, 2.3.1).
    fileprivate var words: Int {
        var count = 0
        var isBetween = true
        for index in 0..<byteCount {
            let byte = byte(at: index)
            if byte == 0x20 {
                isBetween = true
            } else if isBetween {
                count += 1
                isBetween = false
                if byte == 0x3a || count == 8 { break }
            }
        }
        return count
    }
}
