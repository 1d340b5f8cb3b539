// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Crypto
import Foundation
import Testing

private let request = "GET /a/file.txt?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"

private func sha256(_ text: String) -> String {
    SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
}

private func answer(_ body: String, _ fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}

@Suite struct `Files in HTTP` {
    @Test(arguments: [1, 7, 1448])
    func `have the path as their name, a size and digests, wherever segments end`(pieces: Int) {
        let body = String(repeating: "text and more\n", count: 300)
        let talk = Conversation([.client(request), .server(answer(body))], port: 80, pieces: pieces)
        let file = talk.file()
        #expect(talk.files.count == 1)
        #expect(file["filename"] as? String == "/a/file.txt")
        #expect(file["size"] as? Int == body.utf8.count)
        #expect(file["state"] as? String == "CLOSED")
        #expect(file["sha256"] as? String == sha256(body))
        #expect((file["md5"] as? String)?.count == 32 && (file["sha1"] as? String)?.count == 40)
        #expect(file["magic"] as? String == "ASCII text")
        #expect((talk.fileObjects[0]["http"] as? [String: Any])?["status"] as? Int == 200)
        #expect(talk.fileObjects[0]["app_proto"] as? String == "http")
        // Who sends it is the source.
        #expect(talk.files[0].record.sourcePort == 80)
        #expect(talk.files[0].record.mark(6) != nil)
    }

    @Test func `are named by Content-Disposition before the path`() {
        let fields = "Content-Disposition: attachment; filename=\"x \\\"y.bin\"\r\n"
        let talk = Conversation([.client(request), .server(answer("abc", fields))], port: 80)
        #expect((talk.file()["filename"] as? String)?.hasPrefix("x ") == true)
    }

    @Test func `come in chunks, and without them`() {
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        let talk = Conversation([.client(request), .server(chunked)], port: 80, pieces: 5)
        #expect(talk.file()["sha256"] as? String == sha256("abcdefg"))
        let open = Conversation(
            [.client(request), .server("HTTP/1.1 200 OK\r\n\r\nabcdefg"), .closed(toResponder: false)],
            port: 80
        )
        #expect(open.file()["sha256"] as? String == sha256("abcdefg"))
    }

    @Test(
        arguments: [
            "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\nxabcdef",
            "Transfer-Encoding : chunked\r\n\r\nxabcdef",
            "Transfer-Encoding: chunked\r\n\r\n\u{c}3,\r\nxab\r\n4\u{0}\r\ncdef\r\n0\r\n\r\n",
            "A: b\rTransfer-Encoding: chunked\r\n \n0x7\r\nxabcdef\r\n0\r\n\r\n",
        ]
    )
    func `are what a browser takes them for, whatever their head says`(answer: String) {
        for pieces in [1, 7, 1448] {
            let talk = Conversation(
                [.client(request), .server("\0HTTP/1.1 200 OK\r\n" + answer), .closed(toResponder: false)],
                port: 80,
                pieces: pieces
            )
            #expect(talk.file()["sha256"] as? String == sha256("xabcdef"))
        }
    }

