// SPDX-License-Identifier: Apache-2.0
// Addresses as rules write them: 10.0.0.1, 10.0.0.0/8, 10.0.0.0/255.0.0.0, 10.0.0.1-10.0.0.9, and IPv6 (RFC 4291, 2.2).
// All become ranges of 128-bit numbers, IPv4 in its mapped form.

/// The range of addresses that `text` names, or nil if it is none.
func addressRange(_ text: String) -> ClosedRange<UInt128>? {
    if let dash = text.firstIndex(of: "-") {
        guard let low = address(text[..<dash]), let high = address(text[text.index(after: dash)...]),
            low.isV4 == high.isV4, low.value <= high.value
        else { return nil }
        return low.value...high.value
    }
    guard let slash = text.firstIndex(of: "/") else {
        guard let one = address(text[...]) else { return nil }
        return one.value...one.value
    }
    guard let network = address(text[..<slash]),
        let bits = prefixLength(text[text.index(after: slash)...], isV4: network.isV4)
    else { return nil }
    let hostBits = (network.isV4 ? 32 : 128) - bits
    let hostMask: UInt128 = hostBits == 128 ? .max : (UInt128(1) << UInt128(hostBits)) - 1
    return (network.value & ~hostMask)...(network.value | hostMask)
}

private func prefixLength(_ text: Substring, isV4: Bool) -> Int? {
    if isV4, text.contains(".") {
        guard let mask = v4(text) else { return nil }
        let bits = mask.leadingZeroBitCount == 32 ? 0 : (~mask).leadingZeroBitCount
        return mask == (bits == 0 ? 0 : ~UInt32(0) << UInt32(32 - bits)) ? bits : nil
    }
    guard let bits = decimal(text, atMost: isV4 ? 32 : 128) else { return nil }
    return bits
}

private func address(_ text: Substring) -> (value: UInt128, isV4: Bool)? {
    if text.contains(":") { return v6(text).map { ($0, false) } }
    return v4(text).map { (0xffff_0000_0000 | UInt128($0), true) }
}

/// A decimal number of plain digits, at most `limit`.
func decimal(_ text: some StringProtocol, atMost limit: Int) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 10, text.utf8.allSatisfy(\.isDigit), let value = Int(text),
        value <= limit
    else { return nil }
    return value
}

private func v4(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
        guard let byte = decimal(part, atMost: 255) else { return nil }
        value = value << 8 | UInt32(byte)
    }
    return value
}

private func v6(_ text: Substring) -> UInt128? {
    let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    guard let head = groups(halves[0]) else { return nil }
    var all = head
    if halves.count == 2 {
        guard let tail = groups(halves[1]), head.count + tail.count < 8 else { return nil }
        all += Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }
    guard all.count == 8 else { return nil }
    return all.reduce(0) { $0 << 16 | UInt128($1) }
}

private func groups(_ text: Substring) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    var result: [UInt16] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
        if part.contains(".") {
            guard index == parts.count - 1, let tail = v4(part) else { return nil }
            result += [UInt16(tail >> 16), UInt16(truncatingIfNeeded: tail)]
        } else {
            guard part.utf8.count <= 4, part.first != "+", part.first != "-",
                let group = UInt16(part, radix: 16)
            else { return nil }
            result.append(group)
        }
    }
    return result
}

/// The range of ports that `text` names (`80`, `1:80`, `:1023`, `1024:`), or nil if it is none.
func portRange(_ text: String) -> ClosedRange<UInt16>? {
    guard let colon = text.firstIndex(of: ":") else {
        return decimal(text, atMost: 65_535).map { UInt16($0)...UInt16($0) }
    }
    let (first, last) = (text[..<colon], text[text.index(after: colon)...])
    guard !(first.isEmpty && last.isEmpty), let low = first.isEmpty ? 0 : decimal(first, atMost: 65_535),
        let high = last.isEmpty ? 65_535 : decimal(last, atMost: 65_535), low <= high
    else { return nil }
    return UInt16(low)...UInt16(high)
}
