// SPDX-License-Identifier: Apache-2.0

/// SHA-1 (RFC 3174), for Community ID only: it names flows, it protects nothing.
///
/// Works on a fixed buffer of one block, so that hashing a flow's tuple allocates nothing.
public struct SHA1: ~Copyable {
    private var h: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0
    )
    private var block = InlineArray<16, UInt32>(repeating: 0)
    /// Bytes absorbed so far.
    private var length: UInt64 = 0

    /// Makes the hash of no bytes.
    public init() {}

    /// Absorbs one byte.
    public mutating func append(_ byte: UInt8) {
        let within = Int(length & 63)
        let shift = UInt32(24 - 8 * (within & 3))
        block[within >> 2] |= UInt32(byte) << shift
        length &+= 1
        if within == 63 { compress() }
    }

    /// Absorbs an integer, most significant byte first.
    public mutating func append<Integer: FixedWidthInteger>(bigEndian value: Integer) {
        for index in stride(from: Integer.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> Integer(index)))
        }
    }

    /// Ends the message and returns its 20 bytes.
    ///
    /// - Returns: The digest.
    public consuming func finish() -> InlineArray<20, UInt8> {
        let bits = length &* 8
        append(0x80)
        // The block is zero beyond what was absorbed; its last two words hold the length in bits, so a block that is
        // filled beyond them is ended first. (One that became full just now has been compressed already.)
        if length & 63 > 56 { compress() }
        block[14] = UInt32(truncatingIfNeeded: bits >> 32)
        block[15] = UInt32(truncatingIfNeeded: bits)
        compress()
        var digest = InlineArray<20, UInt8>(repeating: 0)
        func put(_ word: UInt32, at offset: Int) {
            digest[offset] = UInt8(truncatingIfNeeded: word >> 24)
            digest[offset + 1] = UInt8(truncatingIfNeeded: word >> 16)
            digest[offset + 2] = UInt8(truncatingIfNeeded: word >> 8)
            digest[offset + 3] = UInt8(truncatingIfNeeded: word)
        }
        put(h.0, at: 0)
        put(h.1, at: 4)
        put(h.2, at: 8)
        put(h.3, at: 12)
        put(h.4, at: 16)
        return digest
    }

    /// RFC 3174, 6.2 (method 2: the schedule in sixteen words), its four rounds of twenty steps.
    private mutating func compress() {
        var words = block
        var (a, b, c, d, e) = h
        @inline(__always) func word(_ t: Int) -> UInt32 {
            if t >= 16 {
                let mixed =
                    words[(t &+ 13) & 15] ^ words[(t &+ 8) & 15] ^ words[(t &+ 2) & 15] ^ words[t & 15]
                words[t & 15] = mixed << 1 | mixed >> 31
            }
            return words[t & 15]
        }
        @inline(__always) func step(_ f: UInt32, _ k: UInt32, _ t: Int) {
            let sum = (a << 5 | a >> 27) &+ f &+ e &+ word(t) &+ k
            e = d
            d = c
            c = b << 30 | b >> 2
            b = a
            a = sum
        }
        for t in 0..<20 { step(b & c | ~b & d, 0x5a82_7999, t) }
        for t in 20..<40 { step(b ^ c ^ d, 0x6ed9_eba1, t) }
        for t in 40..<60 { step(b & c | b & d | c & d, 0x8f1b_bcdc, t) }
        for t in 60..<80 { step(b ^ c ^ d, 0xca62_c1d6, t) }
        h = (h.0 &+ a, h.1 &+ b, h.2 &+ c, h.3 &+ d, h.4 &+ e)
        block = InlineArray<16, UInt32>(repeating: 0)
    }
}
