// SPDX-License-Identifier: Apache-2.0

/// A pattern with `*` (any run of characters) and `?` (any one), without regard to the case of ASCII letters.
struct Glob: Sendable, Equatable {
    private let pattern: [UInt8]

    init(_ text: String) { pattern = text.utf8.map(Glob.folded) }

    /// Whether the whole text fits the pattern; at worst the product of the two lengths in time.
    func matches(_ text: String) -> Bool {
        let text = text.utf8.map(Glob.folded)
        var (p, t) = (0, 0)
        // Where to go on when the text after the last `*` does not fit: one character further.
        var retry: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                retry = (p + 1, t)
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") {
                p += 1
                t = Glob.afterCharacter(text, t)
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let (afterStar, from) = retry {
                retry = (afterStar, from + 1)
                (p, t) = (afterStar, from + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    private static func folded(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

    /// The index after the UTF-8 sequence at `index`: `?` stands for a character, not for a byte of it.
    private static func afterCharacter(_ text: [UInt8], _ index: Int) -> Int {
        var next = index + 1
        while next < text.count, text[next] & 0xc0 == 0x80 { next += 1 }
        return next
    }
}
