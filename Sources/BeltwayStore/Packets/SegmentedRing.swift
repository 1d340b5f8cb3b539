// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// The stored packets of one ring: its segments, one behind the other.
///
/// A segment that is damaged ends there, one that is gone is left out; ``problems`` says so, and the next one
/// follows.
public final class SegmentedRing: PacketSource {
    /// The ring's name.
    public let name: String
    /// Interfaces of all segments so far, each once.
    public private(set) var interfaces: [StoredInterface] = []
    /// What could not be read so far.
    public private(set) var problems: [PacketStoreError] = []
    /// What is known of the packet.
    public private(set) var current = StoredPacket(time: .zero, interface: 0, originalLength: 0, flags: 0)
    /// Link type of the packet.
    public private(set) var linkType = LinkType.ethernet
    /// Segments not yet begun, the next one last.
    private var waiting: [StoredSegment]
    private var reader: SegmentReader?
    /// Index in `interfaces` of each of the segment's interfaces.
    private var numbers: [Int] = []

    /// Makes a source of a ring's segments.
    ///
    /// - Parameters:
    ///   - ring: What the catalog says of the ring.
    ///   - since: Segments that hold only earlier packets are left out.
    ///   - until: Segments that hold only packets of this time or later are left out.
    public init(_ ring: SegmentCatalog.Ring, since: Timestamp = .zero, until: Timestamp = .distantFuture) {
        name = ring.name
        waiting = ring.segments.filter { $0.mayOverlap(since: since, until: until) }.reversed()
    }

    /// The segments that are not yet begun, once more.
    func again() -> SegmentedRing { SegmentedRing(name, waiting) }

    private init(_ name: String, _ segments: [StoredSegment]) {
        self.name = name
        waiting = segments
    }

    /// Leaves out the segments, not yet begun, that hold no packet of [since, until).
    func narrow(since: Timestamp, until: Timestamp) {
        waiting.removeAll { !$0.mayOverlap(since: since, until: until) }
    }

    /// Moves to the next packet that is wanted; false after the last packet.
    public func advance(to isWanted: (RawSpan, StoredPacket, LinkType) -> Bool) -> Bool {
        while true {
            // Taken out of the object for the walk, which so costs no access check per packet.
            if var walker = reader.take() {
                while walker.advance() {
                    var packet = walker.current
                    packet.interface = number(ofSegment: packet.interface, walker.interfaces)
                    let linkType = walker.linkType
                    if walker.withPacket({ isWanted($0, packet, linkType) }) {
                        current = packet
                        self.linkType = linkType
                        reader = consume walker
                        return true
                    }
                }
                if let damage = walker.damage { problems.append(damage) }
            }
            guard let segment = waiting.popLast() else { return false }
            do throws(PacketStoreError) {
                reader = try SegmentReader.open(segment.path)
                numbers = []
            } catch {
                problems.append(error)
            }
        }
    }

    /// Index in `interfaces` of one of the segment's; new ones are added as they come.
    @inline(__always)
    private func number(ofSegment index: Int, _ known: @autoclosure () -> [StoredInterface]) -> Int {
        if index < numbers.count { return numbers[index] }
        numbers = known().map(number(of:))
        return numbers[index]
    }

    private func number(of interface: StoredInterface) -> Int {
        if let known = interfaces.firstIndex(of: interface) { return known }
        interfaces.append(interface)
        return interfaces.count - 1
    }

    /// Hands out the packet's captured bytes, in place.
    public func withPacket<Result>(_ body: (RawSpan) -> Result) -> Result {
        switch reader {
        case .some(let walker): walker.withPacket(body)
        case .none: body(RawSpan())
        }
    }
}
