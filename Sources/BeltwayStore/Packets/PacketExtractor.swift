// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// Finds packets behind an expression: each ring is searched in its own order, the finds are merged by time.
//
//   ring 1   . . X . . . X .     each stands at its next wanted packet;
//   ring 2   . X . . . . . X     the earliest is written, and only its ring moves on
//
// Invariant. Packets of one ring keep its order, whatever their times say; of equal times, the ring that was
//            given first comes first. So the result depends on what is stored alone.

/// Copies chosen packets from rings, stored or live, to one capture file.
public struct PacketExtractor {
    /// Only packets of this time or later.
    public var since: Timestamp
    /// Only packets before this time.
    public var until: Timestamp
    private let sources: [any PacketSource]

    /// What was done.
    public struct Outcome: Sendable {
        /// Packets written.
        public var packets: UInt64 = 0
        /// Their captured bytes.
        public var bytes: UInt64 = 0
        /// Packets looked at.
        public var examined: UInt64 = 0
        /// Link types in the file, in the order of their first packets.
        public var linkTypes: [LinkType] = []
        /// What could not be read: the answer may lack packets.
        public var problems: [PacketStoreError] = []
        /// Datagrams in fragments of which only the whole tells whose they are, and for which there was no room.
        public var datagramsLeftOut: UInt64 = 0

        /// A sentence for people if the file has more than one link type.
        public var linkTypeWarning: String? {
            guard linkTypes.count > 1 else { return nil }
            let numbers = linkTypes.map { String($0.rawValue) }.joined(separator: ", ")
            return """
                the packets have several link types (\(numbers)): Wireshark and tshark read such a file, \
                tcpdump and everything else on libpcap refuse it
                """
        }
    }

    /// Extracts from any sources.
    ///
    /// - Parameters:
    ///   - sources: One per ring.
    ///   - since: Only packets of this time or later.
    ///   - until: Only packets before this time.
    public init(sources: [any PacketSource], since: Timestamp = .zero, until: Timestamp = .distantFuture) {
        self.sources = sources
        self.since = since
        self.until = until
    }

    /// Extracts from what is stored below a folder.
    ///
    /// - Parameters:
    ///   - folder: `packets` of a data directory.
    ///   - since: Only packets of this time or later; segments without such are not opened.
    ///   - until: Only packets before this time.
    /// - Throws: ``PacketStoreError`` if a folder cannot be listed.
    public init(
        folder: String,
        since: Timestamp = .zero,
        until: Timestamp = .distantFuture
    ) throws(PacketStoreError) {
        let rings = try SegmentCatalog(folder: folder).rings
        self.init(
            sources: rings.map { SegmentedRing($0, since: since, until: until) },
            since: since,
            until: until
        )
    }

    /// Writes the packets of chosen flows to a file.
    ///
    /// What is stored is walked twice: the first time datagrams in fragments are put together, of which only the whole may
    /// tell whose they are. A ring that is live is walked once, and so finds fewer of them.
    ///
    /// - Parameters:
    ///   - flows: The flows.
    ///   - writer: Gets the packets; the caller finishes it.
    /// - Returns: How many there were, and what could not be read.
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func extract(
        _ flows: FlowSelection,
        to writer: CaptureFileWriter
    ) throws(PacketStoreError) -> Outcome {
        var flows = flows
        var narrowed = self
        narrowed.until = min(until, flows.until)
        let stored = sources.compactMap { $0 as? SegmentedRing }
        for ring in stored { ring.narrow(since: max(since, flows.sinceFragments), until: narrowed.until) }
        let leftOut = flows.survey(stored.map { $0.again() }, since: since)
        narrowed.since = max(since, flows.since)
        var outcome = try narrowed.merge(&flows, writer)
        outcome.datagramsLeftOut = leftOut
        return outcome
    }

    /// Writes the packets that a predicate wants to a file.
    ///
    /// - Parameters:
    ///   - predicate: Says which; it may keep state.
    ///   - writer: Gets the packets; the caller finishes it.
    /// - Returns: How many there were, and what could not be read.
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func extract(
        matching predicate: some PacketPredicate,
        to writer: CaptureFileWriter
    ) throws(PacketStoreError) -> Outcome {
        var predicate = predicate
        return try merge(&predicate, writer)
    }

    private func merge<Predicate: PacketPredicate>(
        _ predicate: inout Predicate,
        _ writer: CaptureFileWriter
    ) throws(PacketStoreError) -> Outcome {
        var outcome = Outcome()
        var heads: [(source: any PacketSource, packet: StoredPacket)] = []
        for source in sources where find(in: source, &predicate, &outcome) {
            heads.append((source, source.current))
        }
        while let least = heads.indices.min(by: { heads[$0].packet.time < heads[$1].packet.time }) {
            let (source, packet) = heads[least]
            let interface = source.interfaces[packet.interface]
            let number = try writer.number(of: interface)
            if !outcome.linkTypes.contains(interface.linkType) {
                outcome.linkTypes.append(interface.linkType)
            }
            var failure: PacketStoreError?
            let length = source.withPacket { bytes in
                do throws(PacketStoreError) {
                    try writer.write(bytes, packet, number: number)
                } catch {
                    failure = error
                }
                return bytes.byteCount
            }
            if let failure { throw failure }
            outcome.packets += 1
            outcome.bytes += UInt64(length)
            if find(in: source, &predicate, &outcome) {
                heads[least].packet = source.current
            } else {
                heads.remove(at: least)
            }
        }
        for source in sources { outcome.problems += source.problems }
        return outcome
    }

    /// Moves a source to its next wanted packet.
    private func find<Predicate: PacketPredicate>(
        in source: any PacketSource,
        _ predicate: inout Predicate,
        _ outcome: inout Outcome
    ) -> Bool {
        var examined: UInt64 = 0
        let (since, until) = (since, until)
        let isFound = source.advance { bytes, packet, linkType in
            examined += 1
            guard packet.time >= since, packet.time < until else { return false }
            return predicate.matches(bytes, packet, linkType: linkType)
        }
        outcome.examined += examined
        return isFound
    }
}
