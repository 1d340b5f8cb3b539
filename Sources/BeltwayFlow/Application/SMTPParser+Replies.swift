// SPDX-License-Identifier: Apache-2.0
// What a server says (RFC 5321, 4.2), and what it answers by it: commands are answered in order.
internal import BeltwayWire

extension SMTPParser {
    static func reply(
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
}
