// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Chooses packets by their bytes.
public protocol PacketPredicate {
    /// Whether the packet is wanted.
    ///
    /// Packets of one ring are asked about in the ring's order; rings take turns.
    ///
    /// - Parameters:
    ///   - packet: Its captured bytes, hostile ones too.
    ///   - about: Its time, interface and length on the wire.
    ///   - linkType: What its first byte belongs to.
    /// - Returns: True to have it.
    mutating func matches(_ packet: RawSpan, _ about: StoredPacket, linkType: LinkType) -> Bool
}

/// Wants every packet.
public struct EveryPacket: PacketPredicate {
    /// Makes the predicate.
    public init() {}

    /// True.
    public func matches(_ packet: RawSpan, _ about: StoredPacket, linkType: LinkType) -> Bool { true }
}

/// Wants what a function says, such as a compiled filter.
public struct PacketTest: PacketPredicate {
    private let test: (RawSpan, StoredPacket, LinkType) -> Bool

    /// Makes a predicate of a function of bytes, description and link type.
    public init(_ test: @escaping (RawSpan, StoredPacket, LinkType) -> Bool) { self.test = test }

    /// What the function says.
    public func matches(_ packet: RawSpan, _ about: StoredPacket, linkType: LinkType) -> Bool {
        test(packet, about, linkType)
    }
}
