// SPDX-License-Identifier: Apache-2.0
// One datagram on its way: the frames that brought its fragments, and the bytes that they agree on.
//
//   payload   | run of 0 | run of 2 | run of 1 |  hole  | run of 3 |      runs: disjoint, in order, each of one fragment
//             0                                                    total, once the last fragment has come
//
// Parsers and rules need a datagram in one piece, so each byte is copied once, whenever that is: it is copied when its
// fragment comes, and no fragment holds up the ring or is lapped while it waits.

internal import BeltwayClassify
public import BeltwayWire

/// What a tracker needs to know of the packet that brought a fragment.
public struct FragmentFrame: Sendable, BitwiseCopyable {
    /// What was decoded of it.
    public var headers: PacketHeaders
    /// The classifier's hash.
    public var hash: UInt32
    /// The packet's time.
    public var time: Timestamp
    /// Bytes on the wire.
    public var originalLength: UInt32
    /// Running number in its producer's order.
    public var ordinal: UInt64
    /// Data buffer that it came by.
    public var buffer: UInt16
    /// Interface, numbered within that buffer.
    public var interface: UInt16

    /// Makes the description of a packet.
    public init(
        headers: PacketHeaders,
        hash: UInt32,
        time: Timestamp,
        originalLength: UInt32,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        self.headers = headers
        self.hash = hash
        self.time = time
        self.originalLength = originalLength
        self.ordinal = ordinal
        self.buffer = buffer
        self.interface = interface
    }
}

/// A datagram in fragments.
public final class FragmentedDatagram {
    /// The packets that brought it, as they came.
    public private(set) var frames: [FragmentFrame] = []
    /// Whether it is whole: ``bytes`` and ``headers`` are valid.
    public private(set) var isWhole = false
    /// The IP packet that the sender cut up: IP header without options, then the payload.
    public private(set) var bytes: [UInt8] = []
    /// What decoding the whole packet gives, its surroundings (VLANs, tunnels) as the first fragment had them.
    public private(set) var headers = PacketHeaders()
    /// The datagram's own headers, also where ``headers`` are those of a packet that it carries.
    public private(set) var own = PacketHeaders()
    /// The classifier's hash of what was compressed (IPComp), as which the datagram then stands; nil if it was not.
    public private(set) var inflatedHash: UInt32?
    /// The tunnel that it carries, if it is whole.
    public private(set) var carries = TunnelKind.none
    /// Which of `frames` has the transport header; nil if it has not come.
    public private(set) var first: Int?

    let key: DatagramKey
    let begun: Timestamp
    /// Of the host that it is for.
    private let policy: FragmentPolicy
    var isSpoiled = false
    var isGone = false
    private var payload: [UInt8] = []
    private var runs: [Run] = []
    private var ranges: [Range<Int>] = []
    private var covered = 0
    private var total: Int?
    private var nextHeader: UInt8 = 0

    private struct Run {
        var start: Int
        var end: Int
        var fragment: Int
    }

    init(_ key: DatagramKey, begun: Timestamp, _ policy: FragmentPolicy) {
        self.policy = policy
        self.key = key
        self.begun = begun
    }

    /// Bytes that it holds, about.
    var weight: Int {
        512 + frames.count * (MemoryLayout<FragmentFrame>.stride + 40) + payload.capacity + runs.count * 24
    }

    func add(_ frame: FragmentFrame) {
        if first == nil, !frame.headers.isLaterFragment { first = frames.count }
        frames.append(frame)
    }

    /// What a fragment turned out to be.
    enum Placement { case used, overlapping, malformed, tooLong }

    /// Takes a fragment's bytes.
    func place(
        _ part: RawSpan,
        at offset: Int,
        isLast: Bool,
        nextHeader number: UInt8
    ) -> Placement {
        let end = offset + part.byteCount
        if end > 65_535 { return .tooLong }
        if part.byteCount == 0 || !isLast && part.byteCount & 7 != 0 { return .malformed }
        if let total, end > total { return .malformed }
        if isLast, total == nil {
            if let last = runs.last, last.end > end { return .malformed }
            total = end
        }
        if offset == 0 { nextHeader = number }
        if payload.count < end {
            // Doubled, so that a datagram of many fragments is not copied for each of them.
            if payload.capacity < end { payload.reserveCapacity(max(end, min(2 * payload.capacity, 65_535))) }
            payload.append(contentsOf: repeatElement(0, count: end - payload.count))
        }
        let number = ranges.count
        ranges.append(offset..<end)
        return insert(part, offset..<end, number) ? .overlapping : .used
    }

