// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire

/// One packet of every kind that decoding knows, and of some that it does not.
let samplePackets: [(name: String, packet: CapturedPacket)] = {
    func frame(_ name: String, _ linkType: LinkType, _ bytes: [UInt8]) -> (String, CapturedPacket) {
        (name, CapturedPacket(linkType: linkType, bytes: bytes))
    }
    func frame(_ name: String, _ bytes: [UInt8]) -> (String, CapturedPacket) { frame(name, .ethernet, bytes) }
    let start = PacketBuilder()
    let ethernet = start.ethernet()
    let v4 = ethernet.ipv4()
    let v6 = ethernet.ipv6()
    let tcp = start.ipv4().tcp().payload("GET / HTTP/1.1\r\n\r\n").bytes
    let inside = PacketBuilder().payload(tcp)
    return [
        frame("tcp", v4.tcp(options: [2, 4, 5, 180, 1, 3, 3, 7]).payload("hello").bytes),
        frame("tcp with padding", v4.tcp().bytes + [0, 0, 0, 0, 0, 0]),
        frame("udp", v4.udp().payload("query").bytes),
        frame("sctp", v4.sctp().payload([0, 3, 0, 4]).bytes),
        frame("icmp echo", v4.icmp().payload("ping").bytes),
        frame("icmp error", v4.icmp(type: 3, code: 3, rest: 0).ipv4().udp().payload("x").bytes),
        frame("ipv4 options", ethernet.ipv4(options: [7, 7, 4, 1, 2, 3, 4, 0]).tcp().payload("a").bytes),
        frame(
            "ipv4 first fragment",
            ethernet.ipv4(moreFragments: true).udp(length: 4_000).payload("ab").bytes
        ),
        frame(
            "ipv4 later fragment",
            ethernet.ipv4(fragmentOffset: 1_480, ipProtocol: 17).payload("ab").bytes
        ),
        frame("ipv4 authentication", v4.authentication().tcp().payload("a").bytes),
        frame("ipv4 without length", ethernet.ipv4(totalLength: 0).tcp().payload("large").bytes),
        frame("gre", ethernet.ipv4(ipProtocol: 47).payload([0, 0, 8, 0]).bytes),
        frame("ipv6 tcp", v6.tcp().payload("hello").bytes),
        frame("ipv6 udp", v6.udp().payload("query").bytes),
        frame("icmpv6", v6.icmpv6().payload("ping").bytes),
        frame("icmpv6 error", v6.icmpv6(type: 1, rest: 0).ipv6().tcp().payload("x").bytes),
        frame(
            "ipv6 extension headers",
            v6.extensionHeader(0).extensionHeader(43).extensionHeader(
                60,
                contents: [UInt8](repeating: 0, count: 14)
            )
            .authentication(valueLength: 16).extensionHeader(135).tcp().payload("deep").bytes
        ),
        frame("ipv6 first fragment", v6.fragment(offset: 0, moreFragments: true).udp().payload("ab").bytes),
        frame("ipv6 later fragment", v6.fragment(offset: 64, moreFragments: false).payload("abcdefgh").bytes),
        frame(
            "ipv6 jumbo",
            ethernet.ipv6(payloadLength: 0).extensionHeader(0, contents: [0xc2, 4, 0, 1, 0, 0]).tcp().bytes
        ),
        frame("vlan", ethernet.vlan(7).ipv4().tcp().payload("tagged").bytes),
        frame("qinq", ethernet.vlan(100, tpid: 0x88a8).vlan(200).ipv6().udp().payload("tagged").bytes),
        frame("old qinq", ethernet.vlan(100, tpid: 0x9100).vlan(200).vlan(300).ipv4().udp().bytes),
        frame("arp", ethernet.arp(from: "10.0.0.1", to: "10.0.0.2").bytes),
        frame("snap", start.ethernet8023().snap().ipv4().tcp().bytes),
        frame("spanning tree", start.ethernet8023().payload([0x42, 0x42, 3, 0, 0, 0, 0, 0]).bytes),
        frame("mpls", start.ethernet(etherType: 0x8847).payload([0, 1, 1, 64]).bytes),
        frame("cooked", .linuxCooked, start.linuxCooked().ipv4().tcp().payload("x").bytes),
        frame("cooked llc", .linuxCooked, start.linuxCooked(protocolField: 4).snap().ipv4().udp().bytes),
        frame("cooked 2", .linuxCooked2, start.linuxCooked2().vlan(3).ipv6().tcp().bytes),
        frame("null", .null, start.loopback(family: 2).ipv4().tcp().bytes),
        frame("loop", .loop, start.loopback(family: 24, bigEndian: true).ipv6().udp().bytes),
        frame("ppp", .ppp, start.ppp().ipv4().tcp().bytes),
        frame("ppp hdlc", .pppHDLC, start.ppp(hdlc: true).ipv6().udp().bytes),
        frame(
            "radiotap",
            .radiotap,
            start.payload([0, 0, 10, 0, 2, 0, 0, 0, 0x20, 0, 0x88, 2])
                .payload([UInt8](repeating: 0, count: 26)).snap().ipv4().tcp().bytes
        ),
        frame(
            "packet information",
            .packetInformation,
            start.payload([0, 0, 8, 0, 105, 0, 0, 0, 8, 1]).payload([UInt8](repeating: 0, count: 22))
                .snap().ipv6().udp().bytes
        ),
        frame("arcnet", .arcnetLinux, start.payload([1, 2, 0, 0, 212, 0, 0, 1]).ipv4().tcp().bytes),
        frame("frame relay", .frameRelay, start.payload([0x18, 0x61, 3, 0xcc]).ipv4().tcp().bytes),
        frame(
            "netfilter log",
            .netfilterLog,
            start.payload([2, 0, 0, 40, 8, 0, 1, 0, 0, 0, 3, 0, 5, 0, 10, 0, 9, 0, 0, 0, 44, 0, 9, 0]).ipv4()
                .tcp()
                .bytes
        ),
        frame(
            "service header",
            start.ethernet(etherType: 0x894f).payload([0x0f, 0xc6, 1, 1]).payload(
                [UInt8](repeating: 0, count: 20)
            )
            .ipv4().tcp().bytes
        ),
        frame("cisco hdlc", .ciscoHDLC, start.payload([15, 0, 8, 0]).ipv4().tcp().bytes),
        frame("raw", .raw, inside.bytes),
        frame("raw ipv4", .ipv4, inside.bytes),
        frame("raw ipv6", .ipv6, start.ipv6().udp().payload("x").bytes),
        frame("unknown link", LinkType(rawValue: 147), [1, 2, 3, 4]),
    ]
}()

