// SPDX-License-Identifier: Apache-2.0
// The statistics consumer: walks the descriptors of every data buffer and counts.
//
//     descriptor + decoded headers --account--> totals | kinds (by layers) | sizes | run of one sender
//                                                                                      |  when the sender changes
//                                                                                      v
//                                                                              top talkers
//
// Budget: 15 ns per packet. So what a packet is made of is one addition in a table indexed by its set of layers, from
// which the protocol counters are summed when somebody asks; and a train of packets of one sender reaches the sketch
// as one addition. The worst case, every packet from another sender, costs about twice the budget.
//
// Invariant. Every packet that was accounted is in exactly one kind and one size, and in the link type that was
// selected when it came (before any was selected, in none), so each of these sums to `packets`.
public import BeltwayWire

/// Counts packets; asked now and then for a ``StatisticsSnapshot``.
public struct Statistics: ~Copyable {
    /// Packets accounted.
    public var packets: UInt64 { totals.packets }
    /// Bytes accounted, original lengths.
    public var bytes: UInt64 { totals.bytes }

    @usableFromInline var totals = RateWindow.Totals()
    @usableFromInline var kinds: [UInt64]
    @usableFromInline var sizes: [UInt64]
    @usableFromInline var troubles: [UInt64]
    @usableFromInline var window = RateWindow()
    @usableFromInline var first = Timestamp.distantFuture
    @usableFromInline var last = Timestamp.zero
    @usableFromInline var run = Run()
    @usableFromInline var talkers: TopTalkers
    @usableFromInline let hash: TalkerHash
    var links = LinkTypeCounters()

    /// Packets in a row from one sender.
    @frozen @usableFromInline struct Run: BitwiseCopyable {
        @usableFromInline var address = IPAddress.zero
        @usableFromInline var packets: UInt64 = 0
        @usableFromInline var bytes: UInt64 = 0
        @inlinable init() {}
    }

    /// Greatest frame length of each size class but the last, in bytes (the classes of RFC 2819, etherStats).
    public static let sizeBounds: [UInt32] = [64, 127, 255, 511, 1023, 1518]

    /// Makes counters at zero.
    ///
    /// - Parameters:
    ///   - talkerSets: Sets of eight counters in the sketch of top talkers.
    ///   - hash: Random key for a live capture, fixed for files.
    public init(talkerSets: Int = 128, hash: TalkerHash = TalkerHash()) {
        kinds = [UInt64](repeating: 0, count: 1024)
        sizes = [UInt64](repeating: 0, count: Statistics.sizeBounds.count + 1)
        troubles = [UInt64](repeating: 0, count: 256)
        talkers = TopTalkers(sets: talkerSets)
        self.hash = hash
    }

    /// Says which link type the packets from here on have: once per batch, since a data buffer has only one.
    public mutating func select(_ linkType: LinkType) {
        links.select(linkType, totals: totals)
    }

    /// Counts one packet.
    ///
    /// - Parameters:
    ///   - headers: What decoding gave.
    ///   - originalLength: Bytes on the wire.
    ///   - time: The packet's.
    @inlinable public mutating func account(
        _ headers: borrowing PacketHeaders,
        originalLength: UInt32,
        time: Timestamp
    ) {
        if window.isLeft(by: time) { window.advance(to: time, totals: totals) }
        if time > last { last = time }
        if time < first { first = time }
        totals.packets &+= 1
        totals.bytes &+= UInt64(originalLength)
        let kind = Int(headers.layers.rawValue & 0x1ff) | (headers.ipVersion == 6 ? 0x200 : 0)
        kinds[kind] &+= 1
        sizes[Statistics.sizeClass(originalLength)] &+= 1
        if headers.trouble != .none { troubles[Int(headers.trouble.rawValue)] &+= 1 }
        guard headers.layers.contains(.ip) else { return }
        let source = headers.source
        if source != run.address { endRun(next: source) }
        run.packets &+= 1
        run.bytes &+= UInt64(originalLength)
    }

    @inlinable @inline(__always) static func sizeClass(_ length: UInt32) -> Int {
        (length > 64 ? 1 : 0) &+ (length > 127 ? 1 : 0) &+ (length > 255 ? 1 : 0) &+ (length > 511 ? 1 : 0)
            &+ (length > 1023 ? 1 : 0) &+ (length > 1518 ? 1 : 0)
    }

    @inlinable mutating func endRun(next: IPAddress) {
        if run.packets > 0 {
            talkers.add(packets: run.packets, bytes: run.bytes, to: run.address, hash: hash(run.address))
        }
        run.address = next
        run.packets = 0
        run.bytes = 0
    }

    /// What was counted so far.
    ///
    /// - Parameters:
    ///   - time: Now: the clock's for a live capture, the last packet's for files. Seconds that ended before it count
    ///     as quiet.
    ///   - progress: What the other parts of the pipeline say of themselves.
    ///   - limit: How many top talkers to list by each measure.
    /// - Returns: The numbers since the start, and the rates at `time`.
    public mutating func snapshot(
        at time: Timestamp,
        progress: PipelineProgress,
        listing limit: Int = 10
    ) -> StatisticsSnapshot {
        endRun(next: run.address)
        if totals.packets > 0, window.isLeft(by: time) { window.advance(to: time, totals: totals) }
        return StatisticsSnapshot(
            time: time,
            first: totals.packets > 0 ? first : time,
            last: totals.packets > 0 ? last : time,
            lastSecond: window.lastSecond,
            lastSeconds: window.lastSeconds,
            decoder: DecoderCounters(totals: totals, kinds: kinds, troubles: troubles),
            links: links.counts(totals: totals),
            sizes: sizes,
            topByPackets: talkers.topByPackets(limit),
            topByBytes: talkers.topByBytes(limit),
            progress: progress
        )
    }
}
