// SPDX-License-Identifier: Apache-2.0
// Headers as a decoder would give them, and a tracker with a sink, for the tests of this folder.

import BeltwayFlow
import BeltwayWire

/// A sink that keeps what it is given.
struct FactList: FactSink {
    var facts: [Fact] = []

    mutating func record(_ fact: Fact) { facts.append(fact) }

    var flows: [FlowRecord] {
        facts.compactMap { if case .flow(let record) = $0 { record } else { nil } }
    }
}

/// One packet and when it came.
struct Packet {
    var headers = PacketHeaders()
    var time = 0.0
    var length: UInt32 = 100
    var ordinal: UInt64 = 0

    /// The symmetric hash that a classifier would give.
    var hash: UInt32 {
        var forward = false
        let key = FlowKey(headers, vlansSeparateFlows: false, forward: &forward)
        let word = key.a.low &* 0x9e37_79b9_7f4a_7c15 ^ key.b.low &* 0xc2b2_ae3d_27d4_eb4f
        return UInt32(truncatingIfNeeded: word >> 32) ^ UInt32(key.portA) &* 0x1234_5671 ^ UInt32(key.portB)
    }

    var timestamp: Timestamp { Timestamp(nanoseconds: UInt64(1_000_000_000_000 + time * 1e9)) }

    static func ip(_ source: UInt32, _ destination: UInt32, protocol number: UInt8, time: Double = 0)
        -> Packet
    {
        var packet = Packet(time: time)
        packet.headers.layers = [.link, .ip]
        packet.headers.ipVersion = 4
        packet.headers.source = IPAddress(v4: source)
        packet.headers.destination = IPAddress(v4: destination)
        packet.headers.transportProtocol = number
        return packet
    }

    static func udp(
        _ source: UInt32,
        _ sourcePort: UInt16,
        _ destination: UInt32,
        _ destinationPort: UInt16,
        time: Double = 0
    ) -> Packet {
        var packet = ip(source, destination, protocol: 17, time: time)
        packet.headers.layers.insert(.udp)
        packet.headers.sourcePort = sourcePort
        packet.headers.destinationPort = destinationPort
        return packet
    }

    static func tcp(
        _ source: UInt32,
        _ sourcePort: UInt16,
        _ destination: UInt32,
        _ destinationPort: UInt16,
        flags: UInt8,
        sequence: UInt32 = 0,
        acknowledgement: UInt32 = 0,
        payload: UInt32 = 0,
        time: Double = 0
    ) -> Packet {
        var packet = ip(source, destination, protocol: 6, time: time)
        packet.headers.layers.insert(.tcp)
        packet.headers.sourcePort = sourcePort
        packet.headers.destinationPort = destinationPort
        packet.headers.tcpFlags = flags
        packet.headers.sequence = sequence
        packet.headers.acknowledgement = acknowledgement
        packet.headers.payloadLength = payload
        return packet
    }

    static func icmp(
        _ source: UInt32,
        _ destination: UInt32,
        type: UInt16,
        code: UInt16 = 0,
        time: Double = 0
    )
        -> Packet
    {
        var packet = ip(source, destination, protocol: 1, time: time)
        packet.headers.layers.insert(.icmp)
        packet.headers.sourcePort = type
        packet.headers.destinationPort = code
        return packet
    }
}

/// A tracker with a sink and a running ordinal.
final class Bench {
    var tracker: FlowTracker
    var sink = FactList()
    var ordinal: UInt64 = 0
    var latest = Timestamp.zero

    init(_ configuration: FlowConfiguration = FlowConfiguration()) { tracker = FlowTracker(configuration) }

    @discardableResult
    func track(_ packet: Packet) -> FlowView? {
        ordinal += 1
        return track(packet, ordinal: ordinal)
    }

    @discardableResult
    func track(_ packet: Packet, ordinal: UInt64) -> FlowView? {
        latest = max(latest, packet.timestamp)
        return tracker.track(
            packet.headers,
            hash: packet.hash,
            time: packet.timestamp,
            originalLength: packet.length,
            ordinal: ordinal,
            buffer: 0,
            interface: 0,
            facts: &sink
        )
    }

    /// Ends the capture and returns all records.
    func finish() -> [FlowRecord] {
        tracker.finish(at: latest, facts: &sink)
        return sink.flows
    }
}

/// A deterministic sequence of random numbers (SplitMix64), so that a failing test fails again.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
