// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Testing

/// Numbers that look random and are the same in every run (SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// The records of flows that ended.
private struct Records: FactSink {
    var flows: [FlowRecord] = []
    mutating func record(_ fact: Fact) { if case .flow(let record) = fact { flows.append(record) } }
}

/// A reassembler, a tracker behind it, and what came out.
private struct Fragments: ~Copyable {
    var reassembler: FragmentReassembler
    var tracker = FlowTracker()
    var records = Records()
    var whole: [[UInt8]] = []
    var headers: [PacketHeaders] = []
    var framesOut = 0
    private var ordinal: UInt64 = 0

    init(_ configuration: FragmentConfiguration = FragmentConfiguration()) {
        reassembler = FragmentReassembler(configuration)
    }

    init(hosts: HostPolicies) { reassembler = FragmentReassembler(hosts: hosts) }

    init(_ policy: FragmentPolicy) {
        var configuration = FragmentConfiguration()
        configuration.policy = policy
        self.init(configuration)
    }

    mutating func take(_ packet: [UInt8], seconds: Double = 0) {
        var headers = PacketHeaders()
        PacketDecoder.decode(packet.span.bytes, linkType: .ethernet, into: &headers)
        guard headers.isFragment else { return }
        ordinal += 1
        let frame = FragmentFrame(
            headers: headers,
            hash: 1,
            time: Timestamp(nanoseconds: 1_000_000_000_000 + UInt64(seconds * 1e9)),
            originalLength: UInt32(packet.count),
            ordinal: ordinal,
            buffer: 0,
            interface: 0
        )
        reassembler.take(frame, packet: packet.span.bytes)
        reassembler.settle()
        drain()
    }

    mutating func drain() {
        while let datagram = reassembler.next() {
            framesOut += datagram.frames.count
            if datagram.isWhole {
                whole.append(datagram.bytes)
                headers.append(datagram.headers)
            }
            _ = tracker.track(datagram, facts: &records)
        }
    }

    mutating func finish() -> [FlowRecord] {
        reassembler.finish()
        drain()
        tracker.finish(at: Timestamp(seconds: 1000), facts: &records)
        return records.flows
    }
}

/// Fragments of one IPv4 datagram from 10.0.0.1 to 10.0.0.2.
private func fragment(
    _ bytes: ArraySlice<UInt8>,
    at offset: Int,
    isLast: Bool,
    identification: UInt16 = 7,
    ipProtocol: UInt8 = 17
) -> [UInt8] {
    PacketBuilder().ethernet().ipv4(
        identification: identification,
        fragmentOffset: UInt16(truncatingIfNeeded: offset),
        moreFragments: !isLast,
        ipProtocol: ipProtocol
    ).payload(Array(bytes)).bytes
}

private func cut(_ bytes: [UInt8], every size: Int, identification: UInt16 = 7, ipProtocol: UInt8 = 17)
    -> [[UInt8]]
{
    stride(from: 0, to: bytes.count, by: size).map { start in
        let end = min(start + size, bytes.count)
        return fragment(
            bytes[start..<end],
            at: start,
            isLast: end == bytes.count,
            identification: identification,
            ipProtocol: ipProtocol
        )
    }
}

/// A UDP datagram from port 40000 to 53, its IP header left out.
private func datagram(_ count: Int) -> [UInt8] {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    return Array(PacketBuilder().ipv4().udp().payload(payload).bytes.dropFirst(20))
}

