// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

@testable import BeltwayFlow

/// What a side sends before it is encrypted.
private struct Opening {
    var cipher = "chacha20-poly1305@openssh.com,aes128-ctr"
    var mac = "hmac-sha1,hmac-sha2-256-etm@openssh.com"
    var compression = "none,zlib@openssh.com"
    /// What the server says once it is encrypted, in the same segment: EXT_INFO.
    var extensions = secret(60)

    /// A payload in its packet (RFC 4253, 6), padded to 8.
    private func packet(_ payload: [UInt8]) -> [UInt8] {
        let padding = 4 + (8 - (payload.count + 9) % 8) % 8
        let length = payload.count + 1 + padding
        return [0, 0, UInt8(length >> 8), UInt8(length & 255), UInt8(padding)] + payload
            + [UInt8](repeating: 0, count: padding)
    }

    var keyExchange: [UInt8] {
        let lists = ["kex", "host", cipher, cipher, mac, mac, compression, compression, "", ""]
        let texts: [UInt8] = lists.flatMap { text -> [UInt8] in
            [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8)
        }
        return packet([20] + [UInt8](repeating: 7, count: 16) + texts + [0, 0, 0, 0, 0])
    }

    var reply: [UInt8] {
        let key = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 4, 1, 2, 3, 4]
        return packet([31, 0, 0, 0, UInt8(key.count)] + key + [0, 0, 0, 1, 7, 0, 0, 0, 1, 8])
    }

    var newKeys: [UInt8] { packet([21]) }

    /// All of it up to where both sides are encrypted.
    var talk: [Talk] {
        [
            .client("SSH-2.0-a\r\n"), .server("SSH-2.0-b\r\n"), .client(keyExchange), .server(keyExchange),
            .client(packet([30, 0, 0, 0, 1, 5])), .server(reply + newKeys + extensions), .client(newKeys),
        ]
    }
}

/// Encrypted bytes, of which nobody knows anything.
private func secret(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 99) } }

/// A packet whose length is in clear.
private func clear(_ length: Int, tag: Int) -> [UInt8] {
    [0, 0, UInt8(length >> 8), UInt8(length & 255)] + secret(length + tag)
}

/// A login as lengths: the client's are negative.
private func login(_ lengths: [Int]) -> SSHLogin {
    var login = SSHLogin()
    for length in lengths {
        if length < 0 { login.clientSpoke() } else { login.serverSpoke(length) }
    }
    return login
}

private func text(_ login: SSHLogin) -> String {
    guard let outcome = login.outcome else { return "nothing" }
    return "\(outcome.attempts) " + (outcome.hasSucceeded.map { $0 ? "in" : "out" } ?? "unknown")
}

@Suite struct `A login over SSH` {
    /// Lengths of real conversations, and of such with one thing changed.
    @Test(arguments: [
        // OpenSSH 7.5, ChaCha20: none, a key that fails, one that is asked for, then signed with.
        ([-44, 44, -68, 44, -268, 44, -372, 332, -652, 28], "2 in"),
        // hydra against OpenSSH, AES and MD5: none, a key, two passwords.
        ([-56, 56, -72, 56, -376, 56, -152, 56, -152, 56], "3 out"),
        // Without a password.
        ([-44, 44, -68, 28], "1 in"),
        // It asks for methods and leaves.
        ([-44, 44, -68, 76], "0 unknown"),
        // What the server says of itself beforehand is none of it.
        ([172, -44, 44, -68, 44, -68, 28], "1 in"),
        // A banner in a segment of its own, then the failure; then one that brings both.
        ([-44, 44, -68, 300, 76, -100, 76, -100, 76], "2 out"),
        ([-44, 44, -68, 376, -100, 76, -100, 76], "2 out"),
        ([-44, 44, -68, 376, -100, 76, -100, 588, -628, 28], "1 in"),
        // One side only, or too early an end.
        ([44, 76, 76], "nothing"), ([-44, -68, -100], "nothing"), ([-44, 44], "nothing"), ([], "nothing"),
        // No SERVICE_ACCEPT is that long.
        ([-44, 101, -68, 76, -68, 76], "nothing"), ([-44, 12, -68, 76, -68, 76], "nothing"),
        // A failure, then a session whose beginning was not recognised.
        ([-44, 44, -68, 76, -100, 76, -100, 52, -36, 60, -36, 60, -36, 60, -36, 60], "1 unknown"),
        // A failure, then a question and a farewell.
        ([-44, 44, -68, 76, -100, 76, -100, 60, -100, 52], "1 out"),
    ])
    func `is told by lengths and their order`(lengths: [Int], told: String) {
        #expect(text(login(lengths)) == told)
    }

    @Test func `is looked for in so many messages, and no longer`() {
        var login = login([-44, 44, -68, 76])
        for _ in 0..<SSHLogin.mostMessages {
            login.clientSpoke()
            login.serverSpoke(76)
        }
        #expect(login.isOver && login.attempts < SSHLogin.mostMessages)
        login.serverSpoke(28)
        #expect(login.outcome?.hasSucceeded == false)
    }

