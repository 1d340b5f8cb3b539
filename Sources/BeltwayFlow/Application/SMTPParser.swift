// SPDX-License-Identifier: Apache-2.0
// SMTP (RFC 5321): one transaction a mail, from MAIL to the answer to its last byte.
//
//     client   EHLO .. | MAIL FROM | RCPT TO ... | DATA | headers, blank line, body | . | QUIT
//     server   220 ..    250         250           354                                250 --> the transaction is written
//
// Lines are read one by one and never kept; of a mail's text the header fields that Suricata shows, and the names of its
// attachments, which are looked at as files (MailReader). After STARTTLS was agreed to, the stream is looked at as if it began there.
internal import BeltwayWire

/// Reads SMTP connections.
public enum SMTPParser {
    /// Columns of the table `smtp`.
    public static let columns = [
        TransactionColumn("mail_from", .text), TransactionColumn("rcpt_to", .text),
        TransactionColumn("helo", .text), TransactionColumn("subject", .text),
    ]

    /// Bytes of a line that are waited for, as in Suricata; a longer one is passed over in pieces.
    private static var mostLine: Int { 4096 }
    /// Commands that may wait for their answers; those of a client that says more are not joined.
    private static var mostAsked: Int { 128 }
    /// Bytes of recipients of one mail that are kept.
    private static var mostRecipients: Int { 16_384 }

    /// Whether a side's first bytes are SMTP: a server says so in its greeting, or a client greets.
    static func probe(_ bytes: RawSpan, from sender: Sender, isOnPort: Bool) -> Probe {
        if sender == .originator {
            guard bytes.byteCount >= 5 else { return .unknown }
            let isWord = bytes.byte(at: 4) == 0x20 || bytes.byte(at: 4) == 0x0d || bytes.byte(at: 4) == 0x0a
            for verb in ["EHLO", "HELO", "LHLO"] where isWord && bytes.starts(ignoringCase: verb) {
                return .yes
            }
            return .no
        }
        guard bytes.byteCount >= 4 else { return .unknown }
        guard let line = try? ReplyLine(bytes), line.code == 220 || line.code == 554 || line.code == 421
        else {
            return .no
        }
        if isOnPort { return .yes }
        guard case .complete(let length) = TextLine.framing(of: bytes) else { return .unknown }
        return contains(bytes.extracting(0..<length), "smtp") ? .yes : .unknown
    }

    /// Whether a line contains a word of small letters, in either case.
    static func contains(_ line: RawSpan, _ word: String) -> Bool {
        var index = 0
        while index < line.byteCount {
            if line.extracting(droppingFirst: index).starts(ignoringCase: word) { return true }
            index += 1
        }
        return false
    }

