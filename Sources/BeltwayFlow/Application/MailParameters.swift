// SPDX-License-Identifier: Apache-2.0
// A parameter of a header field: as it is (RFC 2045, 5.1), or in pieces and with a character set (RFC 2231).
//
//     filename="a.zip"     filename*0="a"; filename*1=".zip"     filename*=UTF-8''a%20b.zip     filename*0*=..
internal import BeltwayWire

enum MailParameters {
    // Each is looked for in the whole field.
    private static var mostPieces: Int { 16 }
    private static var mostBytes: Int { 2048 }

    /// The value of a parameter, its pieces joined and what is percent-encoded undone; nil if there is none.
    static func value(_ name: String, of field: RawSpan) -> [UInt8]? {
        if let place = MailReader.parameter(name, of: field) {
            var value: [UInt8] = []
            value.append(copyOf: field.field(place).field(0..<mostBytes))
            return value
        }
        if let place = MailReader.parameter(name + "*", of: field) {
            return decoded(field.field(place).field(0..<mostBytes), hasCharacterSet: true)
        }
        var value: [UInt8]?
        for piece in 0..<mostPieces {
            if let place = MailReader.parameter("\(name)*\(piece)", of: field) {
                if value == nil { value = [] }
                value?.append(copyOf: field.field(place).field(0..<mostBytes))
            } else if let place = MailReader.parameter("\(name)*\(piece)*", of: field) {
                let bytes = decoded(field.field(place).field(0..<mostBytes), hasCharacterSet: piece == 0)
                value = (value ?? []) + bytes
            } else {
                return value
            }
            if (value?.count ?? 0) > mostBytes { return value }
        }
        return value
    }

    /// What is behind the character set and the language, bytes for their digits.
    private static func decoded(_ text: RawSpan, hasCharacterSet: Bool) -> [UInt8] {
        var index = 0
        if hasCharacterSet, let first = text.firstIndex(of: 0x27),
            let second = text.firstIndex(of: 0x27, from: first + 1)
        {
            index = second + 1
        }
        var bytes: [UInt8] = []
        while index < text.byteCount {
            let byte = text.byte(at: index)
            index += 1
            if byte == 0x25, index + 1 < text.byteCount, let high = text.byte(at: index).hexadecimalValue,
                let low = text.byte(at: index + 1).hexadecimalValue
            {
                bytes.append(high << 4 | low)
                index += 2
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}

extension MailReader {
    /// Where the value of a parameter lies, without quotation marks (RFC 2045, 5.1).
    static func parameter(_ name: String, of value: RawSpan) -> Range<Int>? {
        var start = value.firstIndex(of: 0x3b).map { $0 + 1 }
        while let from = start {
            var end = from
            var isQuoted = false
            while end < value.byteCount, isQuoted || value.byte(at: end) != 0x3b {
                if value.byte(at: end) == 0x22 { isQuoted.toggle() }
                end += 1
            }
            start = end < value.byteCount ? end + 1 : nil
            guard let equals = value.firstIndex(of: 0x3d, from: from, before: end) else { continue }
            guard value.field(trimmed(value, from..<equals)).equals(ignoringCase: name) else { continue }
            let place = trimmed(value, equals + 1..<end)
            if place.count >= 2, value.byte(at: place.lowerBound) == 0x22,
                value.byte(at: place.upperBound - 1) == 0x22
            {
                return place.lowerBound + 1..<place.upperBound - 1
            }
            return place
        }
        return nil
    }

    static func trimmed(_ bytes: RawSpan, _ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, bytes.byte(at: low) == 0x20 || bytes.byte(at: low) == 0x09 { low += 1 }
        while high > low, bytes.byte(at: high - 1) == 0x20 || bytes.byte(at: high - 1) == 0x09 { high -= 1 }
        return low..<high
    }
}
