// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `Decoding IPv4` {
    @Test func `takes over every field`() {
        let packet = PacketBuilder().ethernet()
            .ipv4(from: "192.0.2.1", to: "198.51.100.255", timeToLive: 63, identification: 0xbeef).udp()
            .payload("four")
        let headers = decode(packet.bytes)
        #expect(headers.source == IPAddress(v4: 0xc000_0201))
        #expect(headers.destination == IPAddress(v4: 0xc633_64ff))
        #expect(headers.ipVersion == 4)
        #expect(headers.timeToLive == 63)
        #expect(headers.fragmentID == 0xbeef)
        #expect(headers.transportProtocol == 17)
        #expect(headers.ipLength == 32)
        #expect(!headers.isFragment)
    }

    @Test func `leaves link padding out of the payload`() {
        let bytes = PacketBuilder().ethernet().ipv4().tcp().payload("ab").bytes
        let headers = decode(bytes + [0, 0, 0, 0])
        #expect(headers.payloadLength == 2)
        #expect(headers.capturedPayloadLength == 2)
    }

    @Test func `takes a total length of 0 for all that was captured`() {
        let bytes = PacketBuilder().ethernet().ipv4(totalLength: 0).tcp().payload("offloaded").bytes
        let headers = decode(bytes)
        #expect(headers.trouble == .none)
        #expect(headers.payloadLength == 9)
        #expect(headers.ipLength == 49)
    }

    @Test(arguments: [UInt16(1), 19])
    func `refuses a total length below the header's`(length: UInt16) {
        let headers = decode(PacketBuilder().ethernet().ipv4(totalLength: length).tcp().bytes)
        #expect(headers.trouble == .invalidNetwork)
        #expect(headers.layers == .link)
    }

    @Test func `refuses a total length inside the options`() {
        let packet = PacketBuilder().ethernet().ipv4(options: [1, 1, 1, 1], totalLength: 20).tcp()
        #expect(decode(packet.bytes).trouble == .invalidNetwork)
    }

    @Test(arguments: UInt8(0)..<5)
    func `refuses a header length below five words`(words: UInt8) {
        #expect(
            decode(PacketBuilder().ethernet().ipv4(headerWords: words).tcp().bytes).trouble == .invalidNetwork
        )
    }

    @Test(arguments: [UInt8(0), 5, 6, 15])
    func `refuses another version`(version: UInt8) {
        var bytes = PacketBuilder().ethernet().ipv4().tcp().bytes
        bytes[14] = version << 4 | 5
        #expect(decode(bytes).trouble == .invalidNetwork)
    }

    @Test(arguments: [4, 8, 40])
    func `steps over options`(count: Int) {
        let packet = PacketBuilder().ethernet().ipv4(options: [UInt8](repeating: 1, count: count)).tcp()
            .payload("a")
        let headers = decode(packet.bytes)
        #expect(headers.layers.contains(.tcp))
        #expect(Int(headers.transportOffset) == 34 + count)
        #expect(headers.payloadLength == 1)
    }

    @Test func `gives what a cut packet still tells`() {
        let bytes = PacketBuilder().ethernet().ipv4(options: [1, 1, 1, 1]).tcp().payload("abc").bytes
        let none = decode(bytes[..<33])
        #expect(none.trouble == .truncatedNetwork)
        #expect(!none.layers.contains(.ip))
        let addresses = decode(bytes[..<37])
        #expect(addresses.trouble == .truncatedNetwork)
        #expect(addresses.layers == [.link, .ip])
        #expect(addresses.transportProtocol == 6)
        #expect(addresses.payloadLength == 23)
        #expect(addresses.capturedPayloadLength == 0)
        let payload = decode(bytes[..<60])
        #expect(payload.trouble == .none)
        #expect(payload.payloadLength == 3)
        #expect(payload.capturedPayloadLength == 2)
    }

    @Test func `gives the transport header of a first fragment only`() {
        let first = decode(
            PacketBuilder().ethernet().ipv4(identification: 7, moreFragments: true).udp(length: 2_000)
                .payload("abcdefgh").bytes
        )
        #expect(first.layers == [.link, .ip, .udp])
        #expect(first.moreFragments)
        #expect(first.fragmentOffset == 0)
        #expect(first.isFragment && !first.isLaterFragment)
        #expect(first.payloadLength == 8)

        let later = decode(
            PacketBuilder().ethernet().ipv4(identification: 7, fragmentOffset: 65_528, ipProtocol: 17)
                .payload("abcdefgh").bytes
        )
        #expect(later.layers == [.link, .ip])
        #expect(later.trouble == .none)
        #expect(later.transportProtocol == 17)
        #expect(later.fragmentOffset == 65_528)
        #expect(later.isLaterFragment)
        #expect(later.transportOffset == 0)
        #expect(later.payloadOffset == 34)
        #expect(later.payloadLength == 8)
        #expect(later.sourcePort == 0)
    }

    @Test(arguments: [UInt8(2), 4, 41, 47, 50, 89, 103, 58])
    func `names a transport protocol that is not decoded`(number: UInt8) {
        let headers = decode(PacketBuilder().ethernet().ipv4(ipProtocol: number).payload("abcd").bytes)
        #expect(headers.trouble == .unsupportedTransport)
        #expect(headers.layers == [.link, .ip])
        #expect(headers.transportProtocol == number)
        #expect(headers.payloadOffset == 34)
        #expect(headers.payloadLength == 4)
    }

    @Test func `steps over an authentication header`() {
        let headers = decode(PacketBuilder().ethernet().ipv4().authentication().tcp().payload("a").bytes)
        #expect(headers.layers == [.link, .ip, .tcp])
        #expect(headers.transportProtocol == 6)
        #expect(headers.payloadLength == 1)
    }
}

