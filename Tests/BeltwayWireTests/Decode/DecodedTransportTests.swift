// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `Decoding a transport header` {
    @Test func `takes over every field of TCP`() {
        let packet = PacketBuilder().ethernet().ipv4().tcp(
            from: 51_000,
            to: 443,
            sequence: 0x0102_0304,
            acknowledgement: 0xfffe_fdfc,
            flags: [.syn, .ack],
            window: 29_200,
            options: [2, 4, 5, 180]
        ).payload("abc")
        let headers = decode(packet.bytes)
        #expect(headers.sourcePort == 51_000)
        #expect(headers.destinationPort == 443)
        #expect(headers.sequence == 0x0102_0304)
        #expect(headers.acknowledgement == 0xfffe_fdfc)
        #expect(headers.tcpFlags == 0x12)
        #expect(headers.window == 29_200)
        #expect(headers.tcpHeaderLength == 24)
        #expect(headers.transportOffset == 34)
        #expect(headers.payloadOffset == 58)
        #expect(headers.payloadLength == 3)
        #expect(headers.capturedPayloadLength == 3)
    }

    @Test(arguments: [UInt8(0), 4, 7, 15])
    func `refuses a TCP data offset that is too small or leads out of the packet`(words: UInt8) {
        let headers = decode(PacketBuilder().ethernet().ipv4().tcp(headerWords: words).payload("abcd").bytes)
        #expect(headers.trouble == .invalidTransport)
        #expect(headers.layers == [.link, .ip])
        #expect(headers.sourcePort == 40_000)
        #expect(headers.payloadLength == 0)
    }

    @Test func `takes a TCP data offset that leads to the end of the packet`() {
        let headers = decode(PacketBuilder().ethernet().ipv4().tcp(headerWords: 6).payload("abcd").bytes)
        #expect(headers.trouble == .none)
        #expect(headers.tcpHeaderLength == 24)
        #expect(headers.payloadLength == 0)
    }

    @Test func `gives what a cut TCP header still tells`() {
        let bytes = PacketBuilder().ethernet().ipv4().tcp(flags: [.syn], options: [2, 4, 5, 180]).payload(
            "ab"
        ).bytes
        let nothing = decode(bytes[..<37])
        #expect(nothing.trouble == .truncatedTransport)
        #expect(nothing.sourcePort == 0)
        let ports = decode(bytes[..<38])
        #expect(ports.trouble == .truncatedTransport)
        #expect(ports.sourcePort == 40_000)
        #expect(ports.destinationPort == 80)
        #expect(ports.layers == [.link, .ip])
        let fixed = decode(bytes[..<54])
        #expect(fixed.trouble == .truncatedTransport)
        #expect(fixed.layers == [.link, .ip, .tcp])
        #expect(fixed.tcpFlags == 2)
        #expect(fixed.payloadOffset == 54)
        #expect(fixed.payloadLength == 2)
        #expect(fixed.capturedPayloadLength == 0)
    }

    @Test func `tells a header that the capture cut from one that the packet is too short for`() {
        let bytes = PacketBuilder().ethernet().ipv4(totalLength: 30).tcp().bytes
        #expect(decode(bytes).trouble == .invalidTransport)
        #expect(decode(bytes[..<40]).trouble == .truncatedTransport)
        let fragment = PacketBuilder().ethernet().ipv4(moreFragments: true, ipProtocol: 6).payload("abcdefgh")
            .bytes
        #expect(decode(fragment).trouble == .truncatedTransport)
    }

    @Test func `ends UDP where its own length says`() {
        let bytes = PacketBuilder().ethernet().ipv4().udp(length: 10).payload("abcdef").bytes
        let headers = decode(bytes)
        #expect(headers.layers.contains(.udp))
        #expect(headers.payloadLength == 2)
        #expect(headers.capturedPayloadLength == 2)
        #expect(headers.payloadOffset == 42)
    }

    @Test(arguments: [UInt16(1), 7, 15, 65_535])
    func `refuses a UDP length below its header or beyond the packet`(length: UInt16) {
        let headers = decode(PacketBuilder().ethernet().ipv4().udp(length: length).payload("abcdef").bytes)
        #expect(headers.trouble == .invalidTransport)
        #expect(headers.layers == [.link, .ip])
        #expect(headers.destinationPort == 53)
    }

    @Test func `takes a UDP length of 0 for the IP packet's`() {
        let headers = decode(PacketBuilder().ethernet().ipv6().udp(length: 0).payload("abcdef").bytes)
        #expect(headers.layers.contains(.udp))
        #expect(headers.payloadLength == 6)
    }

    @Test func `gives what a cut UDP payload still tells`() {
        let bytes = PacketBuilder().ethernet().ipv4().udp().payload("abcdef").bytes
        let headers = decode(bytes[..<44])
        #expect(headers.trouble == .none)
        #expect(headers.payloadLength == 6)
        #expect(headers.capturedPayloadLength == 2)
    }

    @Test func `gives the ports of SCTP and its chunks as payload`() {
        let bytes = PacketBuilder().ethernet().ipv4().sctp(from: 1, to: 2).payload("abcd").bytes
        let headers = decode(bytes)
        #expect(headers.layers == [.link, .ip, .sctp])
        #expect(headers.sourcePort == 1)
        #expect(headers.destinationPort == 2)
        #expect(headers.payloadOffset == 46)
        #expect(headers.payloadLength == 4)
        #expect(decode(bytes[..<45]).trouble == .truncatedTransport)
        #expect(decode(bytes[..<45]).sourcePort == 1)
    }

    @Test(arguments: [UInt8(0), 8, 13, 14, 17, 18])
    func `gives type, code and identifier of an ICMP query`(type: UInt8) {
        let bytes = PacketBuilder().ethernet().ipv4().icmp(type: type, code: 0, rest: 0x1234_0001).payload(
            "ab"
        ).bytes
        let headers = decode(bytes)
        #expect(headers.layers == [.link, .ip, .icmp])
        #expect(headers.sourcePort == UInt16(type))
        #expect(headers.destinationPort == 0)
        #expect(headers.icmpIdentifier == 0x1234)
        #expect(headers.payloadLength == 2)
    }

    @Test func `gives no identifier of an ICMP error`() {
        let bytes = PacketBuilder().ethernet().ipv4().icmp(type: 3, code: 4, rest: 0x1234_0500).bytes
        #expect(decode(bytes).icmpIdentifier == 0)
        #expect(decode(bytes).destinationPort == 4)
    }

    @Test func `knows ICMP only in IPv4 and ICMPv6 only in IPv6`() {
        #expect(decode(PacketBuilder().ethernet().ipv6().icmpv6().bytes).layers == [.link, .ip, .icmpv6])
        #expect(decode(PacketBuilder().ethernet().ipv6().icmpv6().bytes).icmpIdentifier == 1)
        #expect(decode(PacketBuilder().ethernet().ipv6().icmp().bytes).trouble == .unsupportedTransport)
        #expect(decode(PacketBuilder().ethernet().ipv4().icmpv6().bytes).trouble == .unsupportedTransport)
    }

    @Test func `refuses an ICMP message below its header`() {
        let headers = decode(PacketBuilder().ethernet().ipv4(totalLength: 27).icmp().bytes)
        #expect(headers.trouble == .invalidTransport)
        #expect(headers.sourcePort == 8)
    }

    @Test(arguments: samplePackets.indices)
    func `gives the same headers when they are decoded in place of others`(index: Int) {
        let packet = samplePackets[index].packet
        var headers = decode(samplePackets[(index + 1) % samplePackets.count].packet.bytes)
        PacketDecoder.decode(packet.bytes.span.bytes, linkType: packet.linkType, into: &headers)
        #expect("\(headers)" == "\(decode(packet.bytes, packet.linkType))")
    }
}

