// SPDX-License-Identifier: Apache-2.0

/// One packet of a consumer's selection: a "rich pointer" (paper, 3.2 and 3.5) that holds no address.
///
/// 32 bytes, valid in every process, the layout pinned by `LayoutTests`. Time and original length are in
/// the record in place.
@frozen public struct IndexEntry: Equatable, Sendable, BitwiseCopyable {
    /// Where the record starts in its data buffer.
    public var position: Position
    /// Symmetric hash of the flow: equal for both directions.
    public var flowHash: UInt32
    /// The record's ordinal modulo 2^32.
    public var ordinal: UInt32
    /// Bytes that the entry speaks of, from `offset`: a whole record, or a segment's payload.
    public var length: UInt32
    /// Bytes from the start of the record: 0 for the record itself.
    public var offset: UInt32
    /// Number of the data buffer.
    public var buffer: UInt16
    /// Interface, an index into that buffer's table.
    public var interface: UInt16
    /// What the classifier said of it.
    public var classification: Classification

    /// Makes an entry.
    @inlinable public init(
        position: Position,
        flowHash: UInt32,
        ordinal: UInt32,
        length: UInt32,
        offset: UInt32 = 0,
        buffer: UInt16,
        interface: UInt16,
        classification: Classification
    ) {
        self.position = position
        self.flowHash = flowHash
        self.ordinal = ordinal
        self.length = length
        self.offset = offset
        self.buffer = buffer
        self.interface = interface
        self.classification = classification
    }
}

/// A classifier's verdict on a packet, 32 bits: the low byte is its kind, the rest is the classifier's own.
///
/// The constants are computed: a stored one would be a call from another module, per packet.
@frozen public struct Classification: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The bits.
    public var rawValue: UInt32
    /// Takes the bits as they are.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Not IP, or not decodable: counted and stored, belongs to no flow.
    @inlinable public static var other: Classification { Classification(rawValue: 0) }
    /// IP without a decoded transport.
    @inlinable public static var ip: Classification { Classification(rawValue: 1) }
    /// TCP.
    @inlinable public static var tcp: Classification { Classification(rawValue: 2) }
    /// UDP.
    @inlinable public static var udp: Classification { Classification(rawValue: 3) }
    /// SCTP.
    @inlinable public static var sctp: Classification { Classification(rawValue: 4) }
    /// ICMP or ICMPv6.
    @inlinable public static var icmp: Classification { Classification(rawValue: 5) }
    /// A fragment of an IP datagram.
    @inlinable public static var fragment: Classification { Classification(rawValue: 6) }

    /// The same kind, said of one of the headers outside a tunnel.
    ///
    /// - Parameters:
    ///   - layer: Counts these headers from the outermost, 0.
    ///   - tunnel: What they carry, the classifier's own number.
    /// - Returns: The classification of an entry for that layer.
    @inlinable public func outside(layer: UInt8, tunnel: UInt8 = 0) -> Classification {
        Classification(rawValue: rawValue & 0xff | (UInt32(layer) &+ 1) << 8 | UInt32(tunnel) << 24)
    }

    /// What the headers outside carry.
    @inlinable public var tunnel: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 24) }

    /// Which of the headers outside a tunnel it is said of; nil if of the innermost, as nearly always.
    @inlinable public var outerLayer: UInt8? {
        let layers = rawValue >> 8 & 0xff
        return layers == 0 ? nil : UInt8(truncatingIfNeeded: layers &- 1)
    }
}
