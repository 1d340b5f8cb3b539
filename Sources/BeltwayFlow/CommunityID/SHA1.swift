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
        while length & 63 != 56 { append(0) }
        append(bigEndian: bits)
        var digest = InlineArray<20, UInt8>(repeating: 0)
        let words: InlineArray<5, UInt32> = [h.0, h.1, h.2, h.3, h.4]
        for index in 0..<20 {
            digest[index] = UInt8(truncatingIfNeeded: words[index >> 2] >> UInt32(24 - 8 * (index & 3)))
        }
        return digest
    }

    /// RFC 3174, 6.2 (method 2: the schedule in sixteen words).
    private mutating func compress() {
        var (a, b, c, d, e) = h
        for t in 0..<80 {
            if t >= 16 {
                let mixed = block[(t + 13) & 15] ^ block[(t + 8) & 15] ^ block[(t + 2) & 15] ^ block[t & 15]
                block[t & 15] = mixed << 1 | mixed >> 31
            }
            let (f, k): (UInt32, UInt32) =
                switch t {
                case ..<20: (b & c | ~b & d, 0x5a82_7999)
                case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
                case ..<60: (b & c | b & d | c & d, 0x8f1b_bcdc)
                default: (b ^ c ^ d, 0xca62_c1d6)
                }
            let sum = (a << 5 | a >> 27) &+ f &+ e &+ block[t & 15] &+ k
            (e, d, c, b, a) = (d, c, b << 30 | b >> 2, a, sum)
        }
        h = (h.0 &+ a, h.1 &+ b, h.2 &+ c, h.3 &+ d, h.4 &+ e)
        block = InlineArray<16, UInt32>(repeating: 0)
    }
}
