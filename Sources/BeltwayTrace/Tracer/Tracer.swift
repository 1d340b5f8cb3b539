// SPDX-License-Identifier: Apache-2.0
// The tracer: says what happens on the flows it was asked to follow, one line each.
//
//   2026-01-05T10:00:12.604000000Z +0.000 ms flow 4242 10.10.30.26:1025 -- 129.21.171.72:21 TCP connection begins
//   2026-01-05T10:00:12.642101000Z +38.101 ms flow 4242 10.10.30.26:1025 <- 129.21.171.72:21 TCP [S.] seq 5 ack 18 ..
//   2026-01-05T10:00:12.642144000Z +38.144 ms flow 4242 10.10.30.26:1025 -- 129.21.171.72:21 handshake complete ..
//
// The originator always stands on the left, so that a column of arrows shows who speaks (-- where neither does, in
// what concerns both); the number after the time is since the flow's first packet. It runs in a thread of its own, on
// packets that were chosen for it, and never in a worker's: what it costs is paid by who asked for it.
//
// Invariant 1. Memory is bounded: at most `flowLimit` flows are followed at a time and at most `byteLimit` bytes of
//              text wait; what does not fit is left out, counted, and said once there is room.
// Invariant 2. The text always ends after a whole line.
public import BeltwayFlow
public import BeltwayWire

/// How a tracer says what it sees.
public struct TraceForm: Sendable {
    /// A line for each packet too, besides those for what happened.
    public var showsPackets = true
    /// One JSON object a line, of what happened; packets are not shown.
    public var isJSON = false
    /// Whether flow ids are those of the flow store.
    public var showsFlowIDs = true

    /// Lines of packets and events, with flow ids.
    public init() {}
}

/// Follows chosen flows and says what happens on them.
public struct Tracer: ~Copyable {
    /// Lines that wait to be shown; whoever shows them empties it.
    public var lines: TextBuffer
    /// Packets of followed flows.
    public private(set) var packets: UInt64 = 0
    /// Flows followed since it was made.
    public private(set) var flowsFollowed: UInt64 = 0
    /// Flows that matched and were not followed, since as many as allowed were already.
    public private(set) var flowsRefused: UInt64 = 0
    /// Lines left out because nobody emptied the text in time.
    public private(set) var linesOmitted: UInt64 = 0

    let form: TraceForm
    let flowLimit: Int
    let byteLimit: Int
    var flows: [UInt64: FollowedFlow] = [:]
    private var omittedSinceShown: UInt64 = 0

    /// No line is longer: two IPv6 addresses, two times, a dozen numbers and words, an excerpt with every byte escaped.
    static var longestLineInBytes: Int { 1024 }

    /// Makes a tracer that follows nothing yet.
    ///
    /// - Parameters:
    ///   - form: What is shown, and how.
    ///   - flowLimit: Flows that are followed at a time.
    ///   - byteLimit: Bytes of text that may wait.
    public init(_ form: TraceForm = TraceForm(), flowLimit: Int = 1024, byteLimit: Int = 1 << 20) {
        self.form = form
        self.flowLimit = max(1, flowLimit)
        self.byteLimit = max(2 * Tracer.longestLineInBytes, byteLimit)
        lines = TextBuffer(capacity: 4096)
    }

    /// Takes one packet; says what it did if its flow is followed, or is one to follow from now on.
    ///
    /// - Parameters:
    ///   - headers: What decoding gave.
    ///   - flow: The packet's flow, this packet included.
    ///   - originalLength: Bytes on the wire.
    ///   - time: The packet's.
    ///   - excerpt: The beginning of its payload.
    ///   - isChosen: Whether the flow is one to follow; asked only while it is not followed.
    public mutating func packet(
        _ headers: borrowing PacketHeaders,
        flow: FlowView,
        originalLength: UInt32,
        time: Timestamp,
        excerpt: PayloadExcerpt = PayloadExcerpt(),
        isChosen: () -> Bool
    ) {
        var followed: FollowedFlow
        if let known = flows[flow.flowID] {
            followed = known
        } else {
            guard headers.layers.contains(.ip), isChosen() else { return }
            guard flows.count < flowLimit else {
                if flow.isFirstPacket { flowsRefused &+= 1 }
                return
            }
            followed = FollowedFlow(headers, flow: flow)
            flowsFollowed &+= 1
        }
        packets &+= 1
        let marks = followed.advance(headers, flow: flow, time: time)
        if form.showsPackets, !form.isJSON, hasRoom() {
            begin(followed, flow.flowID, time, byOriginator: flow.toResponder)
            lines.append(packet: headers, originalLength: originalLength, marks: marks)
        }
        for event in marks.events where hasRoom() {
            if form.isJSON {
                lines.append(
                    json: event,
                    excerpt,
                    of: followed,
                    flowID: form.showsFlowIDs ? flow.flowID : nil,
                    time: time
                )
            } else {
                begin(followed, flow.flowID, time, byOriginator: event.isByOriginator)
                lines.append(event: event, excerpt, of: followed)
            }
        }
        flows[flow.flowID] = followed
    }

    /// Takes the record of a flow that ended; tells its end if it was followed.
    ///
    /// - Parameter record: As it goes to the flow store.
    public mutating func ended(_ record: FlowRecord) {
        guard let followed = flows.removeValue(forKey: record.flowID), hasRoom() else { return }
        if form.isJSON {
            lines.append(jsonEnd: record, of: followed, flowID: form.showsFlowIDs ? record.flowID : nil)
        } else {
            begin(followed, record.flowID, record.end, byOriginator: nil)
            lines.append(end: record)
        }
    }

    /// Whether another line fits; the first that does after some did not is preceded by their number.
    private mutating func hasRoom() -> Bool {
        guard lines.count + 2 * Tracer.longestLineInBytes <= byteLimit else {
            linesOmitted &+= 1
            omittedSinceShown &+= 1
            return false
        }
        guard omittedSinceShown > 0 else { return true }
        if form.isJSON {
            lines.append("{\"event_type\":\"trace\",\"trace\":{\"event\":\"omitted\",\"lines\":")
            lines.append(decimal: omittedSinceShown)
            lines.append("}}\n")
        } else {
            lines.append("(")
            lines.append(decimal: omittedSinceShown)
            lines.append(" lines left out: they came faster than they were shown)\n")
        }
        omittedSinceShown = 0
        return true
    }

    /// Begins a line with times, flow and tuple.
    private mutating func begin(
        _ followed: FollowedFlow,
        _ flowID: UInt64,
        _ time: Timestamp,
        byOriginator: Bool?
    ) {
        lines.append(nanosecondsOf: time)
        lines.append(" +")
        lines.append(millisecondsOf: time.nanoseconds(since: followed.start))
        if form.showsFlowIDs {
            lines.append(" flow ")
            lines.append(decimal: flowID)
        }
        lines.append(" ")
        lines.append(end: followed.originator, port: followed.originatorPort, of: followed)
        switch byOriginator {
        case nil: lines.append(" -- ")
        case true: lines.append(" -> ")
        case false: lines.append(" <- ")
        }
        lines.append(end: followed.responder, port: followed.responderPort, of: followed)
    }
}
