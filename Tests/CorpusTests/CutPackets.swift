// SPDX-License-Identifier: Apache-2.0
// Packets that were captured in part, through all that reads them: decoder, classifier, fragments, tracker, streams, parsers.
//
// A cut packet ends where a page begins that may not be touched: a read beyond it ends the process.
import BeltwayCapture
import BeltwayClassify
import BeltwayFlow
import BeltwayWire
import Foundation
import Glibc

/// Memory behind which lies a page that may not be touched.
private final class FencedMemory {
    private let start: UnsafeMutableRawPointer
    private let length: Int
    private let fence = Int(sysconf(Int32(_SC_PAGESIZE)))

    init?(holding most: Int) {
        length = max(1, (most + fence - 1) / fence) * fence
        let kind = MAP_PRIVATE | MAP_ANONYMOUS
        guard let start = mmap(nil, length + fence, PROT_READ | PROT_WRITE, kind, -1, 0), start != MAP_FAILED,
            mprotect(start + length, fence, PROT_NONE) == 0
        else { return nil }
        self.start = start
    }

    deinit { munmap(start, length + fence) }

    /// Calls `body` with the first `count` bytes, which end where the fence begins.
    func lend<Result>(_ bytes: [UInt8], count: Int, _ body: (RawSpan) -> Result) -> Result {
        let place = UnsafeMutableRawBufferPointer(start: start + length - count, count: count)
        bytes.withUnsafeBytes { place.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        return body(UnsafeRawBufferPointer(place).bytes)
    }
}

/// Transactions, and what their events say, as JSON objects of their own.
private struct Transactions: FactSink {
    var count = 0
    var texts: [[UInt8]] = []
    /// So that nobody thinks reading them useless.
    var sum: UInt8 = 0

    mutating func record(_ fact: Fact) {}

    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        count += 1
        for column in 0..<TransactionRecord.mostMarks {
            if let place = transaction.mark(column) { sum &+= body[place.upperBound - 1] }
        }
        let details = body.count - Int(transaction.detailLength)
        var values = TransactionDetails(body.extracting(details..<body.count).bytes)
        while let value = values.next() { sum &+= UInt8(truncatingIfNeeded: value.place.count) }
        guard transaction.shownLength > 1 else { return }
        // It begins with the comma behind the head of an event.
        var text: [UInt8] = [0x7b]
        for index in 1..<transaction.shownLength { text.append(body[index]) }
        texts.append(text + [0x7d])
    }
}

/// Parsers behind the reassembler; of flows that ended, what they had counted.
private struct Outlet: ~Copyable, FactSink, StreamConsumer {
    var stage: ApplicationStage
    var sink = Transactions()
    var flows = 0
    var packets: UInt64 = 0
    var bytes: UInt64 = 0

    init(_ stage: consuming ApplicationStage) { self.stage = stage }

    mutating func record(_ fact: Fact) {}
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {}
    mutating func ended(_ flow: FlowRecord, slot: UInt32) {
        flows += 1
        packets += flow.packetsToResponder + flow.packetsToOriginator
        bytes += flow.bytesToResponder + flow.bytesToOriginator
        var flow = flow
        stage.ended(&flow, slot: slot)
        stage.commit(into: &sink)
    }
    mutating func goesOn(_ flow: FlowRecord, slot: UInt32) {}
    mutating func bytes(_ bytes: RawSpan, of stream: StreamView) { stage.bytes(bytes, of: stream) }
    mutating func gap(_ length: UInt64, of stream: StreamView) { stage.gap(length, of: stream) }
    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) { stage.directionEnded(stream, reason) }
    mutating func ending(_ flow: FlowRecord) { stage.beginEnd(of: flow) }
    mutating func closed(slot: UInt32, flowID: UInt64) {}
}

