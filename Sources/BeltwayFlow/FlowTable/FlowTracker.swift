// SPDX-License-Identifier: Apache-2.0
// The flow tracker: one worker's flows, from packet headers to flow records.
//
//   headers, time --> key --> find --> over? --yes--> record, begin anew
//                                       | no
//                                       v
//                          count, TCP state, time-out list --> FlowView for the stages that follow
//
// Invariant 1. Whether a packet begins a new flow depends on that flow's own packets and on the clock only, never on
//              other flows (as long as the table is not full): so the records are the same for any number of workers.
// Invariant 2. The clock is the greatest time of all *earlier* chunks of the capture, given by `expire(through:)`.
//              A flow that `expire` removes is one that `track` would have found over at any later packet.
// Invariant 3. Each live entry is in the list of its protocol kind and state.

public import BeltwayWire

/// Follows flows: both directions, counters, TCP state, time-outs; writes a ``FlowRecord`` when one ends.
///
/// The originator is the sender of a flow's first packet, except that a TCP flow whose first packet seen is a SYN+ACK
/// has that packet's receiver as its originator.
@frozen public struct FlowTracker: ~Copyable {
    /// What the tracker was told.
    public let configuration: FlowConfiguration

    @usableFromInline var table: FlowTable
    @usableFromInline var meters: TCPMeterTable
    @usableFromInline var lists = FlowLists()
    @usableFromInline var pairs = TunnelPairs()
    @usableFromInline var damaged = DamagedPackets()
    /// Time-outs in nanoseconds, by list.
    @usableFromInline let timeouts: InlineArray<12, UInt64>
    /// Active time-outs in nanoseconds, by ``FlowProtocol``; 0 for none.
    @usableFromInline let activeTimeouts: InlineArray<4, UInt64>
    /// How long a SYN waits for its answer, in nanoseconds; 0 for as long as its sender goes on.
    @usableFromInline let attemptTimeout: UInt64
    /// Whether any protocol has an active time-out.
    @usableFromInline let reportsActive: Bool
    @usableFromInline var clock = Timestamp.zero
    @usableFromInline var counts = FlowStatistics()

    /// Makes a tracker without flows.
    public init(_ configuration: FlowConfiguration = FlowConfiguration()) {
        self.configuration = configuration
        table = FlowTable(capacity: configuration.capacity)
        meters = TCPMeterTable(capacity: table.capacity)
        var timeouts = InlineArray<12, UInt64>(repeating: 0)
        let kinds = [configuration.tcp, configuration.udp, configuration.icmp, configuration.other]
        var active = InlineArray<4, UInt64>(repeating: 0)
        for (kind, seconds) in kinds.enumerated() {
            active[kind] = UInt64(seconds.active) * 1_000_000_000
            timeouts[kind * 3 + 0] = UInt64(seconds.new) * 1_000_000_000
            timeouts[kind * 3 + 1] = UInt64(seconds.established) * 1_000_000_000
            timeouts[kind * 3 + 2] = UInt64(seconds.closed) * 1_000_000_000
        }
        self.timeouts = timeouts
        activeTimeouts = active
        attemptTimeout = UInt64(configuration.attempt) * 1_000_000_000
        reportsActive = kinds.contains { $0.active != 0 }
    }