@Suite struct `Fragments of a datagram` {
    @Test(arguments: [8, 16, 24, 512, 1480], [0, 1, 2])
    func `become the datagram again in any order, and one flow with its ports`(size: Int, order: Int) throws {
        let original = datagram(3000)
        var packets = cut(original, every: size)
        if order == 1 { packets.reverse() }
        if order == 2 {
            var random = Seeded(state: UInt64(size))
            packets.shuffle(using: &random)
        }
        var fragments = Fragments()
        for packet in packets { fragments.take(packet) }
        let (whole, headers) = (fragments.whole, fragments.headers)
        try #require(whole.count == 1)
        #expect(Array(whole[0].dropFirst(20)) == original)
        #expect(headers[0].layers.contains(.udp) && headers[0].destinationPort == 53)
        #expect(headers[0].payloadLength == 3000 && headers[0].capturedPayloadLength == 3000)
        #expect(!headers[0].isFragment)
        let weight = fragments.reassembler.weight
        #expect(weight == 0)
        let flows = fragments.finish()
        try #require(flows.count == 1)
        #expect(flows[0].originatorPort == 40_000 && flows[0].responderPort == 53)
        #expect(flows[0].packetsToResponder == UInt64(packets.count))
        #expect(flows[0].bytesToResponder == UInt64(packets.reduce(0) { $0 + $1.count }))
        #expect(flows[0].payloadBytesToResponder == 3000)
    }

    @Test func `of IPv6 are known without their protocol, behind options, and in a jumble of datagrams`()
        throws
    {
        let original = Array(
            PacketBuilder().ipv6().extensionHeader(60).udp().payload([UInt8](repeating: 9, count: 2000)).bytes
                .dropFirst(40)
        )
        var fragments = Fragments()
        for start in stride(from: 0, to: original.count, by: 504) {
            for identification in [UInt32(1), 2] {
                let part = Array(original[start..<min(start + 504, original.count)])
                fragments.take(
                    PacketBuilder().ethernet().ipv6().extensionHeader(0)
                        .fragment(
                            offset: UInt16(start),
                            moreFragments: start + 504 < original.count,
                            identification: identification
                        ).payload([]).payload(part).bytes.settingNextHeader(60)
                )
            }
        }
        let (whole, headers) = (fragments.whole, fragments.headers)
        try #require(whole.count == 2)
        for index in 0..<2 {
            #expect(Array(whole[index].dropFirst(40)) == original)
            #expect(headers[index].layers.contains(.udp) && headers[index].payloadLength == 2000)
        }
        let flows = fragments.finish()
        #expect(flows.count == 1)
        #expect(flows[0].packetsToResponder == 8)
    }

    @Test func `give TCP its whole segment`() throws {
        let segment = Array(
            PacketBuilder().ipv4().tcp(sequence: 1000, flags: [.psh, .ack]).payload(
                [UInt8](repeating: 1, count: 900)
            )
            .bytes.dropFirst(20)
        )
        var fragments = Fragments()
        for packet in cut(segment, every: 64, ipProtocol: 6) { fragments.take(packet) }
        let flows = fragments.finish()
        try #require(flows.count == 1)
        #expect(flows[0].payloadBytesToResponder == 900)
        #expect(flows[0].metered.originator.retransmissions == 0)
        #expect(flows[0].packetsToResponder == 15)
    }

    @Test func `without the first one are a flow without ports`() throws {
        var fragments = Fragments()
        for packet in cut(datagram(1000), every: 400).dropFirst() { fragments.take(packet) }
        let flows = fragments.finish()
        try #require(flows.count == 1)
        #expect(flows[0].originatorPort == 0 && flows[0].responderPort == 0)
        #expect(flows[0].packetsToResponder == 2)
        #expect(fragments.reassembler.statistics.timedOut == 1)
    }

    @Test func `are waited for as long as was said, whether time is told or seen`() {
        let packets = cut(datagram(1000), every: 512)
        for tells in [false, true] {
            var fragments = Fragments()
            fragments.take(packets[0])
            if tells { fragments.reassembler.expire(through: Timestamp(seconds: 1031)) }
            fragments.drain()
            let out = fragments.framesOut
            #expect(out == (tells ? 1 : 0))
            fragments.take(packets[1], seconds: 31)
            _ = fragments.finish()
            #expect(fragments.whole.isEmpty && fragments.framesOut == 2)
            #expect(fragments.reassembler.statistics.timedOut == 2)
        }
    }

    /// Byte by byte: which fragment stands at each place.
    private func model(_ parts: [Range<Int>], _ prefersNew: (Range<Int>, Range<Int>) -> Bool) -> [Int?] {
        var owner = [Int?](repeating: nil, count: parts.map(\.upperBound).max() ?? 0)
        for (number, part) in parts.enumerated() {
            for place in part {
                if let old = owner[place], !prefersNew(part, parts[old]) { continue }
                owner[place] = number
            }
        }
        return owner
    }

