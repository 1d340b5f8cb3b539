// SPDX-License-Identifier: Apache-2.0
// Hellos, byte by byte as RFC 8446 (4.1.2, 4.1.3) says.

/// A number as bytes, the most significant first.
func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// Bytes behind their length.
func vector(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] { big(bytes.count, lengthBytes) + bytes }

/// A hello to be.
struct SampleHello {
    var version = 0x0303
    var session: [UInt8] = [1, 2, 3]
    var ciphers: [Int] = [0x1301, 0xc02f]
    var extensions: [(type: Int, data: [UInt8])] = []
    var cookie: [UInt8]?

    /// A ClientHello's body.
    var clientBody: [UInt8] {
        big(version, 2) + (0..<32) + vector(session, 1) + (cookie.map { vector($0, 1) } ?? [])
            + vector(ciphers.flatMap { big($0, 2) }, 2) + vector([0], 1) + list
    }

    /// A ServerHello's body, with the first cipher.
    var serverBody: [UInt8] {
        big(version, 2) + (0..<32) + vector(session, 1) + big(ciphers[0], 2) + [0] + list
    }

    private var list: [UInt8] {
        extensions.isEmpty ? [] : vector(extensions.flatMap { big($0.type, 2) + vector($0.data, 2) }, 2)
    }

    static func serverName(_ name: String) -> (Int, [UInt8]) {
        (0, vector([0] + vector(Array(name.utf8), 2), 2))
    }
    static func protocols(_ names: [String]) -> (Int, [UInt8]) {
        (16, vector(names.flatMap { vector(Array($0.utf8), 1) }, 2))
    }
    static func versions(_ versions: [Int]) -> (Int, [UInt8]) {
        (43, vector(versions.flatMap { big($0, 2) }, 1))
    }
    static func numbers(_ type: Int, _ numbers: [Int]) -> (Int, [UInt8]) {
        (type, vector(numbers.flatMap { big($0, 2) }, 2))
    }

    /// What a browser of 2023 sends, GREASE at both ends.
    static var browser: SampleHello {
        let order = [
            0x0a0a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
            0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xfafa,
        ]
        return SampleHello(
            ciphers: [
                0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: order.map { type in
                switch type {
                case 0: serverName("www.example.org")
                case 16: protocols(["h2", "http/1.1"])
                case 43: versions([0x3a3a, 0x0304, 0x0303])
                case 13:
                    numbers(13, [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601])
                case 10: numbers(10, [0x1a1a, 29, 23, 24])
                case 11: (11, [1, 0])
                default: (type, [])
                }
            }
        )
    }
}

/// A handshake message.
func handshake(_ type: Int, _ body: [UInt8]) -> [UInt8] { big(type, 1) + vector(body, 3) }

/// A TLS record.
func record(_ type: Int, _ fragment: [UInt8]) -> [UInt8] { big(type, 1) + [3, 1] + vector(fragment, 2) }

/// A DTLS record of one handshake fragment.
func datagramRecord(_ type: Int, sequence: Int, of length: Int, at offset: Int, _ part: [UInt8]) -> [UInt8] {
    let message = big(type, 1) + big(length, 3) + big(sequence, 2) + big(offset, 3) + vector(part, 3)
    return [22, 0xfe, 0xfd] + big(0, 8) + vector(message, 2)
}
