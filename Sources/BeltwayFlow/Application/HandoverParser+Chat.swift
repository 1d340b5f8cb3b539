// SPDX-License-Identifier: Apache-2.0
// IRC and XMPP until a client asks for TLS and gets it.
//
//     IRC    client: STARTTLS                    server: :name 670 nick :go ahead         (IRCv3's tls extension)
//     XMPP   client: <starttls xmlns='...'/>     server: <proceed xmlns='...'/>           (RFC 6120, 5.4)
internal import BeltwayWire

extension HandoverParser {
    // MARK: IRC

    /// Whether bytes begin with a line that a connection of IRC begins with (RFC 2812, 3.1; IRCv3 `CAP`).
    static func isIRC(_ bytes: RawSpan, from sender: Sender) -> Bool {
        guard let end = bytes.firstIndex(of: 0x0a, before: 512) else { return false }
        let line = TextCommand(bytes.field(0..<end + 1))
        guard sender == .originator else {
            let isNamed = line.verb.starts(with: ":")
            let text = isNamed ? TextCommand(line.argument) : line
            let isGreeting = text.isVerb("NOTICE") || isNamed && (text.isVerb("001") || text.isVerb("020"))
            return isGreeting && text.argument.firstIndex(of: 0x3a, before: 512) != nil
        }
        if line.isVerb("NICK") { return line.argument.byteCount > 0 && line.argument.words == 1 }
        if line.isVerb("USER") { return line.argument.words >= 4 }
        if line.isVerb("CAP") {
            return line.argument.starts(ignoringCase: "LS") || line.argument.starts(ignoringCase: "REQ")
        }
        return line.isVerb("STARTTLS") && line.argument.byteCount == 0
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

    /// Whether bytes begin a stream of XMPP (RFC 6120, 4.2): its first element, with or without a declaration before.
    static func isXMPP(_ bytes: RawSpan) -> Bool {
        var place = 0
        if bytes.starts(with: "<?xml") {
            guard let end = bytes.firstIndex(of: 0x3e, before: 256) else { return false }
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

    // MARK: Modbus

    /// Whether bytes are one or more messages of Modbus over TCP (Modbus Messaging on TCP/IP 1.0b, 3.1.3) and nothing else;
    /// on its port alone, since hardly a bit is fixed.
    static func isModbus(_ bytes: RawSpan) -> Bool {
        var place = 0
        while place + 8 <= bytes.byteCount {
            let length = Int(bytes.bigEndian16(at: place + 4))
            let function = bytes.byte(at: place + 7)
            guard bytes.bigEndian16(at: place + 2) == 0, 2...254 ~= length, 1...0x7f ~= function else {
                return false
            }
            place += 6 + length
        }
        return place > 0 && place == bytes.byteCount
    }
}

extension RawSpan {
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