/// One pass over a capture: a worker with its producer, in one thread.
private struct Pass: ~Copyable {
    private let classifier = PacketClassifier(vlansSeparateFlows: true, workers: 1)
    private var tracker: FlowTracker
    private var fragments: FragmentReassembler
    private var tunnels: TunnelFragments
    private var compressed = CompressedPackets()
    private(set) var outlet: StreamStage<Outlet>
    private var latest = Timestamp.zero
    private var ordinal: UInt64 = 0
    /// Packets with an IP header, a packet in a tunnel once for each header; and their bytes on the wire.
    private var handed = (packets: UInt64(0), bytes: UInt64(0))
    /// The first thing that was wrong.
    private(set) var problem: String?

    init() {
        var configuration = FlowConfiguration()
        configuration.capacity = 256
        tracker = FlowTracker(configuration)
        fragments = FragmentReassembler(configuration.fragments)
        tunnels = TunnelFragments(configuration.fragments)
        var streams = StreamConfiguration()
        streams.copiedBytes = 1 << 20
        var events = EventSettings()
        events.anomalies = [.applayer, .decode, .stream]
        events.httpFields = [.requests, .responses]
        events.mailDigests = [.subject, .body]
        events.mailSchemes = [.http, .https, .ftp, .mailto]
        var files = FileSettings()
        files.hashes = [.md5, .sha1, .sha256]
        let stage = ApplicationStage(wantsDetails: true, files: files, events: events)
        outlet = StreamStage(TCPReassembler(streams), consumer: Outlet(stage))
    }

    /// Takes what was captured of a packet, and says whether it shows a whole IP header.
    mutating func take(_ bytes: RawSpan, _ packet: FilePacket, _ linkType: LinkType) -> Bool {
        latest = max(latest, packet.time)
        var headers = PacketHeaders()
        PacketDecoder.decode(bytes, linkType: linkType, into: &headers)
        expectInside(headers, bytes)
        for layer in 0..<headers.tunnelDepth {
            var outer = PacketHeaders()
            PacketDecoder.decode(bytes, linkType: linkType, layer: layer, into: &outer)
            expectInside(outer, bytes)
            carry(frame(outer, bytes, packet))
        }
        if headers.transportProtocol == IPProtocol.compression, !headers.isFragment,
            let inflated = compressed.inflate(headers, in: bytes)
        {
            inflated.withPacket { bytes in
                var inside = PacketHeaders()
                PacketDecoder.decode(reassembled: bytes, of: headers, into: &inside)
                take(frame(inside, bytes, packet), bytes)
            }
        } else {
            take(frame(headers, bytes, packet), bytes)
        }
        while let datagram = tunnels.next() {
            datagram.bytes.withPacket { bytes in
                for layer in datagram.own.tunnelDepth + 1..<datagram.headers.tunnelDepth {
                    var outer = PacketHeaders()
                    PacketDecoder.decode(reassembled: bytes, of: datagram.own, layer: layer, into: &outer)
                    carry(frame(outer, bytes, packet))
                }
                take(frame(datagram.headers, bytes, packet), bytes)
            }
        }
        ordinal += 1
        return headers.layers.contains(.ip)
    }

    /// Ends everything, and says what was wrong first, or nothing.
    mutating func finish() -> String? {
        fragments.finish()
        tunnels.finish()
        drain()
        tracker.finish(at: latest, facts: &outlet)
        let (handed, held) = (handed, outlet.consumer.stage.heldBytes)
        let (packets, bytes) = (outlet.consumer.packets, outlet.consumer.bytes)
        expect(packets == handed.packets, "\(packets) packets in flows of \(handed.packets)")
        expect(bytes == handed.bytes, "\(bytes) bytes in flows of \(handed.bytes)")
        expect(held == 0, "parsers hold \(held) bytes")
        expect(fragments.weight == 0 && tunnels.weight == 0, "fragments are held")
        let texts = outlet.consumer.sink.texts
        for text in texts
        where (try? JSONSerialization.jsonObject(with: Data(text))) as? [String: Any] == nil {
            expect(false, "no JSON: \(String(decoding: text, as: UTF8.self))")
        }
        return problem
    }

    private mutating func expect(_ isRight: Bool, _ what: @autoclosure () -> String) {
        if !isRight, problem == nil { problem = what() }
    }

