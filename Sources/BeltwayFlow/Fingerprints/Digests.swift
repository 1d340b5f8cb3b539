internal import BeltwayWire
// SPDX-License-Identifier: Apache-2.0
// Digests that fingerprints are defined by: MD5 (JA3, HASSH) and SHA-1 (certificates) protect nothing here.
//
// Safe: the hashes read the bytes during the call and keep no pointer.
internal import Crypto

extension TextBuffer {
    /// Appends the MD5 of `bytes` (RFC 1321), 32 lower-case hexadecimal digits.
    mutating func append(md5Of bytes: RawSpan) {
        var hash = Insecure.MD5()
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        for byte in hash.finalize() { append(hexadecimal: byte) }
    }

    /// Appends the first digits of the SHA-256 of `bytes` (FIPS 180-4), two for each of `count` bytes.
    mutating func append(sha256Of bytes: RawSpan, first count: Int) {
        var hash = Crypto.SHA256()
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        for byte in hash.finalize().prefix(count) { append(hexadecimal: byte) }
    }

    /// Appends the first `count` bytes of the SHA-256 of `bytes` in base64 (RFC 4648), a multiple of three.
    mutating func append(base64SHA256Of bytes: RawSpan, first count: Int) {
        var hash = Crypto.SHA256()
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        var bits: UInt32 = 0
        for (index, byte) in hash.finalize().prefix(count).enumerated() {
            bits = bits << 8 | UInt32(byte)
            guard index % 3 == 2 else { continue }
            for shift in [18, 12, 6, 0] { append(base64Digit(bits >> UInt32(shift) & 63)) }
            bits = 0
        }
    }

    private func base64Digit(_ value: UInt32) -> UInt8 {
        switch value {
        case 0..<26: UInt8(0x41 + value)
        case 26..<52: UInt8(0x61 + value - 26)
        case 52..<62: UInt8(0x30 + value - 52)
        case 62: 0x2b
        default: 0x2f
        }
    }

    /// Appends the SHA-1 of `bytes` (FIPS 180-4) as `0f:3a:..`, 20 bytes.
    mutating func append(colonSHA1Of bytes: RawSpan) {
        var hash = Insecure.SHA1()
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        var isFirst = true
        for byte in hash.finalize() {
            if !isFirst { append(0x3a) }
            isFirst = false
            append(hexadecimal: byte)
        }
    }
}
