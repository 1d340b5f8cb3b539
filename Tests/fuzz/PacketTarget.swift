// SPDX-License-Identifier: Apache-2.0
// libFuzzer: whole packets, from the link header to the parsers: decoder, classifier, fragments (also of tunnels),
// compressed datagrams, flow tracker, reassembly of streams.
//
//     input    link 1 | packet | packet ..     link: which of `links`; its high bits choose the overlap policies
//     packet   length 2 | bytes                the high bit of the length: two minutes later

import BeltwayClassify
import BeltwayFlow
import BeltwayWire

private let links: [LinkType] = [
    .ethernet, .linuxCooked, .raw, .null, .linuxCooked2, .ppp, .frameRelay, .netfilterLog, .radiotap,
    .wirelessLAN,
    .packetInformation, .arcnetLinux, .ciscoHDLC, .loop, .ipv6,
]

/// Parsers behind the reassembler, and what they record.
private struct Outlet: ~Copyable, FactSink, StreamConsumer {
    var stage: ApplicationStage
    var sink = Discarding()

    mutating func record(_ fact: Fact) {}
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {}
    mutating func ended(_ flow: FlowRecord, slot: UInt32) {
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

private struct Discarding: FactSink {
    mutating func record(_ fact: Fact) {}
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {}
}

/// One worker with its producer.
private struct Pipeline: ~Copyable {
    var tracker: FlowTracker
    var fragments: FragmentReassembler
    var tunnels: TunnelFragments
    var compressed = CompressedPackets()
    var outlet: StreamStage<Outlet>
    let classifier = PacketClassifier(share: .addressPair, vlansSeparateFlows: true, workers: 1, seed: 0)
    let link: LinkType
    var time = Timestamp(seconds: 1)
    var ordinal: UInt64 = 0

    init(link: LinkType, policy: UInt8) {
        self.link = link
        var configuration = FlowConfiguration()
        configuration.capacity = 64
        configuration.fragments.policy = FragmentPolicy.allCases[Int(policy) % FragmentPolicy.allCases.count]
        configuration.fragments.budget = 1 << 18
        tracker = FlowTracker(configuration)
        fragments = FragmentReassembler(configuration.fragments)
        tunnels = TunnelFragments(configuration.fragments)
        var streams = StreamConfiguration()
        streams.overlap = OverlapPolicy.allCases[Int(policy) % OverlapPolicy.allCases.count]
        streams.copiedBytes = 1 << 16
        var events = EventSettings()
        events.anomalies = [.applayer, .decode, .stream]
        events.checksums = policy & 1 != 0
        outlet = StreamStage(
            TCPReassembler(streams),
            consumer: Outlet(stage: ApplicationStage(wantsDetails: true, events: events))
        )
    }

    mutating func take(_ bytes: [UInt8]) {
        var headers = PacketHeaders()
        bytes.withPacket { packet in
            PacketDecoder.decode(packet, linkType: link, into: &headers)
            let offsets = [headers.networkOffset, headers.transportOffset, headers.payloadOffset]
            precondition(offsets.allSatisfy { Int($0) <= packet.byteCount }, "no offset is beyond the packet")
            let end = Int(headers.payloadOffset) + Int(headers.capturedPayloadLength)
            precondition(end <= packet.byteCount, "no payload is beyond the packet")
            for layer in 0..<headers.tunnelDepth {
                var outer = PacketHeaders()
                PacketDecoder.decode(packet, linkType: link, layer: layer, into: &outer)
                track(frame(outer, packet), packet, carries: true)
            }
            if headers.transportProtocol == IPProtocol.compression, !headers.isFragment,
                let inflated = compressed.inflate(headers, in: packet)
            {
                var inside = PacketHeaders()
                inflated.withPacket { bytes in
                    PacketDecoder.decode(reassembled: bytes, of: headers, into: &inside)
                    take(frame(inside, bytes), bytes)
                }
            } else {
                take(frame(headers, packet), packet)
            }
        }
        while let datagram = tunnels.next() {
            datagram.bytes.withPacket { packet in take(frame(datagram.headers, packet), packet) }
        }
        ordinal += 1
    }

    private func frame(_ headers: PacketHeaders, _ packet: RawSpan) -> FragmentFrame {
        FragmentFrame(
            headers: headers,
            hash: classifier.classify(headers, packet: packet).flowHash,
            time: time,
            originalLength: UInt32(packet.byteCount),
            ordinal: ordinal,
            buffer: 0,
            interface: 0
        )
    }

    private mutating func take(_ frame: FragmentFrame, _ packet: RawSpan) {
        guard frame.headers.isFragment else {
            track(frame, packet, carries: false)
            return
        }
        tunnels.take(frame, packet: packet)
        fragments.take(frame, packet: packet)
        fragments.settle()
        drain()
    }

    private mutating func drain() {
        while let datagram = fragments.next() {
            let flow = tracker.track(datagram, facts: &outlet)
            guard datagram.isWhole, datagram.carries == .none, let frame = datagram.frames.last else {
                continue
            }
            datagram.bytes.withPacket { parse(datagram.headers, $0, flow, frame) }
        }
    }

    private mutating func track(_ frame: FragmentFrame, _ packet: RawSpan, carries: Bool) {
        let flow = tracker.track(frame, facts: &outlet)
        if !carries { parse(frame.headers, packet, flow, frame) }
    }

    private mutating func parse(
        _ headers: PacketHeaders,
        _ packet: RawSpan,
        _ flow: FlowView?,
        _ frame: FragmentFrame
    ) {
        let place = PacketPlace(time: frame.time, number: frame.ordinal + 1, buffer: 0, interface: 0)
        outlet.consumer.stage.judge(headers, packet, flow: flow, packet: place)
        if let flow, headers.layers.contains(.tcp) {
            outlet.consumer.stage.beginSegment(headers, flow: flow, packet: place)
            outlet.segment(
                headers,
                packet: packet,
                at: .nowhere,
                time: frame.time,
                flow: flow,
                tracker: &tracker
            )
        } else if let flow, headers.layers.contains(.udp), headers.capturedPayloadLength > 0 {
            let start = Int(headers.payloadOffset)
            let payload = packet.extracting(start..<start + Int(headers.capturedPayloadLength))
            outlet.consumer.stage.datagram(payload, headers: headers, flow: flow, packet: place)
        }
        outlet.consumer.stage.commit(into: &outlet.consumer.sink)
    }

    mutating func wait() {
        time = Timestamp(nanoseconds: time.nanoseconds + 120_000_000_000)
        fragments.expire(through: time)
        tunnels.expire(through: time)
        drain()
        tracker.expire(through: time, facts: &outlet)
    }

    consuming func finish() {
        fragments.finish()
        drain()
        tracker.finish(at: time, facts: &outlet)
        precondition(fragments.weight == 0, "no fragment is held at the end")
        precondition(outlet.consumer.stage.heldBytes == 0, "what a flow held is given back at its end")
    }
}

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start, count > 3 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    var pipeline = Pipeline(link: links[Int(input[0] & 15) % links.count], policy: input[0] >> 4)
    var index = 1
    while index + 2 <= input.count {
        let length = Int(input[index] & 0x7f) << 8 | Int(input[index + 1])
        if input[index] & 0x80 != 0 { pipeline.wait() }
        let end = min(index + 2 + length, input.count)
        pipeline.take(Array(input[index + 2..<end]))
        index = end
    }
    pipeline.finish()
    return 0
}
