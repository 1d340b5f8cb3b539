// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `ICMP questions and answers` {
    private func echo(_ type: UInt16, _ identifier: UInt16, _ sequence: UInt16) -> Packet {
        var packet = type == 8 ? Packet.icmp(1, 2, type: 8) : Packet.icmp(2, 1, type: 0)
        packet.headers.icmpIdentifier = identifier
        packet.headers.sequence = UInt32(sequence)
        return packet
    }

    private func record(_ packets: [Packet]) throws -> FlowRecord {
        let bench = Bench()
        for packet in packets { bench.track(packet) }
        let flows = bench.finish()
        #expect(flows.count == 1)
        return try #require(flows.first)
    }

    @Test func `are paired by identifier and sequence number, each once`() throws {
        let flow = try record([
            echo(8, 7, 1), echo(0, 7, 1), echo(8, 7, 2), echo(8, 7, 3), echo(0, 7, 3), echo(0, 7, 3),
            echo(0, 7, 9),
            echo(0, 8, 2),
        ])
        #expect(flow.questions == 3)
        #expect(flow.answered == 2)
    }

    @Test func `may be out of order, and wrap`() throws {
        let flow = try record([
            echo(8, 7, 65_534), echo(8, 7, 65_535), echo(8, 7, 0), echo(8, 7, 1), echo(0, 7, 0),
            echo(0, 7, 65_534),
            echo(0, 7, 1), echo(0, 7, 65_535),
        ])
        #expect(flow.questions == 4)
        #expect(flow.answered == 4)
    }

    @Test func `of two programs at a time are told apart`() throws {
        var packets: [Packet] = []
        for number: UInt16 in 1...20 {
            packets += [echo(8, 7, number), echo(8, 9, number), echo(0, 7, number)]
            if number % 2 == 0 { packets.append(echo(0, 9, number)) }
        }
        let flow = try record(packets)
        #expect(flow.questions == 40)
        #expect(flow.answered == 30)
    }

    @Test func `that began with an answer have the asking side as responder`() throws {
        let flow = try record([echo(0, 7, 1), echo(8, 7, 2), echo(0, 7, 2)])
        #expect(flow.originator == IPAddress(v4: 2))
        #expect(flow.questions == 1)
        #expect(flow.answered == 1)
    }

    @Test func `are none of messages that nobody answers, nor of other protocols`() {
        let bench = Bench()
        bench.track(.icmp(1, 2, type: 3, code: 1))
        bench.track(.udp(1, 8, 2, 53))
        #expect(bench.finish().allSatisfy { $0.questions == nil && $0.answered == 0 })
    }

    @Test func `never answer more than was asked, whatever comes`() {
        var dice = Dice(state: 3)
        for _ in 0..<200 {
            let bench = Bench()
            for _ in 0..<100 {
                let type: UInt16 = Bool.random(using: &dice) ? 8 : 0
                let sequence = UInt16.random(in: 0...3, using: &dice) &* 20_000 &+ UInt16(dice.next() % 40)
                bench.track(echo(type, UInt16(dice.next() % 4), sequence))
            }
            for flow in bench.finish() { #expect(UInt64(flow.answered) <= flow.questions ?? 0) }
        }
    }
}
