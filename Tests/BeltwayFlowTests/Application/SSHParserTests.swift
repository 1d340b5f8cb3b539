// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private func vector(_ text: String) -> [UInt8] {
    let count = text.utf8.count
    return [0, 0, UInt8(count >> 8), UInt8(count & 255)] + Array(text.utf8)
}

/// A KEXINIT in its packet (RFC 4253, 6 and 7.1); lists for both directions are told apart by `c` and `s`.
private let keyExchange: [UInt8] = {
    let lists = ["kex", "host", "aes-c", "aes-s", "mac-c", "mac-s", "none-c", "none-s", "", ""]
    let payload = [20] + [UInt8](repeating: 7, count: 16) + lists.flatMap { vector($0) } + [0, 0, 0, 0, 0]
    let padding = 8
    let length = 1 + payload.count + padding
    return [0, 0, UInt8(length >> 8), UInt8(length & 255), UInt8(padding)] + payload
        + [UInt8](repeating: 0, count: padding)
}()

private let client = Array("SSH-2.0-OpenSSH_9.6 a comment\r\n".utf8)
private let server = Array("SSH-2.0-dropbear_2022.83\r\n".utf8)

@Suite struct `SSH transactions` {
    @Test(arguments: [1, 6, 1448])
    func `show both sides' software, and what identifies it`(pieces: Int) {
        let talk = Conversation(
            [.server(server), .client(client), .client(keyExchange), .server(keyExchange)],
            port: 2222,
            pieces: pieces
        )
        #expect(talk.application == .ssh)
        #expect(
            talk.transactions.map(\.body) == [
                #","ssh":{"client":{"proto_version":"2.0","software_version":"OpenSSH_9.6","hassh":"#
                    + #"{"hash":"569b2a9070bc4628e98516036299c2f8","string":"kex;aes-c;mac-c;none-c"}},"#
                    + #""server":{"proto_version":"2.0","software_version":"dropbear_2022.83","hassh":"#
                    + #"{"hash":"fcc2aaa382813fae3f56047a6069e1d2","string":"kex;aes-s;mac-s;none-s"}}}"#
            ]
        )
        #expect(talk.columns()["client"] == #""OpenSSH_9.6""#)
        #expect(talk.columns()["hassh"] == #""569b2a9070bc4628e98516036299c2f8""#)
        #expect(talk.columns()["hassh_server"] == #""fcc2aaa382813fae3f56047a6069e1d2""#)
    }

    @Test func `are written with what there is when the flow ends, or bytes are lost`() {
        let short = Conversation([.server(server), .client(client)], port: 22)
        #expect(short.transactions.count == 1)
        #expect((short.object()["client"] as? [String: Any])?["hassh"] == nil)
        let lost = Conversation(
            [.server(server), .lost(500, toResponder: false), .client(client), .client(keyExchange)],
            port: 22
        )
        #expect((lost.object()["client"] as? [String: Any])?["hassh"] != nil)
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        damage(
            [.server(server), .client(client), .client(keyExchange), .server(keyExchange)],
            rounds: 3000,
            seed: 23,
            port: 22
        )
    }

    @Test func `tell the fingerprint of the server's key to the log alone`() {
        // A key as RFC 4253, 6.6 has it, in a reply of a key exchange with its padding of 4.
        let key = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 4, 1, 2, 3, 4]
        let payload: [UInt8] = [31, 0, 0, 0, UInt8(key.count)] + key + [0, 0, 0, 1, 7, 0, 0, 0, 1, 8]
        let reply = [0, 0, 0, UInt8(payload.count + 5), 4] + payload + [0, 0, 0, 0]
        let talk: [Talk] = [
            .server(server), .client(client), .client(keyExchange), .server(keyExchange), .server(reply),
            .client("encrypted"),
        ]
        for pieces in [3, 1448] {
            let logged = Conversation(talk, port: 22, pieces: pieces, wantsDetails: true)
            #expect(logged.transactions.count == 2)
            // printf '..' | openssl dgst -sha256 -binary | head -c 24 | base64
            #expect(
                logged.transactions.last?.body.contains("SHA256:huY78Jldb5S8vXxjT3nKH+i2oG/1vi/D") == true
            )
        }
        #expect(Conversation(talk, port: 22).transactions.count == 1)
        // The group of RFC 4419 has the same type and is no key.
        let group: [UInt8] = [0, 0, 0, 20, 4, 31, 0, 0, 0, 5, 0, 0xff, 1, 2, 3, 0, 0, 0, 1, 2, 0, 0, 0, 0]
        let other = Conversation(Array(talk.dropLast(2)) + [.server(group)], port: 22, wantsDetails: true)
        #expect(other.transactions.last?.body.contains("SHA256:") == false)
        damage(talk, rounds: 100, seed: 77, port: 22)
    }
}
