// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct FlowTrackerTests {
    @Test func `both directions are one flow and the first sender is the originator`() throws {
        let bench = Bench()
        let first = try #require(bench.track(.udp(9, 5000, 1, 53)))
        let second = try #require(bench.track(.udp(1, 53, 9, 5000, time: 1)))
        #expect(first.isFirstPacket && first.toResponder && !first.isEstablished)
        #expect(!second.isFirstPacket && !second.toResponder && second.isEstablished)
        #expect(first.flowID == second.flowID)
        let flows = bench.finish()
        try #require(flows.count == 1)
        #expect(flows[0].originator == IPAddress(v4: 9) && flows[0].originatorPort == 5000)
        #expect(flows[0].responder == IPAddress(v4: 1) && flows[0].responderPort == 53)
        #expect(flows[0].packetsToResponder == 1 && flows[0].packetsToOriginator == 1)
        #expect(flows[0].bytesToResponder == 100 && flows[0].bytesToOriginator == 100)
        #expect(
            flows[0].state == .established && flows[0].endReason == .shutdown && flows[0].tcpState == .none
        )
        #expect(flows[0].end.nanoseconds - flows[0].start.nanoseconds == 1_000_000_000)
    }

    @Test func `a packet without IP belongs to no flow and is counted`() {
        let bench = Bench()
        #expect(bench.track(Packet()) == nil)
        #expect(bench.tracker.statistics.packetsWithoutFlow == 1)
        #expect(bench.finish().isEmpty)
    }

    @Test func `an idle flow is over at its next packet and gives two records`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 2, time: 0))
        bench.track(.udp(1, 1, 2, 2, time: 30))
        bench.track(.udp(1, 1, 2, 2, time: 60.5))
        let flows = bench.finish()
        #expect(flows.map(\.packetsToResponder) == [2, 1])
        #expect(flows.map(\.endReason) == [.timeout, .shutdown])
        #expect(Set(flows.map(\.flowID)).count == 2)
    }

    @Test func `time running backwards ends no flow; start and end are the least and the greatest time`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 2, time: 500))
        bench.track(.udp(1, 1, 2, 2, time: 0))
        bench.track(.udp(1, 1, 2, 2, time: 499))
        let flows = bench.finish()
        #expect(flows.count == 1)
        #expect(flows[0].packetsToResponder == 3)
        #expect(flows[0].end.nanoseconds - flows[0].start.nanoseconds == 500_000_000_000)
    }

    @Test func `an older capture behind a newer one is not cut at every chunk`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 2, time: 100_000))
        for second in 0..<40 {
            bench.tracker.expire(through: bench.latest, facts: &bench.sink)
            bench.track(.udp(3, 3, 4, 4, time: Double(second)))
        }
        let flows = bench.finish().filter { $0.originatorPort == 3 }
        #expect(flows.map(\.packetsToResponder) == [40])
    }

    @Test func `the sweep writes idle flows and leaves the others`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 2, time: 0))
        bench.track(.udp(1, 3, 2, 2, time: 20))
        bench.tracker.expire(through: Packet(time: 40).timestamp, facts: &bench.sink)
        #expect(bench.sink.flows.map(\.originatorPort) == [1])
        #expect(bench.sink.flows.map(\.endReason) == [.timeout])
        #expect(bench.tracker.statistics.active == 1)
    }

    @Test func `echo request and reply are one flow and other ICMP types one each way`() {
        let bench = Bench()
        bench.track(.icmp(1, 2, type: 8))
        bench.track(.icmp(2, 1, type: 0))
        bench.track(.icmp(1, 2, type: 3, code: 1))
        bench.track(.icmp(2, 1, type: 3, code: 1))
        let flows = bench.finish()
        #expect(flows.count == 3)
        let echo = flows.filter { $0.originatorPort == 8 }
        #expect(echo.count == 1 && echo[0].responderPort == 0 && echo[0].state == .established)
        #expect(echo[0].packetsToResponder == 1 && echo[0].packetsToOriginator == 1)
    }

    @Test func `later fragments of an address pair are one flow without ports`() {
        let bench = Bench()
        var first = Packet.udp(1, 1000, 2, 53)
        first.headers.moreFragments = true
        var later = Packet.ip(1, 2, protocol: 17)
        later.headers.fragmentOffset = 1480
        bench.track(first)
        bench.track(later)
        later.headers.fragmentOffset = 2960
        bench.track(later)
        let flows = bench.finish().sorted { $0.originatorPort < $1.originatorPort }
        #expect(flows.map(\.originatorPort) == [0, 1000])
        #expect(flows.map(\.packetsToResponder) == [2, 1])
    }

    @Test(arguments: [true, false]) func `VLANs separate flows only if told so`(separate: Bool) {
        var configuration = FlowConfiguration()
        configuration.vlansSeparateFlows = separate
        let bench = Bench(configuration)
        var tagged = Packet.udp(1, 1, 2, 2)
        tagged.headers.vlan = (0x6064, 0)
        tagged.headers.vlanCount = 1
        bench.track(tagged)
        bench.track(.udp(1, 1, 2, 2))
        let flows = bench.finish()
        #expect(flows.count == (separate ? 2 : 1))
        #expect(flows.contains { $0.vlan.outer == 100 && $0.vlanCount == 1 })
    }

    @Test func `an alert is remembered in the record`() throws {
        let bench = Bench()
        let view = try #require(bench.track(.udp(1, 1, 2, 2)))
        bench.tracker.noteAlert(slot: view.slot)
        #expect(bench.finish().map(\.alerted) == [true])
    }

    @Test func `flow identifiers stay below 2^53 and do not depend on the table`() {
        let one = Bench()
        let two = Bench()
        for port in 1...200 as ClosedRange<UInt16> {
            one.track(.udp(1, port, 2, 53))
            two.track(.udp(1, port, 2, 53))
        }
        let ids = one.finish().map(\.flowID)
        #expect(ids == two.finish().map(\.flowID))
        #expect(Set(ids).count == 200)
        #expect(ids.allSatisfy { $0 > 0 && $0 < 1 << 53 })
    }

    @Test func `a flow takes 224 bytes, and its share of the index at most 26 more`() {
        #expect(MemoryLayout<FlowEntry>.size <= 192)
        #expect(FlowTable.bytesPerFlow == 224)
        #expect(MemoryLayout<FlowKey>.size == 48)
    }
}

