// SPDX-License-Identifier: Apache-2.0
import BeltwayClassify
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire

/// The flows of a capture, by decoder, classifier and tracker alone: without the program round them.
enum MeteredFlows {
    private struct Sink: FactSink {
        var flows: [FlowRecord] = []
        mutating func record(_ fact: Fact) {
            if case .flow(let record) = fact { flows.append(record) }
        }
    }

    /// Time-outs of Zeek, which its baselines were made with.
    static var zeek: FlowConfiguration {
        var configuration = FlowConfiguration()
        configuration.tcp = .init(new: 300, established: 300, closed: 300)
        configuration.udp = .init(new: 60, established: 60, closed: 60)
        configuration.icmp = .init(new: 60, established: 60, closed: 60)
        configuration.other = .init(new: 60, established: 60, closed: 60)
        configuration.attempt = 5
        configuration.vlansSeparateFlows = false
        return configuration
    }

    /// The records of all flows of a file.
    static func of(_ path: String, _ configuration: FlowConfiguration) throws -> [FlowRecord] {
        var meter = Meter(configuration)
        for (ordinal, packet) in try CaptureFile(path).packets.enumerated() {
            meter.take([UInt8](packet.bytes), packet, ordinal: UInt64(ordinal))
        }
        return meter.finish()
    }

    /// Decoder, classifier, fragments and tracker in one thread: what the workers do together.
    private struct Meter: ~Copyable {
        private let classifier: PacketClassifier
        private var tracker: FlowTracker
        private var fragments: FragmentReassembler
        private var tunnels: TunnelFragments
        private var sink = Sink()
        private var latest = Timestamp.zero

        init(_ configuration: FlowConfiguration) {
            let vlans = configuration.vlansSeparateFlows
            classifier = PacketClassifier(vlansSeparateFlows: vlans, workers: 1)
            tracker = FlowTracker(configuration)
            fragments = FragmentReassembler(configuration.fragments, vlansSeparateFlows: vlans)
            tunnels = TunnelFragments(configuration.fragments, vlansSeparateFlows: vlans)
        }

        mutating func take(_ bytes: [UInt8], _ packet: CapturedPacket, ordinal: UInt64) {
            let time = Timestamp(nanoseconds: packet.time)
            latest = max(latest, time)
            let linkType = LinkType(rawValue: UInt16(truncatingIfNeeded: packet.linkType))
            var frame = FragmentFrame(
                headers: PacketHeaders(),
                hash: 0,
                time: time,
                originalLength: UInt32(packet.originalLength),
                ordinal: ordinal,
                buffer: 0,
                interface: 0
            )
            let span = bytes.span.bytes
            PacketDecoder.decode(span, linkType: linkType, into: &frame.headers)
            let depth = frame.headers.tunnelDepth
            for layer in 0...depth {
                PacketDecoder.decode(span, linkType: linkType, layer: layer, into: &frame.headers)
                track(&frame, span)
            }
            while let datagram = tunnels.next() {
                var inside = frame
                let before = datagram.first.map { datagram.frames[$0].headers.networkOffset } ?? 0
                inside.originalLength = UInt32(before) + UInt32(datagram.bytes.count)
                for layer in datagram.own.tunnelDepth + 1...datagram.headers.tunnelDepth {
                    let bytes = datagram.bytes
                    let span = bytes.span.bytes
                    PacketDecoder.decode(
                        reassembled: span,
                        of: datagram.own,
                        layer: layer,
                        into: &inside.headers
                    )
                    track(&inside, span)
                }
            }
        }

        private mutating func track(_ frame: inout FragmentFrame, _ packet: RawSpan) {
            frame.hash = classifier.classify(frame.headers, packet: packet).flowHash
            if frame.headers.isFragment {
                fragments.take(frame, packet: packet)
                fragments.settle()
                tunnels.take(frame, packet: packet)
                drain()
                return
            }
            _ = tracker.track(frame, facts: &sink)
        }

        private mutating func drain() {
            while let datagram = fragments.next() { _ = tracker.track(datagram, facts: &sink) }
        }

        consuming func finish() -> [FlowRecord] {
            fragments.finish()
            drain()
            tracker.finish(at: latest, facts: &sink)
            return sink.flows
        }
    }
}

/// Two ends in a fixed order, and the protocol's number.
struct Conversation: Hashable {
    var number: Int
    var lower: Tuple.End
    var upper: Tuple.End

    init(_ number: Int, _ a: Tuple.End, _ b: Tuple.End) {
        self.number = number
        (lower, upper) = a <= b ? (a, b) : (b, a)
    }

    var text: String { "\(number) \(lower.text) \(upper.text)" }
}

extension FlowRecord {
    /// The originator's end.
    var originatorEnd: Tuple.End { end(originator, originatorPort) }
    /// The responder's end.
    var responderEnd: Tuple.End { end(responder, responderPort) }

    private func end(_ address: IPAddress, _ port: UInt16) -> Tuple.End {
        let bytes = [address.high, address.low].flatMap { word in
            (0..<8).reversed().map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
        }
        return Tuple.End(address: ipVersion == 4 ? Array(bytes[12...]) : bytes, port: Int(port))
    }
}
