// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

/// Where a worker's facts leave: the parsers hear of a flow's end first, and say what it spoke.
struct WorkerOutlet<Sink: FactSink & ~Copyable>: ~Copyable, FactSink, StreamConsumer {
    private(set) var facts: Sink
    /// None or one. (An optional would be asked by a call per packet.)
    var applications: OwnedArray<ApplicationStage>

    init(facts: consuming Sink, applications stage: consuming ApplicationStage?) {
        self.facts = facts
        applications = OwnedArray(capacity: 1)
        if let stage { applications.append(stage) }
    }

    mutating func record(_ fact: Fact) { facts.record(fact) }

    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        facts.record(transaction, body: body)
    }

    mutating func ended(_ flow: FlowRecord, slot: UInt32) {
        var flow = flow
        if applications.count > 0 {
            applications[0].ended(&flow, slot: slot)
            applications[0].commit(into: &facts)
        }
        facts.record(.flow(flow))
    }

    mutating func goesOn(_ flow: FlowRecord, slot: UInt32) {
        var flow = flow
        if applications.count > 0 { applications[0].tell(&flow, slot: slot) }
        facts.record(.flow(flow))
    }

    /// The packet was whole: what it gave is recorded.
    @inline(__always)
    mutating func commit() {
        if applications.count > 0 { applications[0].commit(into: &facts) }
    }

    /// The packet was overwritten while it was looked at.
    mutating func discard() {
        if applications.count > 0 { applications[0].discard() }
    }

    // MARK: Streams, which are put in order only where there are parsers

    mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        applications[0].bytes(bytes, of: stream)
    }

    mutating func gap(_ length: UInt64, of stream: StreamView) { applications[0].gap(length, of: stream) }

    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {
        applications[0].directionEnded(stream, reason)
    }

    mutating func ending(_ flow: FlowRecord) {
        if applications.count > 0 { applications[0].beginEnd(of: flow) }
    }

    /// The record of the flow comes next, and with it the end of its parser.
    mutating func closed(slot: UInt32, flowID: UInt64) {}

    mutating func overwritten(slot: UInt32, flowID: UInt64) {
        applications[0].overwritten(slot: slot, flowID: flowID)
    }
}
