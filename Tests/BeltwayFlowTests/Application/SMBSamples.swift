// SPDX-License-Identifier: Apache-2.0
// Messages of SMB, put together field by field as [MS-SMB2] and [MS-CIFS] draw them.

func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(value >> UInt64(8 * $0) & 0xff) }
}
func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { little(UInt64($0), 2) } }

/// A message with the head of NetBIOS before it.
func netBIOS(_ message: [UInt8]) -> [UInt8] {
    [0, UInt8(message.count >> 16), UInt8(message.count >> 8 & 0xff), UInt8(message.count & 0xff)] + message
}

/// Messages of SMB 2.
enum SMB2Sample {
    static let opened = [UInt8](1...16)

    static func message(
        _ command: UInt64,
        id: UInt64,
        tree: UInt64 = 5,
        status: UInt64? = nil,
        next: UInt64 = 0,
        _ body: [UInt8]
    ) -> [UInt8] {
        var bytes: [UInt8] = [0xfe, 0x53, 0x4d, 0x42]
        bytes += little(64, 2) + little(1, 2) + little(status ?? 0, 4) + little(command, 2) + little(1, 2)
        bytes += little(status == nil ? 0 : 1, 4) + little(next, 4) + little(id, 8)
        bytes += little(0, 4) + little(tree, 4) + little(0x77, 8) + [UInt8](repeating: 0, count: 16)
        return bytes + body
    }

    static func negotiate(id: UInt64) -> [UInt8] {
        message(
            0,
            id: id,
            tree: 0,
            little(36, 2) + little(2, 2) + little(1, 2) + little(0, 6) + opened + little(0, 8)
                + little(0x0210, 2) + little(0x0302, 2)
        )
    }

    static func negotiated(id: UInt64) -> [UInt8] {
        let server = [UInt8](17...32)
        let fixed = little(65, 2) + little(1, 2) + little(0x0302, 2) + little(0, 2) + server + little(0, 8)
        return message(
            0,
            id: id,
            tree: 0,
            status: 0,
            fixed + little(0x10000, 4) + little(0x20000, 4) + little(0, 16) + little(128, 2) + little(0, 6)
        )
    }

    static func setup(id: UInt64, token: [UInt8]) -> [UInt8] {
        message(
            1,
            id: id,
            tree: 0,
            little(25, 2) + little(0, 10) + little(88, 2) + little(UInt64(token.count), 2) + little(0, 8)
                + token
        )
    }

    /// NTLMSSP's AUTHENTICATE.
    static func logon(domain: String, user: String, host: String) -> [UInt8] {
        var fields: [UInt8] = []
        var names: [UInt8] = []
        for name in [domain, user, host] {
            let text = utf16(name)
            fields += little(UInt64(text.count), 2) + little(UInt64(text.count), 2)
            fields += little(UInt64(72 + names.count), 4)
            names += text
        }
        return Array("NTLMSSP\0".utf8) + little(3, 4) + little(0, 16) + fields + little(0, 8)
            + little(0x0200_0001, 4) + [10, 0] + little(10586, 2) + [0, 0, 0, 15] + names
    }

    static func connect(id: UInt64, _ path: String) -> [UInt8] {
        let text = utf16(path)
        return message(
            3,
            id: id,
            tree: 0,
            little(9, 2) + little(0, 2) + little(72, 2) + little(UInt64(text.count), 2) + text
        )
    }

    static func connected(id: UInt64, type: UInt64) -> [UInt8] {
        message(3, id: id, status: 0, little(16, 2) + little(type, 2) + little(0, 12))
    }

    static func create(id: UInt64, next: UInt64 = 0, _ name: String) -> [UInt8] {
        let text = utf16(name)
        return message(
            5,
            id: id,
            next: next,
            little(57, 2) + little(0, 34) + little(1, 4) + little(0, 4) + little(120, 2)
                + little(UInt64(text.count), 2) + little(0, 8) + text
        )
    }

