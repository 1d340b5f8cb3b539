// SPDX-License-Identifier: Apache-2.0
import BeltwayClassify
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A flow hash` {
    struct Ends {
        var a: IPAddress
        var b: IPAddress
        var portA: UInt16
        var portB: UInt16
        var number: UInt8

        /// Now and then equal addresses or equal ports, where order is hardest.
        init(_ numbers: inout SeededNumbers) {
            let isVersion6 = numbers.next() % 2 == 0
            func address(_ numbers: inout SeededNumbers) -> IPAddress {
                isVersion6
                    ? IPAddress(high: numbers.next(), low: numbers.next())
                    : IPAddress(v4: UInt32(truncatingIfNeeded: numbers.next()))
            }
            a = address(&numbers)
            b = numbers.next() % 8 == 0 ? a : address(&numbers)
            portA = UInt16(truncatingIfNeeded: numbers.next())
            portB = numbers.next() % 8 == 0 ? portA : UInt16(truncatingIfNeeded: numbers.next())
            number = [6, 17, 132][Int(numbers.next() % 3)]
        }
    }

    @Test func `is the same for both directions`() {
        var numbers = SeededNumbers(seed: 11)
        let hash = FlowHash(seed: 5)
        for _ in 0..<20_000 {
            let ends = Ends(&numbers)
            let vlans = UInt32(truncatingIfNeeded: numbers.next()) & 0xff_ffff
            #expect(
                hash.addressPair(ends.a, ends.b, vlans: vlans)
                    == hash.addressPair(ends.b, ends.a, vlans: vlans)
            )
            #expect(
                hash.flow(
                    ends.a,
                    portA: ends.portA,
                    ends.b,
                    portB: ends.portB,
                    transportProtocol: ends.number,
                    vlans: vlans
                )
                    == hash.flow(
                        ends.b,
                        portA: ends.portB,
                        ends.a,
                        portB: ends.portA,
                        transportProtocol: ends.number,
                        vlans: vlans
                    )
            )
        }
    }

    @Test func `differs when only the ports change sides`() {
        var numbers = SeededNumbers(seed: 12)
        let hash = FlowHash()
        var equal = 0
        for _ in 0..<20_000 {
            let ends = Ends(&numbers)
            if ends.portA == ends.portB || ends.a == ends.b { continue }
            let one = hash.flow(ends.a, portA: ends.portA, ends.b, portB: ends.portB, transportProtocol: 6)
            let other = hash.flow(ends.a, portA: ends.portB, ends.b, portB: ends.portA, transportProtocol: 6)
            if one == other { equal += 1 }
        }
        #expect(equal <= 1)
    }

    @Test func `depends on protocol, VLANs, tunnel and seed`() {
        let (a, b) = (PacketBuilder.address("10.0.0.1"), PacketBuilder.address("10.0.0.2"))
        func flow(seed: UInt64 = 1, number: UInt8 = 6, vlans: UInt32 = 0, tunnel: UInt32 = 0) -> UInt32 {
            FlowHash(seed: seed).flow(
                a,
                portA: 1,
                b,
                portB: 2,
                transportProtocol: number,
                vlans: vlans,
                tunnelID: tunnel
            )
        }
        let all = [
            flow(), flow(seed: 2), flow(number: 17), flow(vlans: 1), flow(vlans: 1 << 12), flow(tunnel: 1),
        ]
        #expect(Set(all).count == all.count)
        #expect(flow() == flow())
    }

    /// Pearson's statistic over `bins` bins must lie within five standard deviations of its mean.
    func isUniform(_ hashes: [UInt32], bins: Int, by bin: (UInt32) -> Int) -> Bool {
        var counts = [Int](repeating: 0, count: bins)
        for hash in hashes { counts[bin(hash)] += 1 }
        let expected = Double(hashes.count) / Double(bins)
        let sum = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        let freedom = Double(bins - 1)
        return sum < freedom + 5 * (2 * freedom).squareRoot()
    }

    static let networks: [(name: String, pairs: [(IPAddress, IPAddress)])] = {
        let clients = (0..<64_000).map { IPAddress(v4: 0x0a00_0000 + UInt32($0)) }
        let servers = (0..<64_000).map { IPAddress(v4: 0xc0a8_0000 + UInt32($0 % 16)) }
        let mirrored = (0..<64_000).map { IPAddress(v4: 0x0a01_0000 + UInt32($0 ^ 0x55)) }
        let v6 = (0..<64_000).map { IPAddress(high: 0x2001_0db8_0000_0000, low: UInt64($0) << 16) }
        let subnets = (0..<64_000).map { IPAddress(high: 0x2001_0db8_0000_0000 + UInt64($0), low: 1) }
        return [
            ("clients to few servers", Array(zip(clients, servers))),
            ("neighbours", Array(zip(clients, mirrored))),
            ("hosts to one gateway", clients.map { ($0, IPAddress(v4: 0x0aff_fffe)) }),
            ("IPv6 hosts", v6.map { ($0, IPAddress(high: 0xfe80_0000_0000_0000, low: 1)) }),
            (
                "IPv6 subnets",
                Array(zip(subnets, subnets.reversed().map { IPAddress(high: $0.high, low: 2) }))
            ),
        ]
    }()

    @Test(arguments: networks.indices)
    func `spreads address pairs evenly, in its high bits and in its low ones`(network: Int) {
        let hash = FlowHash()
        let hashes = Self.networks[network].pairs.map { hash.addressPair($0.0, $0.1) }
        #expect(isUniform(hashes, bins: 7) { Int((UInt64($0) * 7) >> 32) })
        #expect(isUniform(hashes, bins: 1024) { Int($0 >> 22) })
        #expect(isUniform(hashes, bins: 1024) { Int($0 & 1023) })
    }

    @Test func `spreads the ports of two hosts evenly`() {
        let hash = FlowHash()
        let (a, b) = (PacketBuilder.address("10.0.0.1"), PacketBuilder.address("10.0.0.2"))
        let hashes = (0..<60_000).map {
            hash.flow(a, portA: UInt16(1_024 + $0), b, portB: 443, transportProtocol: 6)
        }
        #expect(isUniform(hashes, bins: 7) { Int((UInt64($0) * 7) >> 32) })
        #expect(isUniform(hashes, bins: 1024) { Int($0 >> 22) })
        #expect(isUniform(hashes, bins: 1024) { Int($0 & 1023) })
        // 60,000 of 2^32: 0.4 equal pairs are to be expected.
        #expect(Set(hashes).count > 59_990)
        let loop = (0..<60_000).map {
            hash.flow(a, portA: UInt16(1_024 + $0), a, portB: 443, transportProtocol: 6)
        }
        #expect(isUniform(loop, bins: 1024) { Int($0 & 1023) })
    }

    @Test func `keeps two 12-bit identifiers of the VLAN tags and nothing of their priority`() {
        var headers = PacketHeaders()
        headers.vlan = (0xf001, 0x3002)
        #expect(FlowHash.vlanIDs(headers) == 0x2001)
    }
}
