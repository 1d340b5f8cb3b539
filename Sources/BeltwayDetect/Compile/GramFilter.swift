// SPDX-License-Identifier: Apache-2.0
// A quick look at the next four bytes: can a pattern begin here? Most places of most payloads are passed over
// by it, without touching the automaton's large table.
//
//      place p:  b0 b1 b2 b3
//                `-+-' `-+-'
//      pairs:      b0 b1            65,536 bits, exact: patterns of one to three bytes begin with these
//      grams:      hash(b0..b3)     262,144 bits: patterns of four bytes or more begin with these; each byte is
//                                   or-ed with 20 first, which makes letters small (and merges some others)
//
//      seconds:    another hash, asked only where a gram's bit is set: 65,536 bits
//
// The tables, 48 KiB, stay near the first-level cache. A set bit may be wrong, a clear one never is.

/// Bit tables that tell where no pattern begins.
struct GramFilter: Sendable {
    static let fold: UInt32 = 0x2020_2020
    static let gramBits: UInt32 = 18
    /// Multiplicative hashing (Knuth, volume 3, 6.4): the golden ratio's odd neighbour.
    static let multiplier: UInt32 = 2_654_435_769

    /// 2^18 bits by the hash of four folded bytes.
    private(set) var grams = [UInt32](repeating: 0, count: 1 << Int(gramBits - 5))
    /// 2^16 bits by another hash of the same four bytes.
    private(set) var seconds = [UInt32](repeating: 0, count: 1 << 11)
    static let secondMultiplier: UInt32 = 2_246_822_519
    /// 2^16 bits by two bytes as they are, the first one low.
    private(set) var pairs = [UInt32](repeating: 0, count: 1 << 11)

    /// Bytes of the tables.
    var memoryInBytes: Int { (grams.count + seconds.count + pairs.count) * 4 }

    /// Makes the tables of patterns without capitals.
    init(_ patterns: [[UInt8]]) {
        for pattern in patterns {
            if pattern.count >= 4 {
                let gram = pattern.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } | Self.fold
                let hash = (gram &* Self.multiplier) >> (32 - Self.gramBits)
                grams[Int(hash >> 5)] |= 1 << (hash & 31)
                let second = (gram &* Self.secondMultiplier) >> 16
                seconds[Int(second >> 5)] |= 1 << (second & 31)
            } else {
                let seconds = pattern.count == 1 ? Array(UInt8.min...UInt8.max) : Self.bothCases(pattern[1])
                for first in Self.bothCases(pattern[0]) {
                    for second in seconds { addPair(UInt32(first) | UInt32(second) << 8) }
                }
            }
        }
    }

    private static func bothCases(_ byte: UInt8) -> [UInt8] {
        byte.isLetter ? [byte, byte & ~0x20] : [byte]
    }

    private mutating func addPair(_ pair: UInt32) {
        pairs[Int(pair >> 5)] |= 1 << (pair & 31)
    }
}
