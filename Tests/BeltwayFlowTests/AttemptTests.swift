// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `Attempts that nobody answers` {
    /// A client whose server is not captured: a SYN, and data `seconds` later.
    private func flows(
        _ attempt: UInt32,
        after seconds: Double,
        flags: UInt8 = 0x18,
        isAnswered: Bool = false
    )
        -> [FlowRecord]
    {
        var configuration = FlowConfiguration()
        configuration.attempt = attempt
        let bench = Bench(configuration)
        bench.track(.tcp(1, 10, 2, 80, flags: 0x02, sequence: 500, time: 0))
        if isAnswered {
            bench.track(.tcp(2, 80, 1, 10, flags: 0x12, sequence: 900, acknowledgement: 501, time: 0.1))
        }
        bench.track(
            .tcp(1, 10, 2, 80, flags: flags, sequence: 501, acknowledgement: 901, payload: 9, time: 1)
        )
        let more = Packet.tcp(
            1,
            10,
            2,
            80,
            flags: 0x18,
            sequence: 510,
            acknowledgement: 950,
            payload: 9,
            time: seconds
        )
        bench.track(more)
        return bench.finish()
    }

    @Test func `end with their time, and what comes then is a flow of its own`() {
        let flows = flows(5, after: 5.5)
        #expect(flows.map(\.packetsToResponder) == [2, 1])
        #expect(flows.map(\.endReason) == [.timeout, .shutdown])
        #expect(flows.map(\.connectionState.name) == ["S0", "OTH"])
        #expect(flows.map(\.history.text) == ["SDW", "DW"])
        #expect(Set(flows.map(\.flowID)).count == 2)
    }

    @Test func `have the answer, however late`() {
        for flags in [UInt8(0x12), 0x14] {
            var configuration = FlowConfiguration()
            configuration.attempt = 5
            let bench = Bench(configuration)
            bench.track(.tcp(1, 10, 2, 80, flags: 0x02, sequence: 500, time: 0))
            bench.track(.tcp(2, 80, 1, 10, flags: flags, sequence: 900, acknowledgement: 501, time: 6))
            let flows = bench.finish()
            #expect(flows.map(\.connectionState.name) == [flags == 0x12 ? "S1" : "REJ"])
        }
    }

    @Test func `are one for each SYN that is sent again so late`() {
        var configuration = FlowConfiguration()
        configuration.attempt = 5
        let bench = Bench(configuration)
        for time in [0.0, 1, 3, 7, 15] {
            bench.track(.tcp(1, 10, 2, 80, flags: 0x02, sequence: 500, time: time))
        }
        let flows = bench.finish()
        #expect(flows.map(\.packetsToResponder) == [3, 1, 1])
        #expect(flows.allSatisfy { $0.connectionState.name == "S0" })
    }

    @Test func `go on until then, and for ever unless a time is told`() {
        #expect(flows(5, after: 4.9).count == 1)
        #expect(flows(0, after: 59).count == 1)
    }

    @Test func `are none once there is an answer, or their end was seen`() {
        #expect(flows(5, after: 30, isAnswered: true).count == 1)
        #expect(flows(5, after: 30, flags: 0x19).count == 1)
        #expect(flows(5, after: 30, flags: 0x14).map(\.endReason) == [.tcpReuse, .shutdown])
    }
}
