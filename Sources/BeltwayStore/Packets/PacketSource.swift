// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// An interface that stored packets came by.
public struct StoredInterface: Hashable, Sendable {
    /// `eth0`, or the name that the capture file gave.
    public var name: String
    /// What its packets begin with.
    public var linkType: LinkType

    /// Makes an interface.
    public init(name: String, linkType: LinkType) {
        self.name = name
        self.linkType = linkType
    }
}

/// What is known of a stored packet besides its bytes.
public struct StoredPacket: Equatable, Sendable, BitwiseCopyable {
    /// When it was captured.
    public var time: Timestamp
    /// Its interface, an index into its source's ``PacketSource/interfaces``.
    public var interface: Int
    /// Bytes on the wire.
    public var originalLength: UInt32
    /// `epb_flags` (pcapng, 4.3.1), 0 if absent.
    public var flags: UInt32

    /// Makes a description.
    public init(time: Timestamp, interface: Int, originalLength: UInt32, flags: UInt32) {
        self.time = time
        self.interface = interface
        self.originalLength = originalLength
        self.flags = flags
    }
}

/// Packets in the order in which one ring had them, from wherever they lie: segments on disk, or the ring
/// itself.
///
/// Begin with ``advance(to:)``; what the other members give is about the packet that it moved to.
public protocol PacketSource: AnyObject {
    /// The ring's name.
    var name: String { get }
    /// Interfaces known so far; it only grows.
    var interfaces: [StoredInterface] { get }
    /// Moves to the next packet that is wanted; false after the last packet.
    ///
    /// - Parameter isWanted: Asked about every packet on the way, in order, once each.
    /// - Returns: Whether there is one.
    func advance(to isWanted: (RawSpan, StoredPacket, LinkType) -> Bool) -> Bool
    /// What is known of the packet.
    var current: StoredPacket { get }
    /// Link type of the packet.
    var linkType: LinkType { get }
    /// Hands out the packet's captured bytes, in place.
    func withPacket<Result>(_ body: (RawSpan) -> Result) -> Result
    /// What could not be read so far; the source went on behind it.
    var problems: [PacketStoreError] { get }
}
