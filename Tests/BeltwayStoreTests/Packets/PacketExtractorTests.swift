// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayStore

/// A packet on its way into a ring: what it is, and which flow it is of.
private struct Sent {
    var packet: SamplePacket
    var flow: Int
    var interface: UInt16 = 0

    init(_ number: Int, flow: Int, _ frame: PacketBuilder, interface: UInt16 = 0) {
        let bytes = frame.bytes
        packet = SamplePacket(
            time: Sample.noon.advanced(byNanoseconds: UInt64(number) * 1_000_003),
            originalLength: UInt32(bytes.count + number % 2),
            flags: number % 5 == 0 ? 0x201 : 0,
            bytes: bytes
        )
        self.flow = flow
        self.interface = interface
    }
}

/// The record of the flow that these packets are of.
private func record(
    _ packets: [Sent],
    from: String,
    to: String,
    ports: (UInt16, UInt16),
    protocol number: UInt8 = 6
)
    -> FlowRecord
{
    var flow = FlowRecord()
    flow.originator = PacketBuilder.address(from)
    flow.responder = PacketBuilder.address(to)
    (flow.originatorPort, flow.responderPort) = ports
    flow.transportProtocol = number
    flow.ipVersion = from.contains(":") ? 6 : 4
    flow.start = packets.map(\.packet.time).min() ?? .zero
    flow.end = packets.map(\.packet.time).max() ?? .zero
    return flow
}

@Suite struct `An extractor` {
    private let place: TemporaryDirectory
    private var folder: String { place.path + "/packets" }
    private var output: String { place.path + "/out.pcapng" }

    init() throws { place = try TemporaryDirectory() }

