// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

extension PacketBuilder {
    /// IPv4; `totalLength`, `headerWords` and `ipProtocol` override what follows from the contents.
    ///
    /// The fragment offset is in bytes, a multiple of 8; options have a length that is a multiple of 4, at most 40.
    public func ipv4(
        from source: String = "10.0.0.1",
        to destination: String = "10.0.0.2",
        timeToLive: UInt8 = 64,
        identification: UInt16 = 1,
        fragmentOffset: UInt16 = 0,
        moreFragments: Bool = false,
        options: [UInt8] = [],
        totalLength: UInt16? = nil,
        headerWords: UInt8? = nil,
        ipProtocol: UInt8? = nil
    ) -> PacketBuilder {
        let (from, to) = (Self.address(source), Self.address(destination))
        return adding { inner in
            let words = headerWords ?? UInt8(5 + options.count / 4)
            let length = totalLength ?? UInt16(truncatingIfNeeded: 20 + options.count + inner.bytes.count)
            let fragment = fragmentOffset >> 3 | (moreFragments ? 0x2000 : 0)
            var header: [UInt8] = [0x40 | words & 15, 0] + big(length) + big(identification) + big(fragment)
            header +=
                [timeToLive, ipProtocol ?? inner.ipProtocol, 0, 0] + big(from.v4) + big(to.v4) + options
            header.replaceSubrange(10..<12, with: big(internetChecksum(header)))
            let body = Self.checksummed(inner, pseudo: big(from.v4) + big(to.v4))
            return Inner(bytes: header + body, etherType: 0x0800, ipProtocol: 4)
        }
    }

    /// IPv6; `payloadLength` overrides what follows from the contents.
    public func ipv6(
        from source: String = "2001:db8::1",
        to destination: String = "2001:db8::2",
        hopLimit: UInt8 = 64,
        payloadLength: UInt16? = nil,
        nextHeader: UInt8? = nil
    ) -> PacketBuilder {
        let (from, to) = (Self.address(source), Self.address(destination))
        return adding { inner in
            let length = payloadLength ?? UInt16(truncatingIfNeeded: inner.bytes.count)
            let addresses = big(from.high) + big(from.low) + big(to.high) + big(to.low)
            let header =
                [0x60, 0, 0, 0] + big(length) + [nextHeader ?? inner.ipProtocol, hopLimit] + addresses
            return Inner(
                bytes: header + Self.checksummed(inner, pseudo: addresses),
                etherType: 0x86dd,
                ipProtocol: 41
            )
        }
    }

    /// An IPv6 extension header that counts its length in units of 8 bytes.
    ///
    /// Hop-by-hop is 0, routing 43, destination options 60, mobility 135. `contents` has 6 bytes and any number of
    /// further units of 8.
    public func extensionHeader(_ number: UInt8, contents: [UInt8] = [1, 4, 0, 0, 0, 0]) -> PacketBuilder {
        adding { inner in
            let length = UInt8(truncatingIfNeeded: (contents.count + 2) / 8 - 1)
            return inner.behind([inner.ipProtocol, length] + contents, number: number)
        }
    }

    /// An authentication header (RFC 4302) with an integrity value of `valueLength` bytes, a multiple of 4.
    public func authentication(valueLength: Int = 12) -> PacketBuilder {
        adding { inner in
            let value = [UInt8](repeating: 0xa5, count: valueLength)
            let words = UInt8((12 + valueLength) / 4 - 2)
            return inner.behind(
                [inner.ipProtocol, words, 0, 0] + big(UInt32(7)) + big(UInt32(9)) + value,
                number: 51
            )
        }
    }

    /// An IPv6 Fragment header; `offset` in bytes, a multiple of 8.
    public func fragment(offset: UInt16, moreFragments: Bool, identification: UInt32 = 1) -> PacketBuilder {
        adding { inner in
            let field = offset & 0xfff8 | (moreFragments ? 1 : 0)
            return inner.behind([inner.ipProtocol, 0] + big(field) + big(identification), number: 44)
        }
    }

    /// What follows compressed (RFC 3173), by default as one stored block of deflate (RFC 1951, 3.2.4).
    public func compressed(
        index: UInt16 = 2,
        _ deflate: @escaping @Sendable ([UInt8]) -> [UInt8] = PacketBuilder.storedBlock
    ) -> PacketBuilder {
        adding { inner in
            var result = inner
            result.bytes = [inner.ipProtocol, 0] + big(index) + deflate(inner.bytes)
            (result.ipProtocol, result.checksumAt) = (108, nil)
            return result
        }
    }

    /// Bytes as a stored block, the last.
    @Sendable public static func storedBlock(_ bytes: [UInt8]) -> [UInt8] {
        let (low, high) = (UInt8(bytes.count & 255), UInt8(bytes.count >> 8))
        return [1, low, high, ~low, ~high] + bytes
    }

    /// Fills a transport checksum, now that the addresses are known (RFC 9293 3.1, RFC 768, RFC 8200 8.1).
    static func checksummed(_ inner: Inner, pseudo addresses: [UInt8]) -> [UInt8] {
        guard let place = inner.checksumAt else { return inner.bytes }
        var bytes = inner.bytes
        var covered = Array(bytes[inner.transportAt...])
        if inner.transportProtocol != 1 {
            covered = addresses + big(UInt32(covered.count)) + [0, 0, 0, inner.transportProtocol] + covered
        }
        let sum = internetChecksum(covered)
        bytes.replaceSubrange(
            place..<place + 2,
            with: big(sum == 0 && inner.transportProtocol == 17 ? 0xffff : sum)
        )
        return bytes
    }

    /// The address that a text such as `10.0.0.1` or `2001:db8::1` stands for; stops the test on any other
    /// text.
    public static func address(_ text: String) -> IPAddress {
        guard text.contains(":") else {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
            precondition(parts.count == 4, "not an IPv4 address: \(text)")
            return IPAddress(v4: parts.reduce(0) { $0 << 8 | UInt32($1) })
        }
        let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
            .map { $0.split(separator: ":").compactMap { UInt16($0, radix: 16) } }
        var groups = halves[0]
        if halves.count == 2 {
            groups += [UInt16](repeating: 0, count: 8 - halves[0].count - halves[1].count) + halves[1]
        }
        precondition(groups.count == 8, "not an IPv6 address: \(text)")
        return IPAddress(
            high: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            low: groups[4...].reduce(0) { $0 << 16 | UInt64($1) }
        )
    }
}

extension PacketBuilder.Inner {
    /// This content behind one more extension header.
    func behind(_ header: [UInt8], number: UInt8) -> PacketBuilder.Inner {
        var result = self
        result.bytes = header + bytes
        result.ipProtocol = number
        result.checksumAt = checksumAt.map { $0 + header.count }
        result.transportAt += header.count
        return result
    }
}
