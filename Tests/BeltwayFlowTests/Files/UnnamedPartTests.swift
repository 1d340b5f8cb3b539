// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private func mail(_ text: String) -> [Talk] {
    [
        .server("220 mail.example ESMTP\r\n"), .client("EHLO me\r\n"), .server("250 ok\r\n"),
        .client("MAIL FROM:<a@a>\r\n"), .server("250 ok\r\n"), .client("DATA\r\n"), .server("354 go\r\n"),
        .client(text.replacingOccurrences(of: "\n", with: "\r\n") + "\r\n.\r\n"), .server("250 taken\r\n"),
    ]
}

private let nested = """
    From: a@a
    Content-Type: multipart/mixed; boundary=outer

    nobody reads this
    --outer
    Content-Type: multipart/alternative; boundary=inner

    --inner

    the text with http://example.org/a
    --inner
    Content-Type: text/html

    <html><body>the text</body></html>
    --inner--
    --outer
    Content-Type: message/rfc822
    Content-Disposition: attachment; filename=forwarded.eml

    From: b@b
    Subject: another's
    Content-Type: multipart/mixed; boundary=third

    --third
    Content-Disposition: attachment; filename=x.txt

    what was forwarded
    --third--
    --outer
    Content-Disposition: attachment; filename=y.txt

    the last
    --outer--
    """

/// Sizes of the files that logs and of those that events tell of.
private func sizes(_ talk: Conversation) -> (logs: [Int], events: [Int]) {
    let sizes = (0..<talk.files.count).map { talk.file($0)["size"] as? Int ?? 0 }
    let hidden = zip(talk.files, sizes).filter { $0.0.record.isForLogsOnly }.map(\.1)
    let shown = zip(talk.files, sizes).filter { !$0.0.record.isForLogsOnly }.map(\.1)
    return (hidden, shown)
}

@Suite struct `Parts without a name` {
    @Test(arguments: [1, 7, 1448])
    func `are told to logs that ask for them, and to nobody else`(pieces: Int) {
        let quiet = Conversation(mail(nested), port: 25, pieces: pieces)
        #expect(sizes(quiet).logs.isEmpty)
        #expect(sizes(quiet).events == [18, 8])
        let talk = Conversation(mail(nested), port: 25, pieces: pieces, wantsDetails: true)
        #expect(sizes(talk).logs == [34, 34])
        #expect(sizes(talk).events == [18, 8])
        #expect(talk.files.allSatisfy { $0.record.isForLogsOnly == ($0.record.shownLength == 0) })
        #expect(talk.fileCounters.files == 2)
    }

    @Test func `leave the mail's own text and fields as they are`() {
        let events = EventSettings()
        for wantsDetails in [false, true] {
            let talk = Conversation(mail(nested), port: 25, events: events, wantsDetails: wantsDetails)
            let email = talk.objects.first?["email"] as? [String: Any]
            #expect(email?["from"] as? String == "a@a")
            #expect(email?["subject"] == nil)
            #expect(email?["url"] as? [String] == ["example.org/a"])
            #expect(email?["attachment"] as? [String] == ["forwarded.eml", "x.txt", "y.txt"])
        }
    }

    @Test func `are a mail's text too, if it has no parts`() {
        let talk = Conversation(mail("Subject: s\n\njust text"), port: 25, wantsDetails: true)
        #expect(sizes(talk).logs == [11])
    }

    @Test func `of a mail within a mail are found, whatever is said of its encoding`() {
        let text = """
            Subject: outer
            Content-Type: message/rfc822
            Content-Transfer-Encoding: base64
            Content-Disposition: attachment; filename="innocent.txt"

            Subject: inner
            Content-Disposition: attachment; filename="malware.exe"

            MZ
            """
        let talk = Conversation(mail(text), port: 25)
        #expect(talk.file()["filename"] as? String == "malware.exe")
        let coded = text.replacingOccurrences(of: "Subject: inner\n", with: "U3ViamVjdDog\n")
        let other = Conversation(mail(coded), port: 25)
        #expect(other.file()["filename"] as? String == "innocent.txt")
        #expect(other.files.count == 1)
    }

    @Test func `are found sixteen mails deep, and no deeper`() {
        let deep = (0..<100).map { "Content-Type: message/rfc822\n\nX: \($0)\n" }.joined()
        let talk = Conversation(mail(deep + "\ntext"), port: 25, wantsDetails: true)
        #expect(talk.files.count == 1)
    }

    @Test func `of forms are files for logs, and so are those of a mail that is sent by HTTP`() {
        let form = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nvalue\r\n--b--\r\n"
        let head = "POST /up HTTP/1.1\r\nContent-Length: \(form.utf8.count)\r\n"
        let talk = Conversation(
            [.client(head + "Content-Type: multipart/form-data; boundary=b\r\n\r\n" + form)],
            port: 80,
            wantsDetails: true
        )
        #expect(sizes(talk).logs == [5])
        let body = nested.replacingOccurrences(of: "\n", with: "\r\n")
        let sent = Conversation(
            [
                .client(
                    "POST /up HTTP/1.1\r\nContent-Length: \(body.utf8.count)\r\nContent-Type: message/rfc822\r\n\r\n"
                        + body
                )
            ],
            port: 80,
            wantsDetails: true
        )
        #expect(sizes(sent).logs == [34, 34, 18, 8])
        #expect(sizes(sent).events == [body.utf8.count])
    }

    @Test func `cut anywhere and damaged in any way neither trap nor hang`() {
        let text = nested.replacingOccurrences(of: "\n", with: "\r\n")
        for count in stride(from: 0, to: text.utf8.count, by: 7) {
            let talk = Conversation(mail(String(text.prefix(count))), port: 25, wantsDetails: true)
            #expect(talk.files.count <= 4)
        }
        damage(mail(nested), rounds: 150, seed: 62, port: 25)
    }
}
