// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BeltwayDetect

/// Numbers from a seed, the same in every run (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

private func automaton(_ patterns: [[UInt8]]) throws -> PrefilterAutomaton {
    let built = try #require(AutomatonBuilder(patterns, mostEntries: 1 << 24))
    return PrefilterAutomaton(built, patterns: patterns, window: 8)
}

private func found(_ automaton: PrefilterAutomaton, _ text: [UInt8], _ scratch: inout PrefilterScratch)
    -> Set<Int>
{
    automaton.scan(text.span.bytes, into: &scratch)
    return Set((0..<scratch.count).map { Int(scratch.found[$0]) })
}

private func naive(_ patterns: [[UInt8]], _ text: [UInt8]) -> Set<Int> {
    let folded = text.map(\.lowercased)
    return Set(
        patterns.indices.filter { index in
            let pattern = patterns[index]
            guard folded.count >= pattern.count else { return false }
            return (0...(folded.count - pattern.count)).contains {
                folded[$0..<($0 + pattern.count)].elementsEqual(pattern)
            }
        }
    )
}

@Suite struct `The automaton` {
    /// Few distinct bytes make overlaps, shared beginnings and patterns inside patterns common.
    @Test(
        arguments: [
            (1, [0x61, 0x62]), (2, [0x61, 0x62, 0x63, 0x64]), (3, [0, 0x20, 0x40, 0x60]),
            (4, Array(0...255)), (5, Array(0x41...0x7a)), (6, [0x00, 0xff]),
            (7, Array("the quick <br> HTTP/1.1".utf8)),
        ] as [(UInt64, [UInt8])]
    )
    func `finds what a naive search finds`(seed: UInt64, alphabet: [UInt8]) throws {
        var numbers = SeededNumbers(state: seed)
        for round in 0..<15 {
            var patterns = Set<[UInt8]>()
            let letters = Array(Set(alphabet.map(\.lowercased)))
            for _ in 0..<Int.random(in: 1...40, using: &numbers) {
                let length = Int.random(in: 1...9, using: &numbers)
                patterns.insert((0..<length).map { _ in letters.randomElement(using: &numbers) ?? 0 })
            }
            let list = patterns.sorted { $0.lexicographicallyPrecedes($1) }
            let automaton = try automaton(list)
            var scratch = PrefilterScratch(patternCount: list.count)
            for _ in 0..<10 {
                let length = Int.random(in: 0...80, using: &numbers)
                var text = (0..<length).map { _ in alphabet.randomElement(using: &numbers) ?? 0 }
                // Long patterns rarely occur by chance: plant one, at any place, the end included.
                if let planted = list.randomElement(using: &numbers), planted.count <= text.count {
                    let at = Int.random(in: 0...(text.count - planted.count), using: &numbers)
                    text.replaceSubrange(at..<(at + planted.count), with: planted)
                }
                let result = found(automaton, text, &scratch)
                #expect(result == naive(list, text), "seed \(seed), round \(round), text \(text)")
            }
        }
    }

    @Test func `finds a pattern at every place of a payload`() throws {
        for length in 1...10 {
            let pattern = Array("needle of ten".utf8.prefix(length))
            let automaton = try automaton([pattern])
            var scratch = PrefilterScratch(patternCount: 1)
            for place in 0...24 {
                var text = [UInt8](repeating: 0x2e, count: 24 + length)
                text.replaceSubrange(
                    place..<(place + length),
                    with: pattern.map { $0.isLetter ? $0 & ~0x20 : $0 }
                )
                #expect(found(automaton, text, &scratch) == [0], "length \(length), place \(place)")
                text[place] = 0x21
                #expect(found(automaton, text, &scratch) == [], "length \(length), place \(place)")
            }
        }
    }

    @Test func `reports a pattern once per payload, and again in the next`() throws {
        let automaton = try automaton([[0x61]])
        var scratch = PrefilterScratch(patternCount: 1)
        for _ in 0..<3 {
            automaton.scan([0x61, 0x61, 0x61].span.bytes, into: &scratch)
            #expect(scratch.count == 1)
        }
    }

