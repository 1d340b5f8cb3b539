// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A view of IPv4` {
    @Test func `shows every field`() throws {
        let bytes = PacketBuilder().ipv4(
            from: "192.0.2.1",
            to: "255.255.255.255",
            timeToLive: 1,
            identification: 0xabcd,
            fragmentOffset: 65_528,
            moreFragments: true,
            options: [7, 3, 4, 0]
        ).payload("xyz").bytes
        let packet = try IPv4(bytes.span.bytes)
        #expect(packet.headerLength == 24)
        #expect(packet.service == 0)
        #expect(packet.totalLength == 27)
        #expect(packet.identification == 0xabcd)
        #expect(packet.dontFragment == false)
        #expect(packet.moreFragments == true)
        #expect(packet.fragmentOffset == 65_528)
        #expect(packet.timeToLive == 1)
        #expect(packet.transportProtocol == 253)
        #expect(packet.source.v4 == 0xc000_0201)
        #expect(packet.destination == IPAddress(v4: .max))
        #expect(packet.source.isMappedV4 == true)
        let lengths = [packet.options.byteCount, packet.payload.byteCount]
        let firstOption = packet.options.byte(at: 0)
        #expect(lengths == [4, 3])
        #expect(firstOption == 7)
    }

    @Test(arguments: 0..<20)
    func `refuses fewer bytes than its fixed header`(count: Int) {
        let bytes = Array(PacketBuilder().ipv4().bytes[..<count])
        #expect(throws: WireError.truncated(need: 20, have: count)) { _ = try IPv4(bytes.span.bytes) }
    }

    @Test func `refuses fewer bytes than its options, another version, and a header below five words`() {
        let cut = Array(PacketBuilder().ipv4(options: [1, 1, 1, 1]).bytes[..<23])
        #expect(throws: WireError.truncated(need: 24, have: 23)) { _ = try IPv4(cut.span.bytes) }
        let six = PacketBuilder().ipv6().bytes
        #expect(throws: WireError.invalid(field: .version, value: 6)) { _ = try IPv4(six.span.bytes) }
        let short = PacketBuilder().ipv4(headerWords: 4).bytes
        #expect(throws: WireError.invalid(field: .headerLength, value: 16)) { _ = try IPv4(short.span.bytes) }
    }
}

@Suite struct `A view of IPv6` {
    @Test func `shows every field`() throws {
        var bytes = PacketBuilder().ipv6(from: "2001:db8::1", to: "ff02::2", hopLimit: 9).udp().bytes
        bytes.replaceSubrange(0..<4, with: [0x6a, 0xbc, 0xde, 0xf0])
        let packet = try IPv6(bytes.span.bytes)
        #expect(packet.trafficClass == 0xab)
        #expect(packet.flowLabel == 0xcdef0)
        #expect(packet.payloadLength == 8)
        #expect(packet.nextHeader == 17)
        #expect(packet.hopLimit == 9)
        #expect(packet.source == IPAddress(high: 0x2001_0db8_0000_0000, low: 1))
        #expect(packet.destination == IPAddress(high: 0xff02_0000_0000_0000, low: 2))
        let payload = packet.payload.byteCount
        #expect(payload == 8)
    }

    @Test(arguments: 0..<40)
    func `refuses fewer bytes than its header`(count: Int) {
        let bytes = Array(PacketBuilder().ipv6().bytes[..<count])
        #expect(throws: WireError.truncated(need: 40, have: count)) { _ = try IPv6(bytes.span.bytes) }
    }

    @Test func `refuses another version`() {
        let bytes = [UInt8](repeating: 0x45, count: 40)
        #expect(throws: WireError.invalid(field: .version, value: 4)) { _ = try IPv6(bytes.span.bytes) }
    }
}

@Suite struct `A view of an extension header` {
    @Test(arguments: [UInt8(0), 43, 60, 135])
    func `counts its length in eights`(number: UInt8) throws {
        let bytes = PacketBuilder().extensionHeader(number, contents: [UInt8](repeating: 0, count: 22)).udp()
            .bytes
        let header = try ExtensionHeader(bytes.span.bytes, number: number)
        #expect(header.length == 24)
        #expect(header.nextHeader == 17)
        #expect(header.fragmentOffset == 0)
        #expect(header.moreFragments == false)
        #expect(header.fragmentID == 0)
        let payload = header.payload.byteCount
        #expect(payload == 8)
    }

    @Test func `counts an authentication header in fours`() throws {
        let bytes = PacketBuilder().authentication(valueLength: 12).udp().bytes
        let length = try ExtensionHeader(bytes.span.bytes, number: 51).length
        #expect(length == 24)
    }

    @Test func `shows a fragment's place`() throws {
        let bytes = PacketBuilder().fragment(offset: 65_528, moreFragments: true, identification: 0x8000_0001)
            .bytes
        let header = try ExtensionHeader(bytes.span.bytes, number: 44)
        #expect(header.length == 8)
        #expect(header.fragmentOffset == 65_528)
        #expect(header.moreFragments == true)
        #expect(header.fragmentID == 0x8000_0001)
    }

    @Test func `refuses other numbers and fewer bytes`() {
        let bytes = PacketBuilder().extensionHeader(60, contents: [UInt8](repeating: 0, count: 14)).bytes
        #expect(throws: WireError.invalid(field: .extensionHeader, value: 6)) {
            _ = try ExtensionHeader(bytes.span.bytes, number: 6)
        }
        for count in 0..<16 {
            let cut = Array(bytes[..<count])
            #expect(throws: WireError.truncated(need: count < 8 ? 8 : 16, have: count)) {
                _ = try ExtensionHeader(cut.span.bytes, number: 60)
            }
        }
    }
}

@Suite struct `A view of ARP` {
    @Test func `shows every field`() throws {
        let bytes = PacketBuilder().arp(operation: 2, from: "10.0.0.1", to: "10.0.0.2").bytes
        let packet = try ARP(bytes.span.bytes)
        #expect(packet.hardwareSpace == 1)
        #expect(packet.operation == 2)
        #expect(packet.senderHardware == 0x0200_0000_0001)
        #expect(packet.sender == PacketBuilder.address("10.0.0.1"))
        #expect(packet.targetHardware == 0)
        #expect(packet.target == PacketBuilder.address("10.0.0.2"))
    }

    @Test func `refuses fewer bytes and other families`() {
        let bytes = PacketBuilder().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
        let cut = Array(bytes.dropLast())
        #expect(throws: WireError.truncated(need: 28, have: 27)) { _ = try ARP(cut.span.bytes) }
        var other = bytes
        other[4] = 8
        #expect(throws: WireError.invalid(field: .headerLength, value: 0x0804)) {
            _ = try ARP(other.span.bytes)
        }
    }
}
