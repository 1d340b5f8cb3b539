// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// The question for `a.org`, and its answer, an address.
private let question: [UInt8] =
    [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + [1, 0x61, 3, 0x6f, 0x72, 0x67, 0, 0, 1, 0, 1]
private let answer: [UInt8] =
    [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + question[12...]
    + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]

private func settings(_ change: (inout EventSettings) -> Void) -> EventSettings {
    var settings = EventSettings()
    change(&settings)
    return settings
}

@Suite struct `Settings of events` {
    @Test func `give DNS in its second version, with the asker for its source`() {
        let second = settings { $0.dnsVersion = 2 }
        let list = transactions(of: [(question, true), (answer, false)], port: 53, events: second)
        #expect(
            list.map(\.body) == [
                #","dns":{"version":2,"type":"query","id":4660,"rrname":"a.org","rrtype":"A","tx_id":0,"opcode":0}"#,
                #","dns":{"version":2,"type":"answer","id":4660,"flags":"8180","qr":true,"rd":true,"ra":true,"opcode":0,"#
                    + #""rrname":"a.org","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"a.org","rrtype":"A","ttl":60,"#
                    + #""rdata":"192.0.2.1"}],"grouped":{"A":["192.0.2.1"]}}"#,
            ]
        )
        #expect(list.map(\.record.sourcePort) == [40_000, 40_000])
        #expect(columnValues(list[1]).prefix(4) == [#""a.org""#, #""A""#, #""NOERROR""#, #""answer""#])
        // An answer that goes to the responder was asked for by it.
        let turned = transactions(of: [(answer, true)], port: 53, events: second)
        #expect(turned.map(\.record.sourcePort) == [53])
    }

    @Test func `choose among questions and answers`() {
        for (wanted, kind) in [(EventSettings.Messages.requests, "request"), (.responses, "response")] {
            let list = transactions(
                of: [(question, true), (answer, false)],
                port: 53,
                events: settings { $0.dns = wanted }
            )
            #expect(list.count == 1)
            #expect(list.allSatisfy { $0.body.contains("\"type\":\"\(kind)\"") })
        }
    }

    @Test func `tell all fields of HTTP, as far as they find room`() {
        let events = settings { $0.httpFields = [.requests, .responses] }
        let request = "GET / HTTP/1.1\r\nHost: a.org\r\nX-One: 1\r\nX-One: 2\r\n\r\n"
        let talk = Conversation(
            [.client(request), .server("HTTP/1.1 204 No\r\nServer: \"s\"\r\n\r\n")],
            port: 80,
            events: events
        )
        #expect(
            talk.object()["request_headers"] as? [[String: String]] == [
                ["name": "Host", "value": "a.org"], ["name": "X-One", "value": "1"],
                ["name": "X-One", "value": "2"],
            ]
        )
        #expect(
            talk.object()["response_headers"] as? [[String: String]] == [
                ["name": "Server", "value": "\"s\""]
            ]
        )
        #expect(talk.columns()["hostname"] == #""a.org""#)
        // 60 fields of 900 bytes that each take six in JSON: some stay, the record does too.
        let long = String(repeating: "\u{1}", count: 900)
        let fields = (0..<60).map { "F\($0): \(long)\r\n" }.joined()
        let much = Conversation(
            [.client("GET / HTTP/1.1\r\n\(fields)\r\n"), .server("HTTP/1.1 204 No\r\n\r\n")],
            port: 80,
            events: events
        )
        let told = much.object()["request_headers"] as? [[String: String]] ?? []
        #expect(!told.isEmpty && told.count < 60)
        damage(
            [.client(request), .server("HTTP/1.1 204 No\r\nA: b\r\n\r\n")],
            rounds: 300,
            seed: 11,
            port: 80,
            events: events
        )
    }

    @Test func `give a mail's hosts, addresses and digests`() {
        let mail =
            "Received: from a\r\n\tby b\r\nReceived: from c\r\nReply-To: <r@a.org>\r\nSubject: SMTP\r\n\r\n"
            + "see HTTP://a.org/x, https://b.org> ftp://c shttp://d (http://e)\r\n..dot\r\n"
        let talk: [Talk] = [
            .server("220 mail ESMTP\r\n"), .client("EHLO me\r\nMAIL FROM:<a@a.org>\r\nDATA\r\n"),
            .server("250 a\r\n250 b\r\n354 c\r\n"), .client(mail + ".\r\n"), .server("250 d\r\n"),
        ]
        let plain = Conversation(talk, port: 25).objects.last?["email"] as? [String: Any]
        #expect(plain?["received"] as? [String] == ["from a by b", "from c"])
        #expect(plain?["reply_to"] as? String == "<r@a.org>")
        #expect(plain?["url"] as? [String] == ["e)", "a.org/x,"])
        #expect(plain?["body_md5"] == nil)
        let events = settings {
            $0.mailDigests = [.body, .subject]
            $0.mailSchemes = [.https, .ftp]
            $0.showsMailSchemes = true
        }
        let more =
            Conversation(talk, port: 25, pieces: 7, events: events).objects.last?["email"] as? [String: Any]
        #expect(more?["url"] as? [String] == ["ftp://c", "https://b.org"])
        // md5sum of what follows the empty line, as it was sent, and of the subject.
        #expect(more?["body_md5"] as? String == "7bc6096f5fe9d68d577e2d72e0549ec9")
        #expect(more?["subject_md5"] as? String == "c2239a92bde29f0a9f9173193cc2fe00")
        damage(talk, rounds: 300, seed: 12, port: 25, events: events)
    }

    @Test func `leave out protocols that are not wanted`() {
        let talk: [Talk] = [.client("GET / HTTP/1.1\r\n\r\n"), .server("HTTP/1.1 204 No\r\n\r\n")]
        let events = settings {
            $0.withoutOverTCP = [.http]
            $0.withoutOverUDP = [.dns]
        }
        let without = Conversation(talk, port: 80, events: events)
        #expect(without.transactions.isEmpty && without.application == .failed)
        #expect(transactions(of: [(question, true)], port: 53, events: events).isEmpty)
    }
}