@Suite struct FlowStatisticsTests {
    @Test func `counters say what began, what is held and what ended why`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 2))
        bench.track(.udp(2, 2, 1, 1))
        bench.track(.tcp(1, 1, 2, 2, flags: 2))
        bench.track(.icmp(1, 2, type: 8))
        bench.track(.ip(1, 2, protocol: 47))
        bench.track(.udp(9, 1, 2, 2))
        bench.tracker.expire(through: Packet(time: 50).timestamp, facts: &bench.sink)
        let statistics = bench.tracker.statistics
        #expect(statistics.total == 5 && statistics.active == 2)
        #expect(FlowProtocol.allCases.map { statistics.begun[Int($0.rawValue)] } == [1, 2, 1, 1])
        #expect(statistics.activeByState == (new: 1, established: 1, closed: 0))
        #expect(FlowEndReason.allCases.map { statistics.ended[Int($0.rawValue)] } == [3, 0, 0, 0])
        #expect(statistics.evicted == 0)
        _ = bench.finish()
        let ended = bench.tracker.statistics
        #expect(FlowEndReason.allCases.map { ended.ended[Int($0.rawValue)] } == [3, 0, 2, 0])
        #expect(ended.active == 0 && ended.total == 5)
    }

    @Test func `a flow idle beyond its time-out at the end of the capture ends by time-out`() {
        let bench = Bench()
        bench.track(.udp(1, 1, 2, 2, time: 0))
        bench.track(.udp(3, 1, 2, 2, time: 31))
        let reasons = bench.finish().sorted { $0.start < $1.start }.map(\.endReason)
        #expect(reasons == [.timeout, .shutdown])
    }

    @Test func `a flow of many packets is swept as late as its last packet allows`() {
        let bench = Bench()
        for second in 0...100 {
            bench.track(.udp(1, 1, 2, 2, time: Double(second)))
            bench.tracker.expire(through: bench.latest, facts: &bench.sink)
        }
        bench.tracker.expire(through: Packet(time: 130).timestamp, facts: &bench.sink)
        #expect(bench.sink.flows.isEmpty)
        bench.tracker.expire(through: Packet(time: 132).timestamp, facts: &bench.sink)
        #expect(bench.sink.flows.map(\.packetsToResponder) == [101])
    }
}
