// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// A reassembler with its consumer, as the sink of a flow tracker: streams end before their flow's record is written.
///
/// The tracker is given the stage as its sink; what the tracker records goes on to the consumer, which is a sink too.
public struct StreamStage<Consumer: StreamConsumer & FactSink & ~Copyable>: ~Copyable, FactSink {
    /// Puts segments in order.
    public var reassembler: TCPReassembler
    /// Takes their bytes, and all facts.
    public var consumer: Consumer

    /// Makes a stage of its two parts.
    @inlinable
    public init(_ reassembler: consuming TCPReassembler, consumer: consuming Consumer) {
        self.reassembler = reassembler
        self.consumer = consumer
    }

    /// Takes one TCP packet; see ``TCPReassembler/segment(_:packet:at:time:flow:tracker:consumer:)``.
    @inlinable @inline(__always)
    public mutating func segment(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        at place: SegmentPlace,
        time: Timestamp,
        flow: FlowView,
        tracker: inout FlowTracker
    ) {
        reassembler.segment(
            headers,
            packet: packet,
            at: place,
            time: time,
            flow: flow,
            tracker: &tracker,
            consumer: &consumer
        )
    }

    /// Takes the last packet back: it was overwritten while it was looked at.
    @inlinable
    public mutating func overwritten(_ flow: FlowView) {
        reassembler.noteOverwritten()
        consumer.overwritten(slot: flow.slot, flowID: flow.flowID)
    }

    /// Hands a fact on.
    @inlinable
    public mutating func record(_ fact: Fact) { consumer.record(fact) }

    /// Hands a transaction on.
    @inlinable
    public mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        consumer.record(transaction, body: body)
    }

    /// Hands the record of a flow that goes on on.
    @inlinable
    public mutating func goesOn(_ flow: FlowRecord, slot: UInt32) { consumer.goesOn(flow, slot: slot) }

    /// Ends the streams of a flow, and hands its record on.
    @inlinable
    public mutating func ended(_ flow: FlowRecord, slot: UInt32) {
        consumer.ending(flow)
        reassembler.flowEnded(slot: slot, time: flow.end, consumer: &consumer)
        consumer.ended(flow, slot: slot)
    }
}
