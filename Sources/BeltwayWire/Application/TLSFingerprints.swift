// SPDX-License-Identifier: Apache-2.0
// The texts behind JA3, JA3S and JA4; hashing them is for a module that has a hash.
//
//     JA3   version,ciphers,extensions,groups,formats    decimal, "-" inside, order of the hello   -> MD5
//     JA3S  version,cipher,extensions                                                              -> MD5
//     JA4   t13d1516h2 _ 8daaf6152771 _ e5627efa2ab1
//           prefix       ciphers        extensions       hexadecimal, "," inside, sorted           -> SHA-256, 12 digits
//
// GREASE is left out everywhere (JA3: salesforce/ja3; JA4: FoxIO-LLC/ja4, BSD). The texts go to arrays of the
// caller's, which keep their capacity: nothing is allocated once they have grown.

extension TLSClientHello {
    /// Appends JA3's text.
    public func appendJA3(to text: inout [UInt8]) {
        if text.isEmpty { text.reserveCapacity(256) }
        text.append(decimal: Int(legacyVersion))
        text.append(0x2c)
        appendDecimals(cipherSuites, to: &text)
        text.append(0x2c)
        var list = extensions
        appendTypes(&list, to: &text)
        text.append(0x2c)
        appendDecimals(supportedGroups, to: &text)
        text.append(0x2c)
        let formats = pointFormats
        for index in 0..<formats.byteCount {
            if index > 0 { text.append(0x2d) }
            text.append(decimal: Int(formats.unchecked8(index)))
        }
    }
}

extension TLSServerHello {
    /// Appends JA3S's text.
    public func appendJA3S(to text: inout [UInt8]) {
        text.append(decimal: Int(legacyVersion))
        text.append(0x2c)
        text.append(decimal: Int(cipherSuite))
        text.append(0x2c)
        var list = extensions
        appendTypes(&list, to: &text)
    }
}

private func appendDecimals(_ numbers: borrowing TLSNumbers, to text: inout [UInt8]) {
    var isFirst = true
    for index in 0..<numbers.count where !isGREASE(numbers[index]) {
        if !isFirst { text.append(0x2d) }
        isFirst = false
        text.append(decimal: Int(numbers[index]))
    }
}

private func appendTypes(_ list: inout TLSExtensions, to text: inout [UInt8]) {
    var isFirst = true
    while let element = list.next() {
        if isGREASE(element.type) { continue }
        if !isFirst { text.append(0x2d) }
        isFirst = false
        text.append(decimal: Int(element.type))
    }
}

/// The three parts of a JA4; make one and use it for every hello.
public struct JA4Text: Sendable {
    /// What carries the hello, the first letter of the fingerprint.
    public enum Carrier: UInt8, Sendable {
        case tcp = 0x74
        case quic = 0x71
        case dtls = 0x64
    }

    /// The readable part, such as `t13d1516h2`.
    public private(set) var prefix: [UInt8] = []
    /// What to hash for the second part; empty stands for `000000000000`.
    public private(set) var ciphers: [UInt8] = []
    /// What to hash for the third part; empty stands for `000000000000`.
    public private(set) var extensions: [UInt8] = []
    private var numbers: [UInt16] = []

    /// Makes the parts, still empty, with room for what hellos have as a rule.
    public init() {
        prefix.reserveCapacity(16)
        ciphers.reserveCapacity(256)
        extensions.reserveCapacity(256)
        numbers.reserveCapacity(64)
    }

    /// Writes the parts of a hello's fingerprint in place of what was there.
    public mutating func set(_ hello: borrowing TLSClientHello, carrier: Carrier) {
        prefix.removeAll(keepingCapacity: true)
        prefix.append(carrier.rawValue)
        prefix.append(text: Self.name(ofVersion: hello.highestVersion))
        let hasName = hello.extensions.data(ofType: TLSExtensions.Kind.serverName) != nil
        prefix.append(hasName ? 0x64 : 0x69)

        let suites = hello.cipherSuites
        numbers.removeAll(keepingCapacity: true)
        for index in 0..<suites.count where !isGREASE(suites[index]) { numbers.append(suites[index]) }
        appendCount(numbers.count)
        ciphers.removeAll(keepingCapacity: true)
        Self.appendSorted(&numbers, to: &ciphers)

        numbers.removeAll(keepingCapacity: true)
        var count = 0
        var list = hello.extensions
        while let element = list.next() {
            if isGREASE(element.type) { continue }
            count &+= 1
            let isInPrefix =
                element.type == TLSExtensions.Kind.serverName
                || element.type == TLSExtensions.Kind.applicationProtocols
            if !isInPrefix { numbers.append(element.type) }
        }
        appendCount(count)
        extensions.removeAll(keepingCapacity: true)
        Self.appendSorted(&numbers, to: &extensions)
        appendAlgorithms(hello.signatureAlgorithms)

        var protocols = hello.applicationProtocols
        if let first = protocols.next() {
            appendEnds(of: protocols.bytes.field(first))
        } else {
            prefix.append(text: "00")
        }
    }

    private mutating func appendAlgorithms(_ algorithms: borrowing TLSNumbers) {
        var separator: UInt8 = 0x5f
        for index in 0..<algorithms.count where !isGREASE(algorithms[index]) {
            extensions.append(separator)
            separator = 0x2c
            extensions.append(hexadecimal: UInt64(algorithms[index]), digits: 4)
        }
    }

    private static func appendSorted(_ numbers: inout [UInt16], to text: inout [UInt8]) {
        // Hellos list some twenty; what is longer is somebody's joke, and must not cost its square.
        if numbers.count > 64 {
            numbers.sort()
        } else {
            for end in numbers.indices.dropFirst() {
                let number = numbers[end]
                var place = end
                while place > 0, numbers[place &- 1] > number {
                    numbers[place] = numbers[place &- 1]
                    place &-= 1
                }
                numbers[place] = number
            }
        }
        for index in numbers.indices {
            if index > 0 { text.append(0x2c) }
            text.append(hexadecimal: UInt64(numbers[index]), digits: 4)
        }
    }

    private mutating func appendCount(_ count: Int) {
        let shown = min(count, 99)
        prefix.append(UInt8(truncatingIfNeeded: 0x30 + shown / 10))
        prefix.append(UInt8(truncatingIfNeeded: 0x30 + shown % 10))
    }

    /// First and last character of the first protocol; of its hexadecimal form where one is no letter or digit.
    private mutating func appendEnds(of name: RawSpan) {
        guard name.byteCount > 0 else {
            prefix.append(text: "00")
            return
        }
        let (first, last) = (name.unchecked8(0), name.unchecked8(name.byteCount &- 1))
        if isASCIIAlphanumeric(first), isASCIIAlphanumeric(last) {
            prefix.append(first)
            prefix.append(last)
        } else {
            prefix.append(hexadecimalDigit(first >> 4))
            prefix.append(hexadecimalDigit(last & 15))
        }
    }

    private static func name(ofVersion version: UInt16) -> String {
        switch version {
        case 0x0304: "13"
        case 0x0303: "12"
        case 0x0302: "11"
        case 0x0301: "10"
        case 0x0300: "s3"
        case 0x0002: "s2"
        case 0xfeff: "d1"
        case 0xfefd: "d2"
        case 0xfefc: "d3"
        default: "00"
        }
    }
}
