// SPDX-License-Identifier: Apache-2.0

public import BeltwayWire

/// Where a worker's stages put their facts; specialised away on the hot path.
///
/// The appliance's sink is the bounded queue to the writer; a test's sink is an array.
public protocol FactSink: ~Copyable {
    /// Takes one fact. May block (offline) or count it as dropped (live); never fails.
    mutating func record(_ fact: Fact)

    /// Takes a transaction with its body, which is copied. May block or count it as dropped; never fails.
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>)

    /// The tracker is about to write the record of the flow in `slot`, and then to use the slot for another flow.
    ///
    /// - Parameters:
    ///   - slot: The flow's place in the tracker's table (``FlowView/slot``).
    ///   - time: Greatest time of the flow's packets.
    mutating func flowEnded(slot: UInt32, at time: Timestamp)

    /// Takes the record of the flow that ``flowEnded(slot:at:)`` was told of.
    mutating func ended(_ flow: FlowRecord, slot: UInt32)
}

extension FactSink where Self: ~Copyable {
    /// Does nothing: for sinks that keep nothing by slot.
    @inlinable @inline(__always)
    public mutating func flowEnded(slot: UInt32, at time: Timestamp) {}

    /// Passes the transaction's head on: for sinks that do not ask for bodies.
    @inlinable public mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        record(.transaction(transaction))
    }

    /// Passes the record on.
    @inlinable public mutating func ended(_ flow: FlowRecord, slot: UInt32) { record(.flow(flow)) }
}
