// SPDX-License-Identifier: Apache-2.0
// What is wrong with a segment among those of its connection, as Suricata's stream engine names it.
//
//     side        next                 edge                what the side sent and what it lets the other send
//       |== seen ==|                     |                 (greatest ends; windows scaled, if both SYNs were seen)
//
//     stream.pkt_invalid_timestamp      older than the latest of its side that was in order (PAWS: RFC 7323, 5.3); of a
//                                       reset too, which hosts believe all the same: most senders give it none, or 0
//     stream.pkt_invalid_ack            speaks of bytes that nobody sent, beyond what was ever allowed
//     stream.pkt_broken_ack             a number where the flag says that there is none
//     stream.est_packet_out_of_window   bytes beyond what the receiver ever allowed
//
// Looked at only where anomalies of streams are told: 56 bytes for each place in the flow table then, none else.
internal import BeltwayWire

/// What is kept of one side of a connection.
struct SegmentSide: BitwiseCopyable {
    /// Greatest end of a segment, and greatest sequence number that the side lets the other send.
    var next: UInt32 = 0
    var edge: UInt32 = 0
    /// Its latest acknowledgement.
    var acknowledged: UInt32 = 0
    /// Time stamp that later ones may not be older than, 0 before there is one; and when it came, in seconds.
    var recent: UInt32 = 0
    var recentAt: UInt32 = 0
    /// Bits that its windows are shifted by (RFC 7323, 2.2).
    var scale: UInt8 = 0
    /// How many of its segments, one after the other, did not fit what is known.
    var misfits: UInt8 = 0
    var knows: Knowledge = []

    struct Knowledge: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// Its SYN was seen: `scale` is known.
        static var syn: Knowledge { Knowledge(rawValue: 1) }
        /// The SYN offers to shift windows.
        static var scale: Knowledge { Knowledge(rawValue: 2) }
        /// `next` is known.
        static var next: Knowledge { Knowledge(rawValue: 4) }
        /// `edge` and `acknowledged` are known.
        static var edge: Knowledge { Knowledge(rawValue: 8) }
    }
}

/// What is kept of a connection.
struct SegmentWatch: BitwiseCopyable {
    var flowID: UInt64 = 0
    var originator = SegmentSide()
    var responder = SegmentSide()

    /// Time stamps that are older than this may be of the next round (RFC 7323, 5.5): 24 days, in seconds.
    private static var outdated: UInt32 { 24 * 86_400 }
    /// Segments of a side, one after the other, that may lie outside what is known before that is forgotten.
    private static var mostMisfits: UInt8 { 3 }

    /// Takes a segment.
    ///
    /// - Parameters:
    ///   - headers: Its headers.
    ///   - options: Its options.
    ///   - toResponder: Whose it is.
    ///   - time: When it came.
    /// - Returns: What is wrong with it, or nil.
    mutating func take(
        _ headers: borrowing PacketHeaders,
        _ options: SegmentOptions,
        toResponder: Bool,
        at time: Timestamp
    ) -> StaticString? {
        var (sender, peer) = toResponder ? (originator, responder) : (responder, originator)
        let event = take(
            headers,
            options,
            &sender,
            peer,
            UInt32(truncatingIfNeeded: time.nanoseconds / 1_000_000_000)
        )
        if sender.misfits >= Self.mostMisfits {
            // Packets between were not seen, and none will fit any more: what is known begins anew.
            sender.misfits = 0
            sender.knows.remove([.next, .edge])
            peer.knows.remove([.next, .edge])
        }
        (originator, responder) = toResponder ? (sender, peer) : (peer, sender)
        return event
    }

