// SPDX-License-Identifier: Apache-2.0
// SMTP (RFC 5321): one transaction a mail, from MAIL to the answer to its last byte.
//
//     client   EHLO .. | MAIL FROM | RCPT TO ... | DATA | headers, blank line, body | . | QUIT
//     server   220 ..    250         250           354                                250 --> the transaction is written
//
// Lines are read one by one and never kept; of a mail's text the header fields that Suricata shows, and the names of its
// attachments, which are looked at as files (MailReader). After STARTTLS was agreed to, the stream is looked at as if it began there.
internal import BeltwayWire

/// What is known of one connection.
struct SMTPSession {
    /// What the client sends next.
    enum Expecting { case command, data, chunk(remaining: Int, isLast: Bool) }
    /// What waits for its answer, as far as that matters; a mail's text by the mail's number.
    enum Asked: Equatable { case hello, mail, data, text(UInt32), startTLS, other }

    var client = Expecting.command
    /// Commands without an answer, the oldest first: servers answer in order (RFC 2920).
    var asked: [Asked] = []
    /// Whether the server's greeting was heard, or an answer.
    var hasServer = false
    /// Whether the client greeted; whether that was taken; and how it greets again, which may be refused.
    var hasGreeted = false
    var isGreeted = false
    var otherGreeting: [UInt8] = []
    /// Whether the sender was refused.
    var isRefused = false
    /// Mails that were written.
    var mails: UInt32 = 0
    /// Whether a reply had a code that there is not.
    var hasOddReply = false
    /// Whether it was said that a mail's text came unasked.
    var isSaid = false
    /// Whether MAIL was said and its transaction is not written.
    var isOpen = false
    var greeting: [UInt8] = []
    var sender: [UInt8] = []
    /// Recipients, as elements of a JSON array.
    var recipients: [UInt8] = []
    var mail = MailReader()
    /// Whether a mail's text was begun, or has ended.
    var hasText = false
    var isTextComplete = false
    /// Whether the line of text that comes was begun.
    var isWithinLine = false
    var wasWritten = false

