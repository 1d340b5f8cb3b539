// SPDX-License-Identifier: Apache-2.0
// How flows leave the tracker: found over, swept, given up, or drained at the end.

public import BeltwayWire

extension FlowTracker {
    /// Advances the clock and writes the records of flows that are idle beyond their time-out.
    ///
    /// Call it before the first packet of each chunk of the capture is tracked, by every worker, also one whose share
    /// of that chunk is empty or whose chunks arrive several at once (the last clock is enough then). The records do
    /// not depend on how often it is called in between; only when they are written does.
    ///
    /// - Parameters:
    ///   - time: Greatest time of all *earlier* chunks (live: any time that no later packet precedes by much).
    ///     A smaller time than before is ignored.
    ///   - limit: Most flows to end in this call; what is left is ended by later calls.
    ///   - facts: Takes the records.
    /// - Returns: Flows ended.
    @inlinable @discardableResult
    public mutating func expire<Sink: FactSink & ~Copyable>(
        through time: Timestamp,
        limit: Int = .max,
        facts: inout Sink
    ) -> Int {
        if time > clock { clock = time }
        var ended = 0
        for list in 0..<FlowLists.count {
            // 1/16 beyond, since that much later than `queued` the flow may have been seen.
            let patience = timeouts[list] &+ timeouts[list] >> 4
            while ended < limit {
                let head = lists.heads[list]
                if head == FlowTable.none || clock.nanoseconds(since: table[head].queued) <= patience {
                    break
                }
                end(head, .timeout, &facts)
                ended += 1
            }
        }
        return ended
    }

    /// Writes the records of all flows and empties the table: the capture has ended.
    ///
    /// Flows that are idle beyond their time-out at `time` end with reason `timeout`, the others with `shutdown`.
    ///
    /// - Parameters:
    ///   - time: Greatest time of the whole capture, the same for all workers.
    ///   - facts: Takes the records, by list and there the longest idle first.
    @inlinable
    public mutating func finish<Sink: FactSink & ~Copyable>(at time: Timestamp, facts: inout Sink) {
        if time > clock { clock = time }
        for list in 0..<FlowLists.count {
            while lists.heads[list] != FlowTable.none {
                let head = lists.heads[list]
                let isIdle = clock.nanoseconds(since: table[head].seen) > timeouts[list]
                end(head, isIdle ? .timeout : .shutdown, &facts)
            }
        }
    }

    /// Returns the record of the flow in `slot` as it would be if it ended now.
    ///
    /// - Parameters:
    ///   - slot: From a ``FlowView`` of the latest packet.
    ///   - reason: Why it would end.
    /// - Returns: The record.
    public func record(slot: UInt32, reason: FlowEndReason = .shutdown) -> FlowRecord {
        var record = table[slot].record(reason)
        complete(&record, slot: slot)
        return record
    }

    /// Writes the record of a flow and takes it out of the table.
    @inlinable @inline(never)
    mutating func end<Sink: FactSink & ~Copyable>(
        _ slot: UInt32,
        _ reason: FlowEndReason,
        _ facts: inout Sink
    ) {
        let record = release(slot, reason)
        facts.ended(record, slot: slot)
    }

    /// Writes what a flow has come to if its active time-out has passed.
    ///
    /// It is judged by the flow's own packets' times alone, so that the records are the same for any number of workers. A
    /// flow that is silent meanwhile has nothing to say.
    @inlinable @inline(never)
    mutating func reportIfDue<Sink: FactSink & ~Copyable>(
        _ slot: UInt32,
        time: Timestamp,
        _ facts: inout Sink
    ) {
        let active = activeTimeouts[Int(table[slot].list / 3)]
        let age = time.nanoseconds(since: table[slot].start)
        guard active != 0, age >= active &+ UInt64(table[slot].reported) &* 1_000_000_000 else { return }
        table[slot].reported = UInt32(clamping: age / 1_000_000_000)
        var record = record(slot: slot, reason: .timeout)
        record.goesOn = true
        facts.goesOn(record, slot: slot)
    }

    /// Gives up the least useful flow; the table is full, so there is one.
    @inlinable @inline(never)
    mutating func evict<Sink: FactSink & ~Copyable>(_ facts: inout Sink) {
        let slot = lists.leastUseful(in: table)
        if slot != FlowTable.none { end(slot, .forced, &facts) }
    }

    @usableFromInline
    mutating func release(_ slot: UInt32, _ reason: FlowEndReason) -> FlowRecord {
        let record = self.record(slot: slot, reason: reason)
        if record.transportProtocol == IPProtocol.tcp {
            let number = table[sizes: slot].meter
            if number != TCPMeterTable.none { meters.give(number) }
        }
        if !pairs.isEmpty { pairs.forget(table[slot].key) }
        if !damaged.isEmpty { damaged.forget(slot) }
        lists.remove(slot, in: &table)
        table.remove(slot)
        counts.ended[Int(reason.rawValue)] &+= 1
        return record
    }
}

extension FlowEntry {
    /// The record of this flow, ended for `reason`.
    func record(_ reason: FlowEndReason) -> FlowRecord {
        var record = FlowRecord()
        let originatorIsA = marks.contains(.originatorIsA)
        record.flowID = flowID
        record.start = start
        record.end = last
        record.originator = originatorIsA ? key.a : key.b
        record.responder = originatorIsA ? key.b : key.a
        record.originatorPort = originatorPort
        record.responderPort = responderPort
        record.transportProtocol = key.transportProtocol
        record.ipVersion = key.ipVersion
        record.vlan = (vlanOuter, vlanInner)
        record.vlanCount = vlanCount
        record.state = state
        record.endReason = reason
        record.tcpState = tcpState
        record.originatorFlags = originatorFlags
        record.responderFlags = responderFlags
        record.alerted = marks.contains(.alerted)
        record.buffer = buffer
        record.interface = interface
        record.packetsToResponder = packetsToResponder
        record.packetsToOriginator = packetsToOriginator
        record.bytesToResponder = bytesToResponder
        record.bytesToOriginator = bytesToOriginator
        record.tunnelDepth = key.tunnelDepth
        record.tunnelKind = TunnelKind(rawValue: key.tunnelKind) ?? .none
        record.tunnelID = tunnelID
        record.parentID = parentID
        record.carriedKind = carried
        if key.transportProtocol == IPProtocol.icmp || key.transportProtocol == IPProtocol.icmpv6 {
            record.answered = icmpAnswered
        }
        return record
    }
}
