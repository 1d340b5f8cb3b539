// SPDX-License-Identifier: Apache-2.0

extension OptionKeyword {
    /// Applies a keyword that says something of the rule and nothing of the packet.
    static func applyMeta(_ option: RuleOption, to info: inout RuleInfo) throws(RuleSyntaxError) {
        guard let value = option.value, !value.isEmpty else {
            throw RuleSyntaxError(offset: option.nameOffset, reason: "'\(option.name)' needs a value")
        }
        switch option.name {
        case "msg": info.message = unescaped(unquoted(value))
        case "sid": info.sid = UInt32(try option.number(1...Int(UInt32.max)))
        case "rev": info.revision = UInt32(try option.number(0...Int(UInt32.max)))
        case "gid": info.generator = UInt32(try option.number(0...Int(UInt32.max)))
        case "priority": info.priority = try option.number(1...255)
        case "classtype": info.classType = option.text
        case "reference": info.references.append(try reference(option, value))
        case "metadata": addMetadata(value, to: &info)
        default:
            guard option.text == "src_ip" || option.text == "dest_ip" else {
                throw RuleSyntaxError(
                    offset: option.valueOffset,
                    reason: "expected 'src_ip' or 'dest_ip', found '\(option.text)'"
                )
            }
        }
    }

    private static func unquoted(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let quote = UInt8(ascii: "\"")
        return value.count >= 2 && value.first == quote && value.last == quote
            ? value.dropFirst().dropLast() : value
    }

    private static func unescaped(_ value: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in value {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
            } else {
                bytes.append(byte)
                isEscaped = false
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `type,id`; the two types that have one obvious address become URLs.
    private static func reference(
        _ option: RuleOption,
        _ value: ArraySlice<UInt8>
    ) throws(RuleSyntaxError) -> String {
        let parts = value.split(separator: UInt8(ascii: ","), maxSplits: 1)
        guard parts.count == 2 else {
            throw RuleSyntaxError(
                offset: option.valueOffset,
                reason: "expected 'type,id', found '\(option.text.prefix(40))'"
            )
        }
        let type = String(decoding: trimmed(parts[0]), as: UTF8.self).lowercased()
        let id = String(decoding: trimmed(parts[1]), as: UTF8.self)
        switch type {
        case "url": return id.contains("://") ? id : "https://" + id
        case "cve":
            let number = id.uppercased().hasPrefix("CVE-") ? String(id.dropFirst(4)) : id
            return "https://www.cve.org/CVERecord?id=CVE-" + number
        default: return type + "," + id
        }
    }

    private static func addMetadata(_ value: ArraySlice<UInt8>, to info: inout RuleInfo) {
        for pair in value.split(separator: UInt8(ascii: ",")) {
            let words = trimmed(pair).split(separator: UInt8(ascii: " "), maxSplits: 1)
            guard let first = words.first else { continue }
            let key = String(decoding: first, as: UTF8.self)
            let text = words.count > 1 ? String(decoding: trimmed(words[1]), as: UTF8.self) : ""
            if let index = info.metadata.firstIndex(where: { $0.key == key }) {
                info.metadata[index].values.append(text)
            } else {
                info.metadata.append((key, [text]))
            }
        }
    }
}