    /// Counts one packet into its flow, beginning or ending flows as needed.
    ///
    /// - Parameters:
    ///   - headers: The packet's headers.
    ///   - hash: The classifier's symmetric flow hash: equal for all packets of a flow, both directions.
    ///   - time: The packet's time; may lie before earlier packets' times.
    ///   - originalLength: Bytes of the frame on the wire.
    ///   - ordinal: The packet's running number in its producer's order (64 bits).
    ///   - buffer: Number of the data buffer it came by; also names the producer in flow identifiers.
    ///   - interface: Its interface, numbered within that buffer.
    ///   - facts: Takes the record of a flow that this packet found over.
    /// - Returns: What is known of the packet's flow, or nil if it belongs to none (no IP header).
    @inlinable
    public mutating func track<Sink: FactSink & ~Copyable>(
        _ headers: borrowing PacketHeaders,
        hash: UInt32,
        time: Timestamp,
        originalLength: UInt32,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16,
        facts: inout Sink
    ) -> FlowView? {
        guard headers.layers.contains(.ip) else {
            counts.packetsOutside &+= 1
            return nil
        }
        var forward = true
        var key = FlowKey(headers, vlansSeparateFlows: configuration.vlansSeparateFlows, forward: &forward)
        if key.isOfErrorMessage { key.distinguish(byEmbeddedPair: hash) }
        if headers.tunnelDepth != 0, !headers.tunnelKind.isSymmetric {
            distinguish(&key, hash, byTunnelOf: headers, forward: forward)
        }
        var mixed = table.mixedHash(key, hash)
        let now = max(time, clock)
        var slot = table.find(key, hash: mixed)
        if slot == FlowTable.none, headers.tunnelDepth != 0 || !pairs.isEmpty,
            let flow = flow(answeredBy: headers, key, hash)
        {
            key = flow
            mixed = table.mixedHash(key, hash)
            slot = table.find(key, hash: mixed)
        }
        if slot != FlowTable.none,
            let reason = endReason(of: slot, headers, forward: forward, time: time, now: now)
        {
            end(slot, reason, &facts)
            slot = FlowTable.none
        }
        if reportsActive, slot != FlowTable.none { reportIfDue(slot, time: time, &facts) }
        let isFirst = slot == FlowTable.none
        if isFirst {
            if table.isFull { evict(&facts) }
            slot = begin(
                key,
                mixed,
                headers,
                forward: forward,
                time: time,
                now: now,
                ordinal: ordinal,
                buffer: buffer,
                interface: interface
            )
        }
        return update(
            slot,
            headers,
            forward: forward,
            time: time,
            now: now,
            originalLength: originalLength,
            isFirst: isFirst
        )
    }

    /// Marks the flow in `slot` (of a ``FlowView`` from the latest packet) as one that an alert was raised on.
    public mutating func noteAlert(slot: UInt32) {
        table[slot].marks.insert(.alerted)
    }

    /// Notes that the flow in `slot` (of a ``FlowView`` from the latest packet) carries a tunnel; the first kind stays.
    public mutating func noteCarrying(_ kind: TunnelKind, slot: UInt32) {
        if table[slot].carried == .none { table[slot].carried = kind }
    }

    /// Counters since the tracker was made.
    public var statistics: FlowStatistics {
        var result = counts
        result.active = table.count
        for kind in 0..<4 {
            result.activeByState.new += lists.lengths[kind * 3]
            result.activeByState.established += lists.lengths[kind * 3 + 1]
            result.activeByState.closed += lists.lengths[kind * 3 + 2]
        }
        result.memoryBytes = table.memoryBytes + meters.memoryBytes
        return result
    }

    /// Why the flow in `slot` is over at this packet, or nil if it goes on.
    ///
    /// Mutating, though nothing changes: a function that borrows a large structure, and is not inlined, gets a copy of it.
    @inlinable @inline(__always)
    mutating func endReason(
        of slot: UInt32,
        _ headers: borrowing PacketHeaders,
        forward: Bool,
        time: Timestamp,
        now: Timestamp
    ) -> FlowEndReason? {
        let timeout = timeouts[Int(table[slot].list)]
        // Own times first; the clock's part is what lets `expire` remove flows unseen. Time running backwards is
        // never idleness: both differences are 0 then.
        if now.nanoseconds(since: table[slot].seen) > timeout
            || time.nanoseconds(since: table[slot].last) > timeout
        {
            return .timeout
        }
        if headers.layers.contains(.tcp) {
            if attemptTimeout != 0, table[slot].isUnanswered,
                forward == table[slot].marks.contains(.originatorIsA),
                time.nanoseconds(since: table[slot].start) > attemptTimeout
            {
                return .timeout
            }
            if headers.tcpFlags & (TCPFlag.syn | TCPFlag.ack) == TCPFlag.syn {
                let toResponder = forward == table[slot].marks.contains(.originatorIsA)
                if table[slot].isReused(bySYN: headers.sequence, toResponder: toResponder) {
                    return .tcpReuse
                }
            } else if table[slot].state == .closed, isAfterReset(slot, headers, time: time) {
                return .tcpReuse
            }
        }
        return nil
    }