    @Test(arguments: FragmentPolicy.allCases)
    func `that overlap give the bytes that the policy says, place by place`(policy: FragmentPolicy) throws {
        let rules: [FragmentPolicy: (Range<Int>, Range<Int>) -> Bool] = [
            .first: { _, _ in false }, .last: { _, _ in true },
            .bsd: { $0.lowerBound < $1.lowerBound }, .bsdRight: { $0.lowerBound >= $1.lowerBound },
            .linux: { $0.lowerBound <= $1.lowerBound },
            .solaris: { $0.lowerBound < $1.lowerBound && $0.upperBound >= $1.upperBound },
            .windows: { $0.lowerBound < $1.lowerBound && $0.upperBound > $1.upperBound },
        ]
        let rule = try #require(rules[policy])
        var random = Seeded(state: 5)
        for round in 0..<300 {
            // The last fragment first, so that no earlier one completes the datagram; then random ones; then the rest.
            var parts = [88..<96]
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let start = Int.random(in: 0...10, using: &random)
                let length = Int.random(in: 1...(11 - start), using: &random)
                parts.append((start * 8)..<((start + length) * 8))
                if Set(parts.flatMap { Array($0) }).count == 96 { break }
            }
            let seen = Set(parts.flatMap { Array($0) })
            for start in stride(from: 0, to: 96, by: 8) where !seen.contains(start) {
                parts.append(start..<(start + 8))
            }
            var fragments = Fragments(policy)
            for (number, part) in parts.enumerated() {
                let bytes = [UInt8](repeating: UInt8(number), count: part.count)
                fragments.take(
                    fragment(bytes[...], at: part.lowerBound, isLast: number == 0, ipProtocol: 200)
                )
            }
            let whole = fragments.whole
            try #require(whole.count == 1, "round \(round)")
            #expect(
                whole[0].dropFirst(20).map(Int.init) == model(parts, rule).map { $0 ?? -1 },
                "round \(round): \(parts)"
            )
        }
    }
}

@Suite struct `Fragments for hosts with a policy of their own` {
    @Test(arguments: [
        ("10.0.0.2", 32, "aaaabbbb"), ("10.0.0.1", 32, "aaaaaaaa"), ("10.0.0.0", 8, "aaaabbbb"),
    ])
    func `are put together as the host that gets them does`(network: String, length: Int, expected: String) {
        var hosts = HostPolicies()
        let policy = HostPolicies.Policy(segments: .last, fragments: .last)
        hosts.add(PacketBuilder.address(network), length: length, version: 4, policy)
        var fragments = Fragments(hosts: hosts)
        let (old, new) = (Array("aaaaaaaa".utf8), Array("aaaabbbb".utf8))
        fragments.take(fragment(old[...], at: 0, isLast: false, ipProtocol: 200))
        fragments.take(fragment(new[...], at: 0, isLast: false, ipProtocol: 200))
        fragments.take(fragment(old[...], at: 8, isLast: true, ipProtocol: 200))
        let whole = fragments.whole
        #expect(whole.count == 1)
        #expect(whole.first?.dropFirst(20).prefix(8).elementsEqual(expected.utf8) == true)
    }
}

@Suite struct `Hostile fragments` {
    @Test func `that end beyond 65535 bytes, are empty or odd, are counted and not used`() {
        var fragments = Fragments()
        let bytes = [UInt8](repeating: 1, count: 100)
        fragments.take(fragment(bytes[...], at: 65_528, isLast: true))
        fragments.take(fragment(bytes[..<99], at: 0, isLast: false))
        fragments.take(fragment(bytes[..<0], at: 8, isLast: false))
        fragments.take(fragment(bytes[..<8], at: 8, isLast: true))
        fragments.take(fragment(bytes[..<8], at: 24, isLast: false))
        let statistics = fragments.reassembler.statistics
        #expect(statistics.tooLong == 1)
        #expect(statistics.malformed == 3)
        #expect(fragments.finish().reduce(0) { $0 + $1.packetsToResponder } == 5)
        #expect(fragments.whole.isEmpty)
    }

