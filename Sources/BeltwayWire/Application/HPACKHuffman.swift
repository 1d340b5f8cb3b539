// SPDX-License-Identifier: Apache-2.0
// The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: codes of one length follow each other in the order of
// their symbols, and the first of a length is the last of the shorter ones plus one, doubled. So lengths are all there
// is to know.

/// Reads text in HPACK's Huffman code.
struct HPACKHuffman: Sendable {
    /// Bits of each byte's code and of the end's, as a letter: `A` is 5.
    private static let lengths = """
        ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJB\
        KABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVV\
        PORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ
        """
    private static let shortest = 5
    private static let longest = 30

    /// The code, made once.
    static let shared = HPACKHuffman()

    /// Symbols in the order of their codes; 256 is the end.
    private var symbols: [UInt16] = []
    /// By length: the first code, and where its symbol is.
    private var first = InlineArray<32, UInt32>(repeating: 0)
    private var start = InlineArray<32, Int>(repeating: 0)
    private var count = InlineArray<32, UInt32>(repeating: 0)

    private init() {
        let bits = HPACKHuffman.lengths.utf8.map { Int($0) - 0x41 + HPACKHuffman.shortest }
        var code: UInt32 = 0
        for length in HPACKHuffman.shortest...HPACKHuffman.longest {
            code <<= 1
            first[length] = code
            start[length] = symbols.count
            for symbol in 0..<257 where bits[symbol] == length { symbols.append(UInt16(symbol)) }
            count[length] = UInt32(symbols.count - start[length])
            code += count[length]
        }
    }

    /// Appends what some bytes write.
    ///
    /// - Returns: False if they are no such text: a code that ends the text, or more than seven bits of padding, or
    ///   padding that is not all ones (RFC 7541, 5.2).
    func append(_ bytes: RawSpan, to text: inout [UInt8]) -> Bool {
        var code: UInt32 = 0
        var length = 0
        for index in 0..<bytes.byteCount {
            let byte = bytes.unchecked8(index)
            for bit in stride(from: 7, through: 0, by: -1) {
                code = code << 1 | UInt32(byte >> UInt8(bit) & 1)
                length += 1
                guard length >= HPACKHuffman.shortest else { continue }
                guard length <= HPACKHuffman.longest else { return false }
                guard code >= first[length], code - first[length] < count[length] else { continue }
                let symbol = symbols[start[length] + Int(code - first[length])]
                guard symbol < 256 else { return false }
                text.append(UInt8(symbol))
                code = 0
                length = 0
            }
        }
        return length < 8 && code == (1 << UInt32(length)) - 1
    }
}
