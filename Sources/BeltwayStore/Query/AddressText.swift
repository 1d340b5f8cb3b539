// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// The addresses of one IP version from the least to the greatest: one address, or a CIDR block.
public struct AddressRange: Sendable, Equatable {
    /// Whether they are of IPv4.
    public var isV4: Bool
    /// The first of them.
    public var least: IPAddress
    /// The last of them.
    public var greatest: IPAddress

    /// Bits that all of them have in common, of 32 or 128.
    public var prefixLength: Int {
        let high = least.high ^ greatest.high
        let common =
            high != 0 ? high.leadingZeroBitCount : 64 + (least.low ^ greatest.low).leadingZeroBitCount
        return isV4 ? common - 96 : common
    }

    func contains(_ address: IPAddress, version: UInt8) -> Bool {
        // As rows are stored (RowStatement.swift): an IPv6 packet may carry mapped addresses too.
        (version == 4 && address.isMappedV4) == isV4 && least <= address && address <= greatest
    }
}

extension AddressRange {
    /// Reads `10.0.0.1`, `10.0.0.0/8`, `2001:db8::1`, `2001:db8::/32` (RFC 4291, 2.2 and 2.3); nil for other text.
    ///
    /// Bits beyond the prefix are ignored: `10.1.2.3/8` is 10.0.0.0/8.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let isV4: Bool
        let address: IPAddress
        if let v4 = AddressText.v4(parts[0].utf8) {
            (isV4, address) = (true, IPAddress(v4: v4))
        } else if let v6 = AddressText.v6(parts[0]) {
            (isV4, address) = (false, v6)
        } else {
            return nil
        }
        let width = isV4 ? 32 : 128
        var prefix = width
        if parts.count == 2 {
            guard let length = AddressText.decimal(parts[1].utf8, most: UInt32(width)) else { return nil }
            prefix = Int(length)
        }
        // The mapped form's first 96 bits are fixed.
        let fixed = isV4 ? prefix + 96 : prefix
        let highMask: UInt64 = fixed >= 64 ? .max : ~(UInt64.max >> UInt64(fixed))
        let lowMask: UInt64 = fixed <= 64 ? 0 : fixed == 128 ? .max : ~(UInt64.max >> UInt64(fixed - 64))
        self.init(
            isV4: isV4,
            least: IPAddress(high: address.high & highMask, low: address.low & lowMask),
            greatest: IPAddress(high: address.high | ~highMask, low: address.low | ~lowMask)
        )
    }
}

/// Addresses as people write them.
enum AddressText {
    /// Four decimal numbers; no leading zeros, which some programs read as octal.
    static func v4(_ text: Substring.UTF8View) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = decimal(part, most: 255), part.count == 1 || part.first != UInt8(ascii: "0")
            else {
                return nil
            }
            address = address << 8 | byte
        }
        return address
    }

    /// Eight groups of hexadecimal digits, `::` for a run of zeros, the last two possibly as an IPv4 address.
    static func v6(_ text: Substring) -> IPAddress? {
        guard text.utf8.count <= 45 else { return nil }
        let sides = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        guard var groups = groups(sides[0]) else { return nil }
        if sides.count == 2 {
            guard let rest = self.groups(sides[1]), groups.count + rest.count < 8 else { return nil }
            groups += Array(repeating: 0, count: 8 - groups.count - rest.count) + rest
        }
        guard groups.count == 8 else { return nil }
        return IPAddress(
            high: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            low: groups[4...].reduce(0) { $0 << 16 | UInt64($1) }
        )
    }

    /// Groups between colons, none in an empty text.
    private static func groups(_ text: Substring) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, let v4 = v4(part.utf8) {
                groups += [UInt16(truncatingIfNeeded: v4 >> 16), UInt16(truncatingIfNeeded: v4)]
            } else if (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexadecimal),
                let group = UInt16(part, radix: 16)
            {
                groups.append(group)
            } else {
                return nil
            }
        }
        return groups
    }

    /// One to ten decimal digits, at most `most`.
    static func decimal(_ text: Substring.UTF8View, most: UInt32) -> UInt32? {
        guard (1...10).contains(text.count), text.allSatisfy({ (48...57).contains($0) }) else { return nil }
        guard let value = UInt32(Substring(text)), value <= most else { return nil }
        return value
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }
}