    @Test func `keep what comes behind a chunk whose size is none`() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz"
        let talk = Conversation(
            [.client(request), .server(answer), .closed(toResponder: false)],
            port: 80,
            pieces: 4
        )
        #expect(talk.file()["sha256"] as? String == sha256("abcxyz"))
    }

    @Test func `that break off are truncated and have no digest`() {
        let talk = Conversation(
            [.client(request), .server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")],
            port: 80
        )
        #expect(talk.file()["state"] as? String == "TRUNCATED")
        #expect(talk.file()["size"] as? Int == 3)
        #expect(talk.file()["sha256"] == nil)
    }

    @Test func `say that bytes of theirs are missing`() {
        let talk = Conversation(
            [
                .client(request), .server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
                .lost(4, toResponder: false), .server("hij"),
            ],
            port: 80
        )
        #expect(talk.file()["gaps"] as? Bool == true)
        #expect(talk.file()["state"] as? String == "TRUNCATED")
        #expect(talk.file()["sha256"] == nil)
    }

    @Test func `that are sent belong to their request`() {
        let put = "PUT /up/load HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345"
        let talk = Conversation([.client(request + put), .server(answer("a") + answer("b"))], port: 80)
        #expect(talk.files.count == 3)
        #expect(talk.file(0)["filename"] as? String == "/up/load")
        #expect(talk.file(0)["tx_id"] as? Int == 1)
        #expect(talk.files[0].record.sourcePort == 40_000)
        #expect(talk.file(2)["tx_id"] as? Int == 1)
    }

    @Test(arguments: [1, 3, 64, 1448])
    func `of a form are its parts that have a name`(pieces: Int) {
        let content = "line\r\n--not the boundary\r\n\r\nend"
        let form =
            "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n"
            + "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"one.txt\"\r\n\r\n\(content)\r\n"
            + "--xx\r\nContent-Disposition: form-data; name=\"g\"; filename=\"two\"\r\n\r\nsecond\r\n--xx--\r\n"
        let post =
            "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=xx\r\n"
            + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)"
        let talk = Conversation([.client(post), .server(answer(""))], port: 80, pieces: pieces)
        #expect(talk.fileObjects.count == 2)
        #expect(talk.file(0)["filename"] as? String == "one.txt")
        #expect(talk.file(0)["sha256"] as? String == sha256(content))
        #expect(talk.file(1)["sha256"] as? String == sha256("second"))
    }

    @Test func `of a form that comes byte by byte cost as much for each byte, however long its lines`() {
        let field = "X: " + String(repeating: "-", count: 8000) + "\r\n"
        let dashes = String(repeating: "-", count: 290) + "\r\n"
        let form =
            "--xx\r\n" + String(repeating: field, count: 6) + "\r\n" + String(repeating: dashes, count: 170)
        let talk = Conversation(
            [
                .client(
                    "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=xx\r\n"
                        + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)"
                )
            ],
            port: 80,
            pieces: 1
        )
        #expect(form.utf8.count > 97_000)
        #expect(talk.fileCounters.searched >= UInt64(form.utf8.count))
        #expect(talk.fileCounters.searched <= UInt64(3 * form.utf8.count))
    }

    @Test func `of one form are no more than are told, however small its parts`() {
        let form = String(repeating: "--xx\r\nContent-Type:;name=a\r\n\r\nX\n", count: 5000) + "--xx--\r\n"
        let post =
            "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=xx\r\n"
            + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)"
        let talk = Conversation([.client(post), .server(answer(""))], port: 80)
        #expect(talk.files.count == 64)
        #expect(talk.transactions.count == 1)
    }

    @Test func `that are parts of a larger one say which`() {
        let fields = "Content-Range: bytes 500-502/146515\r\n"
        let talk = Conversation([.client(request), .server(answer("abc", fields))], port: 80)
        #expect(talk.file()["start"] as? Int == 500 && talk.file()["end"] as? Int == 502)
        let range = talk.object()["content_range"] as? [String: Any]
        #expect(range?["raw"] as? String == "bytes 500-502/146515" && range?["size"] as? Int == 146_515)
    }

    @Test func `are none where a body is empty`() {
        #expect(Conversation([.client(request), .server(answer(""))], port: 80).files.isEmpty)
    }

    @Test func `stay JSON whatever the bytes are`() {
        let form = "--xx\r\nContent-Disposition: form-data; filename=\"one.txt\"\r\n\r\nabc\r\n--xx--\r\n"
        let post =
            "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=xx\r\n"
            + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)"
        damage(
            [.client(post), .server(answer("ok", "Content-Range: bytes 1-2/9\r\n"))],
            rounds: 800,
            seed: 6,
            port: 80
        )
    }
}