    /// Takes a line, or what is here of a chunk.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ side: inout StreamSide,
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if sender == .originator, case .chunk(let remaining, let isLast) = session.client {
            var count = min(remaining, bytes.byteCount)
            if count < remaining {
                // Whole lines, as long as they are no longer than any.
                while count > 0, bytes.byte(at: count - 1) != 0x0a { count -= 1 }
                if count == 0, bytes.byteCount < mostLine { return .needMore }
                if count == 0 { count = bytes.byteCount }
            }
            chunk(bytes.field(0..<count), &session, output.files, output.events)
            let isOver = count == remaining
            session.client = isOver ? .command : .chunk(remaining: remaining - count, isLast: isLast)
            if isOver, isLast { endOfText(&session, flow, &output) }
            return .consumed(count)
        }
        let length: Int
        var isWhole = true
        switch TextLine.framing(of: bytes, from: side.scanned) {
        case .complete(let count):
            length = count
            if count > mostLine, !side.isCut, sender == .responder || !session.isInText {
                output.anomaly("TRUNCATED_LINE", of: "smtp", number: flow.transactions)
            }
        default:
            guard bytes.byteCount >= mostLine else {
                side.scanned = bytes.byteCount
                return .needMore
            }
            length = bytes.byteCount
            // A mail's text may have lines of any length; a command or a reply may not.
            if !side.isCut, sender == .responder || !session.isInText {
                output.anomaly("TRUNCATED_LINE", of: "smtp", number: flow.transactions)
            }
            isWhole = false
        }
        side.scanned = 0
        side.isCut = !isWhole
        let line = bytes.extracting(0..<length)
        if sender == .responder { return reply(line, length, &session, &flow, &output) }
        if case .data = session.client {
            text(line, &session, flow, &output)
            return .consumed(length)
        }
        command(line, &session, &flow, &output)
        return .consumed(length)
    }

    private static func command(
        _ line: RawSpan,
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let command = TextCommand(line)
        if command.isVerb("EHLO") || command.isVerb("HELO") || command.isVerb("LHLO") {
            session.otherGreeting = []
            session.otherGreeting.append(copyOf: command.argument.field(0..<mostLine))
            if !session.hasGreeted { swap(&session.greeting, &session.otherGreeting) }
            session.hasGreeted = true
            ask(.hello, &session)
        } else if command.isVerb("MAIL") {
            if session.isOpen, !session.sender.isEmpty, !session.hasText, !session.isRefused {
                output.anomaly("DUPLICATE_FIELDS", of: "smtp", number: flow.transactions)
            }
            write(&session, &flow, &output)
            session.isOpen = true
            ask(.mail, &session)
            session.sender = []
            session.sender.append(copyOf: path(command.argument, after: "FROM:"))
        } else if command.isVerb("RCPT") {
            ask(.other, &session)
            guard session.recipients.count < mostRecipients else { return }
            var text = TextBuffer(capacity: 256)
            text.append(wireString: path(command.argument, after: "TO:"), most: 512)
            if !session.recipients.isEmpty { session.recipients.append(0x2c) }
            session.recipients.append(copyOf: text.rawBytes)
        } else if command.isVerb("DATA") {
            // Also without MAIL, which a server that asks little does not insist on.
            session.isOpen = true
            session.client = .data
            ask(.data, &session)
        } else if command.isVerb("BDAT") {
            beginChunk(command.argument, &session, flow, &output)
        } else if command.isVerb("STARTTLS") {
            ask(.startTLS, &session)
        } else {
            if command.isVerb("RSET") || command.isVerb("QUIT") { write(&session, &flow, &output) }
            ask(.other, &session)
        }
    }

    static func ask(_ command: SMTPSession.Asked, _ session: inout SMTPSession) {
        if session.asked.count < mostAsked { session.asked.append(command) }
    }

    /// BDAT (RFC 3030): a number of bytes, and whether they are the last.
    private static func beginChunk(
        _ argument: RawSpan,
        _ session: inout SMTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let words = TextCommand(argument)
        let isLast = words.argument.equals(ignoringCase: "LAST")
        guard isLast || words.argument.byteCount == 0, let length = number(words.verb) else {
            ask(.other, &session)
            output.anomaly("INVALID_BDAT", of: "smtp", number: flow.transactions)
            return
        }
        ask(isLast ? .text(session.mails) : .other, &session)
        session.isOpen = true
        session.hasText = true
        if length > 0 {
            session.client = .chunk(remaining: length, isLast: isLast)
        } else if isLast {
            endOfText(&session, flow, &output)
        }
    }

    /// A decimal number below 10^13 or so, nil if it is none.
    private static func number(_ text: RawSpan) -> Int? {
        guard text.byteCount > 0 else { return nil }
        var number = 0
        for index in 0..<text.byteCount {
            let digit = Int(text.byte(at: index)) - 0x30
            guard 0...9 ~= digit, number < 1 << 40 else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// The path of MAIL and RCPT without the parameters after it.
    @_lifetime(copy argument)
    private static func path(_ argument: RawSpan, after word: String) -> RawSpan {
        let start = argument.starts(ignoringCase: word) ? word.utf8.count : 0
        let rest = TextCommand(argument.extracting(droppingFirst: start))
        return rest.verb.field(0..<512)
    }

    /// Bytes of one direction are lost.
    static func lost(from sender: Sender, _ length: UInt64, _ session: inout SMTPSession) {
        guard sender == .originator else {
            // Whose answers the next ones are is not known any more.
            session.asked = []
            return
        }
        session.mail.passOver()
        if case .chunk(let remaining, let isLast) = session.client {
            session.client =
                length < UInt64(remaining)
                ? .chunk(remaining: remaining - Int(length), isLast: isLast) : .command
        }
    }
}
