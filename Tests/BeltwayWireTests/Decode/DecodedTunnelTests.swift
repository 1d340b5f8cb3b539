// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Testing

@testable import BeltwayWire

@Suite struct `Decoding a packet in a tunnel` {
    private static let all =
        routedTunnels.map { ($0, $0.bytes) } + bridgedTunnels.map { ($0, $0.bridged) }

    @Test(arguments: all.indices)
    func `gives the headers inside, the tunnel's identifier and the ends outside`(index: Int) {
        let (tunnel, bytes) = Self.all[index]
        let headers = decode(bytes)
        #expect(headers.trouble == .none, "\(tunnel.name)")
        #expect(headers.tunnelKind == tunnel.kind, "\(tunnel.name)")
        #expect(headers.tunnelDepth == tunnel.depth, "\(tunnel.name)")
        #expect(headers.tunnelID == tunnel.identifier, "\(tunnel.name)")
        #expect(headers.tunnelKey == (tunnel.kind.isSymmetric ? tunnel.identifier : 0), "\(tunnel.name)")
        #expect(headers.source == PacketBuilder.address("192.168.0.1"), "\(tunnel.name)")
        #expect(headers.destination == PacketBuilder.address("192.168.0.2"), "\(tunnel.name)")
        #expect(headers.sourcePort == 40_000 && headers.destinationPort == 80, "\(tunnel.name)")
        #expect(headers.layers.contains(.tcp), "\(tunnel.name)")
        #expect(headers.payloadLength == 6, "\(tunnel.name)")
        #expect(Array(bytes[Int(headers.payloadOffset)...]) == Array("inside".utf8), "\(tunnel.name)")
        // Next outside, where there are several.
        let inside = outside(bytes, layer: tunnel.depth - 1)
        #expect(headers.outer.source == inside.source, "\(tunnel.name)")
        #expect(headers.outer.transportProtocol == inside.transportProtocol, "\(tunnel.name)")
        #expect(headers.outer.tunnelKind == inside.tunnelKind, "\(tunnel.name)")
        let isVersion6 = outside(bytes, layer: 0).ipVersion == 6
        let source = PacketBuilder.address(isVersion6 ? "2001:db8::1" : "10.0.0.1")
        #expect(outside(bytes, layer: 0).source == source, "\(tunnel.name)")
    }

    private func outside(_ bytes: [UInt8], layer: UInt8) -> PacketHeaders {
        var headers = PacketHeaders()
        withExactCopy(of: bytes, count: bytes.count) {
            PacketDecoder.decode($0, linkType: .ethernet, layer: layer, into: &headers)
        }
        return headers
    }

    @Test(arguments: all.indices)
    func `gives each of the headers outside, if asked to come no further in`(index: Int) {
        let (tunnel, bytes) = Self.all[index]
        for layer in 0..<tunnel.depth {
            let outside = self.outside(bytes, layer: layer)
            #expect(outside.layers.contains(.ip), "\(tunnel.name)")
            #expect(outside.tunnelDepth == layer, "\(tunnel.name)")
            #expect(!outside.layers.contains(.tcp), "\(tunnel.name)")
            let ports = (outside.sourcePort, outside.destinationPort)
            #expect(TunnelKind.mayBeCarried(by: outside.transportProtocol, ports: ports), "\(tunnel.name)")
            #expect(Int(outside.payloadOffset) + Int(outside.payloadLength) == bytes.count, "\(tunnel.name)")
        }
        let inside = outside(bytes, layer: tunnel.depth)
        let all = decode(bytes)
        #expect(inside.source == all.source && inside.payloadOffset == all.payloadOffset, "\(tunnel.name)")
        #expect(outside(bytes, layer: 6).tunnelDepth == tunnel.depth, "\(tunnel.name)")
        #expect(outside(bytes, layer: .max).tunnelDepth == tunnel.depth, "\(tunnel.name)")
    }

