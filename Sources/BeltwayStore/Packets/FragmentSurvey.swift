// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

// Which fragments belong to chosen flows, where only the whole datagram tells: looked at before packets are copied.
//
//   later .. first          the fragment with the ports comes last
//   tunnel in fragments     the flow is that of a packet inside
//   IPComp in fragments     the flow is that of what was compressed
//
// Rings are walked together, by time, as workers put together what came by several queues. Bounded as the reassembler is;
// of datagrams that are not whole the first fragment tells.

/// Datagrams, each with the times of its packets; the first ones found stay.
///
/// Invariant. No key has more than `mostOfKey` spans: who sends one identification over and over costs no longer look.
struct FragmentSpans: Sendable {
    static let most = 65_536
    /// Datagrams with one key: an identification comes again when 65,536 others have gone by, or when somebody lies.
    static let mostOfKey = 64

    private var spans: [DatagramKey: [ClosedRange<UInt64>]] = [:]
    private var count = 0
    /// Datagrams for which there was no room.
    private(set) var leftOut: UInt64 = 0

    mutating func insert(_ key: DatagramKey, _ span: ClosedRange<UInt64>) {
        guard count < Self.most, spans[key]?.count ?? 0 < Self.mostOfKey else {
            leftOut += 1
            return
        }
        count += 1
        spans[key, default: []].append(span)
    }

    func contains(_ key: @autoclosure () -> DatagramKey, at time: Timestamp) -> Bool {
        guard count > 0, let spans = spans[key()] else { return false }
        return spans.contains { $0.contains(time.nanoseconds) }
    }
}

/// Puts the datagrams of rings together, and keeps those that only so turn out to be of chosen flows.
struct FragmentSurvey: ~Copyable {
    /// What was found.
    private(set) var found = FragmentSpans()
    private let flows: FlowSelection
    private let vlansSeparateFlows: Bool
    private var reassembler: FragmentReassembler
    /// Of the packet that was looked at last.
    private var headers = PacketHeaders()

    init(_ flows: FlowSelection, vlansSeparateFlows: Bool) {
        self.flows = flows
        self.vlansSeparateFlows = vlansSeparateFlows
        reassembler = FragmentReassembler(FragmentConfiguration(), vlansSeparateFlows: vlansSeparateFlows)
    }

    /// Looks at every fragment between two times, those of all rings in order of time.
    mutating func look(through sources: [any PacketSource], since: Timestamp, until: Timestamp) {
        var waiting = sources.filter { advance($0, since, until) }
        while let least = waiting.indices.min(by: { waiting[$0].current.time < waiting[$1].current.time }) {
            let source = waiting[least]
            source.withPacket { take($0, source.current, source.linkType) }
            if !advance(source, since, until) { waiting.remove(at: least) }
        }
        reassembler.finish()
        drain()
    }

    /// Moves a ring to its next fragment.
    private mutating func advance(_ source: any PacketSource, _ since: Timestamp, _ until: Timestamp) -> Bool
    {
        source.advance { packet, about, linkType in
            guard about.time >= since, about.time < until, !Self.isPlain(packet, linkType) else {
                return false
            }
            PacketDecoder.decode(packet, linkType: linkType, into: &headers)
            return headers.isFragment && headers.layers.contains(.ip)
        }
    }

    /// Whether a packet is what most are, a whole segment of TCP over IPv4: that is told without decoding it.
    private static func isPlain(_ packet: RawSpan, _ linkType: LinkType) -> Bool {
        guard linkType == .ethernet, packet.byteCount >= 34, packet.bigEndian16(at: 12) == 0x0800 else {
            return false
        }
        return packet.byte(at: 23) == IPProtocol.tcp && packet.bigEndian16(at: 20) & 0x3fff == 0
    }

    private mutating func take(_ packet: RawSpan, _ about: StoredPacket, _ linkType: LinkType) {
        // Another ring's packet may have been decoded since.
        PacketDecoder.decode(packet, linkType: linkType, into: &headers)
        let frame = FragmentFrame(
            headers: headers,
            hash: 0,
            time: about.time,
            originalLength: about.originalLength,
            ordinal: 0,
            buffer: 0,
            interface: UInt16(clamping: about.interface)
        )
        reassembler.expire(through: about.time)
        reassembler.take(frame, packet: packet)
        reassembler.settle()
        drain()
    }

    private mutating func drain() {
        while let datagram = reassembler.next() {
            guard let frame = datagram.frames.first, isHidden(datagram) else { continue }
            let times = datagram.frames.map(\.time.nanoseconds)
            let key = DatagramKey(frame.headers, vlansSeparate: vlansSeparateFlows)
            found.insert(key, (times.min() ?? 0)...(times.max() ?? 0))
        }
    }

    /// Whether one of the flows has the datagram, or what it carries, at the time of one of its packets, and its fragments
    /// do not tell in the order in which they came.
    private func isHidden(_ datagram: FragmentedDatagram) -> Bool {
        let times = datagram.frames.map(\.time)
        guard let first = datagram.first else { return false }
        if flows.has(datagram.frames[first].headers, at: times) { return first > 0 }
        guard datagram.isWhole else { return false }
        var inside = datagram.own
        for layer in datagram.own.tunnelDepth...max(datagram.own.tunnelDepth, datagram.headers.tunnelDepth) {
            datagram.bytes.withPacket {
                PacketDecoder.decode(reassembled: $0, of: datagram.own, layer: layer, into: &inside)
            }
            if flows.has(inside, at: times) { return true }
        }
        return false
    }
}
