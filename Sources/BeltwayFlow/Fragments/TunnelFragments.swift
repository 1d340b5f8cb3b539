// SPDX-License-Identifier: Apache-2.0
// Tunnels whose datagrams came in fragments: found by the producer of packets, before they are shared out.
//
//     fragment --> of a datagram that may carry a tunnel? --no--> its worker alone
//                      | yes                                      (which counts it in any case)
//                      v
//                  put together --> the packet inside --> the worker whose share that is
//
// The packet inside belongs to the flow of its own addresses, and so to another worker than its fragments. Only who sees all
// packets in order can say where it stands among those of its flow, so that facts are the same for any number of workers.
//
// Ports are in the first fragment only. Later ones of UDP are kept until it is known whether they carry a tunnel: mostly it
// is, since they come in order, and then those of other datagrams cost one look-up.
//
// Invariant. Each key of `others`, at most `mostOthers`, is in `order` from `head` on, which is at most a few times as long.
public import BeltwayWire

/// Puts together fragmented datagrams that carry tunnels; nothing else.
public struct TunnelFragments: ~Copyable {
    private static var mostOthers: Int { 4096 }

    private var reassembler: FragmentReassembler
    private let vlansSeparateFlows: Bool
    /// Datagrams whose first fragment has shown that they carry no tunnel, and whose last one is still to come.
    private var others: [DatagramKey: UInt64] = [:]
    /// In the order in which they came, some of them forgotten or noted again since: those have another number.
    private var order: [(key: DatagramKey, number: UInt64)] = []
    private var head = 0
    private var noted: UInt64 = 0

    /// Makes one without fragments.
    public init(
        _ configuration: FragmentConfiguration = FragmentConfiguration(),
        vlansSeparateFlows: Bool = true,
        hosts: HostPolicies = HostPolicies()
    ) {
        reassembler = FragmentReassembler(configuration, vlansSeparateFlows: vlansSeparateFlows, hosts: hosts)
        self.vlansSeparateFlows = vlansSeparateFlows
    }

    /// Bytes that waiting datagrams hold, about; within the configuration's budget.
    public var weight: Int { reassembler.weight }
    /// Counters: of datagrams that may carry tunnels.
    public var statistics: FragmentStatistics { reassembler.statistics }
    /// Changes whenever ``statistics`` may have.
    public var changes: UInt64 { reassembler.statistics.fragments &+ reassembler.statistics.timedOut }
    /// Takes the counters of what was done with compressed datagrams that came in fragments; nil if nothing was.
    public mutating func takeCompression() -> CompressionStatistics? { reassembler.takeCompression() }
    /// Datagrams that carry no tunnel and that are known for it.
    var otherCount: Int { others.count }

    /// Takes a packet that is a fragment.
    ///
    /// - Parameters:
    ///   - frame: What is known of it.
    ///   - packet: Its captured bytes; copied if it may be a part of a tunnel's datagram.
    public mutating func take(_ frame: FragmentFrame, packet: RawSpan) {
        let headers = frame.headers
        let number = headers.transportProtocol
        let isUDP = number == IPProtocol.udp
        // What is compressed may be a tunnel.
        let isCompressed = number == IPProtocol.compression
        guard isUDP || isCompressed || TunnelKind.mayBeCarried(by: number, ports: (0, 0)) else { return }
        if isUDP {
            let key = DatagramKey(headers, vlansSeparate: vlansSeparateFlows)
            if headers.isLaterFragment {
                if others[key] != nil {
                    if !headers.moreFragments { forget(key) }
                    return
                }
            } else if TunnelKind.mayBeCarried(
                by: number,
                ports: (headers.sourcePort, headers.destinationPort)
            ) {
                forget(key)
            } else {
                note(key)
                return
            }
        }
        reassembler.take(frame, packet: packet)
        reassembler.settle()
    }

    /// The next whole datagram that carries a tunnel which could be entered; nil if there is none.
    public mutating func next() -> FragmentedDatagram? {
        while let datagram = reassembler.next() {
            if datagram.isWhole, datagram.headers.tunnelDepth > datagram.own.tunnelDepth { return datagram }
        }
        return nil
    }

    /// Gives up what has waited for too long.
    ///
    /// - Parameter time: As for ``FlowTracker/expire(through:limit:facts:)``.
    public mutating func expire(through time: Timestamp) { reassembler.expire(through: time) }

    /// Gives up everything that waits.
    public mutating func finish() { reassembler.finish() }

    private mutating func note(_ key: DatagramKey) {
        guard others[key] == nil else { return }
        noted &+= 1
        others[key] = noted
        order.append((key, noted))
        while others.count > TunnelFragments.mostOthers, head < order.count {
            let oldest = order[head]
            head += 1
            if others[oldest.key] == oldest.number { others[oldest.key] = nil }
        }
        // What is left then is as long as `others`, so the next time is as many keys away.
        if order.count - head > others.count * 2 + 64 || head * 2 > order.count {
            order = order[head...].filter { others[$0.key] == $0.number }
            head = 0
        }
    }

    /// Places in the order of keys; for tests.
    var orderCount: Int { order.count }

    private mutating func forget(_ key: DatagramKey) { others[key] = nil }
}
