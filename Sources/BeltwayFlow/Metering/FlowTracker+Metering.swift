// SPDX-License-Identifier: Apache-2.0
// The tracker's part of metering: sizes of every flow, a meter for each TCP connection of more than one packet.
//
// A connection whose only packet is a SYN has no meter: the entry knows all that there is to know, and a flood of SYNs
// to ever new tuples costs no more than the flow table's own budget.

public import BeltwayWire

extension FlowTracker {
    /// Measures one packet that was counted into the flow in `slot`.
    @inlinable @inline(__always)
    mutating func measure(
        _ slot: UInt32,
        _ headers: borrowing PacketHeaders,
        toResponder: Bool,
        time: Timestamp,
        isFirst: Bool
    ) {
        let side = toResponder ? 0 : 1
        table[sizes: slot].ipBytes[side] &+= UInt64(headers.ipLength)
        if headers.transportProtocol != IPProtocol.tcp {
            table[sizes: slot].payloadBytes[side] &+= UInt64(headers.payloadLength)
        }
        if headers.layers.contains(.tcp) {
            let segment = TCPMeter.Segment(
                sequence: headers.sequence,
                acknowledgement: headers.acknowledgement,
                length: headers.payloadLength,
                window: headers.window,
                flags: headers.tcpFlags
            )
            meter(slot, segment, toResponder: toResponder, time: time, isFirst: isFirst)
        }
    }

    @inline(never) @usableFromInline
    mutating func meter(
        _ slot: UInt32,
        _ segment: TCPMeter.Segment,
        toResponder: Bool,
        time: Timestamp,
        isFirst: Bool
    ) {
        var number = table[sizes: slot].meter
        if number == TCPMeterTable.none {
            let opening = TCPFlag.syn | TCPFlag.ack | TCPFlag.fin | TCPFlag.rst
            if isFirst, segment.flags & opening == TCPFlag.syn { return }
            number = meters.take()
            table[sizes: slot].meter = number
            if isFirst {
                // A SYN+ACK came first: its receiver is the originator.
                if !toResponder { meters[number].history.append("^", byOriginator: true) }
            } else if let first = table[slot].firstSYN {
                meters[number].take(first, byOriginator: true, at: table[slot].start)
            }
        }
        meters[number].take(segment, byOriginator: toResponder, at: time)
    }

    /// Completes a record by what was measured.
    func complete(_ record: inout FlowRecord, slot: UInt32) {
        let sizes = table[sizes: slot]
        record.ipBytesToResponder = sizes.ipBytes[0]
        record.ipBytesToOriginator = sizes.ipBytes[1]
        guard record.transportProtocol == IPProtocol.tcp else {
            record.payloadBytesToResponder = sizes.payloadBytes[0]
            record.payloadBytesToOriginator = sizes.payloadBytes[1]
            if record.transportProtocol == IPProtocol.udp {
                record.connectionState = record.packetsToOriginator == 0 ? .s0 : .sf
            }
            record.history = history(of: record, slot: slot)
            return
        }
        var meter = TCPMeter()
        if sizes.meter != TCPMeterTable.none {
            meter = meters[sizes.meter]
        } else if let first = table[slot].firstSYN {
            meter.take(first, byOriginator: true, at: record.start)
        } else {
            return
        }
        record.connectionState = meter.connectionState
        record.history = meter.history
        record.payloadBytesToResponder = meter.sides[0].payloadBytes
        record.payloadBytesToOriginator = meter.sides[1].payloadBytes
        record.metered = (FlowRecord.Side(meter.sides[0]), FlowRecord.Side(meter.sides[1]))
    }
}

extension FlowEntry {
    /// The SYN that a flow began with, as far as the entry remembers it; nil if it did not.
    var firstSYN: TCPMeter.Segment? {
        guard marks.contains([.synSeen, .originatorSequence]) else { return nil }
        return TCPMeter.Segment(
            sequence: originatorSequence,
            acknowledgement: 0,
            length: originatorSynEnd &- originatorSequence &- 1,
            window: 1,
            flags: TCPFlag.syn
        )
    }
}

extension FlowRecord.Side {
    init(_ side: TCPSide) {
        handshakeMicroseconds = side.handshakeTime
        dataMicroseconds = side.dataTime
        retransmissions = side.retransmissions
        outOfOrder = side.outOfOrder
        zeroWindows = side.zeroWindows
        missedBytes = side.missed
    }
}
