// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Crypto
import Foundation
import Testing

private let request = Talk.client("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")

private func sha256(_ bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
}

private func answer(_ encoding: String, _ body: [UInt8], length: Int? = nil) -> Talk {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Encoding: \(encoding)\r\nContent-Length: \(length ?? body.count)\r\n\r\n"
    return .server(Array(head.utf8) + body)
}

private let content = Array(String(repeating: "some text that deflates, ", count: 2000).utf8)

@Suite struct `An encoded body` {
    @Test(
        arguments: [("gzip", 31), ("x-gzip", 31), ("deflate", 15), ("deflate", -15), ("gzip", 15)],
        [3, 1448]
    )
    func `is the file that it encodes, and as long on the wire as it is`(
        encoding: (String, Int32),
        pieces: Int
    ) {
        let body = deflated(content, encoding.1)
        let talk = Conversation([request, answer(encoding.0, body)], port: 80, pieces: pieces)
        #expect(talk.file()["size"] as? Int == content.count)
        #expect(talk.file()["sha256"] as? String == sha256(content))
        #expect(talk.file()["state"] as? String == "CLOSED")
        #expect(talk.object()["length"] as? Int == body.count)
    }

    @Test func `of several members is what they hold together`() {
        let body = deflated(content, 31) + deflated(Array("end".utf8), 31)
        let talk = Conversation([request, answer("gzip", body)], port: 80, pieces: 11)
        #expect(talk.file()["sha256"] as? String == sha256(content + Array("end".utf8)))
    }

    @Test func `is as it was sent if it is not encoded after all, or in a way that is not known`() {
        let talk = Conversation([request, answer("gzip", Array("plain".utf8))], port: 80)
        #expect(talk.file()["sha256"] as? String == sha256(Array("plain".utf8)))
        let bare = Conversation([request, answer("deflate", Array("\u{7}plain".utf8))], port: 80)
        #expect(bare.file()["sha256"] as? String == sha256(Array("\u{7}plain".utf8)))
        let other = Conversation([request, answer("br", [1, 2, 3])], port: 80)
        #expect(other.file()["sha256"] as? String == sha256([1, 2, 3]))
    }

    @Test func `that breaks off at any byte is truncated, and is no transaction's trouble`() {
        let body = deflated(Array("a short text".utf8), 31)
        for count in 1..<body.count {
            let talk = Conversation([request, answer("gzip", Array(body.prefix(count)))], port: 80)
            #expect(talk.file()["state"] as? String != "CLOSED", "\(count)")
            #expect(talk.transactions.count == 1)
        }
    }

    @Test func `that would never end is left where it is`() {
        let body = deflated([UInt8](repeating: 0, count: 40 << 20), 31)
        let talk = Conversation([request, answer("gzip", body)], port: 80)
        #expect(talk.file()["state"] as? String == "TRUNCATED")
        #expect((talk.file()["size"] as? Int ?? 0) < 20 << 20)
        #expect(talk.fileCounters.bombs == 1)
    }

    @Test func `cannot grow beyond what the others of its flow have left`() {
        // 900 kB a body and a thousand times what was sent: none alone is too much.
        let body = deflated([UInt8](repeating: 0, count: 900_000), 31)
        let talk = Conversation((0..<20).flatMap { _ in [request, answer("gzip", body)] }, port: 80)
        #expect(talk.files.count == 20)
        #expect(talk.file(0)["state"] as? String == "CLOSED")
        #expect(talk.fileCounters.bombs >= 18)
        let grown = talk.files.indices.reduce(0) { $0 + (talk.file($1)["size"] as? Int ?? 0) }
        #expect(grown < (1 << 20) + 250 * 20 * body.count + 20 * 8192)
    }

    @Test func `with a gap has no digest, and what follows is read on`() {
        let body = deflated(content, 31)
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(body.count)\r\n\r\n"
        let talk = Conversation(
            [
                request, request, .server(Array(head.utf8) + body.prefix(40)),
                .lost(UInt64(body.count - 80), toResponder: false), .server(Array(body.suffix(40))),
                answer("gzip", body),
            ],
            port: 80
        )
        #expect(talk.file(0)["gaps"] as? Bool == true)
        #expect(talk.file(1)["sha256"] as? String == sha256(content))
    }

    @Test func `stays JSON whatever the bytes are`() {
        let body = deflated(Array(content.prefix(500)), 31)
        damage(
            [request, request, answer("gzip", body), answer("deflate", body)],
            rounds: 600,
            seed: 8,
            port: 80
        )
    }
}
