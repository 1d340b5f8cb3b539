// SPDX-License-Identifier: Apache-2.0
// One block of AES-128 (FIPS 197), encrypted: what takes header protection off QUIC's Initial packets (RFC 9001, 5.4.3).
//
// swift-crypto offers AES only in modes of operation, and none of them shows the cipher of a block of one's choice.
// The keys here are public (everyone can derive them from the packet), so that time may depend on them.

/// The cipher with its round keys.
struct AES128Block {
    private var roundKeys: [UInt8]

    /// Expands a key of 16 bytes (FIPS 197, 5.2).
    init(key: [UInt8]) {
        precondition(key.count == 16, "a key of AES-128")
        roundKeys = key
        roundKeys.reserveCapacity(176)
        let box = AES128Block.substitutes
        var constant: UInt8 = 1
        for word in 4..<44 {
            let isFirst = word & 3 == 0
            for index in 0..<4 {
                // The word before; in the first of four its bytes turned by one and substituted.
                var last = roundKeys[word * 4 - 4 + (isFirst ? (index + 1) & 3 : index)]
                if isFirst { last = box[Int(last)] ^ (index == 0 ? constant : 0) }
                roundKeys.append(roundKeys[word * 4 - 16 + index] ^ last)
            }
            if isFirst { constant = AES128Block.doubled(constant) }
        }
    }

    /// Encrypts 16 bytes (FIPS 197, 5.1).
    func encrypt(_ block: [UInt8]) -> [UInt8] {
        precondition(block.count == 16, "a block of AES")
        let box = AES128Block.substitutes
        var state = block
        for index in 0..<16 { state[index] ^= roundKeys[index] }
        for round in 1...10 {
            // Bytes substituted, and row r of the columns turned by r.
            var turned = state
            for index in 0..<16 { turned[index] = box[Int(state[(index + 4 * (index & 3)) & 15])] }
            state = turned
            if round < 10 { AES128Block.mixColumns(&state) }
            for index in 0..<16 { state[index] ^= roundKeys[round * 16 + index] }
        }
        return state
    }

    private static func mixColumns(_ state: inout [UInt8]) {
        for column in stride(from: 0, to: 16, by: 4) {
            let (a, b, c, d) = (state[column], state[column + 1], state[column + 2], state[column + 3])
            let all = a ^ b ^ c ^ d
            state[column] = a ^ all ^ doubled(a ^ b)
            state[column + 1] = b ^ all ^ doubled(b ^ c)
            state[column + 2] = c ^ all ^ doubled(c ^ d)
            state[column + 3] = d ^ all ^ doubled(d ^ a)
        }
    }

    /// A byte times x modulo x^8 + x^4 + x^3 + x + 1.
    private static func doubled(_ byte: UInt8) -> UInt8 { byte << 1 ^ (byte & 0x80 != 0 ? 0x1b : 0) }

    /// The S-box (FIPS 197, 5.1.1): the inverse in the field, then an affine map; made once, by walking the powers of
    /// 3 and of its inverse side by side.
    private static let substitutes: [UInt8] = {
        var box = [UInt8](repeating: 0, count: 256)
        box[0] = 0x63
        var power: UInt8 = 1
        var inverse: UInt8 = 1
        repeat {
            power ^= doubled(power)
            inverse ^= inverse << 1
            inverse ^= inverse << 2
            inverse ^= inverse << 4
            if inverse & 0x80 != 0 { inverse ^= 0x09 }
            let mixed =
                inverse ^ (inverse << 1 | inverse >> 7) ^ (inverse << 2 | inverse >> 6)
                ^ (inverse << 3 | inverse >> 5) ^ (inverse << 4 | inverse >> 4)
            box[Int(power)] = mixed ^ 0x63
        } while power != 1
        return box
    }()
}
