// SPDX-License-Identifier: Apache-2.0

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