    /// Whether a packet brings data long after a reset ended its connection: no old segment, then, but another connection
    /// whose beginning was not seen (as in Zeek, which waits less).
    @inline(never) @usableFromInline
    mutating func isAfterReset(_ slot: UInt32, _ headers: borrowing PacketHeaders, time: Timestamp) -> Bool {
        let flags = table[slot].originatorFlags | table[slot].responderFlags
        guard flags & TCPFlag.rst != 0, headers.payloadLength > 0 else { return false }
        let silence = UInt64(configuration.silenceAfterReset) * 1_000_000_000
        return time.nanoseconds(since: table[slot].last) > silence
    }

    /// Counts a packet into the flow in `slot`.
    @inlinable @inline(__always)
    mutating func update(
        _ slot: UInt32,
        _ headers: borrowing PacketHeaders,
        forward: Bool,
        time: Timestamp,
        now: Timestamp,
        originalLength: UInt32,
        isFirst: Bool
    ) -> FlowView {
        var view = FlowView()
        let queued = table[slot].queued
        let list = table[slot].list
        let wanted = table[slot].count(
            headers,
            forward: forward,
            time: time,
            now: now,
            originalLength: originalLength,
            midstream: configuration.midstream,
            view: &view
        )
        if wanted != list || now.nanoseconds(since: queued) > timeouts[Int(list)] >> 4 {
            lists.move(slot, to: wanted, in: &table)
        }
        measure(slot, headers, toResponder: view.toResponder, time: time, isFirst: isFirst)
        view.slot = slot
        view.isFirstPacket = isFirst
        return view
    }

    /// Puts a new flow into the table, which must not be full.
    @usableFromInline
    mutating func begin(
        _ key: FlowKey,
        _ mixed: UInt32,
        _ headers: borrowing PacketHeaders,
        forward: Bool,
        time: Timestamp,
        now: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) -> UInt32 {
        let flags = headers.layers.contains(.tcp) ? headers.tcpFlags : 0
        let answering = flags & 0x17 == TCPFlag.syn | TCPFlag.ack
        var entry = FlowEntry(key: key)
        if forward != answering { entry.marks.insert(.originatorIsA) }
        let ports = headers.isLaterFragment ? (0, 0) : (headers.sourcePort, headers.destinationPort)
        (entry.originatorPort, entry.responderPort) = answering ? (ports.1, ports.0) : ports
        entry.start = time
        entry.last = time
        entry.seen = now
        if key.mayCarryTunnel {
            entry.flowID = FlowID.make(carrier: key, salt: configuration.salt)
        } else {
            entry.flowID = FlowID.make(
                key: key,
                start: time,
                ordinal: ordinal,
                producer: buffer,
                salt: configuration.salt
            )
        }
        entry.vlanOuter = headers.vlan.outer & 0xfff
        entry.vlanInner = headers.vlan.inner & 0xfff
        entry.vlanCount = min(headers.vlanCount, 2)
        if headers.tunnelDepth != 0 {
            entry.noteTunnel(copy headers, configuration)
            if flags & (TCPFlag.syn | TCPFlag.ack) == TCPFlag.syn { pairs.noteSYN(key) }
        }
        entry.buffer = buffer
        entry.interface = interface
        let kind = FlowProtocol(transportProtocol: key.transportProtocol)
        let slot = table.insert(entry, hash: mixed)
        lists.append(slot, to: FlowLists.number(kind, .new), in: &table)
        counts.total &+= 1
        counts.begun[Int(kind.rawValue)] &+= 1
        return slot
    }
}
