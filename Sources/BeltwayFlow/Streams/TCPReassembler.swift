// SPDX-License-Identifier: Apache-2.0
// In-place reassembly of TCP streams (paper, 5.4): a segment is an index entry whose offset is its payload.
//
//     packet --> in order, nothing waits? --yes--> consumer.bytes (where they lie, no copy)
//                        | no
//                        v
//            waits as an entry, in the order of the stream --> hole filled, given up, or flow over --> consumer
//
// Invariant 1. The waiting segments of a direction are sorted by offset and do not overlap; all lie at or beyond
//              `delivered`, and (policy `last` aside) the first one beyond it.
// Invariant 2. A waiting segment in the ring is copied aside before the ring may overwrite it (`secure`), or it becomes
//              a gap that is counted.
// Invariant 3. What one packet costs is bounded by the budgets of ``StreamConfiguration``, whatever was sent before.
//
// Budget: 10 ns for a segment in order (`beltway-bench paper`, Figure 10, shows it against a copy).

public import BeltwayBuffers
public import BeltwayWire

/// Puts the segments of TCP flows in order and hands their bytes to a consumer; owned by one worker.
///
/// Feed it every TCP packet after the flow tracker has seen it, tell it when flows end (``flowEnded(slot:time:consumer:)``;
/// ``StreamStage`` does that), and call ``secure(keeping:)`` as often as its description says.
public struct TCPReassembler: ~Copyable {
    /// What the reassembler was told.
    public let configuration: StreamConfiguration
    /// Counters.
    public internal(set) var statistics: StreamStatistics {
        @inlinable get { counts }
        set { counts = newValue }
    }

    @usableFromInline var counts = StreamStatistics()
    /// Policies of networks that have one of their own.
    let hosts: HostPolicies
    /// By the tracker's slot: where in `flows` the flow's streams are.
    @usableFromInline var places: [UInt32] = []
    /// Owned, so that writing into one asks nobody whether the memory is shared.
    @usableFromInline var flows = OwnedArray<StreamFlow>(capacity: 0)
    @usableFromInline var firstFreeFlow = WaitingSegment.none
    @usableFromInline var activeFlows = 0
    @usableFromInline var segments: [WaitingSegment] = []
    @usableFromInline var firstFreeSegment = WaitingSegment.none
    @usableFromInline var activeSegments = 0
    /// Ends of the list of segments that lie in a ring.
    @usableFromInline var oldest = WaitingSegment.none
    @usableFromInline var newest = WaitingSegment.none
    @usableFromInline var copies = SegmentCopies()
    /// Rings that segments may wait in.
    @usableFromInline var rings: [DataBuffer] = []

    /// Makes a reassembler without flows.
    ///
    /// - Parameters:
    ///   - configuration: What holds for all flows.
    ///   - hosts: Overlap policies of networks that have one of their own.
    public init(
        _ configuration: StreamConfiguration = StreamConfiguration(),
        hosts: HostPolicies = HostPolicies()
    ) {
        self.configuration = configuration
        self.hosts = hosts
    }

    /// Lets segments of a ring wait where they lie; without it they are copied.
    ///
    /// Whoever calls it promises to call ``secure(keeping:)`` in time.
    public mutating func adopt(_ ring: DataBuffer) {
        if !rings.contains(where: { $0.number == ring.number }) { rings.append(ring) }
    }

    /// Takes one TCP packet, one of the tracker's last answer.
    ///
    /// - Parameters:
    ///   - headers: Its headers; without a TCP layer nothing happens.
    ///   - packet: Its captured bytes.
    ///   - place: Where these lie.
    ///   - time: Its time.
    ///   - flow: What the tracker said of it.
    ///   - tracker: The tracker itself; knows the sequence numbers of SYNs. (Not changed: borrowing it would copy it.)
    ///   - consumer: Gets whatever is in order now, of either direction.
    @inlinable @inline(__always)
    public mutating func segment<Consumer: StreamConsumer & ~Copyable>(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        at place: SegmentPlace,
        time: Timestamp,
        flow: FlowView,
        tracker: inout FlowTracker,
        consumer: inout Consumer
    ) {
        guard headers.layers.contains(.tcp) else { return }
        if takePlain(headers, packet: packet, at: place, time: time, flow: flow, consumer: &consumer) {
            return
        }
        takeOther(
            headers,
            packet: packet,
            at: place,
            time: time,
            flow: flow,
            tracker: &tracker,
            consumer: &consumer
        )
    }

    /// The common case: an acknowledgement, or bytes that are expected next while nothing waits.
    ///
    /// - Returns: False if the packet is none of these; nothing was done then.
    @inlinable @inline(__always)
    mutating func takePlain<Consumer: StreamConsumer & ~Copyable>(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        at place: SegmentPlace,
        time: Timestamp,
        flow: FlowView,
        consumer: inout Consumer
    ) -> Bool {
        let special = TCPFlag.syn | TCPFlag.fin | TCPFlag.rst | TCPFlag.urg
        guard headers.tcpFlags & (special | TCPFlag.ack) == TCPFlag.ack, !headers.isFragment else {
            return false
        }
        guard Int(flow.slot) < places.count else { return false }
        let index = Int(places[Int(flow.slot)])
        guard index < flows.count, flows[index].flowID == flow.flowID else { return false }
        let forward = flow.toResponder ? 0 : 1
        let length = Int(headers.payloadLength)
        guard flows[index].halves[1 - forward].marks.isDisjoint(with: .waiting) else { return false }
        guard length != 0 else {
            noteAcknowledgement(headers.acknowledgement, of: index, 1 - forward)
            return true
        }
        let start = Int(headers.payloadOffset)
        guard headers.capturedPayloadLength == headers.payloadLength,
            start &+ length <= packet.byteCount, flows[index].halves[forward].isPlain,
            headers.sequence == flows[index].halves[forward].next
        else { return false }
        var view = StreamView()
        view.offset = flows[index].halves[forward].delivered
        let end = view.offset &+ UInt64(length)
        guard end <= configuration.depth else { return false }
        flows[index].halves[forward].delivered = end
        view.isMidstream = flows[index].halves[forward].marks.contains(.midstream)
        noteAcknowledgement(headers.acknowledgement, of: index, 1 - forward)
        counts.delivered &+= UInt64(length)
        view.flowID = flow.flowID
        view.time = time
        view.slot = flow.slot
        view.toResponder = flow.toResponder
        consumer.bytes(packet.extracting(start..<(start &+ length)), of: view, at: place, within: start)
        return true
    }

    /// Notes what the receiver of a direction has acknowledged.
    @inlinable @inline(__always)
    mutating func noteAcknowledgement(_ number: UInt32, of index: Int, _ half: Int) {
        flows[index].halves[half].noteAcknowledgement(number, farthest: TCPReassembler.farthest)
    }

    /// Bytes beyond what is expected at which a sequence number is none of this connection's: the greatest window
    /// (RFC 7323, 2.3).
    @inlinable static var farthest: Int64 { 1 << 30 }

    /// Bytes that the two directions of a flow take.
    public static var bytesPerFlow: Int { MemoryLayout<StreamFlow>.stride }
    /// Bytes that a segment takes which waits in its ring.
    public static var bytesPerWaitingSegment: Int { MemoryLayout<WaitingSegment>.stride }

    /// Bytes of memory that streams and waiting segments take now, copies included.
    public var memoryBytes: Int {
        places.capacity * MemoryLayout<UInt32>.stride + flows.capacity * MemoryLayout<StreamFlow>.stride
            + segments.capacity * MemoryLayout<WaitingSegment>.stride + copies.heldBytes
    }
}
