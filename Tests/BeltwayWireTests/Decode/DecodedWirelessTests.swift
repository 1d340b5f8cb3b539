// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// Address, duration and sequence fields of a frame whose first two bytes are `control`.
private func frame(_ first: UInt8, _ second: UInt8, _ rest: [UInt8] = [], fragment: UInt8 = 0) -> [UInt8] {
    var bytes = [first, second]
    bytes.append(contentsOf: [UInt8](repeating: 0x11, count: 20))
    bytes.append(contentsOf: [fragment, 0])
    bytes.append(contentsOf: rest)
    return bytes
}

/// Frames whose payload can be read, and how long their headers are.
private let readable: [(header: [UInt8], length: Int)] = [
    (frame(0x08, 0x01), 24),
    (frame(0x88, 0x02, [0, 0]), 26),
    (frame(0x08, 0x03, [1, 2, 3, 4, 5, 6]), 30),
    (frame(0x88, 0x83, [1, 2, 3, 4, 5, 6, 0, 0, 9, 9, 9, 9]), 36),
]

/// Frames of other kinds.
private let unreadable: [[UInt8]] = [
    frame(0x80, 0), frame(0xd4, 0), frame(0x48, 1), frame(0x08, 0x41), frame(0x08, 0x05),
    frame(0x08, 1, fragment: 1), frame(0x88, 1, [0x80, 0]), frame(0x09, 1),
]

/// A whole packet of several pieces.
private func joined(_ pieces: [UInt8]...) -> [UInt8] { pieces.flatMap { $0 } }

@Suite struct `Decoding wireless and rare links` {
    private let packet = PacketBuilder().snap().ipv4().tcp().payload("x").bytes

    @Test(arguments: readable.indices)
    func `a data frame leads to IP, behind each form of its header`(index: Int) {
        let (header, length) = readable[index]
        let headers = decode(joined(header, packet), .wirelessLAN)
        #expect(headers.layers == [.link, .ip, .tcp])
        #expect(Int(headers.networkOffset) == length + 8)
        #expect(headers.etherType == EtherType.ipv4)
    }

    @Test(arguments: unreadable.indices)
    func `beacons, encrypted frames, fragments and joined frames hold no packet`(index: Int) {
        let headers = decode(joined(unreadable[index], packet), .wirelessLAN)
        #expect(headers.layers.isDisjoint(with: [.ip, .tcp]))
        #expect(headers.trouble == .unsupportedNetwork)
    }

    @Test func `radiotap is passed over, and what the card put behind the header`() {
        let plain: [UInt8] = [0, 0, 10, 0, 2, 0, 0, 0, 0x00, 0]
        let padded: [UInt8] = [
            0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20,
        ]
        let header = frame(0x88, 0x02, [0, 0])
        #expect(decode(joined(plain, header, packet), .radiotap).layers == [.link, .ip, .tcp])
        #expect(decode(joined(padded, header, [0, 0], packet), .radiotap).layers == [.link, .ip, .tcp])
        #expect(decode(joined(padded, header, packet), .radiotap).layers == .link)
        let future: [UInt8] = [1, 0, 8, 0, 0, 0, 0, 0]
        #expect(decode(joined(future, header, packet), .radiotap).trouble == .unsupportedNetwork)
    }

    @Test func `per-packet information names the link type inside`() {
        func information(_ linkType: UInt8) -> [UInt8] { [0, 0, 12, 0, linkType, 0, 0, 0, 1, 2, 3, 4] }
        let wireless = joined(information(105), frame(0x08, 0x01), packet)
        #expect(decode(wireless, .packetInformation).layers == [.link, .ip, .tcp])
        let ethernet = joined(information(1), PacketBuilder().ethernet().ipv4().udp().bytes)
        #expect(decode(ethernet, .packetInformation).layers == [.link, .ip, .udp])
        #expect(decode(joined(information(99), packet), .packetInformation).trouble == .unsupportedNetwork)
    }

