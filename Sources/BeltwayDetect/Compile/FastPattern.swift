// SPDX-License-Identifier: Apache-2.0
// Which bytes of a rule go into the automaton.
//
//   1. The content that says fast_pattern (its piece, if it names one); else the longest positive content,
//      among equals the one of greatest strength, among those the first (Suricata's default choice).
//   2. Of those bytes, capitals made small, the rarest window of at most `window` bytes. A shorter piece keeps
//      the automaton small, hence in the cache; the whole content is verified anyway.
//
// A rule without a positive content, or whose fast pattern is negated, has none: it is looked at for every
// packet that its header admits.

enum FastPattern {
    /// The bytes that must occur (capitals made small) where `rule` matches, or nil if there are none.
    static func choose(for rule: Rule, window: Int) -> [UInt8]? {
        var best: (content: Content, strength: Int)?
        for case .content(let content) in rule.steps {
            if let choice = content.fastPattern {
                if content.isNegated { return nil }
                if case .piece(let offset, let length) = choice {
                    return rarestWindow(Array(content.bytes[offset..<(offset + length)]), window)
                }
                return rarestWindow(content.bytes, window)
            }
            if content.isNegated { continue }
            let strength = strength(content.bytes)
            if let best {
                let (old, new) = (best.content.bytes.count, content.bytes.count)
                if new < old || (new == old && strength <= best.strength) { continue }
            }
            best = (content, strength)
        }
        return best.map { rarestWindow($0.content.bytes, window) }
    }

    /// Suricata's measure of how telling a pattern is: per byte seen first 3 for letters, 4 for other printable
    /// ones and 00, 01, FF, 6 for the rest; 1 for each repetition.
    static func strength(_ bytes: [UInt8]) -> Int {
        var seen = Set<UInt8>()
        var sum = 0
        for byte in bytes {
            guard seen.insert(byte).inserted else {
                sum += 1
                continue
            }
            let isPlain = (byte >= 0x20 && byte < 0x7f) || byte == 0 || byte == 1 || byte == 0xff
            sum += byte.isLetter ? 3 : isPlain ? 4 : 6
        }
        return sum
    }

    /// The piece of `bytes` that begins with its four rarest bytes in a row, capitals made small.
    static func rarestWindow(_ bytes: [UInt8], _ window: Int) -> [UInt8] {
        let folded = bytes.map(\.lowercased)
        let gram = min(4, window, folded.count)
        var best = (start: 0, rarity: -1)
        for start in 0...(folded.count - gram) {
            let rarity = rarity(folded[start..<(start + gram)])
            if rarity > best.rarity { best = (start, rarity) }
        }
        return Array(folded[best.start...].prefix(window))
    }

    /// Roughly how many bits of surprise the bytes hold in ordinary traffic; a run of one byte holds few.
    private static func rarity(_ bytes: ArraySlice<UInt8>) -> Int {
        var sum = 0
        var previous: UInt8?
        for byte in bytes {
            sum += byte == previous ? 1 : rarity(byte)
            previous = byte
        }
        return sum
    }

    static func rarity(_ byte: UInt8) -> Int {
        switch byte {
        case 0: 2
        case 0xff, 0x01, 0x20: 3
        case UInt8(ascii: "e"), UInt8(ascii: "t"), UInt8(ascii: "a"), UInt8(ascii: "o"), UInt8(ascii: "i"),
            UInt8(ascii: "n"), UInt8(ascii: "s"), UInt8(ascii: "r"):
            3
        case UInt8(ascii: "j"), UInt8(ascii: "q"), UInt8(ascii: "x"), UInt8(ascii: "z"): 6
        case 0x61...0x7a: 4
        case 0x30...0x39, 0x0d, 0x0a: 4
        case UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "="), UInt8(ascii: ":"): 4
        case 0x21...0x7e: 6
        default: 7
        }
    }
}
