// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@Suite struct `Packets after a reset` {
    private func flows(data seconds: Double, payload: UInt32, wait: UInt32? = nil, last: UInt8 = 0x14)
        -> [FlowRecord]
    {
        var configuration = FlowConfiguration()
        if let wait { configuration.silenceAfterReset = wait }
        let bench = Bench(configuration)
        bench.track(.tcp(1, 10, 2, 80, flags: 0x02, sequence: 500, time: 0))
        bench.track(.tcp(2, 80, 1, 10, flags: 0x12, sequence: 900, acknowledgement: 501, time: 0.1))
        bench.track(.tcp(1, 10, 2, 80, flags: last, sequence: 501, acknowledgement: 901, time: 0.2))
        let more = Packet.tcp(
            1,
            10,
            2,
            80,
            flags: 0x18,
            sequence: 501,
            acknowledgement: 901,
            payload: payload,
            time: seconds
        )
        bench.track(more)
        bench.track(.tcp(2, 80, 1, 10, flags: 0x04, sequence: 901, time: seconds + 0.1))
        return bench.finish()
    }

    @Test func `are another connection if they bring data long after`() {
        let flows = flows(data: 16, payload: 109)
        #expect(flows.count == 2)
        #expect(flows.map(\.endReason).contains(.tcpReuse))
        #expect(flows.map(\.connectionState.name) == ["RSTO", "RSTRH"])
        #expect(flows.map(\.packetsToResponder) == [2, 1])
        #expect(Set(flows.map(\.flowID)).count == 2)
    }

    @Test func `belong to the old one soon after, and without data`() {
        #expect(flows(data: 3, payload: 109).count == 1)
        #expect(flows(data: 16, payload: 0).count == 1)
    }

    @Test func `belong to the old one for as long as is told`() {
        #expect(flows(data: 16, payload: 109, wait: 20).count == 1)
        #expect(flows(data: 16, payload: 109, wait: .max).count == 1)
    }

    @Test func `are no others if there was no reset`() {
        #expect(flows(data: 16, payload: 109, last: 0x10).count == 1)
    }
}
