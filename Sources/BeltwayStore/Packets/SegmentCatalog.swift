// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// One segment as its file name and its closing block describe it; no packet was looked at.
public struct StoredSegment: Sendable {
    /// The file.
    public var path: String
    /// Number and time of its name.
    public var name: SegmentName
    /// Bytes of the file.
    public var length: UInt64
    /// Whether it has a closing block: it is neither being written nor was it cut off by a crash.
    public var isFinished: Bool
    /// Bounds of its packets' times; nil if it is not finished, or holds no packet.
    public var times: ClosedRange<Timestamp>?
    /// Packets in it; nil if it is not finished.
    public var packets: UInt64?
    /// Packets that its ring offered meanwhile and that are not in it; nil if it is not finished.
    public var notStored: UInt64?

    /// Whether it may hold packets of [since, until).
    func mayOverlap(since: Timestamp, until: Timestamp) -> Bool {
        guard isFinished else { return true }
        guard let times else { return false }
        return times.upperBound >= since && times.lowerBound < until
    }
}

/// What is stored below the folder `packets` of a data directory, ring by ring.
public struct SegmentCatalog: Sendable {
    /// One ring's segments.
    public struct Ring: Sendable {
        /// The ring's name, which is its folder's.
        public var name: String
        /// In the order in which they were written.
        public var segments: [StoredSegment]
    }

    /// Rings in the order of their names.
    public private(set) var rings: [Ring] = []

    /// Lists what is stored, at the price of one small read per segment.
    ///
    /// - Parameter folder: `packets` of a data directory; one that does not exist holds nothing.
    /// - Throws: ``PacketStoreError`` if a folder cannot be listed.
    public init(folder: String) throws(PacketStoreError) {
        for ring in try FileSystem.names(in: folder).sorted() {
            let ringFolder = "\(folder)/\(ring)"
            guard FileSystem.status(ringFolder)?.isFolder == true else { continue }
            var segments: [StoredSegment] = []
            for file in try FileSystem.names(in: ringFolder) {
                guard let name = SegmentName(file) else { continue }
                segments.append(SegmentCatalog.describe("\(ringFolder)/\(file)", name))
            }
            segments.sort { ($0.name.number, $0.name.time) < ($1.name.number, $1.name.time) }
            if !segments.isEmpty { rings.append(Ring(name: ring, segments: segments)) }
        }
    }

    /// Interfaces in the head of a segment.
    ///
    /// - Throws: ``PacketStoreError`` if the file cannot be read or is no segment.
    public static func interfaces(of segment: StoredSegment) throws(PacketStoreError) -> [StoredInterface] {
        try SegmentReader.open(segment.path).interfaces
    }

    private static func describe(_ path: String, _ name: SegmentName) -> StoredSegment {
        var segment = StoredSegment(path: path, name: name, length: 0, isFinished: false)
        // One that cannot be opened now is reported when its packets are asked for.
        guard var window = try? FileWindow(opening: path) else { return segment }
        segment.length = window.fileLength
        let closingLength = UInt64(SegmentLayout.closingLength)
        guard segment.length >= UInt64(SegmentLayout.pageLength) + closingLength else { return segment }
        window.move(to: segment.length - closingLength)
        guard let count = try? window.fill(SegmentLayout.closingLength), count == SegmentLayout.closingLength,
            let closing = window.withBytes(SegmentLayout.closingLength, SegmentLayout.readClosing)
        else { return segment }
        segment.isFinished = true
        segment.packets = closing.packets
        segment.notStored = closing.notStored
        if closing.leastTime <= closing.greatestTime {
            segment.times = closing.leastTime...closing.greatestTime
        }
        return segment
    }
}
