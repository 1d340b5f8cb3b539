// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayFlowTestSupport
import BeltwayTestSupport
import BeltwayWire

/// The flows of a capture, by decoder, classifier and tracker alone: without the program round them.
enum MeteredFlows {
    private struct Records: FlowPipelineEnd {
        var flows: [FlowRecord] = []
        mutating func record(_ fact: Fact) {
            if case .flow(let record) = fact { flows.append(record) }
        }
        func take(
            _ headers: PacketHeaders,
            _ bytes: RawSpan,
            flow: FlowView?,
            frame: FragmentFrame,
            tracker: inout FlowTracker
        ) {}
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
        var meter = FlowPipeline(configuration, end: Records())
        for packet in try CaptureFile(path).packets {
            let linkType = LinkType(rawValue: UInt16(truncatingIfNeeded: packet.linkType))
            [UInt8](packet.bytes).withPacket {
                _ = meter.take(
                    $0,
                    linkType,
                    time: Timestamp(nanoseconds: packet.time),
                    originalLength: UInt32(packet.originalLength)
                )
            }
        }
        meter.finish()
        return meter.end.flows
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
