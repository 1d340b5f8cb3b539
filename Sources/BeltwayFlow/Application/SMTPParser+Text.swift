// SPDX-License-Identifier: Apache-2.0
// A mail's text, by DATA or in chunks (BDAT, RFC 3030): lines for the reader of mails.
//
//     DATA   line | ..stuffed line | .          lines may come in pieces, and dots before them are doubled
//     BDAT   line | li + ne | ..                as it is; a chunk may end anywhere
internal import BeltwayWire

extension SMTPParser {
    /// Attachments that wait for the end of their mail.
    private static var mostEndedFiles: Int { 64 }

    /// Bytes of a chunk, read as lines like any mail; a line that a chunk's end cuts goes on in the next.
    static func chunk(
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

    /// A line of a mail (RFC 5321, 4.5.2).
    static func text(
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

    static func endOfText(
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
}
