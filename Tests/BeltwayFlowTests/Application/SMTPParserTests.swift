// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private let greeting: [Talk] = [.server("220 mail.example ESMTP\r\n"), .client("EHLO me\r\n")]
private let agreed = "250-mail.example\r\n250 SIZE 1000\r\n"
private let mail = """
    From: A <a@a.org>
    To: b@b.org, "C, D" <c@c.org>
    Subject: a long
      subject
    Content-Type: multipart/mixed; boundary="xyz"

    text
    --xyz
    Content-Type: application/zip; name=other.zip
    Content-Disposition: attachment; filename="file one.zip"

    ..stuffed
    --xyz--
    .

    """.replacingOccurrences(of: "\n", with: "\r\n")
private let sent: [Talk] =
    greeting + [
        .server(agreed), .client("MAIL FROM:<a@a.org> SIZE=7\r\n"), .server("250 ok\r\n"),
        .client("RCPT TO:<b@b.org>\r\n"), .server("250 ok\r\n"), .client("rcpt to:<c@c.org>\r\n"),
        .server("250 ok\r\n"), .client("DATA\r\n"), .server("354 go\r\n"), .client(mail),
        .server("250 taken\r\n"), .client("QUIT\r\n"), .server("221 bye\r\n"),
    ]

@Suite struct `SMTP transactions` {
    @Test(arguments: [1, 7, 1448])
    func `are a mail each, with its ends, its fields and its attachments`(pieces: Int) {
        let talk = Conversation(sent, port: 25, pieces: pieces)
        #expect(talk.application == .smtp)
        #expect(
            talk.transactions.map(\.body) == [
                #","smtp":{"helo":"me","mail_from":"<a@a.org>","rcpt_to":["<b@b.org>","<c@c.org>"]},"#
                    + #""email":{"status":"PARSE_DONE","from":"A <a@a.org>","to":["b@b.org","\"C, D\" <c@c.org>"],"#
                    + #""subject":"a long subject","attachment":["file one.zip"]}"#
            ]
        )
        #expect(talk.columns()["subject"] == #""a long subject""#)
        #expect(talk.columns()["mail_from"] == #""<a@a.org>""#)
    }

    @Test func `follow one another in a connection, and one that is broken off says so`() {
        let more: [Talk] = [
            .client("MAIL FROM:<x@x>\r\nRCPT TO:<y@y>\r\nDATA\r\n"), .server("250 a\r\n250 b\r\n354 c\r\n"),
            .client("Subject: two\r\n\r\ntext"),
        ]
        let talk = Conversation(Array(sent.dropLast(2)) + more, port: 25)
        #expect(talk.transactions.map(\.record.number) == [0, 1])
        #expect((talk.objects.last?["email"] as? [String: Any])?["status"] as? String == "BODY_STARTED")
        #expect((talk.objects.last?["email"] as? [String: Any])?["subject"] as? String == "two")
    }

    @Test func `whose text is refused have none, and what follows are commands`() {
        let talk = Conversation(
            greeting + [
                .server(agreed), .client("MAIL FROM:<x@x>\r\n"), .server("250 a\r\n"), .client("DATA\r\n"),
                .server("554 no\r\n"), .client("MAIL FROM:<z@z>\r\n"), .client("QUIT\r\n"),
            ],
            port: 25
        )
        #expect(talk.columns(0)["mail_from"] == #""<x@x>""#)
        #expect(talk.columns(1)["mail_from"] == #""<z@z>""#)
    }

    @Test func `take chunks for what they are`() {
        let chunk = "Subject: x\r\n\r\nQUIT\r\n"
        let talk = Conversation(
            greeting + [
                .server(agreed), .client("MAIL FROM:<x@x>\r\nBDAT \(chunk.utf8.count) LAST\r\n\(chunk)"),
                .server("250 a\r\n250 b\r\n"), .client("QUIT\r\n"),
            ],
            port: 25
        )
        #expect(talk.transactions.count == 1)
    }

    @Test func `end where encryption begins, and what follows is another protocol`() {
        let talk = Conversation(
            greeting + [
                .server(agreed), .client("STARTTLS\r\n"), .server("220 go\r\n"),
                .client([22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3]),
            ],
            port: 25
        )
        #expect(talk.application == .tls)
        #expect(talk.transactions.map(\.record.kind) == [.smtp])
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        damage(sent, rounds: 2000, seed: 41, port: 25)
    }
}