    private func store(_ sent: [Sent], ring name: String = "eth0.0", linkType: LinkType = .ethernet) throws {
        var ring = try TestRing(name, linkType: linkType, interfaces: ["eth0", "eth1"])
        var configuration = PacketLogger.Configuration()
        configuration.segmentLength = 100_000
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: StorageBudget(folder: folder),
            configuration: configuration
        )
        for (index, one) in sent.enumerated() {
            ring.append(one.packet, interface: one.interface)
            if index % 100 == 99 {
                ring.flush()
                logger.drain()
            }
        }
        ring.producer.close()
        logger.close()
    }

    private func extract(_ flows: [FlowRecord], vlansSeparateFlows: Bool = true) throws
        -> PacketExtractor.Outcome
    {
        let writer = try CaptureFileWriter(path: output)
        let selection = FlowSelection(flows, vlansSeparateFlows: vlansSeparateFlows)
        let outcome = try PacketExtractor(folder: folder).extract(selection, to: writer)
        try writer.finish()
        return outcome
    }

    private func expectOutput(_ sent: [Sent]) throws {
        let found = try packets(of: output)
        #expect(found.map(\.time) == sent.map(\.packet.time))
        let isEqual = found == sent.map(\.packet)
        #expect(isEqual)
    }

    /// 2,000 packets of 40 flows between few hosts, so that tuples differ in little.
    private func traffic() -> [Sent] {
        var random = SeededGenerator(state: 7)
        return (0..<2000).map { number in
            let flow = Int.random(in: 0..<40, using: &random)
            let (client, server) = ("10.0.0.\(flow % 4 + 1)", "10.0.1.\(flow % 3 + 1)")
            let (port, payload) = (
                UInt16(40_000 + flow), [UInt8](repeating: UInt8(flow), count: number % 700)
            )
            let isForward = Bool.random(using: &random)
            let frame = PacketBuilder().ethernet()
                .ipv4(from: isForward ? client : server, to: isForward ? server : client)
                .tcp(from: isForward ? port : 443, to: isForward ? 443 : port).payload(payload)
            return Sent(number, flow: flow, frame, interface: UInt16(number % 2))
        }
    }

    private func flow(_ number: Int, _ sent: [Sent]) -> FlowRecord {
        record(
            sent.filter { $0.flow == number },
            from: "10.0.0.\(number % 4 + 1)",
            to: "10.0.1.\(number % 3 + 1)",
            ports: (UInt16(40_000 + number), 443)
        )
    }

    @Test func `finds both directions of chosen flows, byte for byte and to the nanosecond`() throws {
        let sent = traffic()
        try store(sent)
        let chosen = [3, 17, 39]
        let outcome = try extract(chosen.map { flow($0, sent) })
        let expected = sent.filter { chosen.contains($0.flow) }
        #expect(outcome.packets == UInt64(expected.count))
        #expect(outcome.bytes == UInt64(expected.reduce(0) { $0 + $1.packet.bytes.count }))
        #expect(outcome.problems == [])
        try expectOutput(expected)
        var reader = try SegmentReader.open(output)
        var interfaces: [String] = []
        while reader.advance() { interfaces.append(reader.interfaces[reader.current.interface].name) }
        #expect(interfaces == expected.map { "eth\($0.interface)" })
    }

    @Test func `finds the flow of one tenant among equal tuples in other tunnels, and outside`() throws {
        let sent = (0..<90).map { number in
            let tenant = UInt8(number % 3)
            let isForward = number % 2 == 0
            let ends = isForward ? ("10.0.0.1", "10.0.0.2") : ("10.0.0.2", "10.0.0.1")
            let inner = PacketBuilder().ethernet().ipv4(from: ends.0, to: ends.1)
                .tcp(from: isForward ? 40_000 : 80, to: isForward ? 80 : 40_000).payload("\(number)")
            // VXLAN (RFC 7348, 5): flags with a valid identifier, and the identifier.
            let outer = PacketBuilder().ethernet().ipv4(from: "192.0.2.1", to: "192.0.2.2").udp(to: 4789)
                .payload([8, 0, 0, 0, 0, 0, tenant, 0] + inner.bytes)
            return Sent(number, flow: Int(tenant), tenant == 0 ? inner : outer)
        }
        try store(sent)
        for tenant in 0..<3 {
            var flow = record(
                sent.filter { $0.flow == tenant },
                from: "10.0.0.1",
                to: "10.0.0.2",
                ports: (40_000, 80)
            )
            if tenant > 0 {
                (flow.tunnelDepth, flow.tunnelKind, flow.tunnelID) = (1, .vxlan, UInt32(tenant))
            }
            let outcome = try extract([flow])
            #expect(outcome.packets == 30)
            try expectOutput(sent.filter { $0.flow == tenant })
        }
    }

    @Test(.enabled(if: Tool.haveReaders, "needs tcpdump, tshark and capinfos"))
    func `writes files that tcpdump, tshark and capinfos open without a complaint, empty ones too`() throws {
        let sent = traffic()
        try store(sent)
        let count = Int(try extract([flow(5, sent), flow(6, sent)]).packets)
        #expect(count > 0)
        #expect(try Tool.counts(output) == ["tcpdump": count, "tshark": count, "capinfos": count])
        #expect(try extract([]).packets == 0)
        #expect(try Tool.counts(output) == ["tcpdump": 0, "tshark": 0, "capinfos": 0])
    }

    @Test func `tells flows of one tuple apart by their times, both ends included`() throws {
        let frame = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2").udp(from: 5000, to: 53)
        let sent = (0..<100).map { Sent($0, flow: $0 / 10, frame) }
        try store(sent)
        let records = [2, 3, 7].map { number in
            record(
                sent.filter { $0.flow == number },
                from: "10.0.0.2",
                to: "10.0.0.1",
                ports: (53, 5000),
                protocol: 17
            )
        }
        _ = try extract(records)
        try expectOutput(sent.filter { [2, 3, 7].contains($0.flow) })
    }

    @Test func `tells VLANs apart where they separate flows`() throws {
        let frames = [UInt16(1), 2].map {
            PacketBuilder().ethernet().vlan($0).ipv6(from: "2001:db8::1", to: "2001:db8::2").udp(
                from: 1,
                to: 2
            )
        }
        let sent = (0..<20).map { Sent($0, flow: $0 % 2, frames[$0 % 2]) }
        try store(sent)
        var chosen = record(
            sent.filter { $0.flow == 1 },
            from: "2001:db8::1",
            to: "2001:db8::2",
            ports: (1, 2),
            protocol: 17
        )
        chosen.vlan = (2, 0)
        chosen.vlanCount = 1
        _ = try extract([chosen])
        try expectOutput(sent.filter { $0.flow == 1 })
        chosen.start = .zero
        _ = try extract([chosen], vlansSeparateFlows: false)
        try expectOutput(sent)
    }

    @Test func `finds an echo and its reply, and no other ICMP of the pair`() throws {
        func icmp(_ type: UInt8, _ from: String, _ to: String) -> PacketBuilder {
            PacketBuilder().ethernet().ipv4(from: from, to: to).icmp(type: type)
        }
        let sent = [
            Sent(0, flow: 1, icmp(8, "10.0.0.1", "10.0.0.2")),
            Sent(1, flow: 1, icmp(0, "10.0.0.2", "10.0.0.1")),
            Sent(2, flow: 2, icmp(13, "10.0.0.1", "10.0.0.2")),
            Sent(3, flow: 1, icmp(8, "10.0.0.1", "10.0.0.2")),
        ]
        try store(sent)
        _ = try extract([
            record(sent.filter { $0.flow == 1 }, from: "10.0.0.1", to: "10.0.0.2", ports: (8, 0), protocol: 1)
        ])
        try expectOutput(sent.filter { $0.flow == 1 })
    }

    @Test(arguments: [1, 2])
    func `finds fragments whose flow only the whole datagram tells, in one ring or several`(rings: Int) throws
    {
        func datagram(_ number: UInt8, port: UInt16) -> [[UInt8]] {
            PacketBuilder().ethernet().ipv4(from: "192.0.2.1", to: "192.0.2.2")
                .ipv4(from: "10.0.0.1", to: "10.0.0.2").udp(from: port, to: 2000)
                .payload([UInt8](repeating: number, count: 64)).bytes.fragments(every: 32, number: number)
        }
        let plain = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2")
            .udp(from: 1000, to: 2000).payload([UInt8](repeating: 3, count: 64)).bytes
            .fragments(every: 32, number: 3)
        let pieces: [(flow: Int, bytes: [UInt8])] =
            datagram(1, port: 1000).map { (1, $0) } + datagram(2, port: 1001).map { (2, $0) }
            // The last one comes first, as some hosts send them.
            + plain.reversed().map { (3, $0) }
        let sent = pieces.enumerated().map { Sent($0, flow: $1.flow, PacketBuilder().payload($1.bytes)) }
        for ring in 0..<rings {
            try store(
                sent.enumerated().filter { $0.offset % rings == ring }.map(\.element),
                ring: "eth0.\(ring)"
            )
        }
        var inner = record(
            Array(sent[2...2]),
            from: "10.0.0.1",
            to: "10.0.0.2",
            ports: (1000, 2000),
            protocol: 17
        )
        (inner.tunnelDepth, inner.tunnelKind) = (1, .ipInIP)
        _ = try extract([inner])
        try expectOutput(sent.filter { $0.flow == 1 })
        let outer = record(
            sent.filter { $0.flow == 3 },
            from: "10.0.0.1",
            to: "10.0.0.2",
            ports: (1000, 2000),
            protocol: 17
        )
        _ = try extract([outer])
        try expectOutput(sent.filter { $0.flow == 3 })
    }

    /// Each fragment of a key is looked up among its spans.
    @Test func `keeps few datagrams of one identification, and says how many it left out`() {
        var headers = PacketHeaders()
        headers.fragmentID = 7
        let key = DatagramKey(headers, vlansSeparate: true)
        var spans = FragmentSpans()
        for time in 0..<UInt64(FragmentSpans.mostOfKey + 3) { spans.insert(key, time * 10...time * 10 + 1) }
        #expect(spans.leftOut == 3)
        #expect(spans.contains(key, at: Timestamp(nanoseconds: 11)))
        #expect(!spans.contains(key, at: Timestamp(nanoseconds: 15)))
        headers.fragmentID = 8
        spans.insert(DatagramKey(headers, vlansSeparate: true), 0...1)
        #expect(spans.leftOut == 3)
    }

    @Test func `finds the later fragments of a chosen flow's datagrams`() throws {
        func fragment(_ identification: UInt16, offset: UInt16, more: Bool, port: UInt16) -> PacketBuilder {
            let start = PacketBuilder().ethernet().ipv4(
                from: "10.0.0.1",
                to: "10.0.0.2",
                identification: identification,
                fragmentOffset: offset,
                moreFragments: more,
                ipProtocol: 17
            )
            return offset == 0
                ? start.udp(from: port, to: 2000, length: 64).payload([UInt8](repeating: 1, count: 24))
                : start.payload([UInt8](repeating: 2, count: 32))
        }
        let sent = [
            Sent(0, flow: 1, fragment(7, offset: 0, more: true, port: 1000)),
            Sent(1, flow: 2, fragment(8, offset: 0, more: true, port: 1001)),
            Sent(2, flow: 2, fragment(8, offset: 32, more: false, port: 1001)),
            Sent(3, flow: 1, fragment(7, offset: 32, more: false, port: 1000)),
        ]
        try store(sent)
        let chosen = record([sent[0]], from: "10.0.0.1", to: "10.0.0.2", ports: (1000, 2000), protocol: 17)
        _ = try extract([chosen])
        try expectOutput([sent[0], sent[3]])
        let writer = try CaptureFileWriter(path: output)
        let strict = FlowSelection([chosen], findsLaterFragments: false)
        _ = try PacketExtractor(folder: folder).extract(strict, to: writer)
        try writer.finish()
        try expectOutput([sent[0]])
    }

    @Test func `merges rings by time, and equal times in the order of the rings`() throws {
        let sent = traffic()
        try store(sent.filter { $0.flow % 2 == 0 }, ring: "eth0.0")
        try store(sent.filter { $0.flow % 2 == 1 }, ring: "eth0.1")
        let writer = try CaptureFileWriter(path: output)
        let outcome = try PacketExtractor(folder: folder).extract(matching: EveryPacket(), to: writer)
        try writer.finish()
        #expect(outcome.packets == 2000)
        #expect(outcome.examined == 2000)
        try expectOutput(sent)
    }

    @Test func `takes what a predicate wants within its times`() throws {
        let sent = traffic()
        try store(sent)
        let writer = try CaptureFileWriter(path: output)
        let extractor = try PacketExtractor(
            folder: folder,
            since: sent[500].packet.time,
            until: sent[600].packet.time
        )
        let outcome = try extractor.extract(
            matching: PacketTest { bytes, _, linkType in linkType == .ethernet && bytes.byteCount % 2 == 0 },
            to: writer
        )
        try writer.finish()
        try expectOutput(sent[500..<600].filter { $0.packet.bytes.count % 2 == 0 })
        #expect(outcome.examined < 2000)
    }

    @Test func `keeps link types apart in one section, and warns of it`() throws {
        let raw = PacketBuilder().ipv4(from: "10.0.0.1", to: "10.0.0.2").udp(from: 1, to: 2)
        let framed = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2").udp(from: 1, to: 2)
        let sent = (0..<10).map { Sent($0, flow: $0 % 2, $0 % 2 == 0 ? framed : raw) }
        try store(sent.filter { $0.flow == 0 }, ring: "file.0")
        try store(sent.filter { $0.flow == 1 }, ring: "file.0-101", linkType: .raw)
        let outcome = try extract([
            record(sent, from: "10.0.0.1", to: "10.0.0.2", ports: (1, 2), protocol: 17)
        ])
        try expectOutput(sent)
        #expect(outcome.linkTypes == [.ethernet, .raw])
        #expect(outcome.linkTypeWarning?.contains("1, 101") == true)
        guard Tool.isInstalled("capinfos") else { return }
        let infos = try Tool.run(["capinfos", "-c", "-E", output])
        #expect(infos.status == 0)
        #expect(infos.output.contains("Ethernet, Raw IP") || infos.output.contains("Per packet"))
    }

    @Test func `goes on behind a damaged segment, and says what is missing`() throws {
        let sent = traffic()
        try store(sent)
        let files = segmentFiles(folder)
        try #require(files.count >= 3)
        #expect(truncate(files[1], 20_001) == 0)
        var lost = try SegmentReader.open(files[1])
        let first = try packets(of: files[0]).count
        var kept = 0
        while lost.advance() { kept += 1 }
        let third = try packets(of: files[2])[0].time
        let writer = try CaptureFileWriter(path: output)
        let outcome = try PacketExtractor(folder: folder).extract(matching: EveryPacket(), to: writer)
        try writer.finish()
        #expect(outcome.problems.count == 1)
        #expect(
            outcome.problems.first?.description.hasPrefix(files[1] + ": cut off in the middle of") == true
        )
        let rest = sent.drop { $0.packet.time < third }
        try expectOutput(Array(sent.prefix(first + kept)) + rest)
    }

    @Test func `finds what is whole in a segment that is still being written`() throws {
        let sent = traffic()
        var ring = try TestRing("eth0.0", interfaces: ["eth0", "eth1"])
        var logger = PacketLogger(
            reader: try RegionReader(ring.buffer),
            budget: StorageBudget(folder: folder)
        )
        for one in sent[..<500] { ring.append(one.packet, interface: one.interface) }
        ring.flush()
        logger.drain()
        let segments = try SegmentCatalog(folder: folder).rings.flatMap(\.segments)
        #expect(segments.map { $0.isFinished } == [false])
        let outcome = try extract([flow(3, sent)])
        #expect(outcome.problems == [])
        try expectOutput(sent[..<500].filter { $0.flow == 3 })
        logger.close()
    }

    @Test func `answers with nothing where nothing is stored`() throws {
        #expect(try extract([]).packets == 0)
        #expect(try SegmentCatalog(folder: folder).rings.isEmpty)
    }

    @Test func `refuses an output that cannot be made, and one that cannot be written`() throws {
        #expect(throws: PacketStoreError.self) { try CaptureFileWriter(path: place.path + "/no/such/file") }
        let writer = try CaptureFileWriter(path: "/dev/full")
        #expect(throws: PacketStoreError.self) { try writer.finish() }
    }

    @Test func `lists segments with their times and packets`() throws {
        let sent = traffic()
        try store(sent)
        let rings = try SegmentCatalog(folder: folder).rings
        #expect(rings.map(\.name) == ["eth0.0"])
        let segments = rings[0].segments
        #expect(segments.allSatisfy { $0.isFinished })
        #expect(segments.compactMap(\.packets).reduce(0, +) == 2000)
        for segment in segments {
            let times = try packets(of: segment.path).map(\.time)
            #expect(segment.times?.lowerBound ?? .distantFuture <= times[0])
            #expect(segment.times?.upperBound ?? .zero >= times[times.count - 1])
            #expect(try SegmentCatalog.interfaces(of: segment).map(\.name) == ["eth0", "eth1"])
        }
    }
}
