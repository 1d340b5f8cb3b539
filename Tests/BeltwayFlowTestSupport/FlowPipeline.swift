// SPDX-License-Identifier: Apache-2.0
internal import BeltwayClassify
public import BeltwayFlow
public import BeltwayWire

/// What a ``FlowPipeline`` ends in: takes facts, and each packet after its flow was found.
public protocol FlowPipelineEnd: FactSink, ~Copyable {
    /// Takes a packet or a whole datagram.
    ///
    /// - Parameters:
    ///   - headers: The innermost ones, or those of the datagram.
    ///   - bytes: What they describe.
    ///   - flow: Its flow, if it has one.
    ///   - frame: It, or the last fragment of the datagram.
    ///   - tracker: Of its flow.
    mutating func take(
        _ headers: PacketHeaders,
        _ bytes: RawSpan,
        flow: FlowView?,
        frame: FragmentFrame,
        tracker: inout FlowTracker
    )
}

/// A worker with its producer, in one thread: decoder, classifier, fragments, tunnels, compressed datagrams, tracker.
///
///     bytes --> headers, a tunnel's once for each --> fragments --> tracker --> end
public struct FlowPipeline<End: FlowPipelineEnd & ~Copyable>: ~Copyable {
    /// Takes facts and packets.
    public var end: End
    /// Packets with an IP header, a packet in a tunnel once for each header; and their bytes on the wire.
    public private(set) var handed = (packets: UInt64(0), bytes: UInt64(0))
    /// The first thing that was wrong; nil for nothing.
    public private(set) var problem: String?

    private let classifier: PacketClassifier
    private var tracker: FlowTracker
    private var fragments: FragmentReassembler
    private var tunnels: TunnelFragments
    private var compressed = CompressedPackets()
    private var latest = Timestamp.zero
    private var ordinal: UInt64 = 0

    /// Makes a pipeline of one thread, the same in each run.
    public init(_ configuration: FlowConfiguration, end: consuming End) {
        let vlans = configuration.vlansSeparateFlows
        classifier = PacketClassifier(share: .addressPair, vlansSeparateFlows: vlans, workers: 1, seed: 0)
        tracker = FlowTracker(configuration)
        fragments = FragmentReassembler(configuration.fragments, vlansSeparateFlows: vlans)
        tunnels = TunnelFragments(configuration.fragments, vlansSeparateFlows: vlans)
        self.end = end
    }

    /// Takes what was captured of a packet of `originalLength` bytes.
    ///
    /// - Returns: Whether it shows a whole IP header.
    @discardableResult
    public mutating func take(
        _ bytes: RawSpan,
        _ linkType: LinkType,
        time: Timestamp,
        originalLength: UInt32
    ) -> Bool {
        latest = max(latest, time)
        var frame = FragmentFrame(
            headers: PacketHeaders(),
            hash: 0,
            time: time,
            originalLength: originalLength,
            ordinal: ordinal,
            buffer: 0,
            interface: 0
        )
        var headers = PacketHeaders()
        PacketDecoder.decode(bytes, linkType: linkType, into: &headers)
        for layer in 0..<headers.tunnelDepth {
            PacketDecoder.decode(bytes, linkType: linkType, layer: layer, into: &frame.headers)
            carry(&frame, bytes)
        }
        frame.headers = headers
        if headers.transportProtocol == IPProtocol.compression, !headers.isFragment,
            let inflated = compressed.inflate(headers, in: bytes)
        {
            inflated.withPacket { bytes in
                PacketDecoder.decode(reassembled: bytes, of: headers, into: &frame.headers)
                take(&frame, bytes)
            }
        } else {
            take(&frame, bytes)
        }
        openTunnels(&frame)
        ordinal += 1
        return headers.layers.contains(.ip)
    }

    /// Lets time pass.
    public mutating func expire(through time: Timestamp) {
        latest = max(latest, time)
        fragments.expire(through: latest)
        tunnels.expire(through: latest)
        drain()
        tracker.expire(through: latest, facts: &end)
    }

    /// Ends everything.
    public mutating func finish() {
        fragments.finish()
        tunnels.finish()
        drain()
        tracker.finish(at: latest, facts: &end)
        expect(fragments.weight == 0 && tunnels.weight == 0, "fragments are held at the end")
    }

    /// Notes the first thing that is not as it should be.
    public mutating func expect(_ isRight: Bool, _ what: @autoclosure () -> String) {
        if !isRight, problem == nil { problem = what() }
    }

    /// What is in datagrams of tunnels that are whole now.
    private mutating func openTunnels(_ frame: inout FragmentFrame) {
        while let datagram = tunnels.next() {
            let link = datagram.first.map { datagram.frames[$0].headers.networkOffset } ?? 0
            frame.originalLength = UInt32(link) + UInt32(datagram.bytes.count)
            datagram.bytes.withPacket { bytes in
                for layer in datagram.own.tunnelDepth + 1..<datagram.headers.tunnelDepth {
                    PacketDecoder.decode(
                        reassembled: bytes,
                        of: datagram.own,
                        layer: layer,
                        into: &frame.headers
                    )
                    carry(&frame, bytes)
                }
                frame.headers = datagram.headers
                take(&frame, bytes)
            }
        }
    }

    /// Takes a packet that carries another one.
    private mutating func carry(_ frame: inout FragmentFrame, _ bytes: RawSpan) {
        describe(&frame, bytes)
        _ = tracker.track(frame, facts: &end)
    }

    /// Takes a packet that carries no other one, as far as can be seen.
    private mutating func take(_ frame: inout FragmentFrame, _ bytes: RawSpan) {
        describe(&frame, bytes)
        guard frame.headers.isFragment else {
            let flow = tracker.track(frame, facts: &end)
            end.take(frame.headers, bytes, flow: flow, frame: frame, tracker: &tracker)
            return
        }
        tunnels.take(frame, packet: bytes)
        fragments.take(frame, packet: bytes)
        fragments.settle()
        drain()
    }

    private mutating func drain() {
        while let datagram = fragments.next() {
            let flow = tracker.track(datagram, facts: &end)
            guard datagram.isWhole, datagram.carries == .none, let frame = datagram.frames.last else {
                continue
            }
            datagram.bytes.withPacket {
                end.take(datagram.headers, $0, flow: flow, frame: frame, tracker: &tracker)
            }
        }
    }

    /// Gives a frame its hash; looks whether its headers describe what is there; counts it.
    private mutating func describe(_ frame: inout FragmentFrame, _ bytes: RawSpan) {
        frame.hash = classifier.classify(frame.headers, packet: bytes).flowHash
        let (headers, count) = (frame.headers, bytes.byteCount)
        let last = max(headers.networkOffset, headers.transportOffset, headers.payloadOffset)
        expect(Int(last) <= count, "a header beyond \(count) bytes")
        let end = Int(headers.payloadOffset) + Int(headers.capturedPayloadLength)
        expect(end <= count, "payload beyond \(count) bytes")
        guard headers.layers.contains(.ip) else { return }
        handed.packets += 1
        handed.bytes += UInt64(frame.originalLength)
    }
}