    @Test func `ARCNET and Cisco HDLC lead to IP`() {
        let datagram = PacketBuilder().ipv4().tcp().bytes
        let whole = joined([1, 2, 0, 0, 212, 0, 0, 1], datagram)
        #expect(decode(whole, .arcnetLinux).layers == [.link, .ip, .tcp])
        let part = joined([1, 2, 0, 0, 212, 2, 0, 1], datagram)
        #expect(decode(part, .arcnetLinux).trouble == .unsupportedNetwork)
        #expect(decode(joined([0x0f, 0, 8, 0], datagram), .ciscoHDLC).layers == [.link, .ip, .tcp])
    }

    @Test func `frame relay leads to IP in RFC 2427's ways and in Cisco's`() {
        let datagram = PacketBuilder().ipv4().tcp().bytes
        let heads: [[UInt8]] = [
            [0x18, 0x61, 8, 0], [0x18, 0x61, 3, 0xcc], [0x18, 0x61, 3, 0, 0xcc], [0x18, 0x60, 0x41, 3, 0xcc],
            [0x18, 0x60, 0x40, 0x41, 3, 0xcc], [0x18, 0x61, 3, 0, 0x80, 0, 0, 0, 8, 0],
        ]
        for head in heads {
            #expect(decode(joined(head, datagram), .frameRelay).layers == [.link, .ip, .tcp], "\(head)")
            for count in 0..<head.count {
                let trouble = decode(Array(head[..<count]), .frameRelay).trouble
                #expect(trouble == .truncatedLink, "\(head) cut to \(count)")
            }
        }
        let bridged = PacketBuilder().ethernet().ipv4().udp().bytes
        let frame = joined([0x18, 0x61, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], bridged)
        #expect(decode(frame, .frameRelay).layers == [.link, .ip, .udp])
        let version6 = joined([0x18, 0x61, 3, 0x8e], PacketBuilder().ipv6().udp().bytes)
        #expect(decode(version6, .frameRelay).ipVersion == 6)
        for other: [UInt8] in [
            [0x18, 0x61, 3, 8], [0x19, 0x61, 3, 0xcc], [0x18, 0x60, 0x40, 0x40, 0x41, 3, 0xcc],
            [0x18, 0x61, 0, 1], [0x18, 0x61, 3, 0x80, 0, 0x80, 0xc2, 0, 1],
        ] {
            #expect(decode(joined(other, datagram), .frameRelay).trouble == .unsupportedNetwork, "\(other)")
        }
    }

    @Test func `the packet filter's log leads to IP, in either byte order`() {
        let datagram = PacketBuilder().ipv4().tcp().bytes
        let length = UInt8(datagram.count + 4)
        let little: [UInt8] = [2, 0, 0, 40, 5, 0, 10, 0, 0, 0, 0, 0, length, 0, 9, 0]
        let big: [UInt8] = [2, 0, 0, 40, 0, 5, 0, 10, 0, 0, 0, 0, 0, length, 0, 9]
        #expect(decode(joined(little, datagram), .netfilterLog).layers == [.link, .ip, .tcp])
        #expect(decode(joined(big, datagram), .netfilterLog).layers == [.link, .ip, .tcp])
        // The first field tells the order, whatever flags its type has (NLA_F_NESTED) and whatever the others look like.
        let nested: [UInt8] = [2, 0, 0, 40, 5, 0, 10, 0x80, 0, 0, 0, 0, length, 0, 9, 0]
        let nestedBig: [UInt8] = [2, 0, 0, 40, 0, 5, 0x80, 10, 0, 0, 0, 0, 0, length, 0, 9]
        let later: [UInt8] = [2, 0, 0, 40, 5, 0, 10, 0, 0, 0, 0, 0, 4, 0, 0, 0x80, length, 0, 9, 0x40]
        for head in [nested, nestedBig, later] {
            #expect(decode(joined(head, datagram), .netfilterLog).layers == [.link, .ip, .tcp], "\(head)")
        }
        let version6 = joined([10, 0, 0, 0, 8, 0, 9, 0], PacketBuilder().ipv6().udp().bytes)
        #expect(decode(version6, .netfilterLog).ipVersion == 6)
        for count in 0..<little.count {
            #expect(decode(Array(little[..<count]), .netfilterLog).trouble == .truncatedLink, "\(count)")
        }
        // A field shorter than its own head, a family that is no IP, a version to come, fields without end.
        let short: [UInt8] = [2, 0, 0, 40, 3, 0, 10, 0]
        let field: [UInt8] = [4, 0, 10, 0]
        let endless: [UInt8] = [2, 0, 0, 40] + Array(repeatElement(field, count: 100).joined())
        for wrong in [short, [7, 0, 0, 40, 40, 0, 9, 0], [2, 1, 0, 40, 40, 0, 9, 0], endless] {
            #expect(decode(joined(wrong, datagram), .netfilterLog).trouble == .unsupportedNetwork, "\(wrong)")
        }
    }

