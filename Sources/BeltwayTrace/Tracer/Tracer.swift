// SPDX-License-Identifier: Apache-2.0
// The tracer: prints the packets and the changes of state of the flows it was asked to follow, one line each.
//
//   2026-01-05T10:00:12.604000000Z +0 flow 4242 10.10.30.26:1025 -> 129.21.171.72:21 TCP [S] seq 17 win 64240 len 0
//   2026-01-05T10:00:12.642101000Z +38101000 flow 4242 10.10.30.26:1025 <- 129.21.171.72:21 TCP [S.] seq 5 ack 18 ..
//   2026-01-05T10:00:12.642144000Z +38144000 flow 4242 10.10.30.26:1025 -- 129.21.171.72:21 TCP established ..
//
// The originator always stands on the left, so that a column of arrows shows who speaks; the number after the time
// is nanoseconds since the flow's first packet. It runs in a thread of its own, on packets that the classifier chose,
// and never in a worker's: what it costs is paid by who asked for it.
//
// Invariant 1. Memory is bounded: at most `flowLimit` flows are followed at a time and at most `byteLimit` bytes of
//              text wait; what does not fit is left out, counted, and said once there is room.
// Invariant 2. The text always ends after a whole line.
public import BeltwayFlow
public import BeltwayWire

/// Follows chosen flows and says what happens on them.
public struct Tracer: ~Copyable {
    /// Lines that wait to be shown; whoever shows them empties it.
    public var lines: TextBuffer
    /// Packets of followed flows.
    public private(set) var packets: UInt64 = 0
    /// Flows that matched and were not followed, since as many as allowed were already.
    public private(set) var flowsRefused: UInt64 = 0
    /// Lines left out because nobody emptied the text in time.
    public private(set) var linesOmitted: UInt64 = 0

    let follow: (PacketHeaders) -> Bool
    let flowLimit: Int
    let byteLimit: Int
    var flows: [UInt64: FollowedFlow] = [:]
    private var omittedSinceShown: UInt64 = 0

    /// No line is longer: two IPv6 addresses, a time, a dozen numbers and words.
    static var longestLineInBytes: Int { 512 }

    /// Makes a tracer that follows nothing yet.
    ///
    /// - Parameters:
    ///   - flowLimit: Flows that are followed at a time.
    ///   - byteLimit: Bytes of text that may wait.
    ///   - follow: Whether a flow is chosen; asked about every packet of flows that are not followed yet.
    public init(flowLimit: Int = 1024, byteLimit: Int = 1 << 20, follow: @escaping (PacketHeaders) -> Bool) {
        self.flowLimit = max(1, flowLimit)
        self.byteLimit = max(2 * Tracer.longestLineInBytes, byteLimit)
        self.follow = follow
        lines = TextBuffer(capacity: 4096)
    }

    /// Takes one packet; prints it, and the changes of state it makes, if its flow is followed.
    ///
    /// - Parameters:
    ///   - headers: What decoding gave.
    ///   - flow: The packet's flow, this packet included.
    ///   - originalLength: Bytes on the wire.
    ///   - time: The packet's.
    public mutating func packet(
        _ headers: borrowing PacketHeaders,
        flow: FlowView,
        originalLength: UInt32,
        time: Timestamp
    ) {
        var followed: FollowedFlow
        if let known = flows[flow.flowID] {
            followed = known
        } else {
            guard headers.layers.contains(.ip), follow(copy headers) else { return }
            guard flows.count < flowLimit else {
                if flow.isFirstPacket { flowsRefused &+= 1 }
                return
            }
            followed = FollowedFlow(headers, flow: flow)
        }
        packets &+= 1
        let marks = followed.advance(headers, flow: flow, time: time)
        if begin(followed, flowID: flow.flowID, time: time, arrow: flow.toResponder ? " -> " : " <- ") {
            lines.append(packet: headers, originalLength: originalLength, marks: marks)
        }
        for change in marks.changes where begin(followed, flowID: flow.flowID, time: time, arrow: " -- ") {
            lines.append(change: change, of: followed)
        }
        flows[flow.flowID] = followed
    }

    /// Takes the record of a flow that ended; prints its end if it was followed.
    ///
    /// - Parameter record: As it goes to the flow store.
    public mutating func ended(_ record: FlowRecord) {
        guard let followed = flows.removeValue(forKey: record.flowID) else { return }
        if begin(followed, flowID: record.flowID, time: record.end, arrow: " -- ") {
            lines.append(end: record)
        }
    }

    /// Begins a line with time, flow and tuple, unless there is no room for it.
    private mutating func begin(
        _ followed: FollowedFlow,
        flowID: UInt64,
        time: Timestamp,
        arrow: StaticString
    ) -> Bool {
        guard lines.count + 2 * Tracer.longestLineInBytes <= byteLimit else {
            linesOmitted &+= 1
            omittedSinceShown &+= 1
            return false
        }
        if omittedSinceShown > 0 {
            lines.append("(")
            lines.append(decimal: omittedSinceShown)
            lines.append(" lines left out: they came faster than they were shown)\n")
            omittedSinceShown = 0
        }
        lines.append(nanosecondsOf: time)
        lines.append(" +")
        lines.append(decimal: time.nanoseconds(since: followed.start))
        lines.append(" flow ")
        lines.append(decimal: flowID)
        lines.append(" ")
        lines.append(end: followed.originator, port: followed.originatorPort, of: followed)
        lines.append(arrow)
        lines.append(end: followed.responder, port: followed.responderPort, of: followed)
        return true
    }
}
