// SPDX-License-Identifier: Apache-2.0
// A tracker with a reassembler and a consumer that remembers, for the stream tests of this folder.

import BeltwayFlow
import BeltwayWire

/// What one direction of one flow was given.
struct StreamStory: Equatable {
    /// Bytes in order; a gap adds nothing.
    var bytes: [UInt8] = []
    /// Gaps: where they began, how long they were.
    var gaps: [[UInt64]] = []
    var ends: [StreamEnd] = []
    /// Offset that the next call must begin at.
    var next: UInt64 = 0
    var isMidstream = false

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A consumer that remembers everything, and notices what may not be.
struct StreamRecorder: StreamConsumer, FactSink {
    /// By flow identifier: to the responder, and back.
    var stories: [UInt64: (StreamStory, StreamStory)] = [:]
    /// In the order in which they were closed.
    var closed: [UInt64] = []
    var facts: [Fact] = []
    var faults: [String] = []
    var overwritten = 0

    mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        note(stream) { story in
            for offset in 0..<bytes.byteCount { story.bytes.append(bytes.byte(at: offset)) }
            story.next += UInt64(bytes.byteCount)
        }
        if bytes.isEmpty { faults.append("no bytes") }
    }

    mutating func gap(_ length: UInt64, of stream: StreamView) {
        note(stream) { story in
            story.gaps.append([stream.offset, length])
            story.next += length
        }
        if length == 0 { faults.append("no gap") }
    }

    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {
        note(stream) { $0.ends.append(reason) }
    }

    mutating func closed(slot: UInt32, flowID: UInt64) {
        if closed.contains(flowID) { faults.append("closed twice") }
        closed.append(flowID)
    }

    mutating func overwritten(slot: UInt32, flowID: UInt64) { overwritten += 1 }

    mutating func record(_ fact: Fact) { facts.append(fact) }

    private mutating func note(_ stream: StreamView, _ change: (inout StreamStory) -> Void) {
        if closed.contains(stream.flowID) { faults.append("after it was closed") }
        var both = stories[stream.flowID] ?? (StreamStory(), StreamStory())
        var story = stream.toResponder ? both.0 : both.1
        if stream.offset != story.next { faults.append("offset \(stream.offset), expected \(story.next)") }
        change(&story)
        story.isMidstream = stream.isMidstream
        if stream.toResponder { both.0 = story } else { both.1 = story }
        stories[stream.flowID] = both
    }
}

/// TCP packets between two ends, and what becomes of their streams.
final class StreamBench {
    var tracker = FlowTracker()
    var stage: StreamStage<StreamRecorder>
    var ordinal: UInt64 = 0
    var time = 0.0
    /// Identifiers of the flows, in the order in which they began.
    var flows: [UInt64] = []

    init(_ configuration: StreamConfiguration = StreamConfiguration(), hosts: HostPolicies = HostPolicies()) {
        stage = StreamStage(TCPReassembler(configuration, hosts: hosts), consumer: StreamRecorder())
    }

    convenience init(_ overlap: OverlapPolicy) {
        var configuration = StreamConfiguration()
        configuration.overlap = overlap
        self.init(configuration)
    }

    var statistics: StreamStatistics { stage.reassembler.statistics }
    var faults: [String] { stage.consumer.faults }
    /// What the first flow's originator sent.
    var there: StreamStory { story(0).0 }
    /// What the first flow's responder sent.
    var back: StreamStory { story(0).1 }

    func story(_ flow: Int) -> (StreamStory, StreamStory) {
        guard flow < flows.count else { return (StreamStory(), StreamStory()) }
        return stage.consumer.stories[flows[flow]] ?? (StreamStory(), StreamStory())
    }

    /// A packet from 1:1000 to 2:80, or back.
    func send(
        _ text: String = "",
        at sequence: UInt32,
        flags: UInt8 = TCPFlag.ack,
        acknowledging: UInt32 = 0,
        back: Bool = false,
        claiming: UInt32? = nil
    ) {
        send(
            Array(text.utf8),
            at: sequence,
            flags: flags,
            acknowledging: acknowledging,
            back: back,
            claiming: claiming
        )
    }

    func send(
        _ payload: [UInt8],
        at sequence: UInt32,
        flags: UInt8 = TCPFlag.ack,
        acknowledging: UInt32 = 0,
        back: Bool = false,
        claiming: UInt32? = nil,
        place: SegmentPlace = .nowhere
    ) {
        ordinal += 1
        time += 0.001
        var packet = Packet.tcp(
            back ? 2 : 1,
            back ? 80 : 1000,
            back ? 1 : 2,
            back ? 1000 : 80,
            flags: flags,
            sequence: sequence,
            acknowledgement: acknowledging,
            payload: claiming ?? UInt32(payload.count),
            time: time
        )
        packet.headers.capturedPayloadLength = UInt32(payload.count)
        take(packet, payload, place)
    }

    func take(_ packet: Packet, _ bytes: [UInt8], _ place: SegmentPlace = .nowhere) {
        let flow = tracker.track(
            packet.headers,
            hash: packet.hash,
            time: packet.timestamp,
            originalLength: packet.length,
            ordinal: ordinal,
            buffer: 0,
            interface: 0,
            facts: &stage
        )
        guard let flow else { return }
        if flow.isFirstPacket { flows.append(flow.flowID) }
        stage.segment(
            packet.headers,
            packet: bytes.span.bytes,
            at: place,
            time: packet.timestamp,
            flow: flow,
            tracker: &tracker
        )
    }

    /// SYN, SYN+ACK, ACK: bytes begin at 1001 and 5001.
    func shakeHands() {
        send(at: 1000, flags: TCPFlag.syn)
        send(at: 5000, flags: TCPFlag.syn | TCPFlag.ack, acknowledging: 1001, back: true)
        send(at: 1001, acknowledging: 5001)
    }

    func finish() {
        tracker.finish(at: Timestamp(seconds: 1_000_000), facts: &stage)
    }
}
