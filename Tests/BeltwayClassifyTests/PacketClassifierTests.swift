// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayClassify
import BeltwayTestSupport
import BeltwayWire
import Testing

/// Decodes and classifies an array.
func verdict(
    _ bytes: [UInt8],
    by classifier: PacketClassifier,
    linkType: LinkType = .ethernet
) -> Verdict {
    let packet = bytes.span.bytes
    return classifier.classify(PacketDecoder.decode(packet, linkType: linkType), packet: packet)
}

@Suite struct `A packet classifier` {
    let classifier = PacketClassifier(workers: 1_000)
    static let client = "192.0.2.10"
    static let server = "198.51.100.20"
    static let outward = PacketBuilder().ethernet().ipv4(from: client, to: server)
    static let back = PacketBuilder().ethernet().ipv4(from: server, to: client)

    @Test func `names what a packet is`() {
        let v4 = PacketBuilder().ethernet().ipv4()
        let v6 = PacketBuilder().ethernet().ipv6()
        func kind(_ packet: PacketBuilder) -> Classification {
            verdict(packet.bytes, by: classifier).classification
        }
        #expect(kind(v4.tcp()) == .tcp)
        #expect(kind(v6.udp()) == .udp)
        #expect(kind(v4.sctp()) == .sctp)
        #expect(kind(v4.icmp()) == .icmp)
        #expect(kind(v6.icmpv6()) == .icmp)
        #expect(kind(PacketBuilder().ethernet().ipv4(ipProtocol: 47)) == .ip)
        #expect(kind(PacketBuilder().ethernet().ipv4(moreFragments: true).udp(length: 999)) == .fragment)
        #expect(kind(v6.fragment(offset: 8, moreFragments: false)) == .fragment)
        #expect(kind(PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2")) == .other)
    }

    @Test func `gives what is not IP to worker 0`() {
        let arp = PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
        #expect(verdict(arp, by: classifier) == Verdict(flowHash: 0, worker: 0, classification: .other))
        #expect(verdict([], by: classifier) == Verdict(flowHash: 0, worker: 0, classification: .other))
        #expect(verdict([1, 2], by: classifier, linkType: LinkType(rawValue: 147)).classification == .other)
    }

    @Test(arguments: [SharePolicy.addressPair, .flow])
    func `gives both directions one hash and one worker`(share: SharePolicy) {
        let classifier = PacketClassifier(share: share, workers: 1_000)
        let one = verdict(Self.outward.tcp(from: 50_000, to: 80).bytes, by: classifier)
        let other = verdict(Self.back.tcp(from: 80, to: 50_000).bytes, by: classifier)
        #expect(one == other)
        let ping = verdict(Self.outward.icmp(type: 8).bytes, by: classifier)
        let pong = verdict(Self.back.icmp(type: 0).bytes, by: classifier)
        #expect(ping == pong)
    }

    @Test func `gives all connections of two hosts to one worker, and by flow to several`() {
        let packets = (0..<50).map { Self.outward.tcp(from: 50_000 + $0, to: 80).bytes }
        #expect(Set(packets.map { verdict($0, by: classifier).worker }).count == 1)
        #expect(Set(packets.map { verdict($0, by: classifier).flowHash }).count == 50)
        let byFlow = PacketClassifier(share: .flow, workers: 1_000)
        #expect(Set(packets.map { verdict($0, by: byFlow).worker }).count > 40)
    }

    @Test func `gives fragments to the worker of their flow`() {
        let whole = verdict(Self.outward.udp(from: 1, to: 2).bytes, by: classifier)
        let first = verdict(
            PacketBuilder().ethernet().ipv4(from: Self.client, to: Self.server, moreFragments: true)
                .udp(from: 1, to: 2, length: 2_000).bytes,
            by: classifier
        )
        let later = verdict(
            PacketBuilder().ethernet()
                .ipv4(from: Self.client, to: Self.server, fragmentOffset: 1_480, ipProtocol: 17)
                .payload("rest").bytes,
            by: classifier
        )
        #expect(first.worker == whole.worker)
        #expect(later.worker == whole.worker)
        #expect(first.flowHash == whole.flowHash)
        let hash = classifier.hash.flow(
            PacketBuilder.address(Self.client),
            portA: 0,
            PacketBuilder.address(Self.server),
            portB: 0,
            transportProtocol: 17
        )
        #expect(later.flowHash == hash)
    }