    private func take(
        _ headers: borrowing PacketHeaders,
        _ options: SegmentOptions,
        _ sender: inout SegmentSide,
        _ peer: SegmentSide,
        _ now: UInt32
    ) -> StaticString? {
        let (flags, sequence) = (headers.tcpFlags, headers.sequence)
        let (isSYN, isRST) = (flags & TCPFlag.syn != 0, flags & TCPFlag.rst != 0)
        let hasACK = flags & TCPFlag.ack != 0
        if isSYN {
            sender = SegmentSide()
            sender.knows = .syn
            if let scale = options.windowScale {
                sender.scale = min(scale, 14)
                sender.knows.insert(.scale)
            }
        }
        if !hasACK, headers.acknowledgement != 0, !isRST { return "stream.pkt_broken_ack" }
        if isOutdated(options.timestamp, sender, now) { return "stream.pkt_invalid_timestamp" }
        var event: StaticString?
        if hasACK, !isRST, peer.knows.contains(.next), sender.knows.contains(.edge),
            Self.beyond(headers.acknowledgement, peer.next) > 0,
            Self.beyond(headers.acknowledgement, sender.edge) > 0
        {
            event = "stream.pkt_invalid_ack"
        }
        let end =
            headers.sequence &+ headers.payloadLength &+ (isSYN ? 1 : 0) &+ (flags & TCPFlag.fin != 0 ? 1 : 0)
        // A probe of a closed window has a byte that does not fit (RFC 9293, 3.8.6.1).
        if event == nil, headers.payloadLength > 1, !isSYN, !isRST, peer.knows.contains([.edge, .syn]),
            sender.knows.contains(.syn), Self.beyond(end, peer.edge) > 0
        {
            event = "stream.est_packet_out_of_window"
        }
        if event != nil { sender.misfits &+= 1 }
        guard event == nil, !isRST else { return event }
        sender.misfits = 0
        if let timestamp = options.timestamp { note(timestamp, of: sequence, to: end, &sender, peer, now) }
        if !sender.knows.contains(.next) || Self.beyond(end, sender.next) > 0 { sender.next = end }
        sender.knows.insert(.next)
        if hasACK { noteWindow(headers, isSYN: isSYN, &sender, peer) }
        return nil
    }

    /// Whether a time stamp is older than one that was there before (RFC 7323, 5.3, R1).
    private func isOutdated(_ timestamp: UInt32?, _ sender: SegmentSide, _ now: UInt32) -> Bool {
        guard let timestamp, sender.recent != 0, Self.beyond(timestamp, sender.recent) < 0 else {
            return false
        }
        return now &- sender.recentAt < SegmentWatch.outdated
    }

    /// Keeps the time stamp of a segment that fits (RFC 7323, 5.3, R3), so that no other one can make genuine ones old.
    private func note(
        _ timestamp: UInt32,
        of sequence: UInt32,
        to end: UInt32,
        _ sender: inout SegmentSide,
        _ peer: SegmentSide,
        _ now: UInt32
    ) {
        if sender.recent != 0, peer.knows.contains(.edge) {
            // Ahead of what was received: those before it may come yet, with older stamps. Or long received.
            let isAhead = Self.beyond(sequence, peer.acknowledged) > 0
            if isAhead || Self.beyond(end, peer.acknowledged) < 0 { return }
        }
        (sender.recent, sender.recentAt) = (timestamp, now)
    }

    private func noteWindow(
        _ headers: borrowing PacketHeaders,
        isSYN: Bool,
        _ sender: inout SegmentSide,
        _ peer: SegmentSide
    ) {
        // Shifted if both SYNs said so, and never in a SYN; whose SYN was not seen may shift by all there is.
        let isKnown = sender.knows.contains(.syn) && peer.knows.contains(.syn)
        let isShifted = sender.knows.contains(.scale) && peer.knows.contains(.scale)
        let shift: UInt8 = isSYN || isKnown && !isShifted ? 0 : isKnown ? sender.scale : 14
        let number = headers.acknowledgement
        let edge = number &+ UInt32(headers.window) << UInt32(shift)
        if !sender.knows.contains(.edge) || Self.beyond(edge, sender.edge) > 0 { sender.edge = edge }
        if !sender.knows.contains(.edge) || Self.beyond(number, sender.acknowledged) > 0 {
            sender.acknowledged = number
        }
        sender.knows.insert(.edge)
    }

