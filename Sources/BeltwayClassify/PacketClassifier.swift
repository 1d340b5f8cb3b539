// SPDX-License-Identifier: Apache-2.0
// Which worker a packet belongs to, and what it is called on the way.
//
//     packet                         worker by                                  classification
//     TCP, UDP, SCTP, ICMP query     its address pair (or its flow)             tcp, udp, sctp, icmp
//     ICMP error message             the pair (or flow) of the packet inside    icmp
//     packet in a tunnel            as any of these, by what is inside
//     fragment, also the first       its address pair                           fragment
//     other IP                       its address pair                           ip
//     not IP, not decodable          worker 0                                   other

public import BeltwayBuffers
public import BeltwayWire

/// What all packets of one worker have in common.
@frozen public enum SharePolicy: Sendable, BitwiseCopyable {
    /// Two addresses: fragments, ICMP errors and related connections meet their flow.
    case addressPair
    /// Addresses, ports and protocol: spreads the traffic of few hosts; fragments do not meet their flow.
    case flow
}

/// What the classifier says of one packet.
@frozen public struct Verdict: Equatable, Sendable, BitwiseCopyable {
    /// Symmetric hash of the packet's own flow; ports are 0 for ICMP and for fragments without ports.
    public var flowHash: UInt32
    /// Who owns the packet's share: below the number of workers.
    public var worker: UInt32
    /// What the packet is.
    public var classification: Classification

    /// Makes a verdict.
    @inlinable public init(flowHash: UInt32, worker: UInt32, classification: Classification) {
        self.flowHash = flowHash
        self.worker = worker
        self.classification = classification
    }
}

/// Assigns packets to workers.
///
/// Budget: 10 ns a packet on top of decoding; nothing is allocated, and packets of one share go to one
/// worker, in their order.
@frozen public struct PacketClassifier: Sendable, BitwiseCopyable {
    /// The hashes in use.
    public let hash: FlowHash
    /// What is shared out.
    public let share: SharePolicy
    /// Number of workers, at least 1.
    public let workers: UInt32
    @usableFromInline let vlanMask: UInt32

    /// Makes a classifier.
    ///
    /// - Parameters:
    ///   - share: What all packets of one worker have in common.
    ///   - vlansSeparateFlows: Whether equal tuples under different VLAN identifiers are different flows.
    ///   - workers: How many share the work; it is our own mistake to ask for none.
    ///   - seed: Key of the hashes; a salt for live capture.
    public init(
        share: SharePolicy = .addressPair,
        vlansSeparateFlows: Bool = true,
        workers: Int,
        seed: UInt64 = FlowHash.fileSeed
    ) {
        precondition(workers >= 1 && workers <= Int(UInt32.max), "a classifier needs at least one worker")
        hash = FlowHash(seed: seed)
        self.share = share
        self.workers = UInt32(workers)
        vlanMask = vlansSeparateFlows ? 0xff_ffff : 0
    }

    /// Whether equal tuples under different VLAN identifiers are different flows.
    @inlinable public var vlansSeparateFlows: Bool { vlanMask != 0 }

    /// Says what a packet is and whose.
    ///
    /// - Parameters:
    ///   - headers: What ``PacketDecoder/decode(_:linkType:)`` made of `packet`.
    ///   - packet: Its bytes; read only if it is an ICMP error message.
    /// - Returns: Whose packet it is.
    @inlinable @inline(__always) public func classify(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan
    ) -> Verdict {
        let layers = headers.layers
        guard layers.contains(.ip) else { return Verdict(flowHash: 0, worker: 0, classification: .other) }
        let vlans = FlowHash.vlanIDs(headers) & vlanMask
        let hashes = self.hashes(headers, vlans: vlans)
        var shareHash = hashes.share
        var flowHash = hashes.flow
        if !layers.isDisjoint(with: [.icmp, .icmpv6]), !headers.isFragment {
            // The message's bytes, not its headers: who passes on their address has them copied for every
            // packet.
            let start = Int(headers.transportOffset)
            let end = Int(headers.payloadOffset) &+ Int(headers.capturedPayloadLength)
            if end <= packet.byteCount, start < end {
                let message = packet.extracting(start..<end)
                if let embedded = embeddedShareHash(message, isVersion6: layers.contains(.icmpv6), vlans) {
                    // Messages about different pairs go to different workers, so they are different flows: the
                    // tracker takes this hash into an error message's key (FlowKey).
                    shareHash = embedded
                    flowHash ^= embedded
                }
            }
        }
        return Verdict(
            flowHash: flowHash,
            worker: worker(ofHash: shareHash),
            classification: kind(of: headers)
        )
    }

    /// Scales a hash to a worker by multiplication and shift: no division, and no bias towards small
    /// remainders.
    @inlinable @inline(__always) public func worker(ofHash hash: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(workers)) >> 32)
    }

    /// The hash of the flow that the headers belong to, and the one that decides the worker.
    @inlinable @inline(__always) func hashes(
        _ headers: borrowing PacketHeaders,
        vlans: UInt32
    ) -> (flow: UInt32, share: UInt32) {
        let (a, b) = (hash.mixed(headers.source), hash.mixed(headers.destination))
        // Without the tunnel's identifier: the two directions of a connection may come under different ones, and must
        // meet in one worker. The flow's key tells tenants apart.
        let pair = hash.pair(a, b, vlans: vlans, tunnelID: 0)
        // Type and code stand where ports do, and differ between a query and its answer.
        let number = headers.transportProtocol
        let hasPorts = number != IPProtocol.icmp && number != IPProtocol.icmpv6
        let flow = FlowHash.fold(
            hash.flow(
                pair: pair,
                a,
                b,
                portA: hasPorts ? headers.sourcePort : 0,
                portB: hasPorts ? headers.destinationPort : 0,
                transportProtocol: number
            )
        )
        let isFragment = headers.isFragment
        let sharesByFlow = share == .flow && !isFragment
        return (flow, sharesByFlow ? flow : FlowHash.fold(pair))
    }

    /// The share of the packet that an ICMP error message complains of; nil if the message is none.
    @inline(never) @usableFromInline func embeddedShareHash(
        _ message: RawSpan,
        isVersion6: Bool,
        _ vlans: UInt32
    ) -> UInt32? {
        guard let embedded = PacketDecoder.decodeEmbedded(in: message, isVersion6: isVersion6) else {
            return nil
        }
        return hashes(embedded, vlans: vlans).share
    }

    @inlinable @inline(__always) func kind(of headers: borrowing PacketHeaders) -> Classification {
        if headers.isFragment { return .fragment }
        let layers = headers.layers
        if layers.contains(.tcp) { return .tcp }
        if layers.contains(.udp) { return .udp }
        if !layers.isDisjoint(with: [.icmp, .icmpv6]) { return .icmp }
        return layers.contains(.sctp) ? .sctp : .ip
    }
}
