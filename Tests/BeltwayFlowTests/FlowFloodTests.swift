// SPDX-License-Identifier: Apache-2.0
// A flood of SYNs, each with a tuple of its own, straight into a tracker. A million here; BELTWAY_FLOOD=10000000 asks for
// ten million (a minute in a debug build, seconds in a release build).

import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// Counts records instead of keeping them.
private struct Tally: FactSink {
    var forced = 0
    var established = 0
    var other = 0

    mutating func record(_ fact: Fact) {
        guard case .flow(let flow) = fact else { return }
        if flow.endReason == .forced { forced += 1 } else { other += 1 }
        if flow.endReason == .forced, flow.state != .new { established += 1 }
    }
}

@Suite struct `A flood of SYNs` {
    private static let tuples = Int(ProcessInfo.processInfo.environment["BELTWAY_FLOOD"] ?? "") ?? 1_000_000
    private static let capacity = 65_536
    private static let connections: Range<UInt32> = 0..<1000

    @Test func `stays inside the table's budget, and established flows survive it`() {
        var configuration = FlowConfiguration()
        configuration.capacity = Self.capacity
        var tracker = FlowTracker(configuration)
        var tally = Tally()
        var ordinal: UInt64 = 0
        func track(_ packet: Packet) {
            ordinal += 1
            _ = tracker.track(
                packet.headers,
                hash: UInt32(truncatingIfNeeded: packet.headers.source.v4 ^ packet.headers.destination.v4),
                time: packet.timestamp,
                originalLength: 60,
                ordinal: ordinal,
                buffer: 0,
                interface: 0,
                facts: &tally
            )
        }
        for host in Self.connections {
            track(.tcp(0x0a00_0000 + host, 9, 2, 80, flags: 2, sequence: 10))
            track(.tcp(2, 80, 0x0a00_0000 + host, 9, flags: 18, sequence: 20, acknowledgement: 11))
            track(.tcp(0x0a00_0000 + host, 9, 2, 80, flags: 16, sequence: 11, acknowledgement: 21))
        }
        var most = 0
        for number in 0..<Self.tuples {
            let source = 0x5000_0000 &+ UInt32(truncatingIfNeeded: number >> 4)
            track(
                .tcp(
                    source,
                    UInt16(number & 15) + 1024,
                    2,
                    80,
                    flags: 2,
                    sequence: UInt32(number & 0xffff),
                    time: 1
                )
            )
            if number & 0xffff == 0 { most = max(most, tracker.statistics.memoryBytes) }
        }
        let statistics = tracker.statistics
        most = max(most, statistics.memoryBytes)
        #expect(statistics.active == Self.capacity)
        #expect(statistics.activeByState.established == Self.connections.count)
        #expect(tally.forced == Self.tuples + Self.connections.count - Self.capacity)
        #expect(tally.established == 0 && tally.other == 0)
        // Entries, index and the meters of the established.
        #expect(most <= Self.capacity * 256 + 4096 * 256)
        // Who was established goes on as if nothing had been.
        for host in Self.connections {
            track(
                .tcp(
                    0x0a00_0000 + host,
                    9,
                    2,
                    80,
                    flags: 24,
                    sequence: 11,
                    acknowledgement: 21,
                    payload: 5,
                    time: 2
                )
            )
        }
        #expect(tracker.statistics.total == UInt64(Self.tuples + Self.connections.count))
        #expect(tally.established == 0)
    }
}
