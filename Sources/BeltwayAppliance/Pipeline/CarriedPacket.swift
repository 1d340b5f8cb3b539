// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayWire
internal import Synchronization

// A packet that came in a tunnel in fragments is in no ring: it is handed over beside the index buffer, in whose order it
// has its place.
//
//     index buffer    .. | packet | packet | number 7 | packet | ..        (the entry of the fragment that completed it)
//     queue                                  7: bytes, headers

/// One layer of a packet whose tunnel came in fragments, or a packet that was compressed.
struct CarriedPacket: Sendable {
    /// What a tracker needs to know of it; time and ordinal are those of the fragment that completed it.
    var frame: FragmentFrame
    /// From the IP header of the datagram that was put together on, to which offsets count; empty if it carries another, or
    /// if there was no room for them.
    var bytes: [UInt8]
    /// The tunnel that it carries; `.none` if it is the innermost.
    var carries: TunnelKind
}

/// Packets on their way from a producer to one worker.
///
/// Offline, the worker's hold on the ring bounds it: the producer cannot be further ahead than the ring is long. What was
/// inflated may be more than came in it. Of what is beyond `mostBytes`, or live beyond `mostLive`, the headers alone are handed
/// over: it is counted in its flow, and its payload as skipped; what is live beyond `mostHeaders` is left out.
final class CarriedQueue: Sendable {
    private struct State {
        var packets: [(number: UInt32, packet: CarriedPacket)] = []
        var head = 0
        /// Bytes of those that wait, and how many have some.
        var bytes = 0
        var filled = 0
        var sent: UInt32 = 0
        /// Number of the last one that was asked for.
        var asked: UInt32 = 0
    }

    /// Packets with bytes that wait at a time, live: 64 KiB each at most.
    static var mostLive: Int { 512 }
    /// Packets that wait at a time, live, with bytes or without.
    static var mostHeaders: Int { 16_384 }
    /// Bytes that wait at a time before nothing more is added.
    private static var mostBytes: Int { 256 << 20 }
    private let state = Mutex(State())

    /// Adds a packet; the producer's call.
    ///
    /// - Returns: Its number, for the entry; the packet may have been left out.
    func send(_ packet: CarriedPacket, isLive: Bool) -> UInt32 {
        state.withLock { state in
            state.sent &+= 1
            guard !isLive || state.packets.count - state.head < CarriedQueue.mostHeaders else {
                return state.sent
            }
            var packet = packet
            let hasRoom = !isLive || state.filled < CarriedQueue.mostLive
            if !hasRoom || state.bytes >= CarriedQueue.mostBytes { packet.bytes = [] }
            state.bytes += packet.bytes.count
            if !packet.bytes.isEmpty { state.filled += 1 }
            state.packets.append((state.sent, packet))
            return state.sent
        }
    }

    /// Takes the packet of an entry, and throws away those whose entries were lapped.
    ///
    /// - Returns: The packet, nil if it was left out; and how many before it nobody asked for.
    func take(_ number: UInt32) -> (packet: CarriedPacket?, missed: UInt32) {
        state.withLock { state in
            let missed = number &- 1 &- state.asked
            state.asked = number
            var found: CarriedPacket?
            while state.head < state.packets.count {
                let next = state.packets[state.head]
                if Int32(bitPattern: next.number &- number) > 0 { break }
                state.head += 1
                state.bytes -= next.packet.bytes.count
                if !next.packet.bytes.isEmpty { state.filled -= 1 }
                if next.number == number { found = next.packet }
            }
            if state.head == state.packets.count {
                state.packets.removeAll(keepingCapacity: state.packets.capacity <= 64)
                state.head = 0
            } else if state.head > 64, state.head * 2 > state.packets.count {
                state.packets.removeFirst(state.head)
                state.head = 0
            }
            return (found, missed)
        }
    }
}
