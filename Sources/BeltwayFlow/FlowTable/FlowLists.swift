// SPDX-License-Identifier: Apache-2.0
// Twelve lists through the table's entries, one per protocol kind and state, each in the order of `queued`.
//
//   tcp.new         head <-> ... <-> tail       the head is the longest idle, so expiry and eviction look there only
//   tcp.established head <-> ... <-> tail
//   ...
//
// A packet does not move its flow to the tail each time (that would touch three cold lines): only when 1/16 of the
// time-out has passed since it last did. So an entry may have been `seen` up to 1/16 of the time-out after `queued`.

import BeltwayWire

/// Heads, tails and lengths of the time-out lists.
@frozen public struct FlowLists: ~Copyable {
    /// Number of lists: protocol kinds times states.
    @inlinable public static var count: Int { 12 }

    @usableFromInline var heads = InlineArray<12, UInt32>(repeating: FlowTable.none)
    @usableFromInline var tails = InlineArray<12, UInt32>(repeating: FlowTable.none)
    @usableFromInline var lengths = InlineArray<12, Int>(repeating: 0)

    @inlinable init() {}

    /// The list of a protocol kind and state.
    @inlinable static func number(_ kind: FlowProtocol, _ state: FlowState) -> UInt8 {
        kind.rawValue &* 3 &+ state.rawValue
    }

    /// Puts a flow that is in no list at the end of list `list`.
    @usableFromInline
    mutating func append(_ slot: UInt32, to list: UInt8, in table: inout FlowTable) {
        let number = Int(list)
        let tail = tails[number]
        table[slot].list = list
        table[slot].queued = table[slot].seen
        table[slot].previous = tail
        table[slot].next = FlowTable.none
        if tail == FlowTable.none { heads[number] = slot } else { table[tail].next = slot }
        tails[number] = slot
        lengths[number] += 1
    }

    /// Takes a flow out of its list.
    @usableFromInline
    mutating func remove(_ slot: UInt32, in table: inout FlowTable) {
        let number = Int(table[slot].list)
        let previous = table[slot].previous
        let next = table[slot].next
        if previous == FlowTable.none { heads[number] = next } else { table[previous].next = next }
        if next == FlowTable.none { tails[number] = previous } else { table[next].previous = previous }
        lengths[number] -= 1
    }

    /// Moves a flow to the end of list `list`.
    @usableFromInline
    mutating func move(_ slot: UInt32, to list: UInt8, in table: inout FlowTable) {
        remove(slot, in: &table)
        append(slot, to: list, in: &table)
    }

    /// The flow to give up when the table is full: one-sided flows first, then closed, then established ones,
    /// the longest idle first within each.
    @usableFromInline
    func leastUseful(in table: borrowing FlowTable) -> UInt32 {
        let order: InlineArray<3, FlowState> = [.new, .closed, .established]
        for turn in 0..<3 {
            let state = order[turn]
            var best = FlowTable.none
            for kind in 0..<4 {
                let head = heads[kind * 3 + Int(state.rawValue)]
                if head == FlowTable.none { continue }
                if best == FlowTable.none || table[head].queued < table[best].queued { best = head }
            }
            if best != FlowTable.none { return best }
        }
        return FlowTable.none
    }
}