@Suite struct `The packet inside an ICMP error` {
    @Test(arguments: [UInt8(3), 4, 5, 11, 12])
    func `is found in each type that holds one`(type: UInt8) throws {
        let message = PacketBuilder().icmp(type: type, rest: 0).ipv4(from: "10.1.1.1", to: "10.2.2.2")
            .tcp(from: 1, to: 2).bytes
        let inside = try #require(decodeEmbedded(message, isVersion6: false))
        #expect(inside.source == PacketBuilder.address("10.1.1.1"))
        #expect(inside.destination == PacketBuilder.address("10.2.2.2"))
        #expect(inside.destinationPort == 2)
    }

    @Test(arguments: [UInt8(1), 2, 3, 4])
    func `is found in each type of ICMPv6 that holds one`(type: UInt8) throws {
        let message = PacketBuilder().icmpv6(type: type, rest: 0).ipv6(from: "fe80::1", to: "fe80::2").udp()
            .bytes
        let inside = try #require(decodeEmbedded(message, isVersion6: true))
        #expect(inside.source == PacketBuilder.address("fe80::1"))
    }

    @Test func `keeps its ports when only eight bytes of its transport header came back`() throws {
        let message = PacketBuilder().icmp(type: 11, rest: 0).ipv4().tcp(from: 7, to: 9).payload("lost").bytes
        let inside = try #require(decodeEmbedded(Array(message[..<36]), isVersion6: false))
        #expect(inside.trouble == .truncatedTransport)
        #expect(inside.sourcePort == 7)
        #expect(inside.destinationPort == 9)
    }

    @Test func `is not found in a query, nor when its addresses are cut off`() {
        let query = PacketBuilder().icmp(type: 8).ipv4().tcp().bytes
        #expect(decodeEmbedded(query, isVersion6: false) == nil)
        let message = PacketBuilder().icmp(type: 3, rest: 0).ipv4().tcp().bytes
        for count in 0..<28 {
            #expect(decodeEmbedded(Array(message[..<count]), isVersion6: false) == nil)
        }
        #expect(decodeEmbedded(Array(message[..<28]), isVersion6: false) != nil)
    }
}
