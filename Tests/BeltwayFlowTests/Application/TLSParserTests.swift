// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

private func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

private func vector(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] { big(bytes.count, lengthBytes) + bytes }

private func numbers(_ values: [Int]) -> [UInt8] { values.flatMap { big($0, 2) } }

/// A record of one handshake message (RFC 8446, 4 and 5.1).
private func record(_ type: Int, _ body: [UInt8], version: Int = 0x0301) -> [UInt8] {
    [22] + big(version, 2) + vector(big(type, 1) + vector(body, 3), 2)
}

private func hello(
    _ version: Int,
    ciphers: [Int],
    _ extensions: [(Int, [UInt8])],
    isServer: Bool = false
) -> [UInt8] {
    let list = extensions.flatMap { big($0.0, 2) + vector($0.1, 2) }
    let choice = isServer ? big(ciphers[0], 2) + [0] : vector(numbers(ciphers), 2) + vector([0], 1)
    let tail = extensions.isEmpty ? [] : vector(list, 2)
    return record(isServer ? 2 : 1, big(version, 2) + (0..<32) + vector([], 1) + choice + tail)
}

private func name(_ name: String) -> (Int, [UInt8]) { (0, vector([0] + vector(Array(name.utf8), 2), 2)) }
private func protocols(_ names: [String]) -> (Int, [UInt8]) {
    (16, vector(names.flatMap { vector(Array($0.utf8), 1) }, 2))
}

/// The hello whose JA3 salesforce/ja3's README gives.
private let ja3Sample = hello(
    0x0301,
    ciphers: [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
    [(0, []), (10, vector(numbers([23, 24, 25]), 2)), (11, vector([0], 1))]
)

/// The hello whose JA4 FoxIO's technical details give.
private let ja4Sample: [UInt8] = {
    let ciphers = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
        0x009d, 0x002f, 0x0035,
    ]
    let order = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
        0xff01, 0x000b, 0x000a, 0x0015,
    ]
    let extensions: [(Int, [UInt8])] = order.map { type in
        switch type {
        case 0: name("www.example.org")
        case 16: protocols(["h2", "http/1.1"])
        case 13:
            (13, vector(numbers([0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]), 2))
        case 43: (43, vector(numbers([0x0304, 0x0303]), 1))
        default: (type, [])
        }
    }
    return hello(0x0303, ciphers: ciphers, extensions)
}()

private let server13 = hello(0x0303, ciphers: [0x1301], [(43, big(0x0304, 2))], isServer: true)
private let server12 = hello(0x0303, ciphers: [0xc02f], [protocols(["h2"])], isServer: true)
private let changeCipher: [UInt8] = [20, 3, 3, 0, 1, 1]

@Suite struct `TLS transactions` {
    @Test(arguments: [1, 5, 100, 1448])
    func `of a handshake of TLS 1.3 come with the server's hello, wherever segments end`(pieces: Int) {
        let talk = Conversation([.client(ja4Sample), .server(server13)], pieces: pieces)
        #expect(talk.application == .tls)
        #expect(talk.transactions.map(\.record.kind) == [.tls])
        let tls = talk.object()
        #expect(tls["sni"] as? String == "www.example.org")
        #expect(tls["version"] as? String == "TLS 1.3")
        #expect(tls["ja4"] as? String == "t13d1516h2_8daaf6152771_e5627efa2ab1")
        #expect(tls["client_alpns"] as? [String] == ["h2", "http/1.1"])
        let ja3s = tls["ja3s"] as? [String: String]
        #expect(ja3s?["string"] == "771,4865,43")
        #expect(talk.transactions.first?.record.sourcePort == 40_000)
        let columns = talk.columns()
        #expect(columns["sni"] == #""www.example.org""#)
        #expect(columns["ja4"] == #""t13d1516h2_8daaf6152771_e5627efa2ab1""#)
    }

