// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `Active time-outs` {
    private func bench(udp: UInt32 = 0, tcp: UInt32 = 0) -> Bench {
        var configuration = FlowConfiguration()
        configuration.udp.active = udp
        configuration.tcp.active = tcp
        return Bench(configuration)
    }

    @Test func `give a long flow a record every so many seconds, all with its identifier`() {
        let bench = bench(udp: 60)
        for second in stride(from: 0.0, through: 200, by: 10) {
            bench.track(.udp(1, 10, 2, 53, time: second))
        }
        let flows = bench.finish()
        #expect(flows.map(\.goesOn) == [true, true, true, false])
        #expect(Set(flows.map(\.flowID)).count == 1)
        #expect(Set(flows.map(\.start)).count == 1)
        // Each says what the flow had come to before the packet that was due.
        #expect(flows.map(\.packetsToResponder) == [6, 12, 18, 21])
        #expect(flows.map { $0.end.nanoseconds(since: $0.start) / 1_000_000_000 } == [50, 110, 170, 200])
        #expect(bench.tracker.statistics.total == 1)
    }

    @Test func `are each protocol's own, and none by default`() {
        let bench = bench(tcp: 5)
        for second in stride(from: 0.0, through: 20, by: 1) { bench.track(.udp(1, 10, 2, 53, time: second)) }
        #expect(bench.finish().map(\.goesOn) == [false])
    }

    @Test func `write nothing of a flow that is silent, and one record after a long pause`() {
        let bench = bench(udp: 1)
        bench.track(.udp(1, 10, 2, 53, time: 0))
        bench.tracker.expire(through: Timestamp(nanoseconds: 1_010_000_000_000), facts: &bench.sink)
        #expect(bench.sink.flows.isEmpty)
        bench.track(.udp(1, 10, 2, 53, time: 20))
        bench.track(.udp(1, 10, 2, 53, time: 20.5))
        #expect(bench.sink.flows.map(\.goesOn) == [true])
        #expect(bench.finish().count == 2)
    }

    @Test func `do not depend on other flows`() {
        let alone = bench(udp: 7)
        let among = bench(udp: 7)
        for second in stride(from: 0.0, through: 100, by: 0.5) {
            alone.track(.udp(1, 10, 2, 53, time: second), ordinal: 1)
            among.track(.udp(9, 11, 2, 53, time: second + 3), ordinal: 2)
            among.track(.udp(1, 10, 2, 53, time: second), ordinal: 1)
        }
        let (one, other) = (alone.finish(), among.finish())
        let sums = { (flows: [FlowRecord]) in
            flows.filter { $0.originator == IPAddress(v4: 1) }.map {
                [$0.packetsToResponder, $0.end.nanoseconds]
            }
        }
        #expect(sums(one) == sums(other))
        #expect(one.count > 10)
    }
}
