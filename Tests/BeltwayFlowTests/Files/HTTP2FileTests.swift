// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Crypto
import Foundation
import Testing

private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), type, flags, 0, 0, 0, stream] + payload
}

/// A field that is not remembered (RFC 7541, 6.2.2), with a value of any length below 16,511.
private func field(_ name: String, _ value: String) -> [UInt8] {
    let count = value.utf8.count
    let length: [UInt8] =
        count < 127 ? [UInt8(count)] : [0x7f, UInt8((count - 127) & 0x7f) | 0x80, UInt8((count - 127) >> 7)]
    return [0x00, UInt8(name.utf8.count)] + Array(name.utf8) + length + Array(value.utf8)
}

private func padded(_ data: [UInt8], by count: UInt8) -> [UInt8] {
    [count] + data + [UInt8](repeating: 0, count: Int(count))
}

private func sha256(_ bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
}

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])
private let settings = Talk.server(frame(4, 0, 0, []))
private let body = (0..<5000).map { UInt8(truncatingIfNeeded: $0 / 3) }

/// A request for a path, without a body.
private func asking(_ path: String, _ stream: UInt8 = 1) -> [UInt8] {
    frame(1, 5, stream, [0x82, 0x86] + field(":path", path) + field("host", "h.example"))
}

/// What RFC 8484, 4.2.2, answers to the question of its 4.1.1, and that question in base64url.
private let question = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"
private let asked: [UInt8] = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + wwwExampleCom + [0, 1, 0, 1]
private let wwwExampleCom: [UInt8] =
    [3] + Array("www".utf8) + [7] + Array("example".utf8) + [3] + Array("com".utf8) + [0]
