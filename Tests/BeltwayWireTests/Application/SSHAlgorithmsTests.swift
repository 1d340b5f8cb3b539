// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

private func agreed(_ client: String, _ server: String) -> String? {
    let (client, server) = (Array(client.utf8), Array(server.utf8))
    return SSHAlgorithms.agreed(client: client.rawBytes, server: server.rawBytes).map {
        String(decoding: client[$0], as: UTF8.self)
    }
}

private func clearTag(_ cipher: String, _ mac: String) -> Int? {
    let (cipher, mac) = (Array(cipher.utf8), Array(mac.utf8))
    return SSHAlgorithms.clearTag(cipher: cipher.rawBytes, mac: mac.rawBytes)
}

@Suite struct `Algorithms of SSH` {
    @Test(
        arguments: [
            ("a,b", "b,a", "a"), ("a,bb", "b,bb", "bb"), ("ab", "a,b", nil), ("", "", nil), ("a", "", nil),
            (",,a,", ",a", "a"), ("a", "ab,ba,a", "a"),
        ] as [(String, String, String?)]
    )
    func `are the first of the client's that the server has`(client: String, server: String, name: String?) {
        #expect(agreed(client, server) == name)
    }

    @Test func `are not looked for in lists that no program sends`() {
        // Each name of one with each of the other: two lists of 512 names were a quarter of a million comparisons.
        for (count, name) in [(63, "b"), (64, nil), (511, nil)] as [(Int, String?)] {
            let list = Array(repeating: "a", count: count).joined(separator: ",") + ",b"
            #expect(agreed(list, "b") == name)
            #expect(agreed("b", list) == name)
        }
        let long = String(repeating: "a", count: 1023)
        #expect(agreed(long + ",b", "b") == nil)
        #expect(agreed(long.dropLast() + ",b", "b") == "b")
    }

    @Test func `leave lengths in clear with AES-GCM, and where the MAC is of what is encrypted`() {
        #expect(clearTag("aes256-gcm@openssh.com", "hmac-sha1") == 16)
        #expect(clearTag("aes128-ctr", "hmac-sha2-512-etm@openssh.com") == 64)
        #expect(clearTag("aes128-ctr", "umac-64-etm@openssh.com") == 8)
        #expect(clearTag("chacha20-poly1305@openssh.com", "hmac-sha2-256-etm@openssh.com") == nil)
        #expect(clearTag("aes128-ctr", "hmac-sha2-256") == nil)
        #expect(clearTag("", "") == nil)
    }
}