/// Decodes an array.
func decode(_ bytes: [UInt8], _ linkType: LinkType = .ethernet) -> PacketHeaders {
    PacketDecoder.decode(bytes.span.bytes, linkType: linkType)
}

/// What is wrong with headers decoded from `count` bytes, or nil: the decoder's second invariant.
func complaint(about headers: PacketHeaders, count: Int) -> String? {
    if Int(headers.networkOffset) > count { return "network offset \(headers.networkOffset) of \(count)" }
    if Int(headers.transportOffset) > count {
        return "transport offset \(headers.transportOffset) of \(count)"
    }
    if Int(headers.payloadOffset) + Int(headers.capturedPayloadLength) > count {
        return "payload \(headers.payloadOffset) + \(headers.capturedPayloadLength) of \(count)"
    }
    if headers.capturedPayloadLength > headers.payloadLength {
        return "captured payload \(headers.capturedPayloadLength) of \(headers.payloadLength)"
    }
    let transports: PacketHeaders.Layers = [.tcp, .udp, .sctp, .icmp, .icmpv6]
    if !headers.layers.isDisjoint(with: transports), headers.transportOffset == 0,
        !headers.layers.contains(.ip)
    {
        return "a transport layer without IP"
    }
    if headers.isLaterFragment, !headers.layers.isDisjoint(with: transports) {
        return "a transport layer in a later fragment"
    }
    if headers.layers.contains(.tcp),
        Int(headers.transportOffset) + Int(headers.tcpHeaderLength) > count, headers.trouble == .none
    {
        return "a TCP header beyond the packet"
    }
    return nil
}

/// Decodes the packet inside an ICMP error message.
func decodeEmbedded(_ message: [UInt8], isVersion6: Bool) -> PacketHeaders? {
    PacketDecoder.decodeEmbedded(in: message.span.bytes, isVersion6: isVersion6)
}