    private mutating func expectInside(_ headers: borrowing PacketHeaders, _ bytes: RawSpan) {
        let count = bytes.byteCount
        let network = Int(headers.networkOffset)
        let transport = Int(headers.transportOffset)
        let payload = Int(headers.payloadOffset)
        expect(max(network, transport, payload) <= count, "a header beyond \(count) bytes")
        expect(payload + Int(headers.capturedPayloadLength) <= count, "payload beyond \(count) bytes")
    }

    /// Describes a packet that is counted next.
    private mutating func frame(
        _ headers: PacketHeaders,
        _ bytes: RawSpan,
        _ packet: FilePacket
    ) -> FragmentFrame {
        if headers.layers.contains(.ip) {
            handed.packets += 1
            handed.bytes += UInt64(packet.originalLength)
        }
        return FragmentFrame(
            headers: headers,
            hash: classifier.classify(headers, packet: bytes).flowHash,
            time: packet.time,
            originalLength: packet.originalLength,
            ordinal: ordinal,
            buffer: 0,
            interface: 0
        )
    }

    private mutating func carry(_ frame: FragmentFrame) { _ = tracker.track(frame, facts: &outlet) }

    private mutating func take(_ frame: FragmentFrame, _ bytes: RawSpan) {
        guard frame.headers.isFragment else {
            let flow = tracker.track(frame, facts: &outlet)
            look(at: frame.headers, bytes, flow, frame)
            return
        }
        tunnels.take(frame, packet: bytes)
        fragments.take(frame, packet: bytes)
        fragments.settle()
        drain()
    }

    private mutating func drain() {
        while let datagram = fragments.next() {
            let flow = tracker.track(datagram, facts: &outlet)
            guard datagram.isWhole, datagram.carries == .none, let frame = datagram.frames.last else {
                continue
            }
            datagram.bytes.withPacket { look(at: datagram.headers, $0, flow, frame) }
        }
    }

    private mutating func look(
        at headers: PacketHeaders,
        _ bytes: RawSpan,
        _ flow: FlowView?,
        _ frame: FragmentFrame
    ) {
        let place = PacketPlace(time: frame.time, number: frame.ordinal + 1, buffer: 0, interface: 0)
        outlet.consumer.stage.judge(headers, bytes, flow: flow, packet: place)
        if let flow, headers.layers.contains(.tcp), outlet.consumer.stage.wantsStream(flow) {
            outlet.consumer.stage.beginSegment(headers, flow: flow, packet: place)
            outlet.segment(
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
            outlet.consumer.stage.datagram(payload, headers: headers, flow: flow, packet: place)
        }
        outlet.consumer.stage.commit(into: &outlet.consumer.sink)
    }
}

/// Every pass over one capture, its packets cut to each length from 0 to the longest packet's.
struct CutPackets: Sendable {
    var passes = 0
    var packets = 0
    var flows = 0
    var transactions = 0
    /// Of these, those that have an event, which was read again as JSON.
    var texts = 0
    var seconds = 0.0
    var problems: [String] = []

    init(_ path: String) {
        let began = Date()
        let whole = wholePackets(path).packets
        let longest = whole.map(\.bytes.count).max() ?? 0
        guard let memory = FencedMemory(holding: longest) else {
            problems = ["no memory for packets"]
            return
        }
        // Whether the cut before showed an IP header: a longer one has to.
        var showedIP = [Bool](repeating: false, count: whole.count)
        for length in 0...longest {
            var pass = Pass()
            for (index, packet) in whole.enumerated() {
                let isIP = memory.lend(packet.bytes, count: min(length, packet.bytes.count)) {
                    pass.take($0, packet.packet, packet.linkType)
                }
                if showedIP[index], !isIP { note("cut to \(length): packet \(index) is no longer IP") }
                showedIP[index] = isIP
            }
            if let problem = pass.finish() { note("cut to \(length): \(problem)") }
            passes += 1
            packets += whole.count
            flows += pass.outlet.consumer.flows
            transactions += pass.outlet.consumer.sink.count
            texts += pass.outlet.consumer.sink.texts.count
        }
        seconds = Date().timeIntervalSince(began)
    }

    private mutating func note(_ problem: String) {
        if problems.count < 4 { problems.append(problem) }
    }
}