    @Test(arguments: all.indices)
    func `never reaches beyond any prefix, on the way to a layer either`(index: Int) {
        let (tunnel, bytes) = Self.all[index]
        for layer in 0..<tunnel.depth {
            for count in 0...bytes.count {
                var headers = PacketHeaders()
                withExactCopy(of: bytes, count: count) {
                    PacketDecoder.decode($0, linkType: .ethernet, layer: layer, into: &headers)
                }
                #expect(complaint(about: headers, count: count) == nil, "\(tunnel.name) cut to \(count)")
                #expect(headers.tunnelDepth <= layer, "\(tunnel.name) cut to \(count)")
            }
        }
    }

    @Test(arguments: all.indices)
    func `never reaches beyond any prefix`(index: Int) {
        let (tunnel, bytes) = Self.all[index]
        for count in 0...bytes.count {
            let headers = withExactCopy(of: bytes, count: count) {
                PacketDecoder.decode($0, linkType: .ethernet)
            }
            #expect(complaint(about: headers, count: count) == nil, "\(tunnel.name) cut to \(count)")
        }
    }

    @Test(arguments: [UInt64(11), 12])
    func `survives changed bytes`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        for round in 0..<40_000 {
            var (tunnel, bytes) = Self.all[Int(numbers.next() % UInt64(Self.all.count))]
            for _ in 0...numbers.next() % 4 {
                bytes[Int(numbers.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: numbers.next())
            }
            let count = numbers.next() % 3 == 0 ? Int(numbers.next() % UInt64(bytes.count + 1)) : bytes.count
            let headers = withExactCopy(of: bytes, count: count) {
                PacketDecoder.decode($0, linkType: .ethernet)
            }
            if let complaint = complaint(about: headers, count: count) {
                Issue.record("seed \(seed), round \(round), \(tunnel.name): \(complaint)")
            }
        }
    }

    @Test(arguments: carriedPackets.indices)
    func `sees through labels, PPPoE and backbone tags, which are no tunnels`(index: Int) {
        let (name, around) = carriedPackets[index]
        let headers = decode(around.ipv4(from: "192.168.0.1", to: "192.168.0.2").tcp().payload("x").bytes)
        #expect(headers.trouble == .none, "\(name)")
        #expect(headers.tunnelDepth == 0, "\(name)")
        #expect(headers.source == PacketBuilder.address("192.168.0.1"), "\(name)")
        #expect(headers.payloadLength == 1, "\(name)")
    }

    @Test func `takes IPv6 in IPv4 and Teredo with its indications`() {
        let outside = PacketBuilder().ethernet().ipv4()
        let inside = { (around: PacketBuilder) in around.ipv6().udp(to: 53).payload("query").bytes }
        #expect(decode(inside(outside)).tunnelKind == .sixInFour)
        let origin: [UInt8] = [0, 0, 1, 2, 3, 4, 5, 6]
        let authentication: [UInt8] = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
        for indications in [[], origin, authentication, authentication + origin] {
            let headers = decode(inside(outside.udp(from: 3544, to: 50_000).payload(indications)))
            #expect(headers.tunnelKind == .teredo)
            #expect(headers.ipVersion == 6)
            #expect(headers.destinationPort == 53)
        }
    }

