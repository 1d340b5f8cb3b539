// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

// Which fragments belong to chosen flows, where only the whole datagram tells: looked at before packets are copied.
//
//   later .. first          the fragment with the ports comes last
//   tunnel in fragments     the flow is that of a packet inside
//   IPComp in fragments     the flow is that of what was compressed
//
// Bounded as the reassembler is; datagrams that are not whole count by their first fragment.

/// Datagrams, each with the times of its packets; the first ones found stay.
struct FragmentSpans: Sendable {
    static let most = 65_536

    private var spans: [FragmentTable.Datagram: [ClosedRange<UInt64>]] = [:]
    private var count = 0

    mutating func insert(_ headers: borrowing PacketHeaders, _ span: ClosedRange<UInt64>) {
        guard count < Self.most else { return }
        count += 1
        spans[FragmentTable.Datagram(headers), default: []].append(span)
    }

    func contains(_ headers: borrowing PacketHeaders, at time: Timestamp) -> Bool {
        guard count > 0, let spans = spans[FragmentTable.Datagram(headers)] else { return false }
        return spans.contains { $0.contains(time.nanoseconds) }
    }
}

/// Puts the datagrams of a ring together, and keeps those that hold packets of chosen flows.
struct FragmentSurvey: ~Copyable {
    /// What was found.
    private(set) var found: FragmentSpans
    private let flows: FlowSelection
    private var reassembler: FragmentReassembler
    private var headers = PacketHeaders()

    init(_ flows: FlowSelection, _ found: FragmentSpans, vlansSeparateFlows: Bool) {
        self.flows = flows
        self.found = found
        reassembler = FragmentReassembler(FragmentConfiguration(), vlansSeparateFlows: vlansSeparateFlows)
    }

    /// Looks at every packet of a ring between two times.
    mutating func look(through source: any PacketSource, since: Timestamp, until: Timestamp) {
        _ = source.advance { packet, about, linkType in
            if about.time >= since, about.time < until { look(packet, about, linkType) }
            return false
        }
        reassembler.finish()
        drain()
    }

    private mutating func look(_ packet: RawSpan, _ about: StoredPacket, _ linkType: LinkType) {
        PacketDecoder.decode(packet, linkType: linkType, into: &headers)
        guard headers.isFragment, headers.layers.contains(.ip) else { return }
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
            guard isChosen(datagram), let frame = datagram.frames.first else { continue }
            let times = datagram.frames.map(\.time.nanoseconds)
            found.insert(frame.headers, (times.min() ?? 0)...(times.max() ?? 0))
        }
    }

    /// Whether one of the flows has the datagram, or what it carries, at the time of one of its packets.
    private func isChosen(_ datagram: FragmentedDatagram) -> Bool {
        let times = datagram.frames.map(\.time)
        guard datagram.isWhole else {
            return datagram.first.map { flows.has(datagram.frames[$0].headers, at: times) } ?? false
        }
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