    /// Copies the bytes that stand; whether there were others in their place.
    private func insert(
        _ part: RawSpan,
        _ range: Range<Int>,
        _ number: Int
    ) -> Bool {
        var low = runs.partitioningIndex { $0.end > range.lowerBound }
        // In order, as nearly all are: nothing to look through.
        if low == runs.count {
            take(part, range, from: range.lowerBound)
            runs.append(Run(start: range.lowerBound, end: range.upperBound, fragment: number))
            covered += range.count
            return false
        }
        var parts: [Run] = []
        let firstTouched = low
        var position = range.lowerBound
        var overlaps = false
        while low < runs.count, runs[low].start < range.upperBound {
            let old = runs[low]
            if old.start < range.lowerBound {
                parts.append(Run(start: old.start, end: range.lowerBound, fragment: old.fragment))
            }
            if position < old.start {
                take(part, position..<old.start, from: range.lowerBound)
                parts.append(Run(start: position, end: old.start, fragment: number))
                covered += old.start - position
            }
            let (from, to) = (max(old.start, range.lowerBound), min(old.end, range.upperBound))
            overlaps = true
            let isNew = policy.prefersNew(range, over: ranges[old.fragment])
            if isNew { take(part, from..<to, from: range.lowerBound) }
            parts.append(Run(start: from, end: to, fragment: isNew ? number : old.fragment))
            if old.end > range.upperBound {
                parts.append(Run(start: range.upperBound, end: old.end, fragment: old.fragment))
            }
            position = to
            low += 1
        }
        if position < range.upperBound {
            take(part, position..<range.upperBound, from: range.lowerBound)
            parts.append(Run(start: position, end: range.upperBound, fragment: number))
            covered += range.upperBound - position
        }
        runs.replaceSubrange(firstTouched..<low, with: parts)
        return overlaps
    }

    private func take(_ part: RawSpan, _ range: Range<Int>, from start: Int) {
        for place in range { payload[place] = part.byte(at: place - start) }
    }

    /// Puts the packet together if nothing is missing.
    ///
    /// - Parameters:
    ///   - compressed: Inflates it, if it is compressed.
    ///   - classifier: Says which flow's it is then.
    /// - Returns: Whether it is whole now.
    func complete(_ compressed: inout CompressedPackets, _ classifier: PacketClassifier) -> Bool {
        guard !isSpoiled, let total, covered == total, let first else { return false }
        let outer = frames[first].headers
        var packet = DatagramHeader.make(outer, nextHeader: nextHeader, payloadLength: total)
        packet += payload[..<total]
        var whole = PacketHeaders()
        packet.withPacket { PacketDecoder.decode(reassembled: $0, of: outer, into: &whole) }
        let inflated = inflate(packet, whole, &compressed)
        if let inflated {
            packet = inflated
            packet.withPacket { PacketDecoder.decode(reassembled: $0, of: outer, into: &whole) }
        }
        own = whole
        if whole.tunnelDepth > outer.tunnelDepth {
            // The kind of the next layer, and the datagram's own.
            var inside = PacketHeaders()
            let depth = outer.tunnelDepth
            packet.withPacket {
                PacketDecoder.decode(reassembled: $0, of: outer, layer: depth, into: &own)
                PacketDecoder.decode(reassembled: $0, of: outer, layer: depth + 1, into: &inside)
            }
            carries = inside.tunnelKind
        } else {
            whole.fragmentID = outer.fragmentID
        }
        if inflated != nil {
            inflatedHash = packet.withPacket { classifier.classify(own, packet: $0).flowHash }
        }
        own.fragmentID = outer.fragmentID
        (bytes, headers) = (packet, whole)
        payload = []
        isWhole = true
        return true
    }

    /// What was compressed before the sender cut it up (RFC 3173, 2); nil if it was not, or cannot be had.
    private func inflate(
        _ packet: [UInt8],
        _ headers: PacketHeaders,
        _ compressed: inout CompressedPackets
    ) -> [UInt8]? {
        guard headers.transportProtocol == IPProtocol.compression else { return nil }
        return packet.withPacket { compressed.inflate(headers, in: $0) }
    }
}

extension Array {
    /// The first index whose element answers true, of elements of which no true one stands before a false one.
    fileprivate func partitioningIndex(_ belongs: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
