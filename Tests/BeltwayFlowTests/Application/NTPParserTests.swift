// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

/// A request of version 4 that says nothing but when it left, and an answer of stratum 2 to it.
private let request: [UInt8] =
    [0x23] + [UInt8](repeating: 0, count: 39) + [0xe1, 0, 0, 0, 0x80, 0, 0, 0]
private let answer: [UInt8] =
    [0x24, 2, 6, 0xec, 0, 0, 1, 0, 0, 0, 2, 0, 192, 0, 2, 1] + [0xe1, 0, 0, 0, 0, 0, 0, 0]
    + request[40...] + [0xe1, 0, 0, 1, 0, 0, 0, 0] + [0xe1, 0, 0, 1, 1, 0, 0, 0]

@Suite struct `NTP transactions` {
    @Test func `are a record for each packet, as Suricata has it`() {
        let found = transactions(of: [(request, true), (answer, false)], port: 123)
        #expect(
            found.map(\.body) == [
                #","ntp":{"version":4,"mode":3,"stratum":0,"reference_id":"00:00:00:00"}"#,
                #","ntp":{"version":4,"mode":4,"stratum":2,"reference_id":"c0:00:02:01"}"#,
            ]
        )
        #expect(found.map(\.record.sourcePort) == [40_000, 123])
        #expect(found.map(columnValues).last == ["4", "4", "2", #""c0:00:02:01""#])
    }

    @Test func `are found on other ports by a request or an answer of these days`() {
        #expect(transactions(of: [(request, true)], port: 9999).map(\.record.kind) == [.ntp])
        #expect(transactions(of: [(answer, true)], port: 9999).map(\.record.kind) == [.ntp])
        var early = answer
        early[40] = 0xe0  // It left before the request came.
        #expect(transactions(of: [(early, true)], port: 9999).isEmpty)
        #expect(transactions(of: [([UInt8](repeating: 0x23, count: 48), true)], port: 9999).isEmpty)
    }

    @Test func `of control and private messages have neither stratum nor reference`() {
        let control: [UInt8] = [0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        let found = transactions(of: [(control, true), ([0x17, 0, 3, 42, 0, 0, 0, 0], true)], port: 123)
        #expect(
            found.map(\.body) == [
                #","ntp":{"version":2,"mode":6}"#, #","ntp":{"version":2,"mode":7}"#,
            ]
        )
    }

    @Test func `are not made of packets that are cut, nor of versions that do not exist`() {
        for count in 0..<48 {
            #expect(transactions(of: [(Array(answer.prefix(count)), false)], port: 123).isEmpty)
        }
        #expect(transactions(of: [([0x3c] + answer.dropFirst(), false)], port: 123).isEmpty)
        #expect(transactions(of: [([0x04] + answer.dropFirst(), false)], port: 123).isEmpty)
    }

    @Test func `stay JSON whatever the bytes are`() {
        #expect(staysJSON(after: [(request, true)], (answer, false), port: 123, seed: 3) > 2000)
        #expect(staysJSON(after: [], (answer, false), port: 9999, seed: 4) > 0)
    }
}
