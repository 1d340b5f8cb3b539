// SPDX-License-Identifier: Apache-2.0
import BeltwayTrace
import BeltwayWire
import Testing

@Suite struct `Top talkers` {
    let hash = TalkerHash(key: 11)

    @Test func `are exact as long as every sender has a counter`() {
        var talkers = TopTalkers(sets: 64)
        var packets: [IPAddress: UInt64] = [:]
        var bytes: [IPAddress: UInt64] = [:]
        var random = Seeded(state: 1)
        for _ in 0..<5000 {
            let address = IPAddress(v4: UInt32.random(in: 0..<100, using: &random))
            let count = UInt64.random(in: 1..<4, using: &random)
            let length = UInt64.random(in: 0..<1500, using: &random)
            talkers.add(packets: count, bytes: length, to: address, hash: hash(address))
            packets[address, default: 0] += count
            bytes[address, default: 0] += length
        }
        let byPackets = talkers.topByPackets(100)
        let byBytes = talkers.topByBytes(100)
        #expect(byPackets.count == 100)
        #expect(byBytes.allSatisfy { $0.missedBytes == 0 && $0.missedPackets == 0 })
        #expect(byPackets.allSatisfy { packets[$0.address] == $0.packets && bytes[$0.address] == $0.bytes })
        #expect(byPackets.map(\.packets) == packets.values.sorted(by: >))
        #expect(byBytes.map(\.bytes) == bytes.values.sorted(by: >))
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `never count too much, and say how much they may have missed`(seed: UInt64) {
        var talkers = TopTalkers(sets: 4)
        var packets: [IPAddress: UInt64] = [:]
        var bytes: [IPAddress: UInt64] = [:]
        var random = Seeded(state: seed)
        for round in 0..<20_000 {
            // A few heavy senders among a stream of addresses that come once.
            let heavy = round % 3 == 0
            let number = heavy ? UInt32.random(in: 0..<4, using: &random) : UInt32(1000 + round)
            let address = IPAddress(v4: number)
            let length = UInt64.random(in: 40..<1500, using: &random)
            talkers.add(packets: 1, bytes: length, to: address, hash: hash(address))
            packets[address, default: 0] += 1
            bytes[address, default: 0] += length
        }
        let top = talkers.topByBytes(.max)
        #expect(top.count == 32)
        for talker in top {
            let real = (packets: packets[talker.address] ?? 0, bytes: bytes[talker.address] ?? 0)
            #expect(talker.packets <= real.packets && real.packets <= talker.packets + talker.missedPackets)
            #expect(talker.bytes <= real.bytes && real.bytes <= talker.bytes + talker.missedBytes)
        }
        let heavy = Set((0..<4).map { IPAddress(v4: $0) })
        #expect(heavy == Set(talkers.topByPackets(4).map(\.address)))
        #expect(heavy == Set(talkers.topByBytes(4).map(\.address)))
    }

    @Test func `keep scores that sum to what was given`() {
        var talkers = TopTalkers(sets: 1)
        for number in UInt32(0)..<8 {
            let address = IPAddress(v4: number)
            for _ in 0...number { talkers.add(packets: 1, bytes: 88, to: address, hash: hash(address)) }
        }
        // The ninth takes the place of the least: one packet of score 600.
        let newcomer = IPAddress(v4: 99)
        talkers.add(packets: 1, bytes: 88, to: newcomer, hash: hash(newcomer))
        let top = talkers.topByPackets(9)
        #expect(top.count == 8)
        #expect(!top.contains { $0.address == IPAddress(v4: 0) })
        #expect(top.first { $0.address == newcomer }?.missedBytes == 600)
        #expect(top.first { $0.address == newcomer }?.missedPackets == 1)
    }

    @Test func `list equals in the order of their addresses`() {
        var talkers = TopTalkers()
        for number in [UInt32(9), 3, 7] {
            let address = IPAddress(v4: number)
            talkers.add(packets: 5, bytes: 5, to: address, hash: hash(address))
        }
        #expect(talkers.topByPackets(2).map(\.address) == [IPAddress(v4: 3), IPAddress(v4: 7)])
    }

    @Test func `count the all-zero address like any other`() {
        var talkers = TopTalkers(sets: 1)
        talkers.add(packets: 2, bytes: 0, to: .zero, hash: hash(.zero))
        talkers.add(packets: 3, bytes: 0, to: .zero, hash: hash(.zero))
        #expect(talkers.topByPackets(9).map(\.packets) == [5])
    }

    @Test func `tell addresses apart whose hashes are equal`() {
        var talkers = TopTalkers(sets: 1)
        for round in 0..<3 {
            for number in UInt32(0)..<8 {
                talkers.add(
                    packets: UInt64(number + 1),
                    bytes: 0,
                    to: IPAddress(v4: number),
                    hash: 0xff << 56
                )
            }
            #expect(
                talkers.topByPackets(9).map(\.packets) == (1...8).reversed().map { UInt64($0 * (round + 1)) }
            )
        }
    }

    @Test func `survive the greatest numbers`() {
        var talkers = TopTalkers(sets: 1)
        for number in UInt32(0)..<20 {
            talkers.add(packets: .max, bytes: .max, to: IPAddress(v4: number), hash: UInt64(number) << 56)
        }
        #expect(talkers.topByBytes(9).count == 8)
    }

    @Test func `are found by the statistics, by packets and by bytes`() {
        var statistics = Statistics()
        for round in 0..<1000 {
            let (source, length): (UInt32, UInt32) = round % 10 == 0 ? (7, 1500) : (8, 60)
            statistics.account(headers([.ip], from: source), originalLength: length, time: at(0))
        }
        let snapshot = statistics.snapshot(at: at(0), progress: PipelineProgress())
        #expect(snapshot.topByPackets.map(\.address) == [IPAddress(v4: 8), IPAddress(v4: 7)])
        #expect(snapshot.topByPackets.map(\.packets) == [900, 100])
        #expect(snapshot.topByBytes.map(\.address) == [IPAddress(v4: 7), IPAddress(v4: 8)])
        #expect(snapshot.topByBytes.map(\.bytes) == [150_000, 54_000])
    }
}
