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

    /// Leaves out the segments, not yet begun, that hold no packet of [since, until).
    func narrow(since: Timestamp, until: Timestamp) {
        waiting.removeAll { !$0.mayOverlap(since: since, until: until) }
    }

    /// Moves to the next packet; false after the last.
    public func advance() -> Bool {
        while true {
            if let reader {
                if reader.advance() { return true }
                if let damage = reader.damage { problems.append(damage) }
                self.reader = nil
            }
            guard let segment = waiting.popLast() else { return false }
            do throws(PacketStoreError) {
                let next = try SegmentReader(path: segment.path)
                numbers = next.interfaces.map(number(of:))
                reader = next
            } catch {
                problems.append(error)
            }
        }
    }

    private func number(of interface: StoredInterface) -> Int {
        if let known = interfaces.firstIndex(of: interface) { return known }
        interfaces.append(interface)
        return interfaces.count - 1
    }

    /// What is known of the packet.
    public var current: StoredPacket {
        guard let reader else { return StoredPacket(time: .zero, interface: 0, originalLength: 0, flags: 0) }
        var packet = reader.current
        // A segment may describe an interface between its packets.
        while packet.interface >= numbers.count {
            numbers.append(number(of: reader.interfaces[numbers.count]))
        }
        packet.interface = numbers[packet.interface]
        return packet
    }

    /// Link type of the packet.
    public var linkType: LinkType { reader?.linkType ?? .ethernet }

    /// Hands out the packet's captured bytes, in place.
    public func withPacket<Result>(_ body: (RawSpan) -> Result) -> Result {
        guard let reader else { return body(RawSpan()) }
        return reader.withPacket(body)
    }
}
