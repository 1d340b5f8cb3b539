// SPDX-License-Identifier: Apache-2.0
// What both sides of SSH agree on, and what that says of the packets' lengths (RFC 4253, 7.1 and 6).
//
//     encrypt and MAC      | [length 4, payload, padding] encrypted | MAC |       lengths are hidden
//     encrypt then MAC     | length 4 | [payload, padding] encrypted | MAC |      lengths are in clear
//     AES-GCM (RFC 5647)   | length 4 | [payload, padding] encrypted | tag 16 |   likewise
//     ChaCha20-Poly1305    | [length 4] | [payload, padding] encrypted | tag 16 | hidden: the length has a key of its own

/// The algorithms of one direction, by name.
public enum SSHAlgorithms {
    /// Bytes of a list that are looked through at most; the lists of real programs are far shorter.
    @inlinable public static var longestList: Int { 1024 }
    /// Names of a list that are looked at, likewise.
    private static var mostNames: Int { 64 }

    /// Where in the client's list the first name lies that the server's has too; nil if there is none among the first 64
    /// of both, or a list is longer than ``longestList``.
    public static func agreed(client: RawSpan, server: RawSpan) -> Range<Int>? {
        guard client.byteCount <= longestList, server.byteCount <= longestList else { return nil }
        var (start, count) = (0, 0)
        while start < client.byteCount, count < mostNames {
            count &+= 1
            let end = client.firstIndex(of: 0x2c, from: start) ?? client.byteCount
            if end > start, has(server, client.field(start..<end)) { return start..<end }
            start = end &+ 1
        }
        return nil
    }

    /// Whether a list has a name.
    private static func has(_ list: RawSpan, _ name: RawSpan) -> Bool {
        var (start, count) = (0, 0)
        while start < list.byteCount, count < mostNames {
            count &+= 1
            let end = list.firstIndex(of: 0x2c, from: start) ?? list.byteCount
            if end &- start == name.byteCount, list.field(start..<end).equals(name) { return true }
            start = end &+ 1
        }
        return false
    }

    /// Bytes behind each packet, if its length stands before it in clear; nil if the length is encrypted, or nothing is
    /// known of the MAC.
    public static func clearTag(cipher: RawSpan, mac: RawSpan) -> Int? {
        for name in [
            "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM",
        ]
        where cipher.isEqual(name) {
            return 16
        }
        if cipher.isEqual("chacha20-poly1305@openssh.com") { return nil }
        for (name, length) in tags where mac.isEqual(name) { return length }
        return nil
    }

    /// MACs that are taken of what is encrypted (OpenSSH's PROTOCOL, 1.5), and their lengths.
    private static let tags: [(String, Int)] = [
        ("hmac-sha2-256-etm@openssh.com", 32), ("hmac-sha2-512-etm@openssh.com", 64),
        ("hmac-sha1-etm@openssh.com", 20), ("umac-64-etm@openssh.com", 8), ("umac-128-etm@openssh.com", 16),
        ("hmac-md5-etm@openssh.com", 16), ("hmac-sha1-96-etm@openssh.com", 12),
        ("hmac-md5-96-etm@openssh.com", 12), ("hmac-ripemd160-etm@openssh.com", 20),
    ]
}

extension RawSpan {
    /// Whether the bytes are exactly those of `other`.
    fileprivate func equals(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        for index in 0..<byteCount where unchecked8(index) != other.unchecked8(index) { return false }
        return true
    }

    /// Whether the bytes are exactly those of `text`.
    fileprivate func isEqual(_ text: String) -> Bool { byteCount == text.utf8.count && starts(with: text) }
}
