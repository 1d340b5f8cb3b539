// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private let request =
    "GET /index.html HTTP/1.1\r\nHost: WWW.Example.org:8080\r\nUser-Agent: curl/8\r\nReferer: http://a/\r\n\r\n"
private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
private func answer(_ body: String, status: String = "200 OK") -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        + body
}

private func hear(_ talk: [Talk], pieces: Int = 1448, isMidstream: Bool = false) -> Conversation {
    Conversation(talk, port: 80, pieces: pieces, isMidstream: isMidstream)
}

/// Status codes (0: no answer), urls and lengths of all transactions.
private func summary(_ talk: Conversation) -> [String] {
    talk.transactions.indices.map { index in
        let http = talk.object(index)
        return "\(http["url"] ?? "-") \(http["status"] ?? 0) \(http["length"] ?? "-")"
    }
}

@Suite struct `HTTP transactions` {
    @Test(arguments: [1, 1448])
    func `whose head never ended are shown as far as it came`(pieces: Int) {
        let asked = "GET /a HTTP/1.0\r\nHost: h.example\r\nUser-Ag"
        let alone = Conversation([.client(asked)], port: 80, pieces: pieces)
        #expect(alone.transactions.count == 1)
        #expect(alone.object()["hostname"] as? String == "h.example")
        #expect(alone.object()["http_user_agent"] == nil)
        let whole = "GET /b HTTP/1.1\r\n\r\n"
        let answered = Conversation(
            [.client(whole), .server("HTTP/1.1 404 N\r\nContent-Ty"), .client(asked)],
            port: 80,
            pieces: pieces
        )
        #expect(answered.transactions.count == 2)
        #expect(answered.object()["status"] as? Int == 404)
        #expect(answered.object(1)["url"] as? String == "/a")
        // Not even a line of it came.
        #expect(Conversation([.client("GET /a HTT")], port: 80, pieces: pieces).transactions.isEmpty)
    }

    @Test func `without a version have any method that is known`() {
        let talk = Conversation(
            [.client("POST /x\n"), .server("bad method\n"), .closed(toResponder: false)],
            port: 80,
            wantsDetails: true
        )
        #expect(talk.object()["http_method"] as? String == "POST")
        #expect(talk.object()["length"] as? Int == 11)
        #expect(talk.file()["size"] as? Int == 11)
    }

