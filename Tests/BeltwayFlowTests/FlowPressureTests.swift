// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct FlowPressureTests {
    @Test func `a SYN flood evicts its own flows and never an established one`() {
        var configuration = FlowConfiguration()
        configuration.capacity = 1000
        let bench = Bench(configuration)
        for port in 1...200 as ClosedRange<UInt16> {
            bench.track(.tcp(1, port, 2, 80, flags: 2, sequence: 10))
            bench.track(.tcp(2, 80, 1, port, flags: 18, sequence: 20, acknowledgement: 11))
            bench.track(.tcp(1, port, 2, 80, flags: 16, sequence: 11, acknowledgement: 21))
        }
        for source in 0..<20_000 as Range<UInt32> {
            bench.track(.tcp(0x5000_0000 + source, 6, 2, 80, flags: 2, sequence: source, time: 1))
        }
        let statistics = bench.tracker.statistics
        #expect(statistics.active == 1000)
        #expect(statistics.evicted == 20_000 - 800)
        #expect(statistics.activeByState.established == 200)
        #expect(bench.sink.flows.allSatisfy { $0.endReason == .forced && $0.state == .new })
        #expect(bench.sink.flows.first?.originator == IPAddress(v4: 0x5000_0000))
        let flows = bench.finish()
        #expect(flows.count == 20_200)
        #expect(flows.filter { $0.state == .established && $0.endReason == .shutdown }.count == 200)
    }

    @Test func `closed flows go before established ones, the longest idle first`() {
        var configuration = FlowConfiguration()
        configuration.capacity = 4
        let bench = Bench(configuration)
        for port in 1...4 as ClosedRange<UInt16> {
            let time = Double(port)
            bench.track(.tcp(1, port, 2, 80, flags: 2, sequence: 10, time: time))
            bench.track(.tcp(2, 80, 1, port, flags: 18, sequence: 20, acknowledgement: 11, time: time))
            bench.track(.tcp(1, port, 2, 80, flags: 16, sequence: 11, acknowledgement: 21, time: time))
        }
        bench.track(.tcp(1, 3, 2, 80, flags: 4, sequence: 11, time: 5))
        bench.track(.udp(1, 50, 2, 53, time: 6))
        #expect(bench.sink.flows.map(\.originatorPort) == [3])
        bench.track(.udp(2, 53, 1, 50, time: 6))
        bench.track(.udp(1, 51, 2, 53, time: 7))
        #expect(bench.sink.flows.map(\.originatorPort) == [3, 1])
        bench.track(.udp(1, 52, 2, 53, time: 8))
        #expect(bench.sink.flows.map(\.originatorPort) == [3, 1, 51])
    }

    @Test func `a table of one flow works`() {
        var configuration = FlowConfiguration()
        configuration.capacity = 1
        let bench = Bench(configuration)
        for port in 1...50 as ClosedRange<UInt16> { bench.track(.udp(1, port, 2, 53)) }
        #expect(bench.tracker.statistics.active == 1)
        #expect(bench.finish().map(\.originatorPort) == Array(1...50))
    }

    @Test func `memory follows use`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 53))
        #expect(bench.tracker.statistics.memoryBytes < 1 << 20)
        for number in 0..<20_000 as Range<UInt32> { bench.track(.udp(number, 1, 2, 53)) }
        #expect(bench.tracker.statistics.memoryBytes < 20_001 * 224 + 1 << 20 + 65_536 * 8)
    }

    @Test func `the table finds what was inserted and not what was removed`() {
        var dice = Dice(state: 11)
        let bench = Bench()
        var expected: [UInt32: UInt64] = [:]
        // Short time-outs and random gaps: insertions and removals mix, so that probe runs are closed often.
        var time = 0.0
        for _ in 0..<60_000 {
            time += 0.01
            let source = UInt32.random(in: 0..<4000, using: &dice)
            bench.track(.udp(source, 7, 0x0808_0808, 53, time: time))
            expected[source, default: 0] += 1
            if dice.next() % 50 == 0 { bench.tracker.expire(through: bench.latest, facts: &bench.sink) }
        }
        var counted: [UInt32: UInt64] = [:]
        for flow in bench.finish() { counted[flow.originator.v4, default: 0] += flow.packetsToResponder }
        #expect(counted == expected)
        #expect(bench.tracker.statistics.active == 0)
    }
}
