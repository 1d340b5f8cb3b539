// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayWire

/// A tap: takes packets from a source, keeps those that its own filter accepts, writes them.
///
/// Everything happens in place: the filter runs on the ring's bytes, and an accepted packet is copied once, into the
/// output. Budget: 15 ns for a packet that the filter rejects, beside the filter.
struct Tap<Source: TapSource & ~Copyable, Sink: TapSink>: ~Copyable {
    private var source: Source
    private let sink: Sink
    /// The filter of each ring.
    private let filters: OwnedArray<RingFilter>
    private let linkTypes: [LinkType]
    private let acceptsAll: Bool
    private let limit: UInt64
    /// Bytes of each packet that filter and output get to see.
    private let headerLength: Int
    /// Packets written.
    private(set) var written: UInt64 = 0

    private static var batch: Int { 512 }
    /// How long an idle tap sleeps before it looks for a signal, and at its producers.
    private static var longestSleepNanoseconds: Int64 { 100_000_000 }

    /// Makes a tap.
    ///
    /// - Parameters:
    ///   - source: Where packets come from.
    ///   - sink: Where they go.
    ///   - expression: BPF; empty for everything.
    ///   - limit: Packets to write, at most.
    ///   - headerLength: Bytes of each packet that filter and output get to see; nil for all.
    /// - Throws: ``FilterError`` if the expression makes sense for none of the rings.
    init(
        _ source: consuming Source,
        to sink: Sink,
        expression: String,
        limit: UInt64,
        headerLength: Int? = nil
    ) throws(FilterError) {
        acceptsAll = !expression.contains { !$0.isWhitespace }
        var filters = OwnedArray<RingFilter>(capacity: source.ringCount)
        var linkTypes: [LinkType] = []
        var problem: FilterError?
        var makesSense = false
        for ring in 0..<source.ringCount {
            let linkType = source.linkType(of: ring)
            linkTypes.append(linkType)
            do {
                filters.append(RingFilter(try Filter(expression: expression, linkType: linkType)))
                makesSense = true
            } catch {
                filters.append(RingFilter(nil))
                problem = problem ?? error
            }
        }
        if let problem, !makesSense { throw problem }
        self.linkTypes = linkTypes
        self.source = source
        self.sink = sink
        self.filters = filters
        self.limit = limit
        self.headerLength = headerLength ?? .max
    }

    /// Runs until the producers have ended, somebody stops it, enough was written, or nobody reads the output.
    ///
    /// - Returns: How the source ended; `running` if the tap ended first.
    mutating func run(until stop: StopFlag) -> TapState {
        var lastFlush = ContinuousClock.now
        while !stop.isRequested, written < limit {
            guard let taken = drain() else { return .running }
            guard taken == 0 else { continue }
            if sink.isInteractive || ContinuousClock.now - lastFlush > .milliseconds(250) {
                guard sink.flush() else { return .running }
                lastFlush = ContinuousClock.now
            }
            let state = source.state()
            guard state == .running else { return state }
            source.wait(nanoseconds: Self.longestSleepNanoseconds)
        }
        return .running
    }

    var ledgers: [TapLedger] { source.ledgers }

    /// Takes a batch; nil once nothing can be written any more.
    private mutating func drain() -> Int? {
        let (sink, acceptsAll, headerLength, linkTypes) = (sink, acceptsAll, headerLength, linkTypes)
        var taken = 0
        while taken < Self.batch, written < limit, let packet = source.next() {
            taken += 1
            let linkType = linkTypes[packet.ring]
            let original = packet.descriptor.originalLength
            let isWanted =
                acceptsAll
                || source.withBytes(of: packet) {
                    filters[packet.ring].matches($0.extracting(first: headerLength), originalLength: original)
                }
            guard isWanted else {
                _ = source.wasWhole(packet)
                continue
            }
            // Longer than any record is only what a forged descriptor says.
            guard Int(packet.descriptor.capturedLength) <= RecordLayout.maximumCapturedLength else {
                continue
            }
            if !sink.knows(packet.interface) {
                let name = source.interfaceName(of: packet)
                guard sink.name(packet.interface, name, linkType) else { return nil }
            }
            let isOpen = source.withBytes(of: packet) {
                sink.write($0.extracting(first: headerLength), packet, linkType: linkType)
            }
            guard isOpen else { return nil }
            if source.wasWhole(packet) {
                written += 1
            } else {
                sink.takeBackLast()
            }
        }
        return taken
    }
}

/// The filter of one ring; nil where the expression makes no sense for its link type and so matches nothing.
struct RingFilter: ~Copyable {
    private let filter: Filter?

    init(_ filter: consuming Filter?) { self.filter = filter }

    @inline(__always)
    func matches(_ packet: RawSpan, originalLength: UInt32) -> Bool {
        switch filter {
        case .some(let filter): filter.matches(packet, originalLength: originalLength)
        case .none: false
        }
    }
}
