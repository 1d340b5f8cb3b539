// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct FlowKeyTests {
    @Test func `a packet and its answer give one key, run in opposite directions`() {
        var dice = Dice(state: 5)
        for _ in 0..<2000 {
            var there = Packet.udp(
                UInt32.random(in: 1...3, using: &dice),
                UInt16.random(in: 1...3, using: &dice),
                UInt32.random(in: 1...3, using: &dice),
                UInt16.random(in: 1...3, using: &dice)
            ).headers
            if dice.next() & 1 == 0 { there.source.high = dice.next() & 1 }
            var back = there
            (back.source, back.destination) = (there.destination, there.source)
            (back.sourcePort, back.destinationPort) = (there.destinationPort, there.sourcePort)
            var runsForward = true
            var answersForward = true
            let key = FlowKey(there, vlansSeparateFlows: true, forward: &runsForward)
            #expect(key == FlowKey(back, vlansSeparateFlows: true, forward: &answersForward))
            #expect(
                key.hashValue == FlowKey(back, vlansSeparateFlows: true, forward: &answersForward).hashValue
            )
            #expect((key.a, key.portA) <= (key.b, key.portB))
            let isSame = there.source == there.destination && there.sourcePort == there.destinationPort
            #expect(isSame || runsForward != answersForward)
        }
    }

    @Test func `keys differ in every field that they hold`() {
        var forward = true
        let key = FlowKey(Packet.udp(1, 2, 3, 4).headers, vlansSeparateFlows: true, forward: &forward)
        let changes: [(inout FlowKey) -> Void] = [
            { $0.a.high ^= 1 }, { $0.a.low ^= 1 << 63 }, { $0.b.high ^= 1 << 40 }, { $0.b.low ^= 2 },
            { $0.portA ^= 0x8000 }, { $0.portB ^= 1 }, { $0.transportProtocol ^= 0x80 },
            { $0.ipVersion ^= 2 },
            { $0.vlanOuter ^= 0x800 }, { $0.vlanInner ^= 1 }, { $0.tunnelDepth ^= 0x80 },
            { $0.tunnelKind ^= 1 }, { $0.tunnelID ^= 1 << 31 },
        ]
        for change in changes {
            var other = key
            change(&other)
            #expect(other != key)
            let time = Timestamp(seconds: 1)
            let one = FlowID.make(key: key, start: time, ordinal: 0, producer: 0, salt: .files)
            #expect(FlowID.make(key: other, start: time, ordinal: 0, producer: 0, salt: .files) != one)
        }
    }

    @Test func `a flow identifier depends on start, ordinal, producer and salt`() {
        var forward = true
        let key = FlowKey(Packet.udp(1, 2, 3, 4).headers, vlansSeparateFlows: true, forward: &forward)
        let time = Timestamp(seconds: 1_700_000_000)
        let later = Timestamp(nanoseconds: time.nanoseconds + 1)
        let salt = FlowIDSalt(low: 1, high: 2)
        let ids: Set<UInt64> = [
            FlowID.make(key: key, start: time, ordinal: 0, producer: 0, salt: .files),
            FlowID.make(key: key, start: later, ordinal: 0, producer: 0, salt: .files),
            FlowID.make(key: key, start: time, ordinal: 1 << 40, producer: 0, salt: .files),
            FlowID.make(key: key, start: time, ordinal: 0, producer: 1, salt: .files),
            FlowID.make(key: key, start: time, ordinal: 0, producer: 0, salt: salt),
        ]
        #expect(ids.count == 5)
        // Pinned: identifiers in stored facts must mean the same flow after an upgrade.
        let pinned = FlowID.make(key: key, start: time, ordinal: 7, producer: 0, salt: .files)
        #expect(pinned == 4_405_953_023_556_024)
    }

    @Test(arguments: [false, true]) func `the ICMP type that answers is answered by it`(isVersion6: Bool) {
        var pairs = 0
        for type in 0...255 as ClosedRange<UInt16> {
            guard let counterpart = ICMPPairs.counterpart(type: type, isVersion6: isVersion6) else {
                continue
            }
            #expect(ICMPPairs.counterpart(type: counterpart, isVersion6: isVersion6) == type)
            pairs += 1
        }
        #expect(pairs == (isVersion6 ? 12 : 10))
    }

    @Test func `a neighbour solicitation and its advertisement are one flow`() {
        let bench = Bench()
        var solicitation = Packet.icmp(1, 2, type: 135)
        solicitation.headers.layers = [.ip, .icmpv6]
        solicitation.headers.transportProtocol = 58
        var advertisement = solicitation
        (advertisement.headers.source, advertisement.headers.destination) = (
            solicitation.headers.destination, solicitation.headers.source
        )
        advertisement.headers.sourcePort = 136
        bench.track(solicitation)
        bench.track(advertisement)
        #expect(bench.finish().map(\.packetsToOriginator) == [1])
    }
}

private func <= (x: (IPAddress, UInt16), y: (IPAddress, UInt16)) -> Bool {
    x.0 == y.0 ? x.1 <= y.1 : x.0 < y.0
}