private let answered: [UInt8] =
    [0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + wwwExampleCom + [0, 1, 0, 1, 0xc0, 0x0c, 0, 1, 0, 1]
    + [0, 0, 0, 128, 0, 4, 192, 0, 2, 1]

@Suite struct `A body of HTTP/2` {
    @Test(arguments: [1, 10, 1448])
    func `is a file, whatever frames it comes in and whatever comes between`(pieces: Int) {
        let talk: [Talk] = [
            .client(preface + asking("/a/b.bin?x=1") + asking("/c", 3)), settings,
            .server(frame(1, 4, 1, [0x88])), .server(frame(0, 0, 1, Array(body[..<2000]))),
            .server(frame(1, 4, 3, [0x88]) + frame(0, 1, 3, [7])),
            .server(frame(0, 8, 1, padded(Array(body[2000..<4000]), by: 200))),
            .server(frame(0, 1, 1, Array(body[4000...]))),
        ]
        let heard = Conversation(talk, port: 80, pieces: pieces)
        #expect(heard.counters.malformed == 0)
        #expect(heard.files.count == 2)
        let file = heard.file(1)
        #expect(file["filename"] as? String == "/a/b.bin")
        #expect(file["sha256"] as? String == sha256(body))
        #expect(file["state"] as? String == "CLOSED")
        #expect(heard.fileObjects[1]["app_proto"] as? String == "http2")
        #expect((heard.fileObjects[1]["http"] as? [String: Any])?["hostname"] as? String == "h.example")
        #expect(heard.files[1].record.sourcePort == 80, "it comes from the server")
        #expect(heard.file(0)["sha256"] as? String == sha256([7]))
    }

    @Test func `is named by Content-Disposition, and may be a request's`() {
        let head = [0x83, 0x86, 0x84] + field("content-disposition", "attachment; filename=\"x.txt\"")
        let talk: [Talk] = [
            .client(preface + frame(1, 4, 1, head) + frame(0, 1, 1, body)), settings,
            .server(frame(1, 5, 1, [0x88])),
        ]
        let heard = Conversation(talk, port: 80)
        #expect(heard.file()["filename"] as? String == "x.txt")
        #expect(heard.file()["sha256"] as? String == sha256(body))
        #expect(heard.files.first?.record.destinationPort == 80)
    }

    @Test func `is truncated if its stream is reset or its flow ends`() {
        let start: [Talk] = [
            .client(preface + asking("/")), settings,
            .server(frame(1, 4, 1, [0x88]) + frame(0, 0, 1, [1, 2, 3])),
        ]
        for talk in [start, start + [.server(frame(3, 0, 1, [0, 0, 0, 8]))]] {
            let heard = Conversation(talk, port: 80)
            #expect(heard.files.count == 1)
            #expect(heard.file()["state"] as? String == "TRUNCATED")
            #expect(heard.file()["size"] as? Int == 3)
        }
    }

    @Test func `has a gap where bytes of DATA were lost, and ends all the same`() {
        let last = frame(0, 1, 1, body)
        let heard = Conversation(
            [
                .client(preface + asking("/")), settings, .server(frame(1, 4, 1, [0x88])),
                .server(Array(last[..<1000])), .lost(4009, toResponder: false),
            ],
            port: 80
        )
        #expect(heard.file()["gaps"] as? Bool == true)
        #expect(heard.file()["size"] as? Int == 5000)
        #expect(heard.object(2)["status"] as? Int == 200)
    }

    @Test func `of a form is its parts, which do not have all fields again`() {
        let type = field("content-type", "multipart/form-data; boundary=b")
        let part = "--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nx\r\n"
        let form = Array(String(repeating: part, count: 3).utf8) + Array("--b--\r\n".utf8)
        let head = [0x83, 0x86, 0x84] + type + field("x", String(repeating: "y", count: 1000))
        let talk: [Talk] = [.client(preface + frame(1, 4, 1, head) + frame(0, 1, 1, form)), settings]
        let heard = Conversation(talk, port: 80)
        #expect(heard.files.count == 3)
        #expect(heard.files.allSatisfy { $0.body.utf8.count < 700 })
        #expect(heard.file()["filename"] as? String == "a")
    }

    @Test func `more padding than it has bytes is no frame`() {
        let frame = frame(0, 8, 1, [5, 1, 2])
        #expect(Conversation([.client(preface + asking("/") + frame)], port: 80).counters.malformed == 1)
    }
}

@Suite struct `DNS over HTTP/2` {
    private let type = field("content-type", "application/dns-message")

    @Test(arguments: [1, 1448])
    func `is asked by the body or the path of a request, and answered by a body`(pieces: Int) {
        let post = [0x83, 0x86] + field(":path", "/dns-query") + type
        let talk: [Talk] = [
            .client(preface + frame(1, 4, 1, post) + frame(0, 1, 1, asked)), settings,
            .server(frame(1, 4, 1, [0x88] + type) + frame(0, 1, 1, answered)),
            .client(asking("/dns-query?ct&dns=\(question)", 3)),
            .server(frame(1, 4, 3, [0x88] + type) + frame(0, 1, 3, answered)),
        ]
        let heard = Conversation(talk, port: 80, pieces: pieces)
        #expect(heard.files.isEmpty)
        let messages = heard.transactions.indices.filter { heard.transactions[$0].record.kind == .dns }
        // The answer repeats the question: one event a stream, as in Suricata.
        #expect(messages.count == 2)
        for index in messages {
            let name = (heard.object(index)["queries"] as? [[String: Any]])?.first?["rrname"]
            #expect(name as? String == "www.example.com")
        }
        let answers = messages.compactMap { (heard.object($0)["answers"] as? [[String: Any]])?.first }
        #expect(answers.count == 2)
        #expect(answers.allSatisfy { $0["rdata"] as? String == "192.0.2.1" })
    }

    @Test func `is told by what was asked if no answer came`() {
        let post = [0x83, 0x86] + field(":path", "/dns-query") + type
        let body = frame(1, 4, 1, post) + frame(0, 1, 1, asked)
        for request in [body, asking("/dns-query?dns=\(question)")] {
            let heard = Conversation([.client(preface + request), settings], port: 80)
            let messages = heard.transactions.indices.filter { heard.transactions[$0].record.kind == .dns }
            #expect(messages.map { heard.object($0)["type"] as? String } == ["request"])
            #expect(heard.transactions[messages.first ?? 0].record.destinationPort == 80)
        }
    }

    @Test func `that is cut, too long, or no message gives no event`() {
        let head = frame(1, 4, 1, [0x88] + type)
        let bodies = [
            frame(0, 0, 1, answered), frame(0, 1, 1, [1, 2, 3]),
            frame(0, 0, 1, .init(repeating: 0, count: 60_000))
                + frame(0, 1, 1, .init(repeating: 0, count: 6000)),
        ]
        for body in bodies {
            let heard = Conversation(
                [.client(preface + asking("/")), settings, .server(head + body)],
                port: 80
            )
            #expect(!heard.transactions.contains { $0.record.kind == .dns })
        }
        for path in ["/dns-query?dns=A", "/dns-query?dns=!!!!", "/dns-query?", "/dns-query?dns="] {
            let heard = Conversation([.client(preface + asking(path)), settings], port: 80)
            #expect(!heard.transactions.contains { $0.record.kind == .dns }, "\(path)")
        }
    }

    @Test func `stays JSON whatever the bytes are, and holds nothing when its flow is over`() {
        let talk: [Talk] = [
            .client(preface + asking("/dns-query?dns=\(question)") + asking("/", 3)), settings,
            .server(frame(1, 4, 1, [0x88] + type) + frame(0, 9, 1, padded(answered, by: 3))),
            .server(frame(1, 4, 3, [0x88] + field("content-encoding", "gzip")) + frame(0, 1, 3, body)),
        ]
        damage(talk, rounds: 400, seed: 77, port: 80)
    }
}