    @Test func `without patterns finds nothing`() throws {
        let automaton = try automaton([])
        var scratch = PrefilterScratch(patternCount: 0)
        #expect(found(automaton, Array("anything".utf8), &scratch) == [])
    }

    @Test func `is refused when its table would exceed its budget`() {
        #expect(AutomatonBuilder([Array("abcdef".utf8)], mostEntries: 7 * 8 - 1) == nil)
        #expect(AutomatonBuilder([Array("abcdef".utf8)], mostEntries: 7 * 8) != nil)
    }
}

@Suite struct `The search for one pattern` {
    @Test(arguments: [UInt64(11), 12, 13])
    func `agrees with a naive search`(seed: UInt64) {
        var numbers = SeededNumbers(state: seed)
        let alphabet = Array("aAbB@`[{\0\u{20}".utf8)
        for _ in 0..<1_000 {
            func bytes(_ range: ClosedRange<Int>) -> [UInt8] {
                (0..<Int.random(in: range, using: &numbers)).map { _ in
                    alphabet.randomElement(using: &numbers) ?? 0
                }
            }
            let (pattern, text, ignoresCase) = (bytes(1...4), bytes(0...40), Bool.random(using: &numbers))
            let low = Int.random(in: 0...text.count, using: &numbers)
            let high = Int.random(in: low...text.count, using: &numbers)
            var pool = PatternPool()
            _ = pool.add(Array("other".utf8), ignoresCase: false)
            let entry = pool.add(pattern, ignoresCase: ignoresCase)
            let result = pool.firstMatch(of: entry, in: text.span.bytes, from: low, to: high)
            func folded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
                bytes.map { ignoresCase ? $0.lowercased : $0 }
            }
            let expected = (low...high).first {
                $0 + pattern.count <= high && folded(text[$0..<($0 + pattern.count)]) == folded(pattern)
            }
            #expect(result == expected, "seed \(seed), pattern \(pattern), text \(text), \(low)..<\(high)")
        }
    }
}

@Suite struct `The fast pattern` {
    private func pattern(_ options: String, window: Int = 8) -> String? {
        var parser = RuleParser()
        guard
            case .rule(let rule) = parser.parse(
                Array("alert tcp any any -> any any (\(options); sid:1;)".utf8)
            )
        else { return "refused" }
        return FastPattern.choose(for: rule, window: window).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `is the longest positive content, the strongest among equals, then the first`() {
        #expect(pattern("content:\"abc\"; content:\"defg\"") == "defg")
        #expect(pattern("content:\"abc\"; content:!\"defg\"") == "abc")
        #expect(pattern("content:\"abc\"; content:\"a1c\"") == "a1c")
        #expect(pattern("content:\"abc\"; content:\"def\"") == "abc")
    }

    @Test func `is what the rule names`() {
        #expect(pattern("content:\"ABC\"; fast_pattern; content:\"defg\"") == "abc")
        #expect(pattern("content:\"abcdef\"; fast_pattern:1,3; content:\"defghij\"") == "bcd")
        #expect(pattern("content:\"abc\"; fast_pattern:only; content:\"defg\"") == "abc")
    }

    @Test func `is absent without a positive content, or if the named one is negated`() {
        #expect(pattern("pcre:\"/a/\"") == nil)
        #expect(pattern("content:!\"abc\"") == nil)
        #expect(pattern("content:!\"abc\"; fast_pattern; content:\"defg\"") == nil)
    }

    @Test func `is cut to a window that begins with its rarest bytes`() {
        #expect(pattern("content:\"eeeeeeee{zq}eeeeeeee\"") == "{zq}eeee")
        #expect(pattern("content:\"eeeeeeee{zq}eeeeeeee\"", window: 3)?.count == 3)
    }
}