    @Test func `that never end stay within the budget, and the datagrams of others come through`() {
        var configuration = FragmentConfiguration()
        configuration.budget = 256 << 10
        var fragments = Fragments(configuration)
        let bytes = [UInt8](repeating: 1, count: 1480)
        var greatest = 0
        for number in 0..<5000 {
            fragments.take(
                fragment(bytes[...], at: 1480 * (number % 3), isLast: false, identification: UInt16(number))
            )
            let weight = fragments.reassembler.weight
            greatest = max(greatest, weight)
            if number % 100 == 0 {
                for packet in cut(datagram(2000), every: 800, identification: 60_000) {
                    fragments.take(packet)
                }
            }
        }
        #expect(greatest <= 256 << 10)
        let whole = fragments.whole.count
        #expect(whole == 50)
        // 50 datagrams of three fragments each among 5,000 fragments of others.
        #expect(fragments.finish().reduce(0) { $0 + $1.packetsToResponder } == 5150)
        #expect(fragments.framesOut == 5150)
    }

    @Test func `of one datagram are no more than are allowed`() {
        var fragments = Fragments()
        for _ in 0..<5000 { fragments.take(fragment([1, 2, 3, 4, 5, 6, 7, 8], at: 800, isLast: false)) }
        let statistics = fragments.reassembler.statistics
        #expect(statistics.tooMany == 2)
        #expect(fragments.finish().reduce(0) { $0 + $1.packetsToResponder } == 5000)
    }

    @Test
    func `that were cut by the capture, at any byte, or changed at random, neither trap nor go uncounted`() {
        var random = Seeded(state: 11)
        let original = cut(datagram(300), every: 128)
        for round in 0..<400 {
            var fragments = Fragments(FragmentPolicy.allCases[round % FragmentPolicy.allCases.count])
            var taken = 0
            for packet in original {
                var bytes = packet
                if round < 190 {
                    bytes = Array(bytes.prefix(round))
                } else {
                    for _ in 0..<4 {
                        bytes[Int.random(in: 14..<bytes.count, using: &random)] = UInt8.random(
                            in: 0...255,
                            using: &random
                        )
                    }
                }
                var headers = PacketHeaders()
                PacketDecoder.decode(bytes.span.bytes, linkType: .ethernet, into: &headers)
                if headers.isFragment { taken += 1 }
                fragments.take(bytes)
            }
            let flows = fragments.finish()
            #expect(fragments.framesOut == taken, "round \(round), seed 11")
            #expect(
                flows.reduce(0) { $0 + $1.packetsToResponder + $1.packetsToOriginator } == UInt64(taken),
                "round \(round), seed 11"
            )
            #expect(fragments.reassembler.weight == 0)
        }
    }

    @Test
    func `that were overwritten while they were copied spoil their datagram, which is counted all the same`()
    {
        var fragments = Fragments()
        let packets = cut(datagram(1000), every: 512)
        let packet = packets[0]
        var headers = PacketHeaders()
        PacketDecoder.decode(packet.span.bytes, linkType: .ethernet, into: &headers)
        let frame = FragmentFrame(
            headers: headers,
            hash: 1,
            time: Timestamp(seconds: 1000),
            originalLength: 554,
            ordinal: 1,
            buffer: 0,
            interface: 0
        )
        fragments.reassembler.take(frame, packet: packet.span.bytes)
        fragments.reassembler.spoilLast()
        fragments.reassembler.settle()
        fragments.take(packets[1])
        let flows = fragments.finish()
        #expect(fragments.whole.isEmpty)
        #expect(fragments.reassembler.statistics.notCaptured == 1)
        #expect(flows.map(\.packetsToResponder) == [2])
        #expect(flows.map(\.responderPort) == [53])
    }
}

extension [UInt8] {
    /// Sets the protocol that an IPv6 Fragment header behind Ethernet, IPv6 and eight bytes of options names.
    fileprivate func settingNextHeader(_ number: UInt8) -> [UInt8] {
        var bytes = self
        bytes[14 + 40 + 8] = number
        return bytes
    }
}