    @Test func `service headers and security tags stand before IP, in VXLAN too`() {
        let service: [UInt8] = [0x0f, 0xc6, 1, 1] + [UInt8](repeating: 0, count: 20)
        let inside = PacketBuilder().ipv4(from: "192.168.0.1", to: "192.168.0.2").tcp().bytes
        let plain = PacketBuilder().ethernet(etherType: 0x894f).payload(joined(service, inside)).bytes
        #expect(decode(plain).layers == [.link, .ip, .tcp])
        let tagged = PacketBuilder().ethernet(etherType: 0x8909).payload(
            joined([1, 1, 0, 1, 0, 7, 8, 0], inside)
        ).bytes
        #expect(decode(tagged).layers == [.link, .ip, .tcp])
        let outside = PacketBuilder().ethernet().ipv4().udp(to: 4790)
        for head: [UInt8] in [[0x0c, 0, 0, 1, 0, 0, 9, 0], [0x08, 0, 0, 1, 0, 0, 9, 0]] {
            let headers = decode(outside.payload(joined(head, inside)).bytes)
            #expect(headers.tunnelKind == .vxlan && headers.tunnelID == 9 && headers.layers.contains(.tcp))
        }
        let nested = decode(
            outside.payload(joined([0x0c, 0, 0, 4, 0, 0, 9, 0], joined(service, inside))).bytes
        )
        #expect(nested.tunnelKind == .vxlan && nested.layers.contains(.tcp))
        let short: [UInt8] = [0x0f, 0xc1, 1, 1, 0, 0, 0, 0]
        let wrong = PacketBuilder().ethernet(etherType: 0x894f).payload(joined(short, inside)).bytes
        #expect(decode(wrong).trouble == .unsupportedNetwork)
    }

    @Test func `GRE carries wireless frames between a controller and its access points`() {
        let tunnel = PacketBuilder().ethernet().vlan(7).ipv4(ipProtocol: 47).payload([0, 0, 0x82, 0])
        let headers = decode(tunnel.payload(joined(frame(0x88, 0x01, [0, 0]), packet)).bytes)
        #expect(headers.layers == [.link, .vlan, .ip, .tcp])
        #expect(headers.tunnelKind == .gre)
        let beacon = decode(tunnel.payload(joined(frame(0x80, 0), packet)).bytes)
        #expect(beacon.tunnelDepth == 0)
        #expect(beacon.transportProtocol == 47)
    }

    @Test func `every cut of a header says so`() {
        let wireless = readable[3].header
        for count in 0..<wireless.count {
            #expect(decode(Array(wireless[..<count]), .wirelessLAN).trouble == .truncatedLink)
        }
        let radiotap: [UInt8] = [0, 0, 10, 0, 2, 0, 0, 0, 0, 0]
        for count in 0..<radiotap.count {
            #expect(decode(Array(radiotap[..<count]), .radiotap).trouble == .truncatedLink)
            let less = Array(radiotap[..<min(count, 7)])
            #expect(decode(less, .packetInformation).trouble == .truncatedLink)
            #expect(decode(less, .arcnetLinux).trouble == .truncatedLink)
        }
    }
}
