// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
public import BeltwayWire

/// Parsers behind the reassembler; of flows that ended, what they had counted.
struct ParsedFlows<Sink: FactSink>: ~Copyable, FactSink, StreamConsumer {
    /// Parsers of every protocol.
    var stage: ApplicationStage
    /// Takes their transactions.
    var sink: Sink
    /// Flows that ended.
    private(set) var flows = 0
    /// What these flows counted, both directions.
    private(set) var counted = (packets: UInt64(0), bytes: UInt64(0))

    init(_ stage: consuming ApplicationStage, _ sink: Sink) {
        self.stage = stage
        self.sink = sink
    }

    mutating func record(_ fact: Fact) {}
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {}
    mutating func ended(_ flow: FlowRecord, slot: UInt32) {
        flows += 1
        counted.packets += flow.packetsToResponder + flow.packetsToOriginator
        counted.bytes += flow.bytesToResponder + flow.bytesToOriginator
        var flow = flow
        stage.ended(&flow, slot: slot)
        stage.commit(into: &sink)
    }
    mutating func goesOn(_ flow: FlowRecord, slot: UInt32) {}
    mutating func bytes(_ bytes: RawSpan, of stream: StreamView) { stage.bytes(bytes, of: stream) }
    mutating func gap(_ length: UInt64, of stream: StreamView) { stage.gap(length, of: stream) }
    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {
        stage.directionEnded(stream, reason)
    }
    mutating func ending(_ flow: FlowRecord) { stage.beginEnd(of: flow) }
    mutating func closed(slot: UInt32, flowID: UInt64) {}
}

/// A ``FlowPipeline``'s end in reassembly and parsers.
public struct ParsingEnd<Sink: FactSink>: ~Copyable, FlowPipelineEnd {
    private var streams: StreamStage<ParsedFlows<Sink>>

    /// Makes an end of the two configured parts.
    public init(_ streams: StreamConfiguration, _ stage: consuming ApplicationStage, _ sink: Sink) {
        self.streams = StreamStage(TCPReassembler(streams), consumer: ParsedFlows(stage, sink))
    }

    /// Bytes that parsers hold.
    public var heldBytes: Int { streams.consumer.stage.heldBytes }
    /// What took their transactions.
    public var sink: Sink { streams.consumer.sink }
    /// Flows that ended.
    public var flows: Int { streams.consumer.flows }
    /// What these flows counted, both directions.
    public var counted: (packets: UInt64, bytes: UInt64) { streams.consumer.counted }

    /// Passes a fact on.
    public mutating func record(_ fact: Fact) { streams.record(fact) }
    /// Passes a transaction on.
    public mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        streams.record(transaction, body: body)
    }
    /// Ends a flow's streams and parsers.
    public mutating func ended(_ flow: FlowRecord, slot: UInt32) { streams.ended(flow, slot: slot) }
    /// Passes over a flow that goes on.
    public mutating func goesOn(_ flow: FlowRecord, slot: UInt32) { streams.goesOn(flow, slot: slot) }

    /// Gives a packet's payload to the reassembler or the parsers.
    public mutating func take(
        _ headers: PacketHeaders,
        _ bytes: RawSpan,
        flow: FlowView?,
        frame: FragmentFrame,
        tracker: inout FlowTracker
    ) {
        let place = PacketPlace(time: frame.time, number: frame.ordinal + 1, buffer: 0, interface: 0)
        streams.consumer.stage.judge(headers, bytes, flow: flow, packet: place)
        if let flow, headers.layers.contains(.tcp), streams.consumer.stage.wantsStream(flow) {
            streams.consumer.stage.beginSegment(headers, flow: flow, packet: place)
            streams.segment(
                headers,
                packet: bytes,
                at: .nowhere,
                time: frame.time,
                flow: flow,
                tracker: &tracker
            )
        } else if let flow, headers.layers.contains(.udp), headers.capturedPayloadLength > 0 {
            let start = Int(headers.payloadOffset)
            let payload = bytes.extracting(start..<start + Int(headers.capturedPayloadLength))
            streams.consumer.stage.datagram(payload, headers: headers, flow: flow, packet: place)
        }
        streams.consumer.stage.commit(into: &streams.consumer.sink)
    }
}

extension FlowPipeline where End: ~Copyable {
    /// Ends everything, and looks whether what went in came out, and nothing is held.
    public mutating func finishParsing<Sink: FactSink>() where End == ParsingEnd<Sink> {
        finish()
        let (handed, counted, held) = (handed, end.counted, end.heldBytes)
        expect(counted.packets == handed.packets, "\(counted.packets) packets in flows of \(handed.packets)")
        expect(counted.bytes == handed.bytes, "\(counted.bytes) bytes in flows of \(handed.bytes)")
        expect(held == 0, "parsers hold \(held) bytes at the end")
    }
}