    /// How far one number lies beyond another (RFC 9293, 3.4: modulo 2^32).
    private static func beyond(_ number: UInt32, _ other: UInt32) -> Int32 {
        Int32(truncatingIfNeeded: number &- other)
    }
}

/// What the options of a segment say, and whether they may say it.
struct SegmentOptions {
    /// The sender's time stamp (RFC 7323, 3.2).
    private(set) var timestamp: UInt32?
    private(set) var windowScale: UInt8?
    /// Suricata's name for what is wrong with them.
    private(set) var event: StaticString?

    /// Reads the options of a segment in a packet; of one that is cut nothing is known.
    init(_ headers: borrowing PacketHeaders, in packet: RawSpan) {
        let start = Int(headers.transportOffset) + TCP.minimumHeaderLength
        let end = Int(headers.transportOffset) + Int(headers.tcpHeaderLength)
        guard start < end, end <= packet.byteCount else { return }
        let bytes = packet.extracting(start..<end)
        var kinds: UInt64 = 0
        var position = 0
        while position < bytes.byteCount {
            let kind = bytes.byte(at: position)
            if kind == 0 { return }
            if kind == 1 {
                position += 1
                continue
            }
            let length = position + 1 < bytes.byteCount ? Int(bytes.byte(at: position + 1)) : 0
            guard length >= 2, position + length <= bytes.byteCount, Self.mayHave(kind, length) else {
                event = "decoder.tcp.opt_invalid_len"
                return
            }
            if kind < 64 {
                if kinds >> UInt64(kind) & 1 != 0, 2...8 ~= kind { event = "decoder.tcp.opt_duplicate" }
                kinds |= 1 << UInt64(kind)
            }
            if kind == TCPOptions.Option.timestamps { timestamp = bytes.bigEndian32(at: position + 2) }
            if kind == TCPOptions.Option.windowScale { windowScale = bytes.byte(at: position + 2) }
            position += length
        }
    }

    /// Whether an option may be that long (RFC 9293, 3.2; RFC 2018, 2 and 3; RFC 7323).
    private static func mayHave(_ kind: UInt8, _ length: Int) -> Bool {
        switch kind {
        case TCPOptions.Option.maximumSegmentSize: length == 4
        case TCPOptions.Option.windowScale: length == 3
        case TCPOptions.Option.selectivePermitted: length == 2
        case TCPOptions.Option.selective: 10...34 ~= length && (length - 2) % 8 == 0
        case TCPOptions.Option.timestamps: length == 10
        default: true
        }
    }
}

extension ApplicationStage {
    /// Whether segments are to be looked at among those of their connection.
    public var tellsSegments: Bool { !output.events.anomalies.isDisjoint(with: [.decode, .stream]) }

    /// Writes an anomaly of a segment's options, or of its place in its connection.
    mutating func judgeSegment(
        _ headers: PacketHeaders,
        _ bytes: RawSpan,
        flow: FlowView,
        packet: PacketPlace
    ) {
        let options = SegmentOptions(headers, in: bytes)
        let slot = Int(flow.slot)
        if output.events.anomalies.contains(.stream) {
            while watches.count <= slot { watches.append(SegmentWatch()) }
            var watch = watches[slot]
            watchBefore = (slot, watch)
            if watch.flowID != flow.flowID {
                watch = SegmentWatch()
                watch.flowID = flow.flowID
            }
            let event = watch.take(headers, options, toResponder: flow.toResponder, at: packet.time)
            watches[slot] = watch
            if let event {
                output.packet.set(headers, flow: flow, packet)
                output.streamAnomaly(event)
            }
        }
        if output.events.anomalies.contains(.decode), let event = options.event {
            output.packet.set(headers, flow: flow, packet)
            output.packetAnomaly(event, etherType: 0)
        }
    }
}
