// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `Decoding a link header` {
    @Test func `finds IPv4 behind Ethernet`() {
        let headers = decode(PacketBuilder().ethernet().ipv4().tcp().bytes)
        #expect(headers.trouble == .none)
        #expect(headers.layers == [.link, .ip, .tcp])
        #expect(headers.etherType == EtherType.ipv4)
        #expect(headers.networkOffset == 14)
        #expect(headers.vlanCount == 0)
    }

    @Test(arguments: [UInt16(0x8100), 0x88a8, 0x9100])
    func `takes a VLAN tag of each kind`(tpid: UInt16) {
        let headers = decode(
            PacketBuilder().ethernet().vlan(0xabc, priority: 5, tpid: tpid).ipv4().udp().bytes
        )
        #expect(headers.layers == [.link, .vlan, .ip, .udp])
        #expect(headers.vlan.outer == 0xaabc)
        #expect(headers.vlan.inner == 0)
        #expect(headers.vlanCount == 1)
        #expect(headers.networkOffset == 18)
    }

    @Test func `keeps two identifiers of three tags`() {
        let packet = PacketBuilder().ethernet().vlan(1, tpid: 0x88a8).vlan(2).vlan(3).ipv4().udp()
        let headers = decode(packet.bytes)
        #expect(headers.vlan.outer == 1)
        #expect(headers.vlan.inner == 2)
        #expect(headers.vlanCount == 3)
        #expect(headers.layers.contains(.udp))
    }

    @Test func `finds IP behind LLC and SNAP, behind a VLAN tag too`() {
        #expect(
            decode(PacketBuilder().ethernet8023().snap().ipv4().tcp().bytes).layers == [.link, .ip, .tcp]
        )
        let tagged = PacketBuilder().ethernet(etherType: 0x8100).payload([0, 5, 0, 60]).snap().ipv4().tcp()
        #expect(decode(tagged.bytes).layers == [.link, .vlan, .ip, .tcp])
    }

    @Test func `does not guess at other LLC, or at another organisation's numbers`() {
        let bridge = PacketBuilder().ethernet8023().payload([0x42, 0x42, 3, 0, 0, 0, 0, 0]).bytes
        #expect(decode(bridge).trouble == .unsupportedNetwork)
        let cdp = PacketBuilder().ethernet8023().snap(organisation: [0, 0, 12]).ipv4().tcp().bytes
        #expect(decode(cdp).trouble == .unsupportedNetwork)
        #expect(!decode(cdp).layers.contains(.ip))
    }

    @Test(arguments: [UInt16(0x8847), 0x8848, 0x8863, 0x8864, 0x88cc, 0x0600])
    func `names a network protocol that is not decoded`(etherType: UInt16) {
        let headers = decode(PacketBuilder().ethernet(etherType: etherType).ipv4().tcp().bytes)
        #expect(headers.trouble == .unsupportedNetwork)
        #expect(headers.etherType == etherType)
        #expect(headers.layers == .link)
    }

    @Test(arguments: 0..<14)
    func `says that Ethernet is cut`(count: Int) {
        let headers = decode([UInt8](repeating: 8, count: count))
        #expect(headers.trouble == .truncatedLink)
        #expect(headers.layers == [])
    }

    @Test(arguments: 14..<18)
    func `says that a VLAN tag is cut`(count: Int) {
        let bytes = PacketBuilder().ethernet().vlan(7).ipv4().tcp().bytes
        #expect(decode(Array(bytes[..<count])).trouble == .truncatedLink)
    }

    @Test func `finds IP in both versions of Linux cooked capture`() {
        let first = decode(PacketBuilder().linuxCooked().ipv4().tcp().bytes, .linuxCooked)
        #expect(first.layers == [.link, .ip, .tcp])
        #expect(first.networkOffset == 16)
        let second = decode(PacketBuilder().linuxCooked2().ipv6().udp().bytes, .linuxCooked2)
        #expect(second.layers == [.link, .ip, .udp])
        #expect(second.networkOffset == 20)
        let tagged = decode(PacketBuilder().linuxCooked().vlan(9).ipv4().tcp().bytes, .linuxCooked)
        #expect(tagged.layers == [.link, .vlan, .ip, .tcp])
    }

    @Test(arguments: [UInt16(801), 802, 803, 824])
    func `does not take the protocol of a cooked packet for an EtherType where it is none`(hardware: UInt16) {
        let packet = PacketBuilder().linuxCooked(hardwareType: hardware, protocolField: 0x0800).ipv4().tcp()
        #expect(decode(packet.bytes, .linuxCooked).trouble == .unsupportedNetwork)
    }

    @Test(arguments: [UInt32(2), 10, 24, 28, 30], [false, true])
    func `reads a loopback family in both byte orders`(family: UInt32, bigEndian: Bool) {
        let link = PacketBuilder().loopback(family: family, bigEndian: bigEndian)
        let packet = family == 2 ? link.ipv4().tcp() : link.ipv6().tcp()
        for linkType in [LinkType.null, .loop] {
            let headers = decode(packet.bytes, linkType)
            #expect(headers.layers == [.link, .ip, .tcp])
            #expect(headers.ipVersion == (family == 2 ? 4 : 6))
            #expect(headers.networkOffset == 4)
        }
    }

    @Test(arguments: [UInt32(0), 1, 7, 23, 31])
    func `does not guess at other loopback families`(family: UInt32) {
        let headers = decode(PacketBuilder().loopback(family: family).ipv4().tcp().bytes, .null)
        #expect(headers.trouble == .unsupportedNetwork)
    }

    @Test(arguments: [false, true], [LinkType.ppp, .pppHDLC])
    func `finds IP behind PPP with and without HDLC bytes`(hdlc: Bool, linkType: LinkType) {
        let v4 = decode(PacketBuilder().ppp(hdlc: hdlc).ipv4().tcp().bytes, linkType)
        #expect(v4.layers == [.link, .ip, .tcp])
        #expect(v4.networkOffset == (hdlc ? 4 : 2))
        #expect(decode(PacketBuilder().ppp(hdlc: hdlc).ipv6().udp().bytes, linkType).ipVersion == 6)
    }

    @Test func `finds IP behind a compressed PPP protocol number, and leaves other numbers alone`() {
        let packet = [0x21] + PacketBuilder().ipv4().tcp().bytes
        #expect(decode(packet, .ppp).layers == [.link, .ip, .tcp])
        #expect(decode(PacketBuilder().ppp(protocolField: 0xc021).bytes, .ppp).trouble == .unsupportedNetwork)
    }

    @Test func `takes the version of raw IP from its first four bits`() {
        for linkType in [LinkType.raw, .rawAsStoredByOldTools, .rawAsStoredByOpenBSD] {
            #expect(decode(PacketBuilder().ipv4().tcp().bytes, linkType).ipVersion == 4)
            #expect(decode(PacketBuilder().ipv6().tcp().bytes, linkType).ipVersion == 6)
            #expect(decode([0x50, 0, 0, 0], linkType).trouble == .unsupportedNetwork)
            #expect(decode([], linkType).trouble == .truncatedLink)
        }
        #expect(decode(PacketBuilder().ipv4().tcp().bytes, .ipv4).layers == [.link, .ip, .tcp])
        #expect(decode(PacketBuilder().ipv6().tcp().bytes, .ipv4).trouble == .invalidNetwork)
        #expect(decode(PacketBuilder().ipv4().tcp().bytes, .ipv6).trouble == .invalidNetwork)
    }

    @Test func `leaves unknown link types alone`() {
        let headers = decode(PacketBuilder().ethernet().ipv4().tcp().bytes, LinkType(rawValue: 147))
        #expect(headers.trouble == .unsupportedLinkType)
        #expect(headers.layers == [])
    }

    @Test func `knows ARP for IPv4 and no other`() {
        let packet = PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
        #expect(decode(packet).layers == [.link, .arp])
        #expect(decode(packet).trouble == .none)
        #expect(decode(packet.dropLast()).trouble == .truncatedNetwork)
        var other = packet
        other[18] = 8
        #expect(decode(other).trouble == .invalidNetwork)
    }
}

/// Decodes a slice.
func decode(_ bytes: ArraySlice<UInt8>, _ linkType: LinkType = .ethernet) -> PacketHeaders {
    decode(Array(bytes), linkType)
}
