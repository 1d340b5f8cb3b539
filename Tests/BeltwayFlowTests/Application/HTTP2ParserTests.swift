// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), type, flags, 0, 0, 0, stream] + payload
}

private func literal(_ name: String, _ value: String) -> [UInt8] {
    [0x40, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
}

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
private let settings = frame(4, 0, 0, [0, 3, 0, 0, 0, 100])
/// :method GET, :scheme http, :path / and a host.
private let request = [0x82, 0x86, 0x84] + literal("host", "a.example") + literal("user-agent", "me/1")
private let answer = [0x88] + literal("content-type", "text/plain; charset=utf-8")

private let talk: [Talk] = [
    .client(preface + settings), .server(settings + frame(4, 1, 0, [])),
    .client(frame(1, 5, 1, request)), .client(frame(1, 5, 3, [0x82, 0x86, 0x85, 0xbf])),
    .server(frame(1, 4, 3, [0x8d])), .server(frame(0, 1, 3, [1, 2, 3])),
    .server(frame(1, 4, 1, answer)), .server(frame(0, 1, 1, [UInt8](repeating: 0x61, count: 3000))),
]

@Suite struct `HTTP/2 transactions` {
    @Test(arguments: [1, 10, 1448])
    func `are a stream each, in the order in which they end`(pieces: Int) {
        let heard = Conversation(talk, port: 80, pieces: pieces)
        #expect(heard.application == .http2)
        #expect(heard.counters.malformed == 0)
        let streams = heard.transactions.indices.map {
            (heard.object($0)["http2"] as? [String: Any])?["stream_id"] as? Int ?? -1
        }
        #expect(streams == [0, 0, 3, 1])
        let limits = (heard.object(0)["http2"] as? [String: Any])?["request"] as? [String: Any]
        let first = (limits?["settings"] as? [[String: Any]])?.first
        #expect(first?["settings_id"] as? String == "SETTINGSMAXCONCURRENTSTREAMS")
        #expect(first?["settings_value"] as? Int == 100)
        let page = heard.object(3)
        #expect(page["version"] as? String == "2")
        #expect(page["http_method"] as? String == "GET")
        #expect(page["hostname"] as? String == "a.example")
        #expect(page["status"] as? Int == 200)
        #expect(page["length"] as? Int == 3000)
        #expect(page["http_content_type"] as? String == "text/plain")
        #expect((page["request_headers"] as? [[String: String]])?.count == 5)
        #expect(heard.object(2)["url"] as? String == "/index.html")
        #expect(heard.object(2)["status"] as? Int == 404)
        // The second request remembers the first one's fields.
        #expect(
            (heard.object(2)["request_headers"] as? [[String: String]])?.last?["value"] == "a.example"
        )
        #expect(heard.columns(3)["url"] == "\"/\"")
    }

    @Test func `follow an upgrade from HTTP/1`() {
        let heard = Conversation(
            [
                .client("GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n"),
                .server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), .server(settings),
                .client(preface + settings), .server(frame(1, 4, 1, answer)),
                .server(frame(0, 1, 1, [1, 2])),
            ],
            port: 80
        )
        #expect(heard.application == .http2)
        #expect(heard.object(0)["status"] as? Int == 101)
        #expect(heard.objects.count == 4)
        #expect(heard.object(3)["length"] as? Int == 2)
    }

    private static func asking(_ fields: String) -> [Talk] {
        [
            .client("GET /a HTTP/1.1\r\nHost: x.example\r\nUser-Agent: me/1\r\n\(fields)\r\n"),
            .server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), .server(settings),
            .client(preface + settings), .server(frame(1, 4, 1, answer)), .server(frame(0, 1, 1, [1, 2])),
        ]
    }

    @Test(arguments: [1, 7, 1448])
    func `have the request of an upgrade as that of stream 1, and its settings`(pieces: Int) {
        let fields =
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: x, h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        let heard = Conversation(Self.asking(fields), port: 80, pieces: pieces)
        #expect(heard.application == .http2)
        #expect(heard.object(0)["status"] as? Int == 101)
        let asked = (heard.object(1)["http2"] as? [String: Any])?["request"] as? [String: Any]
        let wishes = asked?["settings"] as? [[String: Any]] ?? []
        #expect(wishes.map { $0["settings_value"] as? Int } == [100, 65_535])
        let joined = heard.object(heard.objects.count - 1)
        #expect((joined["http2"] as? [String: Any])?["stream_id"] as? Int == 1)
        #expect(joined["http_method"] as? String == "GET" && joined["url"] as? String == "/a")
        #expect(
            joined["hostname"] as? String == "x.example" && joined["http_user_agent"] as? String == "me/1"
        )
        #expect(joined["status"] as? Int == 200 && joined["length"] as? Int == 2)
        let names = (joined["request_headers"] as? [[String: String]] ?? []).map { $0["name"] }
        #expect(names == [":method", ":path", ":authority", "user-agent"])
    }

    @Test(arguments: [
        "Upgrade: h2c\r\n", "HTTP2-Settings: AAMAAABk\r\n",
        "Upgrade: websocket\r\nHTTP2-Settings: AAMAAABk\r\n",
    ])
    func `have no request of an upgrade that did not ask for them`(fields: String) {
        let heard = Conversation(Self.asking(fields), port: 80)
        let last = heard.object(heard.objects.count - 1)
        #expect((last["http2"] as? [String: Any])?["stream_id"] as? Int == 1)
        #expect(last["http_method"] == nil)
    }

    @Test(arguments: ["!!", "AAMAAA", "", String(repeating: "AAMAAABk", count: 500)])
    func `do without settings that cannot be read`(settings: String) {
        let talk = Self.asking("Upgrade: h2c\r\nHTTP2-Settings: \(settings)\r\n")
        let heard = Conversation(talk, port: 80)
        #expect(heard.object(heard.objects.count - 1)["url"] as? String == "/a")
        #expect(heard.counters.malformed == 0)
    }

    @Test func `have fields that go on in CONTINUATION, of which there may not be too many`() {
        let parts = [
            frame(1, 1, 1, Array(request.prefix(9))), frame(9, 0, 1, Array(request.dropFirst(9).prefix(4))),
            frame(9, 4, 1, Array(request.dropFirst(13))),
        ]
        let heard = Conversation([.client(preface + parts.flatMap { $0 })], port: 80)
        #expect(heard.object()["hostname"] as? String == "a.example")
        let flood = [UInt8](repeating: 0, count: 60_000)
        let endless = frame(1, 0, 1, flood) + frame(9, 0, 1, flood) + frame(9, 4, 1, [])
        #expect(Conversation([.client(preface + endless)], port: 80).counters.malformed == 1)
        let between = frame(1, 0, 1, [0x82]) + frame(4, 0, 0, [])
        #expect(Conversation([.client(preface + between)], port: 80).counters.malformed == 1)
    }

    @Test func `are bounded in streams, and written when one is reset`() {
        let reset = Conversation(
            [.client(preface + frame(1, 5, 1, request)), .server(frame(3, 0, 1, [0, 0, 0, 8]))],
            port: 80
        )
        let response = (reset.object()["http2"] as? [String: Any])?["response"] as? [String: Any]
        #expect(response?["error_code"] as? String == "CANCEL")
        let many = (0..<600).flatMap { number -> [UInt8] in
            var head = frame(1, 4, 1, [0x82])
            head[7] = UInt8(number >> 7)
            head[8] = UInt8(number << 1 & 0xff) | 1
            return head
        }
        #expect(Conversation([.client(preface + many)], port: 80).transactions.count == 600)
    }

    @Test func `have no more fields than are told, however many blocks bring them`() throws {
        let once = frame(1, 4, 1, literal("x", String(repeating: "\u{1}", count: 100)))
        let again = (0..<5000).flatMap { _ in frame(1, 4, 1, [0xbe]) }
        let end = frame(1, 5, 1, [0xbe])
        let heard = Conversation(
            [.client(preface + once + again + end), .server(frame(1, 5, 1, answer))],
            port: 80
        )
        let body = try #require(heard.transactions.first).body
        #expect(heard.transactions.count == 1 && body.utf8.count < 20_000)
    }

    @Test(arguments: [(2000, 200), (8000, nil)])
    func `go on after a gap within DATA, and only there`(lost: Int, status: Int?) {
        let body = frame(0, 1, 3, [UInt8](repeating: 0, count: 4000))
        var all = Array(talk.prefix(4))
        all += [
            .server(frame(1, 4, 3, [0x8d]) + Array(body.prefix(500))),
            .lost(UInt64(lost), toResponder: false),
        ]
        if lost < 4000 { all.append(.server(Array(body.dropFirst(500 + lost)))) }
        all.append(.server(frame(1, 5, 1, answer)))
        let heard = Conversation(all, port: 80)
        let page = heard.transactions.indices.first { heard.object($0)["url"] as? String == "/" } ?? 0
        #expect(heard.object(page)["status"] as? Int == status)
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        damage(talk, rounds: 1000, seed: 51, port: 80)
    }
}