    @Test(arguments: [1, 3, 50, 1448])
    func `join a request and its answer, wherever segments end`(pieces: Int) {
        let talk = hear([.client(request), .server(answer("hello"))], pieces: pieces)
        #expect(talk.application == .http)
        #expect(
            talk.transactions.map(\.body) == [
                #","http":{"hostname":"www.example.org","http_port":8080,"url":"/index.html","#
                    + #""http_user_agent":"curl/8","http_refer":"http://a/","http_method":"GET","#
                    + #""protocol":"HTTP/1.1","http_content_type":"text/html","status":200,"length":5}"#
            ]
        )
        let columns = talk.columns()
        #expect(columns["hostname"] == #""www.example.org""#)
        #expect(columns["url"] == #""/index.html""#)
        #expect(columns["status"] == "200")
        #expect(columns["length"] == "5")
        #expect(talk.transactions.first?.record.sourcePort == 40_000)
    }

    @Test func `are numbered as they were asked for when requests do not wait for answers`() {
        let asked = "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"
        let talk = hear([.client(asked), .server(answer("a") + answer("bb", status: "404 no"))])
        #expect(summary(talk) == ["/1 200 1", "/2 404 2", "/3 0 0"])
        #expect(talk.transactions.map(\.record.number) == [0, 1, 2])
    }

    @Test(arguments: [1, 4, 1448])
    func `count a chunked body up to its last chunk`(pieces: Int) {
        let body = "5\r\nhello\r\n3;x=1\r\nabc\r\n0\r\n\r\n"
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let talk = hear(
            [.client(get + get), .server(head + body + answer("next"))],
            pieces: pieces
        )
        #expect(talk.transactions.count == 2)
        #expect(talk.object(1)["length"] as? Int == 4)
    }

    @Test(arguments: [1, 3, 1448])
    func `that call themselves chunked and empty end with their head, and the next begins there`(pieces: Int)
    {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"
        let talk = hear([.client(get + get), .server(head + answer("next"))], pieces: pieces)
        #expect(summary(talk) == ["/ 200 0", "/ 200 4"])
    }

    @Test func `of HEAD, 204 and 304 have no body, whatever the head says`() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        let talk = hear([
            .client("HEAD /h HTTP/1.1\r\n\r\n" + get + get), .server(head),
            .server("HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n"),
            .server("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n"),
        ])
        #expect(summary(talk) == ["/h 200 0", "/ 204 0", "/ 304 0"])
    }

    @Test func `end with the connection where nothing else says how long the body is`() {
        let open = "HTTP/1.0 200 OK\r\n\r\nsome body"
        let closed = hear([.client(get), .server(open), .server(" and more"), .closed(toResponder: false)])
        #expect(summary(closed) == ["/ 200 18"])
        #expect(summary(hear([.client(get), .server(open)])) == ["/ 200 9"])
    }

    @Test func `to a request without a version may have a head all the same, and its request fields`() throws
    {
        let talk = hear([
            .client("GET /x\r\nodd\r\nUser-Agent: mine\r\n\r\n"), .server(answer("abc")),
            .client("GET /y\r\n"), .server("bare"), .closed(toResponder: false),
        ])
        #expect(talk.object(0)["http_user_agent"] as? String == "mine")
        #expect(talk.object(0)["status"] as? Int == 200 && talk.object(0)["length"] as? Int == 3)
        #expect(talk.object(1)["url"] as? String == "/y" && talk.object(1)["length"] as? Int == 4)
    }

    @Test func `pass over 100 Continue and count the request's body`() {
        let post = "POST /up HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        let talk = hear([
            .client(post), .server("HTTP/1.1 100 Continue\r\n\r\n"), .client("GET "), .server(answer("ok")),
            .client(get), .server(answer("")),
        ])
        #expect(summary(talk) == ["/up 200 2", "/ 200 0"])
    }

    @Test func `have the host of the target before that of the field, and the place they lead to`() {
        let talk = hear([
            .client("GET http://User@Real.example:81/x HTTP/1.1\r\nHost: other\r\n\r\n"),
            .server("HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"),
        ])
        let http = talk.object()
        #expect(http["hostname"] as? String == "real.example")
        #expect(http["http_port"] as? Int == 81)
        #expect(http["url"] as? String == "http://User@Real.example:81/x")
        #expect(http["redirect"] as? String == "/y")
    }

    @Test func `show a status that is no number as it was sent`() {
        let talk = hear([.client(get), .server("HTTP/1.1 2XX Odd\r\nContent-Length: 0\r\n\r\n")])
        #expect(talk.object()["status_string"] as? String == "2XX")
        #expect(talk.object()["status"] == nil)
    }

    @Test func `are found where the beginning of the connection was lost`() {
        let talk = hear([
            .lost(100, toResponder: true), .client("rest\r\n"), .client(get), .server(answer("x")),
        ])
        #expect(summary(talk) == ["/ 200 1"])
    }

    @Test func `go on after a gap within a body, and at the next head after any other`() {
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        let within = hear([
            .client(get + get), .server(long + "0123456789"), .lost(80, toResponder: false),
            .server("0123456789" + answer("x")),
        ])
        #expect(summary(within) == ["/ 200 100", "/ 200 1"])
        let beyond = hear([
            .client(get), .server(long), .lost(500, toResponder: false), .server("rest of something"),
            .client(get), .server(answer("x")),
        ])
        #expect(summary(beyond) == ["/ 200 0", "/ 200 1"])
    }

    @Test func `end where a tunnel begins, and what is in it is found`() {
        let connect = "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"
        let talk = hear([
            .client(connect), .server("HTTP/1.1 200 Connection established\r\n\r\n"),
            .client(get), .server(answer("inside")),
        ])
        #expect(summary(talk) == ["b.example:443 200 0", "/ 200 6"])
        #expect(talk.object()["hostname"] as? String == "b.example")
    }

    @Test(arguments: [1, 20, 40])
    func `are told once if the next head is half there when a tunnel begins`(half: Int) {
        let connect = "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"
        let next = "GET /inside HTTP/1.1\r\nHost: a.example\r\nAccept: everything\r\n\r\n"
        let talk = hear([
            .client(connect), .client(String(next.prefix(half))), .server("HTTP/1.1 200 OK\r\n\r\n"),
            .client(String(next.dropFirst(half))), .server(answer("inside")),
        ])
        #expect(summary(talk) == ["b.example:443 200 0", "/inside 200 6"])
    }

    @Test func `are told by what each side says when the beginning was not seen`() {
        let talk = hear([.server(get), .client(answer("x"))], isMidstream: true)
        #expect(summary(talk) == ["/ 200 1"])
        #expect(talk.transactions.first?.record.sourcePort == 80)
    }

    @Test func `are none of what is no HTTP, and hold at most so many requests`() {
        #expect(hear([.client("hello there, this is no protocol\r\n\r\n")]).application == .failed)
        let many = String(repeating: get, count: 1000)
        let talk = hear([.client(many)])
        #expect(talk.transactions.count == 128)
        #expect(talk.counters.malformed == 1)
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        damage(
            [.client(request + get), .server(chunked + answer("body")), .client(get), .server(answer("b"))],
            rounds: 3000,
            seed: 17,
            port: 80
        )
    }

    @Test func `of a head that comes byte by byte cost no more than its length`() {
        // 60,000 bytes in as many segments: quadratic work would be billions of steps, which the test would not end by.
        let head = "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 9_900) + "\r\n"
        #expect(hear([.client(head)], pieces: 1).transactions.count == 1)
    }
}
