// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Crypto
import Foundation
import Testing

private func sha256(_ text: String) -> String {
    SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
}

private func mail(_ parts: [(fields: String, text: String)]) -> [Talk] {
    let body = parts.map { "--b1\r\n\($0.fields)\r\n\r\n\($0.text)\r\n" }.joined() + "--b1--\r\n"
    let text = "From: a@a\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n\(body).\r\n"
    return [
        .server("220 mail.example ESMTP\r\n"), .client("EHLO me\r\n"), .server("250 ok\r\n"),
        .client("MAIL FROM:<a@a>\r\n"), .server("250 ok\r\n"), .client("DATA\r\n"), .server("354 go\r\n"),
        .client(text), .server("250 taken\r\n"),
    ]
}

private let zip = "Content-Type: application/zip; name=\"x.zip\"\r\nContent-Transfer-Encoding: base64"
private let patch =
    "Content-Disposition: attachment; filename=p.txt\r\nContent-Transfer-Encoding: quoted-printable"
private let plain = "Content-Disposition: attachment; filename=t.txt"

@Suite struct `Files in mails` {
    @Test(arguments: [1, 5, 1448])
    func `are attachments with their encoding undone`(pieces: Int) {
        let content = String(repeating: "PK\u{3}\u{4} of sorts ", count: 500)
        let encoded = Data(content.utf8).base64EncodedString(options: .lineLength76Characters)
        let talk = Conversation(
            mail([
                (zip, encoded), (patch, "a=3Db =\r\nsoft\r\nend=20"), (plain, "..one\r\ntwo"),
                ("X: y", "no file"),
            ]),
            port: 25,
            pieces: pieces
        )
        #expect(talk.files.count == 3)
        #expect(talk.file(0)["filename"] as? String == "x.zip")
        #expect(talk.file(0)["sha256"] as? String == sha256(content))
        #expect(talk.file(0)["state"] as? String == "CLOSED")
        #expect(talk.file(0)["magic"] as? String == "Zip archive data")
        #expect(talk.file(1)["sha256"] as? String == sha256("a=b soft\r\nend "))
        #expect(talk.file(2)["sha256"] as? String == sha256(".one\r\ntwo"))
        #expect((talk.fileObjects[0]["email"] as? [String: Any])?["from"] as? String == "a@a")
        #expect(talk.fileObjects[0]["app_proto"] as? String == "smtp")
    }

    @Test func `that break off with their mail are truncated`() {
        let whole = mail([(plain, "text that goes on")])
        let talk = Conversation(
            Array(whole.dropLast(2)) + [.client("Content-Disposition: x; filename=t\r\n\r\nbegun\r\nand")],
            port: 25
        )
        #expect(talk.file()["state"] as? String == "TRUNCATED")
    }

    @Test func `say that bytes of theirs are missing`() {
        let talk = Conversation(
            Array(mail([(plain, "text")]).dropLast(2)) + [
                .client("Content-Disposition: x; filename=t\r\n\r\nbegun\r\n"), .lost(10, toResponder: true),
                .client("and\r\n.\r\n"), .server("250 taken\r\n"),
            ],
            port: 25
        )
        #expect(talk.file()["gaps"] as? Bool == true)
        #expect(talk.file()["state"] as? String == "TRUNCATED")
    }

    @Test(arguments: [
        "filename*0=\"one\"; filename*1=\" two.zip\"", "filename*=utf-8''one%20two.zip",
        "filename*0*=utf-8'en'one%20; filename*1=two.zip",
    ])
    func `have names in pieces, or with a character set`(parameter: String) {
        let talk = Conversation(mail([("Content-Disposition: attachment; \(parameter)", "x")]), port: 25)
        #expect(talk.file()["filename"] as? String == "one two.zip")
    }

    @Test func `whose names are longer than is kept are an anomaly, once a mail`() {
        let name = String(repeating: "n", count: 300)
        let talk = Conversation(
            mail([("Content-Disposition: x; filename=\(name)", "a"), ("Content-Type: t; name=\(name)", "b")]),
            port: 25
        )
        #expect((talk.file()["filename"] as? String)?.utf8.count == 255)
        #expect(talk.oddities.count { $0.body.contains("MIME_LONG_FILENAME") } == 1)
        #expect(Conversation(mail([(plain, "a")]), port: 25).oddities.isEmpty)
    }

    @Test func `come in chunks too`() {
        let text = "Content-Disposition: attachment; filename=t.txt\r\n\r\none\r\ntwo\r\n"
        let talk = Conversation(
            [
                .server("220 mail.example ESMTP\r\n"), .client("EHLO me\r\n"), .server("250 ok\r\n"),
                .client("MAIL FROM:<x@x>\r\nBDAT \(text.utf8.count) LAST\r\n\(text)"),
                .server("250 a\r\n250 b\r\n"),
            ],
            port: 25,
            pieces: 9
        )
        #expect(talk.file()["sha256"] as? String == sha256("one\r\ntwo"))
    }

    @Test func `stay JSON whatever the bytes are`() {
        let parts = [(zip, "UEsDBAo="), (patch, "a=3Db =\r\nsoft"), (plain, "one\r\ntwo")]
        damage(mail(parts), rounds: 800, seed: 61, port: 25)
    }
}