    @Test func `may be any lengths`() {
        for seed in 1...300 {
            var random = SeededNumbers(seed: UInt64(seed))
            let lengths = (0..<40).map { _ in Int.random(in: -100...300, using: &random) / 4 * 4 }
            let outcome = login(lengths).outcome
            #expect(outcome.map { $0.attempts <= 40 } ?? true, "seed \(seed)")
        }
    }
}

@Suite struct `Logins in SSH transactions` {
    private let opening = Opening()

    private func lengths(_ lengths: [Int]) -> [Talk] {
        lengths.map { $0 < 0 ? .client(secret(-$0)) : .server(secret($0)) }
    }

    private func shown(_ talk: [Talk], pieces: Int = 1448) -> [String: Any] {
        Conversation(talk, port: 22, pieces: pieces).object()
    }

    @Test func `have attempts and whether the last one succeeded, in the columns too`() {
        let talk = opening.talk + lengths([-44, 44, -68, 76, -148, 76, -148, 28, -100, 100])
        let conversation = Conversation(talk, port: 22)
        #expect(conversation.transactions.count == 1)
        #expect(conversation.object()["auth_attempts"] as? Int == 2)
        #expect(conversation.object()["auth_success"] as? Bool == true)
        #expect(conversation.columns()["auth_attempts"] == "2")
        #expect(conversation.columns()["auth_success"] == "true")
    }

    @Test func `keep the time and the number of the second KEXINIT`() {
        for rest in [[], [-44, 44, -68, 28]] {
            let record = Conversation(opening.talk + lengths(rest), port: 22).transactions.first?.record
            #expect(record?.packet == 4 && record?.isFromFlowEnd == false)
        }
    }

    @Test func `say nothing where bytes are missing or a side is not seen`() {
        let login = lengths([-44, 44, -68, 76, -148, 76])
        let lost = shown(opening.talk + login + [.lost(100, toResponder: false)] + lengths([-44, 28]))
        #expect(lost["auth_attempts"] == nil && lost["client"] != nil)
        let server = (opening.talk + login).filter { if case .server = $0 { true } else { false } }
        #expect(shown(server)["auth_attempts"] == nil)
        let client = (opening.talk + login).filter { if case .client = $0 { true } else { false } }
        #expect(shown(client)["auth_attempts"] == nil)
    }

    @Test(arguments: [("zlib,none", false), ("zlib@openssh.com", true), ("lzma", false)])
    func `say nothing where compression begins before the login`(compression: String, isTold: Bool) {
        let talk = Opening(compression: compression).talk + lengths([-44, 44, -68, 76, -148, 28])
        #expect((shown(talk)["auth_success"] as? Bool) == (isTold ? true : nil))
    }

    @Test(arguments: [1448, 61, 7, 1])
    func `are exact whatever the segments, where lengths are in clear`(pieces: Int) {
        let talk =
            Opening(
                cipher: "aes128-ctr",
                mac: "hmac-sha2-256-etm@openssh.com",
                extensions: clear(64, tag: 32)
            ).talk + [
                .client(secret(68)), .server(clear(32, tag: 32)), .client(secret(68)),
                // A banner and a failure in one segment, then a failure, then a success and what follows it.
                .server(clear(200, tag: 32) + clear(48, tag: 32)), .client(secret(100)),
                .server(clear(48, tag: 32)), .client(secret(100)),
                .server(clear(16, tag: 32) + clear(480, tag: 32)),
            ]
        let object = shown(talk, pieces: pieces)
        #expect(object["auth_attempts"] as? Int == 2)
        #expect(object["auth_success"] as? Bool == true)
    }

    @Test func `are of who answers in the key exchange, even if he called`() {
        let turned = (opening.talk + lengths([-44, 44, -68, 76, -148, 76, -148, 28])).map { talk -> Talk in
            switch talk {
            case .client(let bytes): .server(bytes)
            case .server(let bytes): .client(bytes)
            default: talk
            }
        }
        #expect(shown(turned)["auth_attempts"] as? Int == 2)
    }

    @Test func `stay JSON whatever the bytes are, wherever they end`() {
        let talk = opening.talk + lengths([-44, 44, -68, 76, -148, 76, -148, 28])
        damage(talk, rounds: 300, seed: 41, port: 22)
        damage(
            Opening(cipher: "aes128-gcm@openssh.com", extensions: clear(64, tag: 16)).talk + [
                .client(secret(52)), .server(clear(32, tag: 16)), .client(secret(68)),
                .server(clear(48, tag: 16)),
            ],
            rounds: 300,
            seed: 43,
            port: 22
        )
        for count in talk.indices { _ = Conversation(Array(talk.prefix(count)), port: 22).objects }
    }
}
