// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

/// What a record says, in a form that sorts.
private func line(_ flow: FlowRecord) -> String {
    "\(flow.flowID) \(flow.start.nanoseconds) \(flow.end.nanoseconds) \(flow.originator.v4):\(flow.originatorPort) "
        + "\(flow.responder.v4):\(flow.responderPort) \(flow.transportProtocol) \(flow.state) \(flow.endReason) "
        + "\(flow.tcpState) \(flow.packetsToResponder) \(flow.packetsToOriginator) \(flow.bytesToResponder) "
        + "\(flow.bytesToOriginator) \(flow.originatorFlags) \(flow.responderFlags)"
}

/// UDP flows in a dictionary, by the rule that the tracker states and nothing else.
private struct DictionaryModel {
    struct Flow {
        var originator: UInt32
        var start, last, seen: Timestamp
        var toResponder: UInt64 = 0
        var toOriginator: UInt64 = 0

        var timeout: UInt64 { (toResponder > 0 && toOriginator > 0 ? 300 : 30) * 1_000_000_000 }
    }

    var flows: [[UInt32]: Flow] = [:]
    var ended: [String] = []
    var clock = Timestamp.zero

    mutating func track(_ packet: Packet) {
        let source = packet.headers.source.v4
        let key = [source, packet.headers.destination.v4].sorted()
        let time = packet.timestamp
        let now = max(time, clock)
        if let flow = flows[key] {
            let idle = max(time.nanoseconds(since: flow.last), now.nanoseconds(since: flow.seen))
            if idle > flow.timeout { end(key, "timeout") }
        }
        var flow = flows[key] ?? Flow(originator: source, start: time, last: time, seen: now)
        if flow.originator == source { flow.toResponder += 1 } else { flow.toOriginator += 1 }
        flow.start = min(flow.start, time)
        flow.last = max(flow.last, time)
        flow.seen = max(flow.seen, now)
        flows[key] = flow
    }

    mutating func end(_ key: [UInt32], _ reason: String) {
        guard let flow = flows.removeValue(forKey: key) else { return }
        ended.append(
            "\(flow.start.nanoseconds) \(flow.last.nanoseconds) \(flow.originator) \(reason) \(flow.toResponder) "
                + "\(flow.toOriginator)"
        )
    }

    mutating func finish(at time: Timestamp) {
        clock = max(clock, time)
        for (key, flow) in flows {
            end(key, clock.nanoseconds(since: flow.seen) > flow.timeout ? "timeout" : "shutdown")
        }
    }
}

@Suite struct FlowModelTests {
    @Test(arguments: 1...8) func `random packets give the records of a simple model`(seed: UInt64) {
        var dice = Dice(state: seed)
        let bench = Bench()
        var model = DictionaryModel()
        var time = 1000.0
        for _ in 0..<6000 {
            time += Double.random(in: 0..<(dice.next() % 100 == 0 ? 100 : 1), using: &dice)
            // A tenth of the packets comes late, some by more than a time-out.
            let late = dice.next() % 10 == 0 ? Double.random(in: 0..<60, using: &dice) : 0
            let source = UInt32.random(in: 1..<40, using: &dice)
            let destination = UInt32.random(in: 1..<40, using: &dice)
            if source == destination { continue }
            let packet = Packet.udp(source, 9, destination, 9, time: time - late)
            if dice.next() % 64 == 0 {
                bench.tracker.expire(through: bench.latest, facts: &bench.sink)
                model.clock = max(model.clock, bench.latest)
            }
            bench.track(packet)
            model.track(packet)
        }
        model.finish(at: bench.latest)
        let records = bench.finish().map {
            "\($0.start.nanoseconds) \($0.end.nanoseconds) \($0.originator.v4) \($0.endReason) "
                + "\($0.packetsToResponder) \($0.packetsToOriginator)"
        }
        #expect(records.sorted() == model.ended.sorted())
        #expect(records.count > 500)
    }

    @Test(arguments: 1...4) func `three workers give the records of one`(seed: UInt64) {
        var dice = Dice(state: seed &* 77)
        var chunks: [[Packet]] = []
        var time = 1000.0
        var ordinal: UInt64 = 0
        for _ in 0..<60 {
            var chunk: [Packet] = []
            for _ in 0..<200 {
                time += Double.random(in: -0.2..<0.6, using: &dice)
                ordinal += 1
                var packet = randomPacket(&dice, time: time)
                packet.ordinal = ordinal
                chunk.append(packet)
            }
            if dice.next() % 8 == 0 { time += 100 }
            chunks.append(chunk)
        }

        let alone = Bench()
        let workers = [Bench(), Bench(), Bench()]
        var clock = Timestamp.zero
        for (number, chunk) in chunks.enumerated() {
            alone.tracker.expire(through: clock, facts: &alone.sink)
            for packet in chunk {
                alone.track(packet, ordinal: packet.ordinal)
                let pair = packet.headers.source.low ^ packet.headers.destination.low
                workers[Int(pair % 3)].latest = alone.latest
                workers[Int(pair % 3)].tracker.expire(
                    // A worker may learn of the clock late in small steps or sweep only a few flows at a time.
                    through: clock,
                    limit: number % 3,
                    facts: &workers[Int(pair % 3)].sink
                )
                workers[Int(pair % 3)].track(packet, ordinal: packet.ordinal)
            }
            clock = alone.latest
        }
        for worker in workers { worker.latest = alone.latest }
        let expected = alone.finish().map(line).sorted()
        let found = workers.flatMap { $0.finish() }.map(line).sorted()
        #expect(found == expected)
        #expect(expected.count > 300)
    }

    private func randomPacket(_ dice: inout Dice, time: Double) -> Packet {
        let a = UInt32.random(in: 1..<20, using: &dice)
        let b = UInt32.random(in: 1..<20, using: &dice)
        let port = UInt16.random(in: 1..<3, using: &dice)
        switch dice.next() % 4 {
        case 0: return .udp(a, port, b, 3, time: time)
        case 1: return .icmp(a, b, type: [0, 3, 8][Int(dice.next() % 3)], time: time)
        default:
            let flags = [2, 18, 16, 16, 16, 17, 4] as [UInt8]
            return .tcp(
                a,
                port,
                b,
                3,
                flags: flags[Int(dice.next() % 7)],
                sequence: UInt32(dice.next() % 3),
                acknowledgement: UInt32(dice.next() % 3),
                time: time
            )
        }
    }
}