    @Test func `have the JA3 that its authors give for the hello`() {
        let ja3 = Conversation([.client(ja3Sample), .server(server12)]).object()["ja3"] as? [String: String]
        #expect(ja3?["string"] == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
        #expect(ja3?["hash"] == "ada70206e40642a3e4461f35503241d5")
    }

    @Test func `of a session that goes on without certificates say that it was resumed`() {
        let talk = Conversation([.client(ja3Sample), .server(server12), .server(changeCipher)])
        #expect(talk.transactions.count == 1)
        #expect(talk.object()["session_resumed"] as? Bool == true)
        #expect(talk.object()["version"] as? String == "TLS 1.2")
        #expect(talk.object()["server_alpns"] as? [String] == ["h2"])
    }

    @Test func `wait for the server's hello behind early data, and behind a request to say it again`() {
        let early: [UInt8] = changeCipher + [23, 3, 3, 0, 2, 1, 1]
        let talk = Conversation([.client(ja4Sample), .client(early), .server(server13)])
        #expect(talk.object()["ja3s"] != nil)
        var retry = server13
        let random: [UInt8] = [
            0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
            0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
        ]
        retry.replaceSubrange(11..<43, with: random)
        let again = Conversation([
            .client(ja4Sample), .server(retry + changeCipher), .client(changeCipher + ja4Sample),
            .server(hello(0x0303, ciphers: [0x1302], [(43, big(0x0304, 2))], isServer: true)),
        ])
        #expect(again.transactions.count == 1)
        // Of two hellos the first, as nDPI and Suricata have it.
        let print = again.object()["ja3s"] as? [String: Any]
        #expect(print?["string"] as? String == "771,4865,43")
    }

    @Test func `of datagrams are found when the server alone is seen`() {
        func datagramRecord(_ type: UInt8, epoch: Int, _ body: [UInt8]) -> [UInt8] {
            [type, 0xfe, 0xfd] + big(epoch, 2) + big(0, 6) + vector(body, 2)
        }
        // What TCP's record holds behind its header and the message's, with the version of datagrams.
        let body = [0xfe, 0xfd] + server12[11...]
        let message = [2] + big(body.count, 3) + big(0, 2) + big(0, 3) + vector(body, 3)
        let hello = datagramRecord(22, epoch: 0, message)
        let encrypted = datagramRecord(23, epoch: 1, [1, 2, 3])
        for toResponder in [true, false] {
            let found = transactions(
                of: [(hello, toResponder), (encrypted, toResponder)],
                port: 4_433
            )
            #expect(found.count == 1 && found.first?.body.contains("\"string\":\"65277,49199,16\"") == true)
            // The server's address is the destination, whoever spoke first.
            let server = toResponder ? IPAddress(v4: 0x0a00_0001) : IPAddress(v4: 0xc000_0235)
            #expect(found.first?.record.destination == server)
        }
    }

    @Test func `of a client that nobody answers are written when the flow ends`() {
        let talk = Conversation([.client(ja4Sample)])
        #expect(talk.transactions.count == 1)
        #expect(talk.object()["sni"] as? String == "www.example.org")
        #expect(talk.object()["ja3s"] == nil)
    }

    @Test func `are found when only the flow's later packets were seen first, by what each side says`() {
        // The capture began with a packet of the server, so the tracker calls the server the originator.
        let talk = Conversation([.server(ja4Sample), .client(server13)], isMidstream: true)
        #expect(talk.object()["ja4"] as? String == "t13d1516h2_8daaf6152771_e5627efa2ab1")
        #expect(talk.transactions.first?.record.source == IPAddress(v4: 0xc000_0235))
        // The flow's record has the same sides.
        #expect(talk.flow.originator == IPAddress(v4: 0xc000_0235) && talk.flow.responderPort == 40_000)
        #expect(talk.flow.packetsToOriginator == 2 && talk.flow.packetsToResponder == 0)
    }