    static func created(id: UInt64, file: [UInt8] = opened, size: UInt64 = 4096) -> [UInt8] {
        // 2017-12-06 18:23:19 UTC.
        let time = little((1_512_584_599 + 11_644_473_600) * 10_000_000, 8)
        return message(
            5,
            id: id,
            status: 0,
            little(89, 2) + little(0, 6) + time + time + time + time + little(0, 8) + little(size, 8)
                + little(0, 8) + file + little(0, 8)
        )
    }

    static func close(id: UInt64, file: [UInt8] = opened) -> [UInt8] {
        message(6, id: id, little(24, 2) + little(0, 6) + file)
    }

    static func closed(id: UInt64) -> [UInt8] { message(6, id: id, status: 0, little(60, 2) + little(0, 58)) }

    static func read(id: UInt64, _ count: Int, at offset: UInt64 = 0, file: [UInt8] = opened) -> [UInt8] {
        message(
            8,
            id: id,
            little(49, 2) + little(0, 2) + little(UInt64(count), 4) + little(offset, 8) + file
                + little(0, 17)
        )
    }

    static func data(id: UInt64, _ data: [UInt8]) -> [UInt8] {
        message(
            8,
            id: id,
            status: 0,
            little(17, 2) + [80, 0] + little(UInt64(data.count), 4) + little(0, 8) + data
        )
    }

    static func write(id: UInt64, _ data: [UInt8], at offset: UInt64 = 0, file: [UInt8] = opened) -> [UInt8] {
        message(
            9,
            id: id,
            little(49, 2) + little(112, 2) + little(UInt64(data.count), 4) + little(offset, 8) + file
                + little(0, 16) + data
        )
    }

    static func call(_ type: UInt8, id: UInt64, operation: UInt64 = 0, body: [UInt8] = []) -> [UInt8] {
        let rest = type == 11 ? body : little(0, 4) + little(0, 2) + little(operation, 2) + body
        return [5, 0, type, 3, 0x10, 0, 0, 0] + little(UInt64(16 + rest.count), 2) + little(0, 2)
            + little(id, 4) + rest
    }
}

/// Messages of SMB 1.
enum SMB1Sample {
    static func message(_ command: UInt8, id: UInt64, isAnswer: Bool = false, words: [UInt8], _ data: [UInt8])
        -> [UInt8]
    {
        var bytes: [UInt8] = [0xff, 0x53, 0x4d, 0x42, command] + little(0, 4) + [isAnswer ? 0x98 : 0x18]
        bytes +=
            little(0xc001, 2) + little(0, 12) + little(9, 2) + little(100, 2) + little(7, 2) + little(id, 2)
        return bytes + [UInt8(words.count / 2)] + words + little(UInt64(data.count), 2) + data
    }

    static func negotiate(id: UInt64) -> [UInt8] {
        message(0x72, id: id, words: [], Array("\u{2}LANMAN1.0\0\u{2}NT LM 0.12\0".utf8))
    }

    static func negotiated(id: UInt64, dialect: UInt64) -> [UInt8] {
        message(
            0x72,
            id: id,
            isAnswer: true,
            words: little(dialect, 2) + little(0, 17) + little(0x8000_0000, 4) + little(0, 11),
            [UInt8](1...16)
        )
    }

    static func create(id: UInt64, _ name: String) -> [UInt8] {
        // The name is aligned to two bytes from the header: 32 + 1 + 48 + 2 is odd.
        message(
            0xa2,
            id: id,
            words: [0xff, 0] + little(0, 33) + little(1, 4) + little(0, 9),
            [0] + utf16(name) + [0, 0]
        )
    }

    static func created(id: UInt64, file: UInt64) -> [UInt8] {
        message(
            0xa2,
            id: id,
            isAnswer: true,
            words: [0xff, 0, 0, 0, 0] + little(file, 2) + little(0, 48) + little(33, 8) + little(0, 5),
            []
        )
    }
}
