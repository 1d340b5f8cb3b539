// SPDX-License-Identifier: Apache-2.0
// Fragments of IPv4 and IPv6 put together: one worker's, within a budget.
//
//   fragment --> its datagram, found by key ---- complete -------------> next() --> flow tracker, parsers, rules
//                   |                            time-out, budget,  ----^          (incomplete: flow tracker only)
//                   `-- waits, in order of age   spoiled, the end
//
// A datagram's packets are counted when it is done, all in one flow: that of its transport header. Those of a datagram
// without a first fragment are counted in a flow without ports.
//
// Invariant 1. `weight` is the sum of what waiting datagrams hold, and is above the budget only while `take` runs.
// Invariant 2. Each fragment taken is in exactly one datagram, and each datagram comes out of `next()` exactly once.

internal import BeltwayClassify
public import BeltwayWire

/// Reassembles fragmented datagrams.
public struct FragmentReassembler: ~Copyable {
    /// What it was told.
    public let configuration: FragmentConfiguration
    /// Counters since it was made.
    public private(set) var statistics = FragmentStatistics()
    /// Bytes that waiting datagrams hold, about.
    public private(set) var weight = 0

    private let vlansSeparateFlows: Bool
    private let hosts: HostPolicies
    /// Those of compressed datagrams are put together first, and inflated then.
    private var compressed = CompressedPackets()
    private let classifier: PacketClassifier
    private let timeout: UInt64
    private var waiting: [DatagramKey: FragmentedDatagram] = [:]
    /// By age; those that are gone are swept out before they are half of them.
    private var ages: [FragmentedDatagram] = []
    private var oldest = 0
    private var gone = 0
    private var ready: [FragmentedDatagram] = []
    private var readyHead = 0
    private var latest: FragmentedDatagram?

    /// Makes a reassembler without fragments.
    public init(
        _ configuration: FragmentConfiguration = FragmentConfiguration(),
        vlansSeparateFlows: Bool = true,
        hosts: HostPolicies = HostPolicies()
    ) {
        self.configuration = configuration
        self.hosts = hosts
        self.vlansSeparateFlows = vlansSeparateFlows
        classifier = PacketClassifier(vlansSeparateFlows: vlansSeparateFlows, workers: 1)
        timeout = UInt64(configuration.timeout) * 1_000_000_000
    }

    /// Takes a packet that is a fragment.
    ///
    /// - Parameters:
    ///   - frame: What is known of it.
    ///   - packet: Its captured bytes; copied as far as they are of the datagram.
    public mutating func take(_ frame: FragmentFrame, packet: RawSpan) {
        statistics.fragments &+= 1
        let key = DatagramKey(frame.headers, vlansSeparate: vlansSeparateFlows)
        var datagram: FragmentedDatagram
        if let known = waiting[key] {
            datagram = known
            if frame.time.nanoseconds(since: known.begun) > timeout {
                statistics.timedOut &+= 1
                release(known)
                datagram = begin(key, frame.time)
            }
        } else {
            datagram = begin(key, frame.time)
        }
        latest = datagram
        let before = datagram.weight
        datagram.add(frame)
        if !datagram.isSpoiled { place(frame, packet, in: datagram) }
        weight += datagram.weight - before
        if datagram.frames.count >= configuration.fragmentsPerDatagram, !datagram.isSpoiled {
            datagram.isSpoiled = true
            statistics.tooMany &+= 1
            release(datagram)
        }
        while weight > configuration.budget, evict() {}
    }

    /// The packet taken last was overwritten while it was copied: its datagram cannot be put together.
    public mutating func spoilLast() {
        guard let latest, !latest.isSpoiled else { return }
        latest.isSpoiled = true
        statistics.notCaptured &+= 1
    }

    /// Completes the datagram of the packet taken last if it can be; call it when the packet is known to have been whole.
    public mutating func settle() {
        guard let datagram = latest else { return }
        latest = nil
        guard !datagram.isGone else { return }
        let before = datagram.weight
        guard datagram.complete(&compressed, classifier) else { return }
        weight += datagram.weight - before
        statistics.reassembled &+= 1
        release(datagram)
    }

    /// Takes the counters of what was done with compressed datagrams; nil if nothing was.
    mutating func takeCompression() -> CompressionStatistics? { compressed.takeStatistics() }

    private mutating func place(_ frame: FragmentFrame, _ packet: RawSpan, in datagram: FragmentedDatagram) {
        guard let part = FragmentPart(frame.headers, in: packet), part.isWhole else {
            datagram.isSpoiled = true
            statistics.notCaptured &+= 1
            return
        }
        let placement = datagram.place(
            packet.extracting(part.range),
            at: Int(frame.headers.fragmentOffset),
            isLast: !frame.headers.moreFragments,
            nextHeader: part.nextHeader
        )
        switch placement {
        case .used: break
        case .overlapping: statistics.overlapping &+= 1
        case .malformed: statistics.malformed &+= 1
        case .tooLong: statistics.tooLong &+= 1
        }
    }

    /// The next datagram that is done, whole or given up; nil if none is.
    public mutating func next() -> FragmentedDatagram? {
        guard readyHead < ready.count else {
            if readyHead > 0 {
                ready.removeAll(keepingCapacity: ready.count < 1024)
                readyHead = 0
            }
            return nil
        }
        defer { readyHead += 1 }
        return ready[readyHead]
    }

    /// Gives up what has waited for too long.
    ///
    /// - Parameter time: As for ``FlowTracker/expire(through:limit:facts:)``.
    public mutating func expire(through time: Timestamp) {
        while let datagram = eldest(), time.nanoseconds(since: datagram.begun) > timeout {
            statistics.timedOut &+= 1
            release(datagram)
        }
    }

    /// Gives up everything that waits.
    public mutating func finish() {
        while let datagram = eldest() {
            statistics.timedOut &+= 1
            release(datagram)
        }
    }

    private mutating func begin(_ key: DatagramKey, _ time: Timestamp) -> FragmentedDatagram {
        let own = hosts.isEmpty ? nil : hosts.policy(of: key.destination, version: key.ipVersion)
        let policy = own?.fragments ?? configuration.policy
        let datagram = FragmentedDatagram(key, begun: time, policy)
        waiting[key] = datagram
        ages.append(datagram)
        weight += datagram.weight
        return datagram
    }

    private mutating func release(_ datagram: FragmentedDatagram) {
        weight -= datagram.weight
        datagram.isGone = true
        waiting[datagram.key] = nil
        ready.append(datagram)
        gone += 1
        if gone > 64, gone * 2 > ages.count {
            ages.removeAll { $0.isGone }
            (oldest, gone) = (0, 0)
        }
    }

    private mutating func evict() -> Bool {
        guard let datagram = eldest() else { return false }
        statistics.evicted &+= 1
        release(datagram)
        return true
    }

    /// The datagram that has waited longest.
    private mutating func eldest() -> FragmentedDatagram? {
        while oldest < ages.count, ages[oldest].isGone { oldest += 1 }
        return oldest < ages.count ? ages[oldest] : nil
    }
}
