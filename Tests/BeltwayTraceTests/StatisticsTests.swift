// SPDX-License-Identifier: Apache-2.0
import BeltwayTrace
import BeltwayWire
import Testing

/// Headers of a packet of these layers.
func headers(
    _ layers: PacketHeaders.Layers,
    version: UInt8 = 4,
    from source: UInt32 = 1,
    trouble: PacketHeaders.Trouble = .none
) -> PacketHeaders {
    var headers = PacketHeaders()
    headers.layers = layers
    headers.ipVersion = layers.contains(.ip) ? version : 0
    headers.source = IPAddress(v4: source)
    headers.trouble = trouble
    return headers
}

func at(_ seconds: Double) -> Timestamp { Timestamp(nanoseconds: UInt64(1_000_000_000 * (1000 + seconds))) }

/// Numbers that look random and are the same in every run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

@Suite struct `The statistics` {
    @Test func `count every packet in each of the protocols it is made of`() {
        var statistics = Statistics()
        statistics.select(.ethernet)
        let packets: [(PacketHeaders, UInt32)] = [
            (headers([.link, .ip, .tcp]), 64), (headers([.link, .vlan, .ip, .udp]), 65),
            (headers([.link, .ip, .tcp], version: 6), 1518),
            (headers([.link, .ip, .icmpv6], version: 6), 127),
            (headers([.link, .ip, .icmp]), 255), (headers([.link, .ip, .sctp]), 1519),
            (headers([.link, .arp]), 60), (headers([.link], trouble: .unsupportedNetwork), 511),
            (headers([.link, .ip], trouble: .truncatedTransport), 1023),
            (headers([], trouble: .truncatedLink), 0),
        ]
        for (packet, length) in packets { statistics.account(packet, originalLength: length, time: at(0)) }
        let decoder = statistics.snapshot(at: at(0), progress: PipelineProgress()).decoder
        #expect(decoder.packets == 10)
        #expect(decoder.bytes == packets.reduce(0) { $0 + UInt64($1.1) })
        #expect([decoder.ipv4, decoder.ipv6, decoder.vlan, decoder.arp] == [5, 2, 1, 1])
        #expect([decoder.tcp, decoder.udp, decoder.sctp, decoder.icmpv4, decoder.icmpv6] == [2, 1, 1, 1, 1])
        #expect([decoder.invalid, decoder.unsupported] == [2, 1])
        #expect(decoder.count(.truncatedTransport) == 1)
        #expect(decoder.troubles.reduce(0, +) == 10 - 7)
    }

    @Test func `sort packets into the size classes of RFC 2819`() {
        var statistics = Statistics()
        for length in [0, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1518, 1519, UInt32.max] {
            statistics.account(headers([.link]), originalLength: length, time: at(0))
        }
        #expect(statistics.snapshot(at: at(0), progress: PipelineProgress()).sizes == [2, 2, 2, 2, 2, 2, 2])
    }

    @Test func `keep packets and bytes by link type, batch by batch`() {
        var statistics = Statistics()
        for (type, count) in [(LinkType.ethernet, 3), (.raw, 2), (.ethernet, 1)] {
            statistics.select(type)
            for _ in 0..<count { statistics.account(headers([.ip]), originalLength: 10, time: at(0)) }
        }
        for _ in 0..<2 {
            let links = statistics.snapshot(at: at(0), progress: PipelineProgress()).links
            #expect(links.map(\.linkType) == [.ethernet, .raw])
            #expect(links.map(\.packets) == [4, 2])
            #expect(links.map(\.bytes) == [40, 20])
        }
    }

    @Test func `keep at most thirty-two link types apart and lose no packet`() {
        var statistics = Statistics()
        for number in UInt16(0)..<100 {
            statistics.select(LinkType(rawValue: number))
            statistics.account(headers([]), originalLength: 1, time: at(0))
        }
        let links = statistics.snapshot(at: at(0), progress: PipelineProgress()).links
        #expect(links.count == 32)
        #expect(links.reduce(0) { $0 + $1.packets } == 100)
    }

    @Test func `know the first and the last time, in whatever order packets come`() {
        var statistics = Statistics()
        for second in [5.0, 3, 9, 4] {
            statistics.account(headers([]), originalLength: 1, time: at(second))
        }
        let snapshot = statistics.snapshot(at: at(9), progress: PipelineProgress())
        #expect(snapshot.first == at(3))
        #expect(snapshot.last == at(9))
    }

    @Test func `before any packet are all zero and trap nowhere`() {
        var statistics = Statistics()
        let snapshot = statistics.snapshot(at: at(1), progress: PipelineProgress())
        #expect(snapshot.decoder.packets == 0)
        #expect(snapshot.lastSecond == Rate())
        #expect(snapshot.topByBytes.isEmpty)
        #expect(snapshot.first == at(1))
    }

    @Test func `survive every time and length`() {
        var statistics = Statistics()
        var random = Seeded(state: 3)
        for _ in 0..<2000 {
            let time = Timestamp(nanoseconds: random.next() >> UInt64.random(in: 0..<64, using: &random))
            statistics.account(headers([.ip]), originalLength: .max, time: time)
            _ = statistics.snapshot(at: Timestamp(nanoseconds: random.next()), progress: PipelineProgress())
        }
        #expect(statistics.packets == 2000)
    }
}

@Suite struct `A rate` {
    @Test func `is that of the last whole second and of the last eight`() {
        var statistics = Statistics()
        for second in 0..<20 {
            for packet in 0..<(second + 1) {
                statistics.account(
                    headers([.ip]),
                    originalLength: 100,
                    time: at(Double(second) + Double(packet) / 40)
                )
            }
        }
        let snapshot = statistics.snapshot(at: at(20.1), progress: PipelineProgress())
        #expect(snapshot.lastSecond.packetsPerSecond == 20)
        #expect(snapshot.lastSecond.bytesPerSecond == 2000)
        #expect(snapshot.lastSeconds.packetsPerSecond == Double((13...20).reduce(0, +)) / 8)
    }

    @Test func `falls to nothing on a quiet line`() {
        var statistics = Statistics()
        for packet in 0..<100 {
            statistics.account(headers([.ip]), originalLength: 1, time: at(Double(packet) / 100))
        }
        #expect(
            statistics.snapshot(at: at(1), progress: PipelineProgress()).lastSecond.packetsPerSecond == 100
        )
        #expect(
            statistics.snapshot(at: at(3.5), progress: PipelineProgress()).lastSecond.packetsPerSecond == 0
        )
        #expect(
            statistics.snapshot(at: at(4), progress: PipelineProgress()).lastSeconds.packetsPerSecond == 25
        )
        #expect(
            statistics.snapshot(at: at(30), progress: PipelineProgress()).lastSeconds.packetsPerSecond == 0
        )
    }

    @Test func `counts late packets in the second that is running`() {
        var statistics = Statistics()
        for second in [0.0, 1.5, 0.2, 0.3, 1.6] {
            statistics.account(headers([.ip]), originalLength: 1, time: at(second))
        }
        #expect(statistics.snapshot(at: at(2), progress: PipelineProgress()).lastSecond.packetsPerSecond == 4)
    }

    @Test func `starts anew after a clock that was an hour off`() {
        var statistics = Statistics()
        statistics.account(headers([.ip]), originalLength: 1, time: at(3600))
        for packet in 0..<30 {
            statistics.account(headers([.ip]), originalLength: 1, time: at(Double(packet) / 10))
        }
        #expect(
            statistics.snapshot(at: at(3), progress: PipelineProgress()).lastSecond.packetsPerSecond == 10
        )
    }
}