    /// Whether what the client sends is a mail's text.
    var isInText: Bool { if case .command = client { false } else { true } }
    var heldBytes: Int {
        greeting.count + otherGreeting.count + sender.count + recipients.count + mail.heldBytes
            + 8 * asked.count
    }
}

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
    /// Attachments that wait for the end of their mail.
    private static var mostEndedFiles: Int { 64 }
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

    private static func ask(_ command: SMTPSession.Asked, _ session: inout SMTPSession) {
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

    /// Bytes of a chunk, read as lines like any mail; a line that a chunk's end cuts goes on in the next.
    private static func chunk(
        _ bytes: RawSpan,
        _ session: inout SMTPSession,
        _ settings: FileSettings,
        _ events: EventSettings
    ) {
        var start = 0
        while start < bytes.byteCount {
            let next = (bytes.firstIndex(of: 0x0a, from: start) ?? bytes.byteCount - 1) + 1
            let line = bytes.field(start..<next)
            let end = LineEnd(line)
            let content = line.field(0..<line.byteCount - end.length)
            session.mail.sent(content, end, events)
            session.mail.line(
                content,
                end,
                settings,
                events,
                isStart: !session.isWithinLine
            )
            session.isWithinLine = end.length == 0
            start = next
        }
    }

    /// The path of MAIL and RCPT without the parameters after it.
    @_lifetime(copy argument)
    private static func path(_ argument: RawSpan, after word: String) -> RawSpan {
        let start = argument.starts(ignoringCase: word) ? word.utf8.count : 0
        let rest = TextCommand(argument.extracting(droppingFirst: start))
        return rest.verb.field(0..<512)
    }

    /// A line of a mail (RFC 5321, 4.5.2).
    private static func text(
        _ line: RawSpan,
        _ session: inout SMTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let end = LineEnd(line)
        let isStart = !session.isWithinLine
        session.isWithinLine = end.length == 0
        let content = line.field(0..<lineEnd(line))
        // Nobody has asked for it yet (RFC 2920, 3.1): what pipelines that hides something, or does not care.
        if session.hasServer, session.asked.last == .data, !session.isSaid {
            session.isSaid = true
            output.anomaly("INVALID_PIPELINED_SEQUENCE", of: "smtp", number: flow.transactions)
        }
        session.hasText = true
        if isStart, content.byteCount == 1, content.byte(at: 0) == 0x2e {
            session.client = .command
            session.isWithinLine = false
            ask(.text(session.mails), &session)
            endOfText(&session, flow, &output)
            return
        }
        session.mail.sent(content, end, output.events)
        let isStuffed = isStart && content.byteCount > 1 && content.byte(at: 0) == 0x2e
        session.mail.line(
            isStuffed ? content.extracting(droppingFirst: 1) : content,
            end,
            output.files,
            output.events,
            isStart: isStart
        )
        if session.mail.ended.count >= mostEndedFiles { writeFiles(&session, flow, &output) }
    }

    private static func endOfText(
        _ session: inout SMTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        session.mail.end()
        session.isTextComplete = true
        writeFiles(&session, flow, &output)
    }

    static func lineEnd(_ line: RawSpan) -> Int {
        var end = line.byteCount
        if end > 0, line.byte(at: end - 1) == 0x0a { end -= 1 }
        if end > 0, line.byte(at: end - 1) == 0x0d { end -= 1 }
        return end
    }

    private static func reply(
        _ bytes: RawSpan,
        _ length: Int,
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        guard let line = try? ReplyLine(bytes) else {
            output.anomaly("INVALID_REPLY", of: "smtp", number: flow.transactions)
            return .malformed
        }
        if !session.hasOddReply, !isKnown(line.code) {
            session.hasOddReply = true
            output.anomaly("INVALID_REPLY", of: "smtp", number: flow.transactions)
        }
        guard line.isLast else { return .consumed(length) }
        let isFirst = !session.hasServer
        session.hasServer = true
        // The server speaks first; nobody has asked for its greeting.
        let isGreeting = isFirst && [220, 421, 554].contains(line.code) && session.asked.first != .startTLS
        guard !isGreeting, !session.asked.isEmpty else { return .consumed(length) }
        switch session.asked.removeFirst() {
        case .other: break
        case .hello: if line.code < 400 { greeted(&session, &flow, &output) }
        case .mail: session.isRefused = line.code >= 400
        case .data:
            // Refused: what the client says next are commands.
            if line.code >= 400, !session.hasText {
                session.client = .command
                output.anomaly("DATA_COMMAND_REJECTED", of: "smtp", number: flow.transactions)
            }
        case .text(let mail):
            // The next mail may have begun before.
            if mail == session.mails { write(&session, &flow, &output) }
        case .startTLS: if line.code == 220 { return .upgraded(length) }
        }
        return .consumed(length)
    }

    /// Whether SMTP or one of its extensions has a reply code (RFC 5321, 4.2.3; RFC 4954, 2034, 3207, 7504, 5248).
    private static func isKnown(_ code: Int) -> Bool {
        switch code {
        case 211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 422, 431, 432, 441, 442, 446, 447, 449,
            450...452,
            454, 455, 458, 459, 500...504, 510...513, 521, 523, 524, 530, 533...535, 538, 541, 550...556:
            true
        default: false
        }
    }

    /// A greeting was taken; one that is not the first ends what was begun (RFC 5321, 4.1.4).
    private static func greeted(
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if session.isGreeted {
            output.anomaly("DUPLICATE_FIELDS", of: "smtp", number: flow.transactions)
            write(&session, &flow, &output)
        }
        session.isGreeted = true
        guard !session.otherGreeting.isEmpty else { return }
        session.greeting = session.otherGreeting
        session.otherGreeting = []
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