    @Test func `takes Teredo off its port by its shape alone`() {
        let outside = PacketBuilder().ethernet().ipv4().udp(from: 50_000, to: 51_000)
        let (client, peer) = ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1")
        for (from, to) in [(client, peer), (peer, client), (client, client)] {
            let packet = outside.ipv6(from: from, to: to).udp(to: 53).payload("query").bytes
            #expect(decode(packet).tunnelKind == .teredo)
            #expect(decode(packet).destinationPort == 53)
            // Cut by the snap length or followed by more, it is not known for sure.
            for count in 42..<packet.count { #expect(decode(Array(packet[..<count])).tunnelDepth == 0) }
        }
        let bubble = outside.ipv6(from: client, to: peer, nextHeader: 59).bytes
        #expect(decode(bubble).tunnelDepth == 1 && decode(bubble).ipVersion == 6)
    }

    @Test func `does not take for Teredo what lacks a bit of its shape`() {
        let outside = PacketBuilder().ethernet().ipv4().udp(from: 50_000, to: 51_000)
        let (client, peer) = ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1")
        let others = [
            outside.ipv6(from: "2001:1::1", to: peer).udp().payload("x"),
            outside.ipv6(from: client, to: peer, payloadLength: 8).udp().payload("x"),
            outside.ipv6(from: client, to: peer, payloadLength: 10).udp().payload("x"),
            outside.ipv6(from: client, to: peer, nextHeader: 200).udp().payload("x"),
            outside.ipv6(from: "2001:0:4136:e378:8100:63bf:3fff:fdd2", to: peer).udp().payload("x"),
            PacketBuilder().ethernet().ipv6().udp(from: 50_000, to: 51_000).ipv6(from: client, to: peer)
                .udp(),
        ]
        for packet in others {
            let headers = decode(packet.bytes)
            #expect(headers.tunnelDepth == 0 && headers.sourcePort == 50_000 && headers.trouble == .none)
        }
    }

    @Test(arguments: [false, true])
    func `takes mirrored frames that come without IP around them`(isThree: Bool) {
        let header: [UInt8] =
            isThree ? [0x20, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0] : [0x10, 1, 0, 5, 0, 0, 0, 0]
        let outside = PacketBuilder().ethernet(etherType: isThree ? 0x22eb : 0x88be).payload(header)
            .ethernet()
        let packet = outside.ipv4(from: "192.168.0.1", to: "192.168.0.2").udp(to: 53).payload("query").bytes
        let headers = decode(packet)
        #expect(headers.tunnelDepth == 0 && headers.destinationPort == 53 && headers.payloadLength == 5)
        for count in 0..<packet.count { #expect(decode(Array(packet[..<count])).payloadLength <= 5) }
        var wrong = packet
        wrong[14] = 0x30
        #expect(decode(wrong).trouble == .unsupportedNetwork)
    }

    @Test func `keeps the outer headers if nothing that leads to IP is inside`() {
        let udp = PacketBuilder().ethernet().ipv4().udp(from: 40_001, to: 4789)
        let payloads: [[UInt8]] = [
            [8, 0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1, 0], [8, 0], Array(repeating: 8, count: 60),
        ]
        for payload in payloads {
            let headers = decode(udp.payload(payload).bytes)
            #expect(headers.tunnelDepth == 0)
            #expect(headers.destinationPort == 4789)
            #expect(headers.trouble == .none)
            #expect(Int(headers.payloadLength) == payload.count)
        }
        let arp = udp.payload([8, 0, 0, 0, 0, 0, 1, 0]).ethernet().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
        #expect(decode(arp).destinationPort == 4789)
    }

    @Test func `does not look into a fragment`() {
        let packet = PacketBuilder().ethernet().ipv4(moreFragments: true).ipv4().tcp().bytes
        #expect(decode(packet).tunnelDepth == 0)
    }

    @Test func `follows tunnels in tunnels only so far`() {
        var packet = PacketBuilder().ethernet()
        for _ in 0..<100 { packet = packet.ipv4() }
        let headers = decode(packet.tcp().bytes)
        #expect(headers.tunnelDepth == 6)
        #expect(headers.trouble == .unsupportedTransport)
        #expect(headers.outer.source == PacketBuilder.address("10.0.0.1"))
    }

    @Test func `appends the VLANs inside to those outside`() {
        let packet = PacketBuilder().ethernet().vlan(5).ipv4().udp(to: 4789).payload([8, 0, 0, 0, 0, 0, 1, 0])
            .ethernet().vlan(6).ipv4().tcp().bytes
        let headers = decode(packet)
        #expect(headers.vlanCount == 2)
        #expect(headers.vlan.outer & 0xfff == 5 && headers.vlan.inner & 0xfff == 6)
    }

    @Test func `asks every tunnel's port`() {
        for port in UInt16.min...UInt16.max {
            let isTunnel = [1701, 2152, 3544, 4754, 4789, 4790, 5247, 6081, 8472].contains(port)
            #expect(PacketDecoder.isTunnelPort(port) == isTunnel)
            let bit = PacketDecoder.tunnelPorts >> UInt64(port & 63) & 1
            #expect(PacketDecoder.mayCarryTunnel(port) == (bit == 1))
        }
    }
}
