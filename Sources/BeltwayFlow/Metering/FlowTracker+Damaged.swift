// SPDX-License-Identifier: Apache-2.0
// Packets whose checksum is wrong, where somebody looks: the host that they are for drops them (RFC 9293, 3.10.7; RFC 1122,
// 4.1.3.4), so they are counted in their flow, and nothing else is learnt from them.
//
//     track(without TCP's layer) --> bytes, packets, time-outs        noteDamaged --> C or c in the history
//
// Kept beside the table, since hardly any flow has them: what nobody looks for costs nothing.
internal import BeltwayWire

/// How many damaged packets flows had, by slot.
@usableFromInline struct DamagedPackets {
    private var counts: [UInt32: (originator: UInt64, responder: UInt64)] = [:]

    @usableFromInline init() {}

    var isEmpty: Bool { counts.isEmpty }

    /// Counts those of a datagram; whether they are the first of their side.
    mutating func note(_ slot: UInt32, _ packets: Int, byOriginator: Bool) -> Bool {
        var count = counts[slot] ?? (0, 0)
        let before = byOriginator ? count.originator : count.responder
        if byOriginator { count.originator &+= UInt64(packets) } else { count.responder &+= UInt64(packets) }
        counts[slot] = count
        return before == 0
    }

    func count(of slot: UInt32) -> (originator: UInt64, responder: UInt64) { counts[slot] ?? (0, 0) }

    mutating func forget(_ slot: UInt32) { counts[slot] = nil }
}

extension FlowTracker {
    /// Notes that the packet tracked last has a wrong checksum; it was tracked without the layer of TCP.
    ///
    /// - Parameters:
    ///   - flow: What ``track(_:hash:time:originalLength:ordinal:buffer:interface:facts:)`` said of it.
    ///   - packets: The packets that brought it, fragments each.
    public mutating func noteDamaged(_ flow: FlowView, packets: Int = 1) {
        let slot = flow.slot
        let isFirst = damaged.note(slot, packets, byOriginator: flow.toResponder)
        guard isFirst, table[slot].key.transportProtocol == IPProtocol.tcp else { return }
        var number = table[sizes: slot].meter
        if number == TCPMeterTable.none {
            number = meters.take()
            table[sizes: slot].meter = number
            if let first = table[slot].firstSYN {
                meters[number].take(first, byOriginator: true, at: table[slot].start)
            }
        }
        meters[number].history.append("C", byOriginator: flow.toResponder)
    }

    /// The history of a flow of datagrams, in the letters of Zeek's conn.log.
    func history(of record: FlowRecord, slot: UInt32) -> FlowHistory {
        let damaged = self.damaged.count(of: slot)
        var history = FlowHistory()
        let isUDP = record.transportProtocol == IPProtocol.udp
        if isUDP, record.packetsToResponder > damaged.originator { history.append("D", byOriginator: true) }
        if damaged.originator > 0 { history.append("C", byOriginator: true) }
        if isUDP, record.packetsToOriginator > damaged.responder { history.append("D", byOriginator: false) }
        if damaged.responder > 0 { history.append("C", byOriginator: false) }
        return history
    }
}