@Suite struct `Decoding IPv6` {
    @Test func `takes over every field`() {
        let packet = PacketBuilder().ethernet().ipv6(from: "fe80::1", to: "ff02::fb", hopLimit: 255).udp()
            .payload("four")
        let headers = decode(packet.bytes)
        #expect(headers.source == IPAddress(high: 0xfe80_0000_0000_0000, low: 1))
        #expect(headers.destination == IPAddress(high: 0xff02_0000_0000_0000, low: 0xfb))
        #expect(headers.ipVersion == 6)
        #expect(headers.timeToLive == 255)
        #expect(headers.transportProtocol == 17)
        #expect(headers.ipLength == 52)
        #expect(headers.payloadLength == 4)
        #expect(headers.transportOffset == 54)
    }

    @Test(arguments: [UInt8(0), 43, 60, 135], [6, 14, 254])
    func `steps over an extension header of each kind and length`(number: UInt8, contents: Int) {
        let bytes = [UInt8](repeating: 0, count: contents)
        let headers = decode(
            PacketBuilder().ethernet().ipv6().extensionHeader(number, contents: bytes).tcp().payload("a")
                .bytes
        )
        #expect(headers.layers == [.link, .ip, .tcp])
        #expect(Int(headers.transportOffset) == 54 + contents + 2)
        #expect(headers.transportProtocol == 6)
        #expect(headers.payloadLength == 1)
    }

    @Test func `steps over an authentication header, whose length counts in words`() {
        let headers = decode(PacketBuilder().ethernet().ipv6().authentication(valueLength: 32).udp().bytes)
        #expect(headers.layers.contains(.udp))
        #expect(headers.transportOffset == 98)
    }

    @Test func `reads fragments`() {
        let first = decode(
            PacketBuilder().ethernet().ipv6().extensionHeader(0)
                .fragment(offset: 0, moreFragments: true, identification: 0xdead_beef).udp().payload("ab")
                .bytes
        )
        #expect(first.layers.contains(.udp))
        #expect(first.isFragment && !first.isLaterFragment)
        #expect(first.fragmentID == 0xdead_beef)
        let later = decode(
            PacketBuilder().ethernet().ipv6().fragment(offset: 1_448, moreFragments: false).payload(
                "abcdefgh"
            ).bytes
        )
        #expect(later.layers == [.link, .ip])
        #expect(later.fragmentOffset == 1_448)
        #expect(later.transportProtocol == 253)
        #expect(later.trouble == .none)
        #expect(later.payloadOffset == 62)
        #expect(later.payloadLength == 8)
        let atomic = decode(
            PacketBuilder().ethernet().ipv6().fragment(offset: 0, moreFragments: false).udp().bytes
        )
        #expect(!atomic.isFragment)
        #expect(atomic.layers.contains(.udp))
    }

    @Test func `knows that nothing follows`() {
        let headers = decode(PacketBuilder().ethernet().ipv6(nextHeader: 59).bytes + [0, 0, 0, 0, 0, 0])
        #expect(headers.trouble == .none)
        #expect(headers.layers == [.link, .ip])
        #expect(headers.payloadLength == 0)
    }

    @Test func `takes the length of a jumbogram from its option`() {
        let packet = PacketBuilder().ethernet().ipv6(payloadLength: 0)
            .extensionHeader(0, contents: [0xc2, 4, 0, 1, 0, 0]).tcp().payload("abc")
        let headers = decode(packet.bytes)
        #expect(headers.ipLength == 65_576)
        #expect(headers.layers.contains(.tcp))
        #expect(headers.payloadLength == 65_536 - 28)
        #expect(headers.capturedPayloadLength == 3)
    }

    @Test func `takes a payload length of 0 without that option for all that was captured`() {
        let headers = decode(PacketBuilder().ethernet().ipv6(payloadLength: 0).tcp().payload("abc").bytes)
        #expect(headers.layers.contains(.tcp))
        #expect(headers.payloadLength == 3)
    }

    @Test func `tells a cut extension header from one that is longer than its packet`() {
        let bytes = PacketBuilder().ethernet().ipv6()
            .extensionHeader(60, contents: [UInt8](repeating: 0, count: 22)).tcp().bytes
        let cut = decode(bytes[..<70])
        #expect(cut.trouble == .truncatedNetwork)
        #expect(cut.layers == [.link, .ip])
        var wrong = bytes
        wrong[55] = 200
        #expect(decode(wrong).trouble == .invalidNetwork)
    }

    @Test(arguments: 14..<54)
    func `says that the fixed header is cut`(count: Int) {
        let bytes = PacketBuilder().ethernet().ipv6().tcp().bytes
        #expect(decode(bytes[..<count]).trouble == .truncatedNetwork)
        #expect(decode(bytes[..<count]).layers == .link)
    }
}
