// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

/// A client's hello of TLS 1.2 without extensions, and the beginning of what answers it.
private let hello: [UInt8] =
    [22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
private let answer: [UInt8] =
    [22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3] + [UInt8](repeating: 8, count: 32) + [0, 0x13, 1, 0]
private let secured: [Talk] = [
    .client(hello), .server(answer), .client([23, 3, 3, 0, 1, 0]), .server([23, 3, 3, 0, 1, 0]),
]
private let plain: [Talk] = [
    .client("GET /in HTTP/1.1\r\nHost: a.org\r\n\r\n"), .server("HTTP/1.1 204 No\r\n\r\n"),
]

private let version4: [Talk] = [
    .client([4, 1, 1, 187, 0, 0, 0, 1] + Array("me".utf8) + [0] + Array("a.org".utf8) + [0]),
    .server([0, 90, 0, 0, 0, 0, 0, 0]),
]
private let version5: [Talk] = [
    .client([5, 2, 0, 2]), .server([5, 2]), .client([1, 2, 0x6d, 0x65, 1, 0x78]), .server([1, 0]),
    .client([5, 1, 0, 3, 5] + Array("a.org".utf8) + [1, 187]), .server([5, 0, 0, 1, 192, 0, 2, 1, 1, 187]),
]
private let mails: [(String, UInt16, [Talk])] = [
    (
        "imap", 143,
        [
            .server("* OK hello\r\n"), .client("a1 CAPABILITY\r\n"),
            .server("* CAPABILITY STARTTLS\r\na1 OK\r\n"), .client("a2 starttls\r\n"),
            .server("* more\r\na2 OK go\r\n"),
        ]
    ),
    ("pop3", 110, [.server("+OK hello\r\n"), .client("STLS\r\n"), .server("+OK go\r\n")]),
    (
        "ldap", 389,
        [
            .client([0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22] + Array("1.3.6.1.4.1.1466.20037".utf8)),
            .server([0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0]),
        ]
    ),
    (
        "irc", 6667,
        [.client("NICK me\r\n"), .client("STARTTLS\r\n"), .server(":a NOTICE * :hi\r\n:a 670 me :go\r\n")]
    ),
    (
        "xmpp", 5222,
        [
            .client("<?xml version='1.0'?>\n<stream:stream to='a.org'>"),
            .server("<stream:stream id='1'><stream:features><starttls/></stream:features>"),
            .client("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            .server("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ]
    ),
    ("pgsql", 5432, [.client([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]), .server([0x53])]),
    (
        "smtp", 25,
        [.server("220 m ESMTP\r\n"), .client("EHLO me\r\nSTARTTLS\r\n"), .server("250 a\r\n220 go\r\n")]
    ),
    ("ftp", 21, [.server("220 FTP\r\n"), .client("AUTH TLS\r\n"), .server("234 go\r\n")]),
]

@Suite struct `Streams that are handed over` {
    @Test(arguments: [1, 3, 1448])
    func `by SOCKS are what the peer speaks`(pieces: Int) {
        for talk in [version4, version5] where pieces == 1448 || talk.count > 2 {
            // A request of version 4 ends where its segment ends.
            let inside = Conversation(talk + secured, port: 1080, pieces: talk.count > 2 ? pieces : 1448)
            if pieces == 1448 {
                #expect(inside.application == .tls)
                #expect(inside.object()["version"] as? String == "TLS 1.2")
                #expect(inside.object()["from_proto"] == nil)
                #expect((inside.object()["ja3s"] as? [String: Any])?["string"] as? String == "771,4865,")
                let web = Conversation(talk + plain, port: 1080)
                #expect(web.application == .http && web.object()["url"] as? String == "/in")
            }
        }
    }

    @Test func `by SOCKS stay SOCKS if nothing is known inside, or if it was refused`() {
        #expect(Conversation(version5, port: 1080).application == .socks)
        let refused = Array(version5.dropLast()) + [.server([5, 1, 0, 1, 0, 0, 0, 0, 0, 0])]
        #expect(Conversation(refused + plain, port: 1080).application == .socks)
        #expect(Conversation(refused + plain, port: 1080).transactions.isEmpty)
        #expect(
            Conversation([version4[0], .server([0, 91, 0, 0, 0, 0, 0, 0])] + plain, port: 1080).transactions
                .isEmpty
        )
    }

    @Test(arguments: mails.indices)
    func `to TLS say from which protocol`(index: Int) {
        let (name, port, talk) = mails[index]
        for pieces in [1, 5, 1448] where pieces == 1448 || ["imap", "irc", "xmpp"].contains(name) {
            if name == "imap", pieces == 1 { continue }
            let inside = Conversation(talk + secured, port: port, pieces: pieces)
            #expect(inside.application == .tls, "\(name)")
            #expect("\(inside.original.name)" == name)
            let last = inside.objects.last?["tls"] as? [String: Any]
            #expect(last?["from_proto"] as? String == name)
        }
    }

    @Test(arguments: mails.indices.prefix(6))
    func `to nothing keep their protocol`(index: Int) {
        let (name, port, talk) = mails[index]
        let inside = Conversation(Array(talk.dropLast()), port: port)
        #expect("\(inside.application.name)" == name && inside.original == .unknown)
        // What it went over to is not known.
        let noise = Conversation(talk + [.client([9, 9, 9, 9]), .server([9, 9, 9, 9])], port: port)
        #expect("\(noise.application.name) \(noise.original.name)" == "\(name) \(name)")
    }

    @Test(arguments: [
        (":a 691 * :no\r\n", ApplicationProtocol.irc), (":a 670 * :go\r\n", .tls),
    ])
    func `of IRC are as the server says`(answer: String, application: ApplicationProtocol) {
        let talk: [Talk] = [.client("STARTTLS\r\n"), .server(answer)]
        #expect(Conversation(talk + secured, port: 6667).application == application)
    }

    @Test(arguments: [
        (4190, "\"IMPLEMENTATION\" \"a\"\r\n\"STARTTLS\"\r\nOK\r\n", "OK \"Begin TLS\"\r\n"),
        (119, "200 news\r\n", "382 go\r\n"),
    ])
    func `of Sieve and NNTP are TLS by its hello`(port: UInt16, greeting: String, go: String) {
        let talk: [Talk] = [.server(greeting), .client("STARTTLS\r\n"), .server(go)]
        #expect(Conversation(talk + secured, port: port).application == .tls)
    }

    @Test func `of text that looks like IRC or XMPP are not theirs`() {
        for first in [
            "NICK\r\n", "NICK a b\r\n", "USER me\r\n", "CAP x\r\n", "<?xml version='1.0'?><a>", "<stream>",
        ] {
            let found = Conversation([.client(first)], port: 6667).application
            #expect(found != .irc && found != .xmpp, "\(first)")
        }
        for first in ["CAP LS 302\r\n", "USER a 0 * :A B\r\n", "PASS x\r\nNICK a\r\n"] {
            #expect(Conversation([.client(first)], port: 6667).application == .irc, "\(first)")
        }
        #expect(Conversation([.server(":a NOTICE AUTH :*** Looking up\r\n")], port: 6667).application == .irc)
    }

    @Test func `are let go after a few messages`() {
        var talk: [Talk] = [.server("* OK hello\r\n")]
        for index in 0..<100 { talk += [.client("a\(index) NOOP\r\n"), .server("a\(index) OK\r\n")] }
        let inside = Conversation(
            talk + [.client("b STARTTLS\r\n"), .server("b OK\r\n")] + secured,
            port: 143
        )
        #expect(inside.application == .imap && inside.transactions.isEmpty)
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        for (index, talk) in ([version4, version5] + mails.map(\.2)).enumerated() {
            damage(
                talk + secured,
                rounds: 150,
                seed: UInt64(50 + index),
                port: index < 2 ? 1080 : mails[index - 2].1
            )
        }
    }
}

@Suite struct `Streams whose beginning was not seen` {
    @Test func `are FTP or SMTP by a line on the port`() {
        for (line, port, name) in [
            (Talk.client("RETR x\r\n"), UInt16(21), ApplicationProtocol.ftp),
            (.server("226 done\r\n"), 21, .ftp),
            (.client("RCPT TO:<a@a>\r\n"), 25, .smtp), (.client("RETR x\r\n"), 2100, .failed),
            (.client("hello there\r\n"), 21, .failed), (.server("2x6 done\r\n"), 21, .failed),
        ] {
            #expect(Conversation([line], port: port, isMidstream: true).application == name)
        }
    }

    @Test func `are TLS where only the server was heard`() {
        let records: [UInt8] = [20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 9, 9]
        #expect(Conversation([.server(records)], port: 443).application == .tls)
        #expect(Conversation([.client("x"), .server(records)], port: 443).application != .tls)
    }
}
