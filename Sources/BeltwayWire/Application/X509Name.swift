// SPDX-License-Identifier: Apache-2.0
// Distinguished names (RFC 5280, 4.1.2.4) in Suricata's text form:
//
//     SEQUENCE of SET of SEQUENCE { type, value }    ->    C=FR, O=Example, CN=one + CN=two
//
// A value of a string type is shown as it stands, any other in hexadecimal; a type without a name as 2.5.4.97.

extension X509Certificate {
    /// Appends the name whose sets lie in `range`.
    func appendName(_ range: Range<Int>, to text: inout [UInt8]) {
        var sets = DERReader(bytes, in: range)
        let start = text.count
        while let set = sets.next(tag: DERElement.set) {
            var attributes = DERReader(bytes, in: set.content)
            var isFirst = true
            while let attribute = attributes.next(tag: DERElement.sequence) {
                var parts = DERReader(bytes, in: attribute.content)
                guard let type = parts.next(tag: DERElement.objectIdentifier), let value = parts.next() else {
                    continue
                }
                if text.count > start { text.append(text: isFirst ? ", " : " + ") }
                isFirst = false
                appendType(type.content, to: &text)
                text.append(0x3d)
                appendValue(value, to: &text)
            }
        }
    }

    private func appendValue(_ value: DERElement, to text: inout [UInt8]) {
        switch value.tag {
        case 0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a, 0x1b:
            text.append(bytes.field(value.content))
        case 0x1e:
            appendWide(value.content, to: &text)
        default:
            for index in value.content { appendUpperHexadecimal(bytes.unchecked8(index), to: &text) }
        }
    }

    /// A BMPString: 16 bits a character, written as UTF-8.
    private func appendWide(_ range: Range<Int>, to text: inout [UInt8]) {
        var reader = ByteReader(bytes, in: range)
        while let unit = reader.u16() {
            switch unit {
            case 0..<0x80:
                text.append(UInt8(unit))
            case 0x80..<0x800:
                text.append(UInt8(0xc0 | unit >> 6))
                text.append(UInt8(0x80 | unit & 0x3f))
            default:
                text.append(UInt8(0xe0 | unit >> 12))
                text.append(UInt8(0x80 | unit >> 6 & 0x3f))
                text.append(UInt8(0x80 | unit & 0x3f))
            }
        }
    }

    private func appendType(_ range: Range<Int>, to text: inout [UInt8]) {
        if range.count == 3, bytes.unchecked16(range.lowerBound) == 0x5504,
            let name = Self.name(ofAttribute: bytes.unchecked8(range.lowerBound &+ 2))
        {
            text.append(text: name)
            return
        }
        // 1.2.840.113549.1.9.1 and 0.9.2342.19200300.100.1.25
        if range.count == 9, bytes.unchecked64(range.lowerBound) == 0x2a86_4886_f70d_0109,
            bytes.unchecked8(range.lowerBound &+ 8) == 1
        {
            text.append(text: "Email")
        } else if range.count == 10, bytes.unchecked64(range.lowerBound) == 0x0992_2689_93f2_2c64,
            bytes.unchecked16(range.lowerBound &+ 8) == 0x0119
        {
            text.append(text: "DC")
        } else {
            appendIdentifier(range, to: &text)
        }
    }

    /// The attributes below 2.5.4 (X.520).
    private static func name(ofAttribute number: UInt8) -> String? {
        switch number {
        case 3: "CN"
        case 4: "surname"
        case 5: "serialNumber"
        case 6: "C"
        case 7: "L"
        case 8: "ST"
        case 9: "streetAddress"
        case 10: "O"
        case 11: "OU"
        case 12: "title"
        case 13: "description"
        default: nil
        }
    }

    /// An object identifier in dotted form (X.690, 8.19); a part of more than 56 bits ends it.
    private func appendIdentifier(_ range: Range<Int>, to text: inout [UInt8]) {
        var (value, digits, isFirst) = (0, 0, true)
        for index in range {
            let byte = bytes.unchecked8(index)
            value = value << 7 | Int(byte & 0x7f)
            digits &+= 1
            guard digits <= 8 else { return }
            if byte & 0x80 != 0 { continue }
            if isFirst {
                let root = min(value / 40, 2)
                text.append(decimal: root)
                value -= root * 40
            }
            isFirst = false
            text.append(0x2e)
            text.append(decimal: value)
            (value, digits) = (0, 0)
        }
    }
}

/// Appends a byte as two upper-case hexadecimal digits.
func appendUpperHexadecimal(_ byte: UInt8, to text: inout [UInt8]) {
    func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x37 &+ value }
    text.append(digit(byte >> 4))
    text.append(digit(byte & 15))
}
