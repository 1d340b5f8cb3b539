// SPDX-License-Identifier: Apache-2.0
// The value of `content`: text with hex between bars and four escapes.
//
//      "User-Agent|3a 20|x\;y"     ->  User-Agent: x;y

/// One `content` with the modifiers that follow it.
struct Content: Equatable {
    var bytes: [UInt8]
    var isNegated = false
    var ignoresCase = false
    /// First byte that the match may start at.
    var offset: Int32 = 0
    /// Bytes from `offset` within which the match must end.
    var depth: Int32?
    /// Bytes from the end of the previous match to the start of this one, at least; may be negative.
    var distance: Int32?
    /// Bytes after the previous match's end (and `distance`) within which this one must end.
    var within: Int32?
    var startsPayload = false
    var endsPayload = false
    var fastPattern: FastPatternChoice?
    /// Where its modifiers may refer to in messages.
    var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isRelative: Bool { distance != nil || within != nil }

    /// What `fast_pattern` says: the whole content, or a piece of it.
    enum FastPatternChoice: Equatable {
        case whole
        /// `only`: Suricata does not look for it again. Beltway does, since its prefilter knows only a piece.
        case only
        case piece(offset: Int, length: Int)
    }
}

extension Content {
    /// Longest content, as long as a depth can be.
    static let longest = 65_535

    /// Decodes the text between the quotes, whose first byte has the offset `base`.
    static func decode(_ text: ArraySlice<UInt8>, base: Int) throws(RuleSyntaxError) -> [UInt8] {
        var bytes: [UInt8] = []
        var at = text.startIndex
        func error(_ reason: String) -> RuleSyntaxError {
            RuleSyntaxError(offset: base + (at - text.startIndex), reason: reason)
        }
        while at < text.endIndex {
            switch text[at] {
            case UInt8(ascii: "|"):
                let bar = at
                at += 1
                var high: UInt8?
                while at < text.endIndex, text[at] != UInt8(ascii: "|") {
                    if !text[at].isSpace {
                        guard let digit = text[at].hexDigit else {
                            throw error("expected a hex digit, found '\(printable(text[at]))'")
                        }
                        if let first = high {
                            bytes.append(first << 4 | digit)
                            high = nil
                        } else {
                            high = digit
                        }
                    }
                    at += 1
                }
                guard at < text.endIndex else {
                    at = bar
                    throw error("hex bytes are not closed by '|'")
                }
                guard high == nil else { throw error("expected two hex digits for each byte, found one") }
                at += 1
            case UInt8(ascii: "\\"):
                at += 1
                guard at < text.endIndex, "\\\";:".utf8.contains(text[at]) else {
                    let found = at < text.endIndex ? "'\(printable(text[at]))'" : "the end"
                    throw error("expected '\\', '\"', ';' or ':' after a backslash, found \(found)")
                }
                bytes.append(text[at])
                at += 1
            default:
                bytes.append(text[at])
                at += 1
            }
        }
        guard !bytes.isEmpty else { throw error("content is empty") }
        guard bytes.count <= longest else { throw error("content is longer than 65,535 bytes") }
        return bytes
    }
}

/// A byte of a rule for a message.
func printable(_ byte: UInt8) -> String {
    byte >= 0x20 && byte < 0x7f ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
}

extension UInt8 {
    /// The value of a hex digit, nil for other bytes.
    var hexDigit: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x37
        case 0x61...0x66: self - 0x57
        default: nil
        }
    }
}
