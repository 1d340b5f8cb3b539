// SPDX-License-Identifier: Apache-2.0
// What Suricata's `smtp` and `email` show of a mail, and the files that came with it.
internal import BeltwayWire

extension SMTPParser {
    /// Writes the attachments that have ended.
    static func writeFiles(
        _ session: inout SMTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if session.mail.takeLongName() {
            output.anomaly("MIME_LONG_FILENAME", of: "smtp", number: flow.transactions)
        }
        for file in session.mail.takeEnded() {
            output.begin(.fileinfo, number: flow.transactions, object: "smtp", showsNumber: false)
            writeMembers(session, marks: false, &output)
            output.endFile(file, application: "smtp", number: flow.transactions)
        }
    }

    /// Writes what waits at the end of a flow; a connection without a mail is one transaction.
    static func finish(
        _ session: inout SMTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if !session.wasWritten, session.hasGreeted { session.isOpen = true }
        write(&session, &flow, &output)
    }

    static func write(
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
        session.mails &+= 1
        session.isRefused = false
        session.isSaid = false
        session.sender = []
        session.recipients = []
        session.mail = MailReader()
        session.hasText = false
        session.isTextComplete = false
    }

    /// Writes the members of `smtp`, and `email` behind it.
    static func writeMembers(
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
