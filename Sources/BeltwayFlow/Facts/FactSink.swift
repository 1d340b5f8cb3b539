// SPDX-License-Identifier: Apache-2.0

/// Where a worker's stages put their facts; specialised away on the hot path.
///
/// The appliance's sink is the bounded queue to the writer; a test's sink is an array.
public protocol FactSink: ~Copyable {
    /// Takes one fact. May block (offline) or count it as dropped (live); never fails.
    mutating func record(_ fact: Fact)

    /// Takes a transaction with its body, which is copied. May block or count it as dropped; never fails.
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>)

    /// Takes the record of a flow that has ended, whose slot goes to another flow next.
    ///
    /// - Parameters:
    ///   - flow: The record; ``record(_:)`` is not called for it by the tracker.
    ///   - slot: The flow's place in the tracker's table (``FlowView/slot``).
    mutating func ended(_ flow: FlowRecord, slot: UInt32)

    /// Takes the record of a flow that goes on: its active time-out has passed.
    ///
    /// - Parameters:
    ///   - flow: What it has come to until now; ``FlowRecord/goesOn`` is set.
    ///   - slot: The flow's place in the tracker's table.
    mutating func goesOn(_ flow: FlowRecord, slot: UInt32)
}

extension FactSink where Self: ~Copyable {
    /// Passes the transaction's head on: for sinks that do not ask for bodies.
    @inlinable public mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        record(.transaction(transaction))
    }

    /// Passes the record on.
    @inlinable public mutating func goesOn(_ flow: FlowRecord, slot: UInt32) { record(.flow(flow)) }

    /// Passes the record on.
    @inlinable public mutating func ended(_ flow: FlowRecord, slot: UInt32) { record(.flow(flow)) }
}