    @Test(arguments: [SharePolicy.addressPair, .flow])
    func `gives all fragments of a datagram to one worker`(share: SharePolicy) {
        let classifier = PacketClassifier(share: share, workers: 1_000)
        func worker(_ offset: UInt16, _ more: Bool) -> UInt32 {
            verdict(
                PacketBuilder().ethernet().ipv6().fragment(offset: offset, moreFragments: more)
                    .udp(from: 7, to: 9, length: 4_000).payload("data").bytes,
                by: classifier
            ).worker
        }
        #expect(Set([worker(0, true), worker(1_448, true), worker(2_896, false)]).count == 1)
    }

    @Test(arguments: [SharePolicy.addressPair, .flow])
    func `gives an ICMP error to the worker of the flow that it speaks of`(share: SharePolicy) {
        let classifier = PacketClassifier(share: share, workers: 1_000)
        let flow = verdict(Self.outward.tcp(from: 50_000, to: 80).bytes, by: classifier)
        let router = PacketBuilder().ethernet().ipv4(from: "203.0.113.1", to: Self.client)
        let error = verdict(
            router.icmp(type: 11, rest: 0).ipv4(from: Self.client, to: Self.server).tcp(from: 50_000, to: 80)
                .bytes,
            by: classifier
        )
        #expect(error.worker == flow.worker)
        #expect(error.classification == .icmp)
        let ownPair = verdict(router.udp().bytes, by: PacketClassifier(workers: 1_000))
        #expect(error.worker != ownPair.worker)
        // Eight bytes of the transport header are enough.
        let short = PacketBuilder().ethernet().ipv4(from: "203.0.113.1", to: Self.client, totalLength: 56)
            .icmp(type: 11, rest: 0).ipv4(from: Self.client, to: Self.server).tcp(from: 50_000, to: 80).bytes
        #expect(verdict(short, by: classifier).worker == flow.worker)
    }

    @Test func `gives an ICMPv6 error to the worker of the flow that it speaks of`() {
        let flow = verdict(PacketBuilder().ethernet().vlan(5).ipv6().udp().bytes, by: classifier)
        let error = verdict(
            PacketBuilder().ethernet().vlan(5).ipv6(from: "fe80::99", to: "2001:db8::1")
                .icmpv6(type: 2, rest: 1_280).ipv6().udp().bytes,
            by: classifier
        )
        #expect(error.worker == flow.worker)
    }

    @Test func `separates VLANs if told to`() {
        let one = PacketBuilder().ethernet().vlan(1).ipv4().tcp().bytes
        let two = PacketBuilder().ethernet().vlan(2).ipv4().tcp().bytes
        let none = PacketBuilder().ethernet().ipv4().tcp().bytes
        let urgent = PacketBuilder().ethernet().vlan(1, priority: 7).ipv4().tcp().bytes
        let zero = PacketBuilder().ethernet().vlan(0, priority: 3).ipv4().tcp().bytes
        #expect(verdict(one, by: classifier) != verdict(two, by: classifier))
        #expect(verdict(one, by: classifier) == verdict(urgent, by: classifier))
        #expect(verdict(zero, by: classifier) == verdict(none, by: classifier))
        let together = PacketClassifier(vlansSeparateFlows: false, workers: 1_000)
        #expect(verdict(one, by: together) == verdict(two, by: together))
        #expect(verdict(one, by: together) == verdict(none, by: together))
    }

    @Test(arguments: [1, 2, 3, 5, 16])
    func `names only workers that there are, and each of them`(workers: Int) {
        let classifier = PacketClassifier(workers: workers)
        let found = Set((0..<2_000).map { classifier.worker(ofHash: UInt32($0) &* 2_654_435_761) })
        #expect(found == Set(0..<UInt32(workers)))
        #expect(classifier.worker(ofHash: .max) == UInt32(workers) - 1)
        #expect(classifier.worker(ofHash: 0) == 0)
    }

    @Test func `never traps on bytes that changed after decoding`() {
        var numbers = SeededNumbers(seed: 4)
        let error = PacketBuilder().ethernet().ipv4().icmp(type: 3, rest: 0).ipv4().tcp().bytes
        let headers = PacketDecoder.decode(error.span.bytes, linkType: .ethernet)
        for _ in 0..<5_000 {
            var bytes = error
            for _ in 0..<4 {
                bytes[Int(numbers.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: numbers.next())
            }
            let count = Int(numbers.next() % UInt64(bytes.count + 1))
            let worker = withExactCopy(of: bytes, count: count) {
                classifier.classify(headers, packet: $0).worker
            }
            #expect(worker < 1_000)
        }
    }
}