    @Test func `come from who says hello, while the flow is from who sent its SYN`() {
        let talk = Conversation([.server(ja4Sample), .client(server13)], isMidstream: true, hasSYN: true)
        #expect(talk.transactions.first?.record.source == IPAddress(v4: 0xc000_0235))
        #expect(talk.flow.originator == IPAddress(v4: 0x0a00_0001) && talk.flow.originatorPort == 40_000)
    }

    @Test func `are found inside another protocol, where a segment begins with a hello`() {
        let socks: [Talk] = [
            .client([4, 1, 1, 187, 192, 0, 2, 1, 0]), .server([0, 90, 0, 0, 0, 0, 0, 0]),
            .client("unknown"), .client(ja4Sample), .server(server13),
        ]
        let talk = Conversation(socks, port: 1080)
        #expect(talk.application == .tls)
        #expect(talk.object()["ja4"] as? String == "t13d1516h2_8daaf6152771_e5627efa2ab1")
        #expect(talk.object()["ja3s"] != nil)
    }

    @Test func `are none of a connection whose handshake was not seen, but it is called TLS`() {
        let data = [23, 3, 3, 0, 4, 1, 2, 3, 4, 23, 3, 3, 0, 1, 9] as [UInt8]
        let talk = Conversation([.client(data), .server(data)], isMidstream: true)
        #expect(talk.application == .tls)
        #expect(talk.transactions.isEmpty)
        #expect(Conversation([.client(data)]).application == .failed)
    }

    @Test func `stop where bytes were lost: what is known is written, and nothing after it`() {
        let talk = Conversation([
            .client(ja4Sample), .lost(1000, toResponder: false), .server(server13),
        ])
        #expect(talk.transactions.count == 1)
        #expect(talk.object()["ja3s"] == nil)
        let cut = Conversation([.client(Array(ja4Sample.prefix(50))), .lost(100, toResponder: true)])
        #expect(cut.transactions.isEmpty)
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        damage(
            [.client(ja4Sample), .server(server12), .server(changeCipher), .client(changeCipher)],
            rounds: 2000,
            seed: 5,
            port: 443
        )
    }
}

@Suite struct `Seconds since 1970` {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00"), (-1, "1969-12-31T23:59:59"), (-86_400, "1969-12-31T00:00:00"),
            (1_762_257_600, "2025-11-04T12:00:00"), (253_402_300_799, "9999-12-31T23:59:59"),
        ] as [(Int64, String)]
    )
    func `are written as certificates may have them`(seconds: Int64, expected: String) {
        var text = TextBuffer()
        text.append(secondsSince1970: seconds)
        #expect(String(decoding: text.copy(), as: UTF8.self) == expected)
    }
}

@Suite struct `DNS over TCP` {
    private static let question: [UInt8] =
        [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        + [3, 0x77, 0x77, 0x77, 1, 0x61, 3, 0x6f, 0x72, 0x67, 0, 0, 1, 0, 1]
    private static let message = vector(question, 2)

    @Test(arguments: [1, 2, 13, 1448])
    func `gives a transaction for each message, wherever segments end`(pieces: Int) {
        let talk = Conversation(
            [.client(Self.message + Self.message), .client(Self.message)],
            port: 53,
            pieces: pieces
        )
        #expect(talk.application == .dns)
        #expect(talk.objects.count == 3)
        #expect(talk.transactions.map(\.record.number) == [0, 1, 2])
    }

    @Test func `goes on after a gap at the next segment that begins with a message`() {
        let talk = Conversation(
            [
                .client(Self.message), .lost(40, toResponder: true), .client([1, 2, 3]),
                .client(Self.message),
            ],
            port: 53
        )
        #expect(talk.transactions.count == 2)
    }

    @Test func `survives damage`() {
        damage(
            [.client(Self.message), .client(Self.message + Self.message)],
            rounds: 1000,
            seed: 3,
            port: 53
        )
    }
}
