// SPDX-License-Identifier: Apache-2.0
// Finding one pattern in a payload: eight bytes at a time for the pattern's rarest byte, then the rest of it.
//
// Why the interface is safe: a pattern is checked against the pool, and the window against the payload, at the
// start of each search; the loops stay inside both.

/// Where a pattern lies in its pool, and how to look for it.
struct BytePattern: BitwiseCopyable {
    var start: UInt32 = 0
    var count: UInt32 = 0
    /// Place within the pattern of the byte to look for first.
    var rarest: UInt32 = 0
    var ignoresCase = false
}

/// The bytes of all patterns of a rule set; those that ignore case are stored in small letters.
@safe struct PatternPool: Sendable {
    private var bytes: [UInt8] = []
    private var known: [Key: BytePattern] = [:]

    private struct Key: Hashable {
        var bytes: [UInt8]
        var ignoresCase: Bool
    }

    /// Adds a pattern, once.
    mutating func add(_ pattern: [UInt8], ignoresCase: Bool) -> BytePattern {
        let hasLetters = pattern.contains(where: \.isLetter)
        let key = Key(
            bytes: ignoresCase ? pattern.map(\.lowercased) : pattern,
            ignoresCase: ignoresCase && hasLetters
        )
        if let known = known[key] { return known }
        let rarest = pattern.indices.max { FastPattern.rarity(pattern[$0]) < FastPattern.rarity(pattern[$1]) }
        let entry = BytePattern(
            start: UInt32(bytes.count),
            count: UInt32(pattern.count),
            rarest: UInt32(rarest ?? 0),
            ignoresCase: key.ignoresCase
        )
        bytes += key.bytes
        known[key] = entry
        return entry
    }

    /// Where `pattern` first occurs in `payload`, wholly inside `low..<high`.
    ///
    /// - Parameters:
    ///   - pattern: A pattern of this pool.
    ///   - payload: The bytes to look through.
    ///   - low: First byte that the pattern may start at, 0 or more.
    ///   - high: End of the window, at most the payload's length.
    /// - Returns: The start of the first occurrence, or nil.
    func firstMatch(of pattern: BytePattern, in payload: RawSpan, from low: Int, to high: Int) -> Int? {
        let count = Int(pattern.count)
        precondition(low >= 0 && high <= payload.byteCount, "window outside the payload")
        precondition(
            Int(pattern.start) + count <= bytes.count && pattern.rarest < pattern.count,
            "bad pattern"
        )
        guard high - low >= count else { return nil }
        return unsafe payload.withUnsafeBytes { payload in
            unsafe bytes.withUnsafeBufferPointer { pool in
                guard let text = payload.baseAddress, let pool = pool.baseAddress else { return nil }
                return unsafe Self.search(
                    text,
                    low,
                    high - count,
                    pool + Int(pattern.start),
                    count,
                    Int(pattern.rarest),
                    pattern.ignoresCase
                )
            }
        }
    }

    /// Tries the starts `first...last`; `text` holds at least `last + count` bytes.
    private static func search(
        _ text: UnsafeRawPointer,
        _ first: Int,
        _ last: Int,
        _ pattern: UnsafePointer<UInt8>,
        _ count: Int,
        _ rarest: Int,
        _ ignoresCase: Bool
    ) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let byte = unsafe pattern[rarest]
        // Setting one bit makes capitals small; of the bytes that then equal a small letter, all are that letter.
        let fold: UInt64 = ignoresCase && byte.isLetter ? ones &* 0x20 : 0
        let wanted = ones &* UInt64(byte)
        let end = last &+ rarest
        var at = first &+ rarest
        while at &+ 7 <= end {
            let word = unsafe text.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let difference = (UInt64(littleEndian: word) | fold) ^ wanted
            var zeros = (difference &- ones) & ~difference & (ones &* 0x80)
            while zeros != 0 {
                let start = at &+ zeros.trailingZeroBitCount / 8 &- rarest
                if unsafe isMatch(text + start, pattern, count, ignoresCase) { return start }
                zeros &= zeros &- 1
            }
            at &+= 8
        }
        while at <= end {
            let found = unsafe text.load(fromByteOffset: at, as: UInt8.self) | UInt8(truncatingIfNeeded: fold)
            if found == byte, unsafe isMatch(text + (at &- rarest), pattern, count, ignoresCase) {
                return at &- rarest
            }
            at &+= 1
        }
        return nil
    }

    @inline(__always)
    private static func isMatch(
        _ text: UnsafeRawPointer,
        _ pattern: UnsafePointer<UInt8>,
        _ count: Int,
        _ ignoresCase: Bool
    ) -> Bool {
        var at = 0
        if ignoresCase {
            while at < count {
                if unsafe text.load(fromByteOffset: at, as: UInt8.self).lowercased != pattern[at] {
                    return false
                }
                at &+= 1
            }
        } else {
            while at < count {
                if unsafe text.load(fromByteOffset: at, as: UInt8.self) != pattern[at] { return false }
                at &+= 1
            }
        }
        return true
    }
}
