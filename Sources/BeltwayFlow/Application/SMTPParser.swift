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
    /// Whose answer is awaited, as far as that matters.
    enum Awaiting { case nothing, data, mail, startTLS }

    var client = Expecting.command
    var awaiting = Awaiting.nothing
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
    var heldBytes: Int { greeting.count + sender.count + recipients.count + mail.heldBytes }
}

/// Reads SMTP connections.
public enum SMTPParser {
    /// Columns of the table `smtp`.
    public static let columns = [
        TransactionColumn("mail_from", .text), TransactionColumn("rcpt_to", .text),
        TransactionColumn("helo", .text), TransactionColumn("subject", .text),
    ]

    /// Bytes of a line that are waited for; a longer one is passed over in pieces.
    private static var mostLine: Int { 8192 }
    /// Attachments that wait for the end of their mail.
    private static var mostEndedFiles: Int { 64 }
    /// Bytes of recipients of one mail that are kept.
    private static var mostRecipients: Int { 16_384 }

    /// Whether a side's first bytes are SMTP: a server says so in its greeting, or a client greets.
    static func probe(_ bytes: RawSpan, from sender: Sender, isOnPort: Bool) -> Probe {
        if sender == .originator {
            for verb in ["EHLO ", "HELO ", "LHLO "] where bytes.starts(ignoringCase: verb) { return .yes }
            return bytes.byteCount < 5 ? .unknown : .no
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
        case .complete(let count): length = count
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
            session.greeting = []
            session.greeting.append(copyOf: command.argument.field(0..<256))
        } else if command.isVerb("MAIL") {
            write(&session, &flow, &output)
            session.isOpen = true
            session.sender = []
            session.sender.append(copyOf: path(command.argument, after: "FROM:"))
        } else if command.isVerb("RCPT") {
            guard session.recipients.count < mostRecipients else { return }
            var text = TextBuffer(capacity: 256)
            text.append(wireString: path(command.argument, after: "TO:"), most: 512)
            if !session.recipients.isEmpty { session.recipients.append(0x2c) }
            session.recipients.append(copyOf: text.rawBytes)
        } else if command.isVerb("DATA") {
            // Also without MAIL, which a server that asks little does not insist on.
            session.isOpen = true
            session.client = .data
            session.awaiting = .data
        } else if command.isVerb("BDAT") {
            beginChunk(command.argument, &session, flow, &output)
        } else if command.isVerb("STARTTLS") {
            session.awaiting = .startTLS
        } else if command.isVerb("RSET") || command.isVerb("QUIT") {
            write(&session, &flow, &output)
        }
    }

    /// BDAT (RFC 3030): a number of bytes, and whether they are the last.
    private static func beginChunk(
        _ argument: RawSpan,
        _ session: inout SMTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let words = TextCommand(argument)
        var length = 0
        for index in 0..<words.verb.byteCount {
            let digit = Int(words.verb.byte(at: index)) - 0x30
            guard 0...9 ~= digit, length < 1 << 40 else {
                output.anomaly("INVALID_BDAT", of: "smtp", number: flow.transactions)
                return
            }
            length = length * 10 + digit
        }
        let isLast = words.argument.equals(ignoringCase: "LAST")
        session.isOpen = true
        session.hasText = true
        if length > 0 {
            session.client = .chunk(remaining: length, isLast: isLast)
        } else if isLast {
            endOfText(&session, flow, &output)
        }
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
        session.awaiting = .nothing
        session.hasText = true
        if isStart, content.byteCount == 1, content.byte(at: 0) == 0x2e {
            session.client = .command
            session.isWithinLine = false
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
        session.awaiting = .mail
        writeFiles(&session, flow, &output)
    }

    /// Writes the attachments that have ended.
    private static func writeFiles(
        _ session: inout SMTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        for file in session.mail.takeEnded() {
            output.begin(.fileinfo, number: flow.transactions, object: "smtp", showsNumber: false)
            writeMembers(session, marks: false, &output)
            output.endFile(file, application: "smtp", number: flow.transactions)
        }
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
        guard line.isLast else { return .consumed(length) }
        let awaiting = session.awaiting
        switch awaiting {
        case .nothing: break
        case .data:
            // Refused: what the client says next are commands.
            if line.code >= 400, !session.hasText {
                session.client = .command
                output.anomaly("DATA_COMMAND_REJECTED", of: "smtp", number: flow.transactions)
            }
            if line.code >= 300 { session.awaiting = .nothing }
        case .mail:
            session.awaiting = .nothing
            write(&session, &flow, &output)
        case .startTLS:
            session.awaiting = .nothing
            if line.code == 220 { return .upgraded(length) }
        }
        return .consumed(length)
    }

    /// Bytes of one direction are lost.
    static func lost(from sender: Sender, _ length: UInt64, _ session: inout SMTPSession) {
        guard sender == .originator else { return }
        session.mail.passOver()
        if case .chunk(let remaining, let isLast) = session.client {
            session.client =
                length < UInt64(remaining)
                ? .chunk(remaining: remaining - Int(length), isLast: isLast) : .command
        }
    }

    /// Writes what waits at the end of a flow; a connection without a mail is one transaction.
    static func finish(
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if !session.wasWritten, !session.greeting.isEmpty { session.isOpen = true }
        write(&session, &flow, &output)
    }

    private static func write(
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard session.isOpen else { return }
        // A file that broke off with its mail.
        if session.hasText, !session.isTextComplete { session.mail.end(isComplete: false) }
        writeFiles(&session, flow, &output)
        output.begin(.smtp, number: flow.transactions, object: "smtp")
        writeMembers(session, marks: true, &output)
        output.end()
        flow.transactions &+= 1
        session.isOpen = false
        session.wasWritten = true
        session.sender = []
        session.recipients = []
        session.mail = MailReader()
        session.hasText = false
        session.isTextComplete = false
    }

    /// Writes the members of `smtp`, and `email` behind it.
    private static func writeMembers(
        _ session: SMTPSession,
        marks: Bool,
        _ output: inout TransactionStage
    ) {
        output.member("helo", session.greeting.rawBytes, column: marks ? 2 : nil)
        output.member("mail_from", session.sender.rawBytes, column: marks ? 0 : nil)
        output.member("rcpt_to", elements: session.recipients, column: marks ? 1 : nil)
        guard session.hasText else { return }
        output.text.closeObject()
        output.text.openObject("email")
        session.mail.write(
            isComplete: session.isTextComplete,
            subjectColumn: marks ? 3 : nil,
            &output
        )
    }
}
